"""The dashboard on a URL: it lists, replays and records there, and reaches nothing beside it."""

import json
import re
import time

import fsspec
import pytest
import streamlit as st

from tests.object_storage.conftest import BUCKET, Server, free_port
from tests.object_storage.test_failures import run
from tests.views.conftest import run_page, table_rows
from workbench.errors import WorkbenchError
from workbench.recording import open_recording, record
from workbench.views.caching import cached_listing
from workbench.views.root import below_root, file_name, name_below_root

pytestmark = pytest.mark.sampled(2)

AGENT = "ppo:agents/cartpole/weights.zip"


def texts(elements: object) -> str:
    return " ".join(element.value.replace("\\", "") for element in elements)


def set_root(url: str, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("WORKBENCH_ROOT", url)
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture(scope="module")
def full(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a recording, one of an unknown format, and one that lies deeper; and another folder beside it."""
    folder = f"s3://{BUCKET}/dashboard/{time.time_ns()}"
    settings = {
        "episodes": 2,
        "environments": 2,
        "layers": ["mlp_extractor.policy_net.*"],
        "frames": True,
        "env_kwargs": {"max_episode_steps": 25},
    }
    made = tmp_path_factory.mktemp("made") / "cartpole.zarr"
    record(AGENT, "CartPole-v1", out=made, **settings)
    filesystem = fsspec.filesystem("s3")
    for copy in ("runs/cartpole.zarr", "runs/deep/er/second.zarr", "beside/secret.zarr"):
        files = {f"{folder}/{copy}/{f.relative_to(made)}": f.read_bytes() for f in made.rglob("*") if f.is_file()}
        filesystem.pipe(files)
    document = filesystem.cat_file(f"{folder}/runs/cartpole.zarr/zarr.json")
    future = document.replace(b'"format_version": 1', b'"format_version": 99')
    assert future != document
    filesystem.pipe_file(f"{folder}/runs/future.zarr/zarr.json", future)
    filesystem.pipe_file(f"{folder}/runs/notes.txt", b"not a recording")
    return folder


@pytest.fixture
def root(full: str, monkeypatch: pytest.MonkeyPatch) -> str:
    set_root(f"{full}/runs", monkeypatch)
    return f"{full}/runs"


def test_the_command_line_lists_and_describes_what_is_below_a_url(full: str, capfd: pytest.CaptureFixture[str]) -> None:
    from workbench.cli import main

    assert main(["list", f"{full}/runs", "--json"]) == 0
    listed = {facts["path"]: facts for facts in json.loads(capfd.readouterr().out)}
    assert [path.removeprefix(f"{full}/runs/") for path in listed] == [
        "cartpole.zarr",
        "deep/er/second.zarr",
        "future.zarr",
    ]
    assert "version 99" in listed[f"{full}/runs/future.zarr"]["error"]
    assert main(["list", f"{full}/runs/"]) == 0
    assert "s3://" in capfd.readouterr().out
    assert main(["info", f"{full}/runs/cartpole.zarr", "--json"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert facts["bytes_on_disk"] == listed[facts["path"]]["bytes_on_disk"] > 10_000
    assert facts["episodes"] == 2


def test_the_table_holds_the_facts_and_the_broken_one_says_what_is_wrong(root: str) -> None:
    app = run_page("recordings")
    assert not app.error
    assert {row["name"] for row in table_rows(app)} == {"cartpole.zarr", "deep/er/second.zarr"}
    assert "future.zarr" in texts(app.warning)
    assert "version 99" in texts(app.warning)


def test_an_episode_is_replayed(root: str) -> None:
    app = run_page("replay", recording="deep/er/second.zarr", episode="1", step="4")
    assert not app.error
    data = json.loads(app.get("bidi_component")[0].proto.json)
    assert data["seek"]["step"] == 4
    assert data["payload"]["episode"]["index"] == 1
    assert len(app.get("download_button")) == 3
    assert file_name(below_root("deep/er/second.zarr")) == "deep-er-second"


@pytest.mark.parametrize(
    "name",
    [
        "../beside/secret.zarr",
        "deep/../../beside/secret.zarr",
        "%2e%2e/beside/secret.zarr",
        "..%2fbeside%2fsecret.zarr",
        "%252e%252e/beside/secret.zarr",
        "..\\beside\\secret.zarr",
        "/etc/passwd",
        "//bucket/beside",
        "file:///etc",
        "s3://other/x.zarr",
        "x::file:///etc",
        "cartpole.zarr::s3://other/x.zarr",
        "cartpole.zarr?versionId=1",
        "cartpole.zarr#x",
        "cartpole.zarr/",
        "./cartpole.zarr",
        "cartpole.zarr/./steps",
        ". ./x",
        "a\0b",
        "",
        ".",
        "..",
        "~/x/../../..",
    ],
)
def test_no_name_leads_out_of_the_url(root: str, name: str) -> None:
    with pytest.raises(WorkbenchError, match=r"(is not a name below|There is no recording) "):
        below_root(name)


def test_an_address_that_leads_nowhere_is_a_box_that_says_so(root: str) -> None:
    for name, said in (
        ("../beside/secret.zarr", "is not a name below s3://"),
        ("nowhere.zarr", "The recordings are: cartpole.zarr"),
        ("future.zarr", "version 99"),
        ("deep", "There is no recording 'deep'"),
    ):
        app = run_page("replay", recording=name)
        assert said in texts(app.error)
        assert not app.get("bidi_component")


def test_a_url_that_is_itself_a_recording(full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_root(f"{full}/beside/secret.zarr/", monkeypatch)
    assert name_below_root(below_root(".")) == "."
    assert file_name(below_root(".")) == "secret"
    app = run_page("replay", recording=".")
    assert not app.error
    assert app.get("bidi_component")


def test_an_empty_folder_says_what_to_do_and_takes_a_recording(
    folder: str, monkeypatch: pytest.MonkeyPatch, checkout: object
) -> None:
    set_root(folder, monkeypatch)
    app = run_page("recordings")
    assert "no recordings in" in texts(app.info)
    app.selectbox(key="recording.agent").set_value("An agent of your own").run()
    app.text_input(key="recording.policy").set_value(AGENT)
    app.text_input(key="recording.environment").set_value("CartPole-v1")
    app.number_input(key="recording.episodes").set_value(1)
    app.toggle(key="recording.frames").set_value(False)
    app.text_input(key="recording.layers").set_value("mlp_extractor.policy_net.0")
    app.text_input(key="recording.name").set_value("mine")
    next(button for button in app.button if button.label == "Record").click().run()
    assert not app.error, texts(app.error)
    deadline = time.monotonic() + 60
    while not cached_listing() or not open_recording(f"{folder}/mine.zarr").complete:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    app = run_page("recordings")
    assert [row["name"] for row in table_rows(app)] == ["mine.zarr"]
    app.text_input(key="recording.policy").set_value("ppo:nowhere.zip")
    app.text_input(key="recording.environment").set_value("CartPole-v1")
    next(button for button in app.button if button.label == "Record").click().run()
    assert "There is no file 'nowhere.zip'" in texts(app.error)


def test_a_recording_that_grows_is_read_again(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_root(folder, monkeypatch)
    record(AGENT, "CartPole-v1", out=f"{folder}/x.zarr", episodes=1, layers=[])
    (first,) = cached_listing()
    record(AGENT, "CartPole-v1", out=f"{folder}/x.zarr", episodes=2, layers=[], overwrite=True)
    (second,) = cached_listing()
    assert (first["episodes"], second["episodes"]) == (1, 2)


def test_a_storage_that_is_away_is_a_box_and_no_fact_about_a_recording(
    root: str, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    for page in ("recordings", "replay"):
        app = run_page(page)
        assert "the storage does not answer" in texts(app.error)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    assert len(table_rows(run_page("recordings"))) == 2


def test_the_dashboard_does_not_start_on_a_storage_that_is_not_there(server: Server) -> None:
    status, line = run("app", "s3://nowhere/runs", "--port", str(free_port()))
    assert status == 1
    assert re.search(r"s3://nowhere/runs .*there is no such bucket", line)

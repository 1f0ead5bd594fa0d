"""Whatever stands in the address bar or is typed into the form: nothing outside the root is read, nothing is run."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.views.conftest import run_page
from workbench import open_recording
from workbench.errors import WorkbenchError
from workbench.views.addresses import find_recording, resolve
from workbench.views.caching import cached_recording, stamp
from workbench.views.recording_progress import recording_queue
from workbench.views.root import below_root
from workbench.views.selection import Selection

pytestmark = pytest.mark.sampled(3)

OUTSIDE = [
    "../secret.zarr", "cartpole.zarr/../../secret.zarr", "./../secret.zarr", "{outside}", "{outside}/", "//{outside}",
    "file://{outside}", "FILE://{outside}", "file:{outside}", "local://{outside}", "s3://bucket/x.zarr",
    "https://stranger.example/x.zarr", "memory://x.zarr", "simplecache::file://{outside}", "zip://{outside}",
    "%2e%2e%2fsecret.zarr", "..%2fsecret.zarr", "..\\secret.zarr", "~/secret.zarr", "$HOME", "../secret.zarr\0",
    "cartpole.zarr\0/../../secret.zarr", "．．/secret.zarr", "..∕secret.zarr", "\u202e../secret.zarr",
    "a" * 5000, "a/" * 3000, "../" * 3000 + "etc", "/proc/self/root{outside}", "/dev/zero", "/dev/stdin", " ",
    "link.zarr", "link.zarr/../secret.zarr", "linked/secret.zarr", "cartpole.zarr/zarr.json", "cartpole.zarr/steps",
    ".", "-1", "loop",
]  # fmt: skip
NUMBERS = ["../1", "1e9", "٣", "0x1", "9" * 5000, "-" * 5000, "nan", "1\0", "1_0", " 1", "<b>", "[a](javascript:x)"]
LAYERS = ["../steps/value", "steps/value", "/etc/passwd", "../../secret.zarr/activations/trunk.1", "\0", "a" * 5000,
          "__class__", "trunk.1\0", "<img src=x>", "file:///etc/passwd"]  # fmt: skip


@pytest.fixture
def outside(full_root: Path, tmp_path: Path) -> Path:
    """A recording beside the root, with links to it in the root."""
    place = tmp_path / "secret.zarr"
    shutil.copytree(full_root / "cartpole.zarr", place)
    (full_root / "link.zarr").symlink_to(place)
    (full_root / "linked").symlink_to(tmp_path)
    (full_root / "loop").symlink_to("loop")
    return place


def shown(app: Any) -> str:
    """What a page complains about."""
    return " ".join(element.value.replace("\\", "") for element in [*app.error, *app.warning])


def open_named(name: str, root: Path) -> None:
    """Open what an address names, as the page does."""
    path = find_recording(name, ["cartpole.zarr"])
    # There is what is in the root and no recording: a file of one, a group of one.
    assert Path(path).resolve().is_relative_to(root)
    cached_recording(path, stamp(path))


@pytest.mark.parametrize("name", [*OUTSIDE, "\ud800"])
def test_no_name_leads_out_of_the_root(name: str, outside: Path) -> None:
    name = name.format(outside=outside)
    with pytest.raises(WorkbenchError) as raised:
        open_named(name, outside.parent / "runs")
    assert len(str(raised.value)) < 1500


@pytest.mark.parametrize(
    "name",
    [
        "../secret.zarr", "{outside}", "file://{outside}", "../secret.zarr\0", "a" * 5000, "link.zarr",
        "linked/secret.zarr", "cartpole.zarr/zarr.json",
    ],
)  # fmt: skip
def test_an_address_that_would_is_a_box(name: str, outside: Path) -> None:
    app = run_page("replay", recording=name.format(outside=outside))
    assert not app.get("bidi_component"), "something is replayed"
    assert len(app.error) == 1
    assert "This did not work, and it should have" not in shown(app)
    assert "A file cannot be read" not in shown(app)
    assert len(shown(app)) < 1500


@pytest.mark.parametrize("value", [*NUMBERS, "\ud800"])
def test_no_number_in_an_address_is_more_than_a_number(value: str, full_root: Path) -> None:
    recording = open_recording(full_root / "cartpole.zarr")
    for asked in (Selection(episode=value), Selection(episode="0", step=value)):
        place = resolve(recording, asked)
        assert (place.episode, place.step, len(place.notices)) == (0, 0, 1)
        assert len(place.notices[0]) < 500


@pytest.mark.parametrize("layer", [*LAYERS, "\ud800"])
def test_no_layer_in_an_address_is_more_than_a_name(layer: str, full_root: Path) -> None:
    place = resolve(open_recording(full_root / "cartpole.zarr"), Selection(layer=layer))
    assert place.layer == "trunk.1"
    assert len(place.notices) == 1
    assert len(place.notices[0]) < 500


def test_such_numbers_and_layers_are_a_notice_on_the_page(full_root: Path) -> None:
    app = run_page("replay", recording="cartpole.zarr", episode="0", step="9" * 5000, layer="<img src=x>\0")
    assert not app.error
    assert len(app.warning) == 1
    assert app.get("bidi_component")


@pytest.mark.parametrize("where", ["", "zarr.json", "steps/value/c", "activations/trunk.1"])
def test_a_link_put_there_after_the_listing_is_not_followed(where: str, full_root: Path, outside: Path) -> None:
    """What was sound when it was listed and opened may be a link when it is read."""
    run_page("recordings")
    path = below_root("cartpole.zarr")
    open_before = cached_recording(str(path), stamp(path))
    place = full_root / "cartpole.zarr" / where
    shutil.move(place, full_root.parent / "moved")
    place.symlink_to(outside / where)
    os.utime(outside / "zarr.json")
    app = run_page("replay", recording="cartpole.zarr", episode="0")
    if where == "activations/trunk.1":
        # One layer that cannot be read does not take the rest along.
        assert json.loads(app.get("bidi_component")[0].proto.json)["payload"]["layer"] is None
    else:
        assert len(app.error) == 1
        assert "lead" in shown(app) or "not below" in shown(app)
    # One that was opened before, and keeps no file open, is held to its own folder as well.
    for array in (open_before.steps["value"], open_before.activations["trunk.1"]):
        if not where or where.startswith(array.name):
            with pytest.raises(WorkbenchError, match="leads out"):
                array[0]


def fill(app: Any, **values: str) -> Any:
    """Type into the form and press its button."""
    for key, value in values.items():
        next(widget for widget in app.text_input if widget.key == f"recording.{key}").set_value(value)
    app.button[-1].click()
    return app.run()


@pytest.fixture
def stranger(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module on Python's path that tells when it is imported."""
    told = root / "executed"
    (root / "stranger_module.py").write_text(f"open({str(told)!r}, 'w').close()\ndef make(environment): ...\n")
    monkeypatch.syspath_prepend(root)
    monkeypatch.chdir(root)
    return told


@pytest.mark.parametrize(
    ("policy", "environment"),
    [
        ("stranger_module:make", "CartPole-v1"),
        ("stranger_module:make.zip", "CartPole-v1"),
        ("ppo:stranger_module:make", "CartPole-v1"),
        ("ppo:stranger_module.py", "stranger_module:CartPole-v1"),
        ("ppo:stranger_module.py", " stranger_module:Any-v0"),
        ("ppo:stranger_module.py", "stranger_module.inner:Any-v0"),
        ("ppo:stranger_module.py", "antigravity:Any-v0"),
        ("ppo:stranger_module.py", "os:Any-v0"),
    ],
)
def test_no_module_is_imported_because_the_form_names_it(policy: str, environment: str, stranger: Path) -> None:
    app = fill(run_page("recordings"), policy=policy, environment=environment)
    assert len(app.error) == 1
    assert recording_queue().job is None
    assert not stranger.exists()
    assert not {"stranger_module", "antigravity"} & set(sys.modules)


def test_an_agent_that_the_form_names_is_not_unpickled(root: Path, stranger: Path) -> None:
    from stable_baselines3 import PPO

    from tests.hostile.agents import attack_in, members_of
    from tests.hostile.pickles import attacks

    PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu").save(root / "agent.zip")
    attack = attacks(stranger)["REDUCE, STACK_GLOBAL"]
    (root / "agent.zip").write_bytes(attack_in(members_of(root / "agent.zip"), "policy_kwargs", attack))
    app = fill(run_page("recordings"), policy="ppo:agent.zip", environment="CartPole-v1", name="out")
    job = recording_queue().job
    assert job is not None
    assert job.wait(60)
    assert job.error is not None
    assert "without executing its code" in job.error
    # The form took the name: what stands on the page, if the job has ended by now, is the job's own sentence.
    assert all("failed" in error.value for error in app.error)
    assert "without executing its code" in shown(app.run())
    assert not stranger.exists()


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/b", "..", ".hidden", "a\0b", "x" * 500, "-rf", "a b", "é"])
def test_a_recording_is_written_nowhere_but_into_the_root(name: str, root: Path, stranger: Path) -> None:
    (root / "agent.zip").write_bytes(b"PK")
    app = fill(run_page("recordings"), policy="ppo:agent.zip", environment="CartPole-v1", name=name)
    assert "letters, digits" in shown(app)
    assert recording_queue().job is None


@pytest.mark.parametrize("page", ["recordings", "replay"])
def test_no_page_takes_files(page: str, full_root: Path) -> None:
    assert not run_page(page).get("file_uploader")

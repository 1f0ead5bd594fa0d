"""Recordings at URLs are those on the disk: recorded, read, replaced and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cluster.workers import same
from tests.object_storage.conftest import BUCKET, Server
from tests.recording.toy import Counter, ToyPolicy
from workbench.cli import main
from workbench.errors import WorkbenchError
from workbench.exports import export
from workbench.recording import Recording, RecordingCallback, list_recordings, open_recording, record

AGENT = "ppo:agents/cartpole/weights.zip"


def toy(out: str | Path, **settings: Any) -> Recording:
    given = {"episodes": 4, "environments": 3, "seed": 5, "layers": ["first"]} | settings
    return record(ToyPolicy(), Counter, out=out, **given)


EVERYTHING: dict[str, Any] = {"episodes": 7, "layers": None, "deterministic": False, "frames": True}


@pytest.fixture(scope="module", params=["s3", "memory"])
def place(request: pytest.FixtureRequest) -> str:
    """A folder by URL, in each kind of storage."""
    if request.param == "memory":
        return f"memory://{time.time_ns()}"
    request.getfixturevalue("server")
    return f"s3://{BUCKET}/{time.time_ns()}"


@pytest.fixture(scope="module")
def there(place: str) -> Recording:
    return record(ToyPolicy(recurrent=True), Counter, out=f"{place}/there.zarr", environments=3, **EVERYTHING)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    out = tmp_path_factory.mktemp("here") / "here.zarr"
    return record(ToyPolicy(recurrent=True), Counter, out=out, environments=3, **EVERYTHING)


def test_it_is_the_recording_that_is_made_on_the_disk(there: Recording, here: Recording) -> None:
    same(there, here)
    again = open_recording(there.path)
    same(again, here)
    for key, value in here.attributes.items():
        assert key in ("created", "closed") or again.attributes[key] == value, key
    assert again.summary()["bytes_on_disk"] == here.summary()["bytes_on_disk"]
    for rows in (7, -1, slice(3, 20, 4), [5, 1, 9]):
        np.testing.assert_array_equal(again.steps["frame"][rows], here.steps["frame"][rows])
    np.testing.assert_array_equal(again.to_xarray()["steps/value"].values, here.steps["value"][:])
    np.testing.assert_array_equal(again.final_frame(3), here.final_frame(3))
    assert again.replay(len(again) - 1, Counter()).exact


def test_what_is_stored_is_byte_for_byte_the_same(there: Recording, here: Recording) -> None:
    import fsspec
    import zarr

    root = zarr.open_group(there.path, mode="r")
    assert root.metadata.consolidated_metadata is not None
    assert np.array_equal(root["steps/value"][:], here.steps["value"][:])
    filesystem, top = fsspec.core.url_to_fs(there.path)
    names = {path.relative_to(here.path).as_posix() for path in Path(here.path).rglob("*") if path.is_file()}
    assert {path.removeprefix(f"{top}/") for path in filesystem.find(top)} == names
    for name in names:
        ours, theirs = (Path(here.path) / name).read_bytes(), filesystem.cat_file(f"{top}/{name}")
        if name == "zarr.json":
            ours, theirs = (json.loads(content)["consolidated_metadata"] for content in (ours, theirs))
        assert theirs == ours, name


@pytest.mark.torture
def test_a_recording_by_the_command_line_can_be_replayed_and_exported(
    server: Server, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{folder}/cartpole.zarr"
    command = [sys.executable, "-m", "workbench", "record", AGENT, "CartPole-v1", "--episodes", "2", "--out", url]
    command += ["--env-kwargs", "max_episode_steps=60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{url}: 2 episodes")
    program = f"import workbench; print(workbench.open_recording({url!r}).number_of_episodes)"
    read = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (read.stdout, read.stderr) == ("2\n", "")
    recording = open_recording(url)
    same(
        recording,
        record(AGENT, "CartPole-v1", out=tmp_path / "x.zarr", episodes=2, env_kwargs={"max_episode_steps": 60}),
    )
    assert recording.replay(40).exact
    assert recording.policy().spec == AGENT
    for format, layer in (("html", None), ("npz", ["mlp*"]), ("csv", None)):
        written = export(recording, format, tmp_path / f"x.{format}", episode=0, layer=layer)
        assert Path(written).stat().st_size > 1000
    monkeypatch.chdir(tmp_path)
    assert main(["export", url, "--format", "csv"]) == 0
    assert (tmp_path / "cartpole.csv").is_file()


def test_what_is_there_is_left_alone_or_replaced_as_a_whole(place: str) -> None:
    toy(f"{place}/x.zarr", episodes=9, frames=True)
    with pytest.raises(WorkbenchError, match="exists already and is left alone"):
        toy(f"{place}/x.zarr")
    assert open_recording(f"{place}/x.zarr").number_of_episodes == 9
    toy(f"{place}/x.zarr", episodes=2, overwrite=True)
    again = open_recording(f"{place}/x.zarr")
    assert again.number_of_episodes == 2
    assert "frame" not in again.steps
    fresh = toy(f"{place}/y.zarr", episodes=2)
    assert again.summary()["bytes_on_disk"] == fresh.summary()["bytes_on_disk"]


def test_what_is_no_recording_is_never_overwritten(folder: str) -> None:
    import fsspec

    fsspec.filesystem("s3").pipe_file(f"{folder}/x.zarr/thesis.txt", b"years of work")
    with pytest.raises(WorkbenchError, match="is not a recording, so it is not overwritten"):
        toy(f"{folder}/x.zarr", overwrite=True)
    with pytest.raises(WorkbenchError, match="is not a recording, so it is not overwritten"):
        toy(f"{folder}", overwrite=True)
    assert fsspec.filesystem("s3").cat_file(f"{folder}/x.zarr/thesis.txt") == b"years of work"


def test_of_two_that_begin_at_once_one_is_refused(place: str) -> None:
    from workbench.recording.object_storage import put_new

    put_new(f"{place}/begun.zarr", "zarr.json", b"one")
    with pytest.raises(FileExistsError):
        put_new(f"{place}/begun.zarr", "zarr.json", b"other")


PROGRAM = """
import sys, time
from tests.object_storage.test_recording import Slow
from tests.recording.toy import ToyPolicy
from workbench.recording import record

record(ToyPolicy(), Slow, out=sys.argv[1], episodes=60, environments=3, seed=5, layers=["first"], deterministic=False,
       flush_seconds=0.2)
"""


class Slow(Counter):
    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        time.sleep(0.01)
        return super().step(action)


def begin(url: str, checkout: Path, **environment: str) -> subprocess.Popen[str]:
    """A process that records slowly, when it has committed some steps."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url],
        cwd=checkout,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(checkout)} | environment,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
        try:
            if len(open_recording(url)) > 30:
                return process
        except WorkbenchError:
            continue
    process.kill()
    raise AssertionError(process.communicate()[1])


@pytest.mark.torture
def test_a_killed_writer_leaves_what_it_had_committed_and_is_resumed(
    folder: str, checkout: Path, tmp_path: Path
) -> None:
    url = f"{folder}/x.zarr"
    process = begin(url, checkout)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    recording = open_recording(url)
    committed = len(recording)
    assert recording.ended == "cut short"
    assert {len(array[:]) for array in recording.steps.values()} == {committed}
    with pytest.raises(WorkbenchError, match="exists already"):
        toy(url)
    settings = {"episodes": 60, "deterministic": False}
    resumed = toy(url, resume=True, **settings)
    assert resumed.complete
    assert resumed.attributes["resumed"]
    assert len(resumed) > committed
    same(open_recording(url), toy(tmp_path / "x.zarr", **settings))
    with pytest.raises(WorkbenchError, match="is complete, so there is nothing to resume"):
        toy(url, resume=True, **settings)


def test_resuming_where_nothing_is_begins_one(place: str) -> None:
    assert toy(f"{place}/fresh.zarr", resume=True).complete


def test_a_callback_records_to_a_url(place: str) -> None:
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, n_epochs=1, device="cpu")
    model.learn(32, callback=RecordingCallback("CartPole-v1", f"{place}/during/", every=32, episodes=1))
    listed = list_recordings(f"{place}/during")
    assert [facts["path"].rpartition("/")[2] for facts in listed] == ["step_000000000.zarr", "step_000000032.zarr"]


def test_a_url_that_lost_a_slash_is_not_taken_for_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkbenchError, match=r"a URL that has lost a slash.*Give it as a string"):
        toy(Path("s3://bucket/x.zarr"))
    assert list(tmp_path.iterdir()) == []

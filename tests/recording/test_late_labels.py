"""Labels added to a recording afterwards: what `record` would have recorded, or a sentence and nothing."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import zarr

from workbench.cli.main import main
from workbench.errors import WorkbenchError
from workbench.progress import Cancelled
from workbench.recording import (
    LabelledEnvironment,
    Recorder,
    Recording,
    label_recording,
    late_labels,
    open_recording,
    record,
)
from workbench.recording.labellers import Label, Labeller, register_labeller, unregister_labeller
from workbench.recording.metadata import read_metadata
from workbench.recording.store import stored_files

STEADY = "tests.recording.test_labellers:steady"


def _record(out: str | Path, **options: Any) -> Recording:
    asked = {"env": "CartPole-v1", "episodes": 7, "environments": 3, **options}
    return record(STEADY, out=out, **asked)


def _arrays(recording: Recording) -> dict[str, tuple[Any, ...]]:
    """Every array as it is stored: type, names of axes, and bytes."""
    found = {}
    for group in ("steps", "activations", "state", "episodes"):
        for name, array in recording.stored_arrays(group).items():
            found[f"{group}/{name}"] = (array.dtype, array.stored_dimensions, array.attributes, array[:].tobytes())
    return found


def test_it_is_what_would_have_been_recorded(tmp_path: Path) -> None:
    """Interleaved episodes of several environments, the last of them cut off by the time limit."""
    options = {"wrappers": ("time_limit:40",)}
    with_labels = _record(tmp_path / "with.zarr", **options)
    without = _record(tmp_path / "without.zarr", labels=False, **options)
    assert "truth/pole_angle" not in without.steps
    told: list[tuple[int, int]] = []

    class Told:
        def update(self, done: int, total: int, message: str = "") -> None:
            told.append((done, total))

        def close(self) -> None:
            told.append((-1, -1))

    labelled = label_recording(without.path, progress=Told())
    assert _arrays(labelled) == _arrays(with_labels)
    assert labelled.attributes["labellers"] == with_labels.attributes["labellers"]
    assert len(labelled.attributes["labelled"]) == 1
    assert labelled.final_truth(0, "pole_angle") == with_labels.final_truth(0, "pole_angle")
    assert labelled.verify().whole
    steps = len(labelled)
    assert told[-2:] == [(steps, steps), (-1, -1)]
    # Plain Zarr finds them as well, by the repeated metadata and array by array.
    for consolidated in (True, False):
        group = zarr.open_group(labelled.path, mode="r", use_consolidated=consolidated)
        np.testing.assert_array_equal(group["steps/truth/pole_angle"][:], labelled.steps["truth/pole_angle"][:])
    with pytest.raises(WorkbenchError, match="does not hold already"):
        label_recording(without.path)


def test_recordings_at_urls_are_labelled_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_labels, "ROWS_AT_ONCE", 16)
    url = f"memory://{tmp_path.name}-{time.time_ns()}/r.zarr"
    recording = _record(url, labels=False)
    before = _arrays(recording)
    with pytest.raises(KeyboardInterrupt):
        label_recording(url, progress=Stopping(KeyboardInterrupt()))
    assert _arrays(open_recording(url)) == before
    assert _arrays(label_recording(url)) == _arrays(_record(tmp_path / "with.zarr"))
    assert open_recording(url).verify().whole


def test_it_is_added_to_what_the_environment_said_itself(tmp_path: Path) -> None:
    labeller = Labeller(
        name="ends of the track",
        patterns=("CartPole-v*",),
        labels=(Label(name="to_the_end", words="to the nearer end of the track (m)"),),
        read=lambda environment: {"to_the_end": 2.4 - abs(float(environment.state[0]))},
    )
    recording = _record(tmp_path / "r.zarr")
    before = recording.attributes["labellers"]
    register_labeller(labeller)
    try:
        label_recording(recording.path)
    finally:
        unregister_labeller(labeller.name)
    found = open_recording(recording.path)
    np.testing.assert_allclose(found.steps["truth/to_the_end"][:], 2.4 - np.abs(found.steps["truth/cart_position"][:]))
    assert found.attributes["labellers"] == {**before, "ends of the track": {"to_the_end": labeller.labels[0].words}}


class Weak(gymnasium.Wrapper):  # type: ignore[type-arg]
    """A CartPole whose gravity is not the one that was recorded, from some step of some episode on."""

    def __init__(self, environment: Any, *, seed: int = 2, at: int = 5, change: str = "gravity") -> None:
        super().__init__(environment)
        self.seed_wanted, self.at, self.change = seed, at, change
        self.now = self.t = -1

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.now, self.t = -1 if seed is None else seed, 0
        self.unwrapped.gravity = 9.8  # type: ignore[attr-defined]
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        odd = self.now == self.seed_wanted and self.t == self.at
        if odd and self.change == "gravity":
            self.unwrapped.gravity = 9.81  # type: ignore[attr-defined]
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.t += 1
        if odd and self.change == "reward":
            reward = 2.0
        if odd and self.change == "end":
            truncated = True
        if odd and self.change == "raise":
            raise RuntimeError("the motor is on fire")
        return observation, reward, terminated, truncated, info


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("gravity", r"Episode 2 .*: the observation of step \d+ is not"),
        ("reward", "Episode 2 .*: the reward of step 5 is 2, and 1 was recorded"),
        ("end", "Episode 2 .*: it is truncated with step 5, and goes on when recorded"),
        ("raise", "Episode 2 cannot be replayed: .* the action of step 5 .*on fire"),
    ],
)
def test_what_goes_another_way_is_refused_and_leaves_nothing(tmp_path: Path, change: str, said: str) -> None:
    recording = _record(tmp_path / "r.zarr", labels=False)
    before = _files(tmp_path / "r.zarr")
    with pytest.raises(WorkbenchError, match=said):
        label_recording(recording.path, make_environment=lambda: Weak(gymnasium.make("CartPole-v1"), change=change))
    assert _files(tmp_path / "r.zarr") == before
    assert not [name for name in open_recording(recording.path).steps if name.startswith("truth/")]


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name not in ("truth", "final_truth")
    }


class Stopping:
    """Stops the work at its second word of progress, as a killed process or Ctrl-C would."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.words = error, 0

    def update(self, done: int, total: int, message: str = "") -> None:
        self.words += 1
        if self.words == 2:
            raise self.error

    def close(self) -> None:
        pass


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled(), OSError(28, "no space")], ids=lambda e: repr(e))
def test_what_is_stopped_leaves_it_as_it_was_and_can_be_done_again(
    tmp_path: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_labels, "ROWS_AT_ONCE", 16)
    recording = _record(tmp_path / "r.zarr", labels=False)
    before = _arrays(recording)
    with pytest.raises(type(error)):
        label_recording(recording.path, progress=Stopping(error))
    assert _arrays(open_recording(recording.path)) == before
    labelled = label_recording(recording.path)
    with_labels = _record(tmp_path / "with.zarr")
    assert _arrays(labelled) == _arrays(with_labels)


def test_what_a_killed_process_left_is_not_seen_and_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = _record(tmp_path / "r.zarr", labels=False)
    before = _arrays(recording)
    monkeypatch.setattr(late_labels._NewLabels, "remove", lambda self: None)
    monkeypatch.setattr(late_labels, "ROWS_AT_ONCE", 16)
    with pytest.raises(KeyboardInterrupt):
        label_recording(recording.path, progress=Stopping(KeyboardInterrupt()))
    assert (tmp_path / "r.zarr/steps/truth/pole_angle/zarr.json").exists(), "the test is about this"
    assert _arrays(open_recording(recording.path)) == before
    assert open_recording(recording.path).verify().whole
    assert _arrays(label_recording(recording.path)) == _arrays(_record(tmp_path / "with.zarr"))


def test_one_whose_closing_was_cut_short_is_labelled_as_well(tmp_path: Path) -> None:
    """Its root does not repeat the metadata of its arrays."""
    recording = _record(tmp_path / "r.zarr", labels=False)
    root = tmp_path / "r.zarr" / "zarr.json"
    document = json.loads(root.read_text())
    del document["consolidated_metadata"]
    root.write_text(json.dumps(document))
    assert read_metadata(stored_files(recording.path)).repeated is None
    assert _arrays(label_recording(recording.path)) == _arrays(_record(tmp_path / "with.zarr"))


def test_what_cannot_be_labelled_is_said(tmp_path: Path) -> None:
    short = _record(tmp_path / "short.zarr", labels=False, episodes=None, steps=30)
    assert label_recording(short.path).complete, "episodes that were cut off by the number of steps are replayed, too"
    document = json.loads((tmp_path / "short.zarr/zarr.json").read_text())
    document["attributes"] |= {"complete": False, "ended": "interrupted"}
    (tmp_path / "short.zarr/zarr.json").write_text(json.dumps(document))
    with pytest.raises(WorkbenchError, match="may be resumed"):
        label_recording(short.path)
    with pytest.raises(WorkbenchError, match="There is no recording at"):
        label_recording(tmp_path / "none.zarr")
    assert not (tmp_path / "none.zarr").exists()
    environment = gymnasium.make("CartPole-v1")
    with Recorder(tmp_path / "own.zarr", environment=environment, labels=False) as recorder:
        wrapped = recorder.wrap_environment(environment)
        wrapped.reset()
        wrapped.step(1)
    with pytest.raises(WorkbenchError, match="seed that its environment was reset with is not known"):
        label_recording(tmp_path / "own.zarr", make_environment=lambda: gymnasium.make("CartPole-v1"))


def test_the_command_lists_what_was_added(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = _record(tmp_path / "r.zarr", labels=False, episodes=2)
    assert main(["label", recording.path]) == 0
    said = capsys.readouterr().out
    assert "all as recorded" in said
    assert "pole angle (rad from upright)" in said
    assert main(["label", recording.path]) == 1
    assert "stays as it is" in capsys.readouterr().err


def test_environments_in_other_processes_say_what_labellers_know() -> None:
    """The wrapper is what is sent there; that infos come back is the vectorised environment's own business."""
    environment, plain = LabelledEnvironment(gymnasium.make("CartPole-v1")), gymnasium.make("CartPole-v1")
    observation, info = environment.reset(seed=3)
    np.testing.assert_array_equal(observation, plain.reset(seed=3)[0])
    for _ in range(5):
        truth: Mapping[str, Any] = info["truth"]
        assert list(truth) == ["cart_position", "cart_velocity", "pole_angle", "pole_angular_velocity"]
        np.testing.assert_array_equal(np.array(list(truth.values()), np.float32), observation)
        observation, _, _, _, info = environment.step(1)


@pytest.mark.torture
def test_labels_come_back_from_other_processes(tmp_path: Path) -> None:
    from stable_baselines3.common.vec_env import SubprocVecEnv

    vectorised = SubprocVecEnv([_labelled] * 2, start_method="spawn")
    with Recorder(tmp_path / "r.zarr", environment=vectorised, slots=2) as recorder:
        wrapped = recorder.wrap_vectorised(vectorised)
        wrapped.reset()
        for _ in range(60):
            wrapped.step(np.ones(2, np.int64))
        wrapped.close()
    recording = open_recording(tmp_path / "r.zarr")
    assert len(recording.episodes["id"]) > 3
    np.testing.assert_array_equal(
        recording.steps["truth/pole_angle"][:].astype(np.float32), recording.steps["observation"][:, 2]
    )
    assert recording.final_truth(0, "pole_angle") is not None


def _labelled() -> gymnasium.Env[Any, Any]:
    return LabelledEnvironment(gymnasium.make("CartPole-v1"))

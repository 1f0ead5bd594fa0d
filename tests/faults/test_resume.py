"""What is resumed is what it would have been, or is refused by what differs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.faults.cases import CASES
from tests.faults.comparing import assert_same, attributes_of
from tests.faults.walker import Walk, Walker
from workbench.errors import WorkbenchError
from workbench.progress import Cancelled
from workbench.recording import Recorder, open_recording, record


class StopAt:
    """Progress that cancels when so much is done."""

    def __init__(self, enough: int) -> None:
        self.enough = enough

    def update(self, done: int, total: int, message: str = "") -> None:
        if done >= self.enough:
            raise Cancelled

    def close(self) -> None:
        pass


def play(out: Path, *, policy: Any = None, env: Any = Walk, **arguments: Any) -> None:
    settings = {"steps": 102, "environments": 4, "deterministic": False, "seed": 8, "out": out}
    record(policy or Walker(recurrent=True), env, **{**settings, **arguments})


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    play(tmp_path / "stopped.zarr", progress=StopAt(50))
    assert attributes_of(tmp_path / "stopped.zarr")["ended"] == "cancelled"
    return tmp_path / "stopped.zarr"


def resume(path: Path, **arguments: Any) -> None:
    play(path, resume=True, **arguments)


@pytest.mark.parametrize("enough", [1, 50, 102])
def test_steps_that_were_left_out_of_the_last_pass_are_not_forgotten(tmp_path: Path, enough: int) -> None:
    """102 steps of four environments: the last pass is of two, and the episodes of the others go on all the same."""
    play(tmp_path / "stopped.zarr", progress=StopAt(enough))
    resume(tmp_path / "stopped.zarr")
    play(tmp_path / "whole.zarr")
    assert attributes_of(tmp_path / "whole.zarr")["committed_episodes"] >= 4
    assert_same(tmp_path / "stopped.zarr", tmp_path / "whole.zarr")


def test_fewer_steps_than_environments(tmp_path: Path) -> None:
    play(tmp_path / "stopped.zarr", steps=3, progress=StopAt(3))
    resume(tmp_path / "stopped.zarr", steps=3)
    play(tmp_path / "whole.zarr", steps=3)
    assert_same(tmp_path / "stopped.zarr", tmp_path / "whole.zarr")


def test_a_recording_stopped_before_its_first_step_is_begun_again(tmp_path: Path) -> None:
    play(tmp_path / "stopped.zarr", progress=StopAt(0))
    assert len(open_recording(tmp_path / "stopped.zarr")) == 0
    resume(tmp_path / "stopped.zarr")
    play(tmp_path / "whole.zarr")
    assert_same(tmp_path / "stopped.zarr", tmp_path / "whole.zarr")


def test_a_recording_that_is_resumed_says_when(stopped: Path) -> None:
    resume(stopped, progress=StopAt(75))
    resume(stopped)
    assert len(attributes_of(stopped)["resumed"]) == 2
    assert attributes_of(stopped)["complete"]


def test_resuming_where_nothing_is_begins_a_recording(tmp_path: Path) -> None:
    resume(tmp_path / "new.zarr")
    play(tmp_path / "whole.zarr")
    assert_same(tmp_path / "new.zarr", tmp_path / "whole.zarr")


def test_what_is_complete_is_refused(stopped: Path) -> None:
    resume(stopped)
    before = (stopped / "zarr.json").read_bytes()
    with pytest.raises(WorkbenchError, match="is complete, so there is nothing to resume"):
        resume(stopped)
    assert (stopped / "zarr.json").read_bytes() == before


OTHERWISE: Mapping[str, tuple[dict[str, Any], str]] = {
    "another seed": ({"seed": 9}, r"the seed must be as it was\. There it is 8, and now 9"),
    "other layers": ({"layers": ["first"]}, r'which layers were asked for.*There it is null, and now \["first"\]'),
    "another agent": ({"policy": Walker(recurrent=True, seed=1)}, "the agent .the fingerprint of its weights"),
    "more steps": ({"steps": 300}, r"how many steps were asked for.*102, and now 300"),
    "episodes instead": ({"steps": None, "episodes": 9}, "how many episodes were asked for"),
    "other environments": ({"environments": 3}, r"how many environments are stepped side by side.*4, and now 3"),
    "the most likely action": ({"deterministic": True}, "whether the most likely action is taken"),
    "half precision": ({"activation_dtype": "float16"}, r'precision of activations.*"as computed", and now "float16"'),
    "frames": ({"frames": True, "env": lambda: Walk(render_mode="rgb_array")}, "whether pictures were asked for"),
    "another environment": ({"env": CASES["deterministic"].environment}, "do not fit|the environment"),
}


@pytest.mark.parametrize("otherwise", OTHERWISE)
def test_what_was_recorded_otherwise_is_refused_by_name_and_left_alone(stopped: Path, otherwise: str) -> None:
    changes, words = OTHERWISE[otherwise]
    before = (stopped / "zarr.json").read_bytes()
    with pytest.raises(WorkbenchError, match=words):
        resume(stopped, **changes)
    assert (stopped / "zarr.json").read_bytes() == before


class Forgetful(Walk):
    """Does something else in each process of its making, whatever the seed."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        Forgetful.made += 1
        self.bias = np.float32(Forgetful.made / 1000)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = self.place + self.bias
        return self._observe()


class Loaded(Walk):
    """Rewards another number the second time."""

    reward = 0.0

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward + Loaded.reward, terminated, truncated, info


class Short(Walk):
    """Ends earlier the second time."""

    longest = 40

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, _, info = super().step(action)
        return observation, reward, terminated, self.t >= Short.longest, info


def _load() -> None:
    Loaded.reward = 1.0


def _shorten() -> None:
    Short.longest = 2


@pytest.mark.parametrize(
    ("environment", "change"), [(Forgetful, lambda: None), (Loaded, _load), (Short, _shorten)], ids=lambda v: v.__name__
)
def test_an_environment_that_does_not_do_again_what_it_did_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: Any, change: Callable[[], None]
) -> None:
    out = tmp_path / "x.zarr"
    monkeypatch.setattr(Loaded, "reward", 0.0)
    monkeypatch.setattr(Short, "longest", 40)
    play(out, env=environment, progress=StopAt(50))
    change()
    with pytest.raises(WorkbenchError, match=r"the environment did something else at step .* of episode"):
        play(out, env=environment, resume=True)
    # What was recorded is there as before.
    assert len(open_recording(out)) >= 50
    assert open_recording(out).verify().whole


def test_an_environment_that_raises_when_it_is_done_again(tmp_path: Path) -> None:
    class Breaks(Walk):
        broken = False

        def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
            if Breaks.broken:
                raise RuntimeError("the motor is on fire")
            return super().step(action)

    out = tmp_path / "x.zarr"
    play(out, env=Breaks, progress=StopAt(50))
    Breaks.broken = True
    with pytest.raises(
        WorkbenchError, match=r"the environment raised when episode .* was done again: RuntimeError: the"
    ):
        play(out, env=Breaks, resume=True)
    Breaks.broken = False
    play(out, env=Breaks, resume=True)
    play(tmp_path / "whole.zarr")
    assert_same(out, tmp_path / "whole.zarr", but=("environment",))


def test_a_recording_of_ones_own_loop_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    with Recorder(out, environment=Walk()) as recorder:
        environment = recorder.wrap_environment(Walk())
        environment.reset(seed=8)
        environment.step(0)
        recorder.close("cancelled")
    with pytest.raises(WorkbenchError, match="was not made by `record`, so that nobody knows how to bring"):
        resume(out)


class Undefined(Walk):
    """Gives what is not a number, as an observation and as a reward, in the third step of each episode and later."""

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = super().step(action)
        if self.t >= 3:
            observation["place"][:] = np.nan
            reward = np.nan
        return observation, reward, terminated, truncated, info


@pytest.mark.parametrize("enough", [10, 50])
def test_what_is_not_a_number_is_counted_once(tmp_path: Path, enough: int) -> None:
    """From there on the network gives nothing else: values, logits and memory are not numbers either."""
    play(tmp_path / "stopped.zarr", env=Undefined, progress=StopAt(enough))
    play(tmp_path / "stopped.zarr", env=Undefined, resume=True)
    play(tmp_path / "whole.zarr", env=Undefined)
    assert_same(tmp_path / "stopped.zarr", tmp_path / "whole.zarr")
    recording = open_recording(tmp_path / "whole.zarr")
    counted = recording.summary()["non_finite"]
    for name in ("steps/reward", "steps/value", "steps/logits", "activations/first", "state/hidden"):
        group, _, leaf = name.partition("/")
        assert counted[name] == np.count_nonzero(~np.isfinite(getattr(recording, group)[leaf][:])) > 0

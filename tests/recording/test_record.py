"""What `record` writes is what happened: compared with episodes played by hand."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from tests.recording.toy import Counter, ToyPolicy
from workbench.errors import WorkbenchError
from workbench.progress import Cancelled
from workbench.recording import Recorder, open_recording, record


def play(policy: ToyPolicy, seed: int) -> dict[str, np.ndarray]:
    """One episode by hand, with no recorder about."""
    env = Counter(render_mode="rgb_array")
    observation, info = env.reset(seed=seed)
    observations, actions, rewards, truths, frames = [observation], [], [], [info["truth"]["pair"]], [env.render()]
    over = False
    while not over:
        choice = policy.act(observation[None], deterministic=True)
        observation, reward, terminated, truncated, info = env.step(choice.actions[0])
        over = terminated or truncated
        observations.append(observation)
        actions.append(choice.actions[0])
        rewards.append(reward)
        truths.append(info["truth"]["pair"])
        frames.append(env.render())
    return {
        "observations": np.array(observations),
        "actions": np.array(actions),
        "rewards": np.array(rewards),
        "truths": np.array(truths),
        "frames": np.array(frames),
    }


@pytest.mark.parametrize("environments", [1, 3, 8])
def test_rows_are_what_happened(tmp_path: Path, environments: int) -> None:
    policy = ToyPolicy()
    out = tmp_path / "x.zarr"
    recording = record(
        policy,
        lambda: Counter(render_mode="rgb_array"),
        out=out,
        episodes=11,
        seed=40,
        environments=environments,
        frames=True,
    )
    assert recording.number_of_episodes == 11
    assert recording.complete
    assert recording.ended == "finished"
    for number in range(11):
        episode = recording.episode(number)
        truth = play(policy, 40 + number)
        assert episode.seed == 40 + number
        assert episode.length == len(truth["actions"])
        np.testing.assert_array_equal(episode.observations(), truth["observations"])
        np.testing.assert_array_equal(episode.column("action"), truth["actions"])
        np.testing.assert_array_equal(episode.column("reward"), truth["rewards"])
        np.testing.assert_array_equal(episode.column("truth/pair"), truth["truths"][:-1])
        np.testing.assert_array_equal(episode.column("frame"), truth["frames"][:-1])
        np.testing.assert_array_equal(recording.final_frame(number), truth["frames"][-1])
        np.testing.assert_array_equal(episode.column("t"), np.arange(episode.length))
        assert episode.total_reward == truth["rewards"].sum()
        assert episode.terminated
        assert not episode.truncated
        assert episode.column("terminated").tolist() == [False] * (episode.length - 1) + [True]


def test_activations_are_those_of_the_pass_that_acted(tmp_path: Path) -> None:
    policy = ToyPolicy()
    recording = record(policy, Counter, out=tmp_path / "x.zarr", episodes=7)
    inputs = torch.as_tensor(recording.steps["observation"][:])
    with torch.no_grad():
        first = policy.module["first"](inputs)
        hidden = torch.relu(first)
        logits = policy.module["second"](hidden)
    layers = recording.activations
    assert set(layers) == {"first", "relu", "second", "critic", "relu#2"}
    # Batches of another size round differently in the last bits.
    close = {"rtol": 1e-5, "atol": 1e-4}
    np.testing.assert_allclose(layers["first"][:], first, **close)  # kept although the ReLU works in place
    np.testing.assert_allclose(layers["relu"][:], hidden, **close)
    np.testing.assert_allclose(layers["relu#2"][:], torch.relu(logits), **close)
    np.testing.assert_array_equal(layers["second"][:], recording.steps["logits"][:])
    np.testing.assert_array_equal(layers["critic"][:, 0], recording.steps["value"][:])
    np.testing.assert_array_equal(recording.steps["logits"][:].argmax(1), recording.steps["action"][:])
    assert layers["first"].dimensions == ("step", "unit")
    assert recording.layers["first"] == {"shape": [5], "dtype": "float32", "module": "Linear", "non_finite": 0}


def test_recurrent_state_is_reset_with_the_episode(tmp_path: Path) -> None:
    recording = record(ToyPolicy(recurrent=True), Counter, out=tmp_path / "x.zarr", episodes=9, environments=4)
    for number in range(9):
        episode = recording.episode(number)
        np.testing.assert_array_equal(episode.state("sum"), np.cumsum(episode.observations()[:-1], axis=0))


def test_sampled_episodes_do_not_depend_on_their_neighbours(tmp_path: Path) -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    alone = record(ToyPolicy(), Counter, out=tmp_path / "a.zarr", episodes=6, environments=1, deterministic=False)
    np.random.seed(2)
    together = record(ToyPolicy(), Counter, out=tmp_path / "b.zarr", episodes=6, environments=6, deterministic=False)
    different = record(
        ToyPolicy(), Counter, out=tmp_path / "c.zarr", episodes=6, environments=6, deterministic=False, seed=100
    )
    actions = [[r.episode(n).column("action").tolist() for n in range(6)] for r in (alone, together, different)]
    assert actions[0] == actions[1]
    assert actions[0] != actions[2]


def test_truncation_is_not_termination(tmp_path: Path) -> None:
    recording = record(ToyPolicy(), lambda: Counter(truncate=True), out=tmp_path / "x.zarr", episodes=2)
    assert recording.episodes["truncated"].all()
    assert not recording.episodes["terminated"].any()
    assert recording.steps["truncated"][:].sum() == 2


def test_a_number_of_steps_leaves_incomplete_episodes(tmp_path: Path) -> None:
    recording = record(ToyPolicy(recurrent=True), Counter, out=tmp_path / "x.zarr", steps=10, environments=4, seed=3)
    assert len(recording) == 10
    assert recording.complete
    assert recording.episodes["complete"].tolist().count(False) >= 1
    last = recording.episode(-1)
    assert not last.complete
    np.testing.assert_array_equal(last.observations()[:, 1], np.arange(last.length + 1))
    assert recording.summary()["complete_episodes"] == recording.episodes["complete"].sum()


def test_only_the_layers_that_were_asked_for(tmp_path: Path) -> None:
    assert list(record(ToyPolicy(), Counter, out=tmp_path / "a.zarr", episodes=1, layers=["*st"]).activations) == [
        "first"
    ]
    assert not record(ToyPolicy(), Counter, out=tmp_path / "b.zarr", episodes=1, layers=[]).activations
    with pytest.raises(WorkbenchError, match=r"No layer matches 'third'.*first, relu, second, critic"):
        record(ToyPolicy(), Counter, out=tmp_path / "c.zarr", episodes=1, layers=["third"])
    assert not (tmp_path / "c.zarr").exists()


def test_float16_is_asked_for_and_said(tmp_path: Path) -> None:
    recording = record(ToyPolicy(), Counter, out=tmp_path / "x.zarr", episodes=2, activation_dtype="float16")
    assert recording.activations["first"].dtype == np.float16
    assert recording.attributes["activation_dtype"] == "float16"
    assert recording.steps["value"].dtype == np.float32


def test_not_a_number_is_recorded_counted_and_reported(tmp_path: Path) -> None:
    policy = ToyPolicy()
    with torch.no_grad():
        policy.module["first"].bias[2] = float("nan")
    recording = record(policy, Counter, out=tmp_path / "x.zarr", episodes=3)
    steps = len(recording)
    assert np.isnan(recording.activations["first"][:, 2]).all()
    assert recording.summary()["non_finite"]["activations/first"] == steps
    assert recording.layers["first"]["non_finite"] == steps


def test_an_environment_that_raises_leaves_what_was_before(tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    with pytest.raises(WorkbenchError, match=r"raised in step\(\) at step 8.*RuntimeError: the motor is on fire"):
        record(ToyPolicy(), lambda: Counter(fail_at=9), out=out, episodes=50, environments=1)
    recording = open_recording(out)
    assert len(recording) == 8
    assert not recording.complete
    assert recording.ended.startswith("failed: The environment raised")
    np.testing.assert_array_equal(recording.episode(0).observations(), play(ToyPolicy(), 0)["observations"])
    assert not recording.episode(-1).complete


class StopAfter:
    """A progress that stops the work."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error
        self.closed = False

    def update(self, done: int, total: int, message: str = "") -> None:
        if done >= 20:
            raise self.error

    def close(self) -> None:
        self.closed = True


def test_cancelling_leaves_a_valid_recording(tmp_path: Path) -> None:
    progress = StopAfter(Cancelled)
    recording = record(ToyPolicy(), Counter, out=tmp_path / "x.zarr", episodes=10_000, progress=progress)
    assert progress.closed
    assert recording.ended == "cancelled"
    assert not recording.complete
    assert recording.episodes["complete"].sum() >= 20


def test_interrupting_leaves_a_valid_recording(tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    with pytest.raises(KeyboardInterrupt):
        record(ToyPolicy(), Counter, out=out, episodes=10_000, progress=StopAfter(KeyboardInterrupt))
    assert open_recording(out).ended == "interrupted"
    assert open_recording(out).episodes["complete"].sum() >= 20


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    record(ToyPolicy(), Counter, out=out, episodes=1)
    with pytest.raises(WorkbenchError, match="exists already"):
        record(ToyPolicy(), Counter, out=out, episodes=1)
    assert record(ToyPolicy(), Counter, out=out, episodes=2, overwrite=True).number_of_episodes == 2
    other = tmp_path / "diary"
    other.mkdir()
    (other / "monday.txt").write_text("precious")
    with pytest.raises(WorkbenchError, match="not a recording, so it is not overwritten"):
        record(ToyPolicy(), Counter, out=other, episodes=1, overwrite=True)
    assert (other / "monday.txt").read_text() == "precious"


def test_spaces_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"trained on observations Box.*\(2,\).*gives Box.*\(4,\)"):
        record(ToyPolicy(), "CartPole-v1", out=tmp_path / "x.zarr", episodes=1)


def test_frames_that_cannot_be_had(tmp_path: Path) -> None:
    class Blind(Counter):
        def render(self) -> None:
            return None

    with pytest.raises(WorkbenchError, match=r"render\(\) gave NoneType"):
        record(ToyPolicy(), Blind, out=tmp_path / "x.zarr", episodes=1, frames=True)


def test_a_single_environment_is_used_as_it_is(tmp_path: Path) -> None:
    env = gymnasium.wrappers.TimeLimit(Counter(), 2)
    recording = record(ToyPolicy(), env, out=tmp_path / "x.zarr", episodes=3)
    assert recording.episodes["length"].tolist() == [2, 2, 2]
    assert recording.episodes["truncated"].all()


class InPlace(Counter):
    """An environment that hands out the same arrays each time and changes them, as many do."""

    def _observe(self) -> tuple[np.ndarray, dict]:
        observation, info = super()._observe()
        if not hasattr(self, "arrays"):
            self.arrays = observation, info
        self.arrays[0][:] = observation
        self.arrays[1]["truth"]["pair"][:] = info["truth"]["pair"]
        self.arrays[1]["truth"] |= {"t": self.t, "even": self.t % 2 == 0}
        return self.arrays


def test_environments_that_change_their_arrays_in_place(tmp_path: Path) -> None:
    expected = record(ToyPolicy(), Counter, out=tmp_path / "a.zarr", episodes=5, environments=1)
    out = record(ToyPolicy(), InPlace, out=tmp_path / "b.zarr", episodes=5, environments=1)
    with Recorder(tmp_path / "c.zarr", policy=ToyPolicy(), environment=InPlace()) as recorder:
        env, policy = recorder.wrap_environment(InPlace()), recorder.wrap_policy()
        for seed in range(5):
            observation, _ = env.reset(seed=seed)
            over = False
            while not over:
                observation, _, over, _, _ = env.step(policy.predict(observation, deterministic=True)[0])
    for recording in (out, open_recording(tmp_path / "c.zarr")):
        for name, array in expected.steps.items():
            np.testing.assert_array_equal(recording.steps[name][:], array[:], err_msg=name)
        np.testing.assert_array_equal(recording.final_observation(4), expected.final_observation(4))


def test_rewards_and_ends_that_are_arrays_of_one_are_numbers(tmp_path: Path) -> None:
    class Arrays(Counter):
        def step(self, action: int) -> Any:
            observation, reward, terminated, truncated, info = super().step(action)
            # As environments do that compute on batches, and not in every step.
            return observation, np.array(reward), np.array(terminated).reshape(()), truncated, info

    class Lists(Counter):
        def step(self, action: int) -> Any:
            observation, reward, terminated, truncated, info = super().step(action)
            return observation, reward, np.array([terminated]), truncated, info

    plain = record(ToyPolicy(), Counter, out=tmp_path / "plain.zarr", episodes=5, environments=2)
    for number, odd in enumerate((Arrays, Lists)):
        recording = record(ToyPolicy(), odd, out=tmp_path / f"{number}.zarr", episodes=5, environments=2)
        for name in ("reward", "terminated", "truncated"):
            np.testing.assert_array_equal(recording.steps[name][:], plain.steps[name][:])
        np.testing.assert_array_equal(recording.episodes["return"], plain.episodes["return"])


def test_a_seed_below_zero_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="must be 0 or more; it is -1"):
        record(ToyPolicy(), Counter, out=tmp_path / "x.zarr", seed=-1)
    assert not (tmp_path / "x.zarr").exists()

"""The ways in for one's own loop write what `record` writes."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from tests.recording.toy import Counter, ToyPolicy
from workbench.errors import WorkbenchError
from workbench.recording import Recorder, Recording, RecordingCallback, open_recording, record
from workbench.recording.vectorised import RecordingVecEnv


def same(one: Recording, other: Recording, episodes: int) -> None:
    for number in range(episodes):
        a, b = one.episode(number), other.episode(number)
        np.testing.assert_array_equal(a.observations(), b.observations())
        for name in set(one.steps) - {"slot", "episode", "observation"}:
            np.testing.assert_array_equal(a.column(name), b.column(name), err_msg=name)
        for layer in one.activations:
            np.testing.assert_array_equal(a.activations(layer), b.activations(layer), err_msg=layer)


def test_a_gymnasium_loop(tmp_path: Path) -> None:
    expected = record(ToyPolicy(), Counter, out=tmp_path / "a.zarr", episodes=4, environments=1)
    env = Counter()
    with Recorder(tmp_path / "b.zarr", policy=ToyPolicy(), environment=env, flush_seconds=0.0) as recorder:
        wrapped, policy = recorder.wrap_environment(env), recorder.wrap_policy()
        for seed in range(4):
            observation, _ = wrapped.reset(seed=seed)
            over = False
            while not over:
                action, _ = policy.predict(observation, deterministic=True)
                observation, _, terminated, truncated, _ = wrapped.step(action)
                over = terminated or truncated
    recording = open_recording(tmp_path / "b.zarr")
    assert recording.complete
    assert recording.number_of_episodes == 4
    same(expected, recording, 4)


def test_without_a_policy_the_environment_alone_is_recorded(tmp_path: Path) -> None:
    with Recorder(tmp_path / "x.zarr", environment=Counter()) as recorder:
        env = recorder.wrap_environment(Counter())
        env.reset(seed=5)
        for _ in range(4):
            env.step(1)
        env.reset(seed=6)
        env.step(2)
    recording = open_recording(tmp_path / "x.zarr")
    assert recording.episodes["seed"].tolist() == [5, 6]
    assert recording.episodes["complete"].tolist() == [True, False]
    assert "value" not in recording.steps
    assert not recording.activations


def test_stepping_before_the_policy_acts(tmp_path: Path) -> None:
    def play() -> None:
        with Recorder(tmp_path / "x.zarr", policy=ToyPolicy(), environment=Counter()) as recorder:
            env = recorder.wrap_environment(Counter())
            env.reset(seed=0)
            env.step(0)

    with pytest.raises(WorkbenchError, match="before the recorder's policy had acted"):
        play()
    assert open_recording(tmp_path / "x.zarr").ended.startswith("failed")


def test_a_step_without_a_pass_is_a_gap_not_a_repetition(tmp_path: Path) -> None:
    with Recorder(tmp_path / "x.zarr", policy=ToyPolicy(), environment=Counter()) as recorder:
        env, policy = recorder.wrap_environment(Counter()), recorder.wrap_policy()
        observation, _ = env.reset(seed=1)
        action, _ = policy.predict(observation, deterministic=True)
        env.step(action)
        env.step(2)
    recording = open_recording(tmp_path / "x.zarr")
    assert np.isnan(recording.activations["first"][1]).all()
    assert np.isnan(recording.steps["value"][1])
    assert recording.steps["action"][1] == 2
    assert np.isfinite(recording.activations["first"][0]).all()


def test_a_vectorised_loop_keeps_the_last_observation(tmp_path: Path) -> None:
    from stable_baselines3.common.vec_env import DummyVecEnv

    venv = DummyVecEnv([Counter, lambda: gymnasium.wrappers.TimeLimit(Counter(), 2)])
    venv.seed(0)
    with Recorder(tmp_path / "x.zarr", policy=ToyPolicy(), environment=venv, slots=2) as recorder:
        env, policy = RecordingVecEnv(venv, recorder), recorder.wrap_policy()
        observations = env.reset()
        for _ in range(7):
            actions, _ = policy.predict(observations, deterministic=True)
            observations, _, _, _ = env.step(actions)
    recording = open_recording(tmp_path / "x.zarr")
    assert len(recording) == 14
    first = recording.episode(0)
    assert first.terminated
    np.testing.assert_array_equal(first.observations()[:, 1], [0, 1, 2, 3])
    limited = recording.episode(1)
    assert limited.truncated
    assert not limited.terminated
    np.testing.assert_array_equal(limited.observations()[:, 1], [0, 1, 2])
    assert recording.episodes["seed"][:3].tolist() == [0, 1, -1]


def test_the_callback_records_the_agent_as_it_learns(tmp_path: Path) -> None:
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu")
    callback = RecordingCallback("CartPole-v1", tmp_path, every=64, episodes=2)
    model.learn(128, callback=callback)
    recordings = [open_recording(path) for path in sorted(tmp_path.iterdir())]
    assert [Path(r.path).name for r in recordings] == [f"step_{n:09d}.zarr" for n in (0, 64, 128)]
    fingerprints = {r.attributes["policy"]["fingerprint"] for r in recordings}
    assert len(fingerprints) == 3
    assert all(r.number_of_episodes == 2 for r in recordings)
    for recording in recordings:  # each keeps the agent as it was then, and builds it again
        policy = recording.policy()
        observations = recording.steps["observation"][:]
        actions = policy.act(observations, deterministic=True).actions
        np.testing.assert_array_equal(actions, recording.steps["action"][:])


def test_an_abandoned_episode_does_not_shift_the_others(tmp_path: Path) -> None:
    with Recorder(tmp_path / "x.zarr", environment=Counter(), flush_seconds=0.0) as recorder:
        env = recorder.wrap_environment(Counter())
        for seed in range(6):
            env.reset(seed=seed)
            env.step(1)
            if seed % 3 == 0:  # abandoned
                continue
            while not env.step(1)[2]:
                pass
    recording = open_recording(tmp_path / "x.zarr")
    assert recording.episodes["seed"].tolist() == list(range(6))
    assert recording.episodes["complete"].tolist() == [False, True, True, False, True, True]
    for number in range(6):
        length = int(recording.episodes["length"][number])
        assert recording.final_observation(number).tolist() == [number, length]


def test_a_final_observation_that_comes_late_belongs_to_its_episode(tmp_path: Path) -> None:
    """Episodes without a last observation come first: the column begins with gaps for them."""
    no = np.zeros(1, np.bool_)
    with Recorder(tmp_path / "x.zarr", environment=Counter(), flush_seconds=0.0) as recorder:
        for number in range(4):
            recorder.start_episode(0, number)
            recorder.step(np.full((1, 2), number, np.float32), np.zeros(1, np.int64), np.ones(1), no, no)
            recorder.finish_episode(0, np.full(2, 10 + number, np.float32) if number >= 2 else None, terminated=True)
    recording = open_recording(tmp_path / "x.zarr")
    assert recording.number_of_episodes == 4
    assert recording.episodes["complete"].all()
    assert np.isnan(recording.final_observation(0)).all()
    assert recording.final_observation(3).tolist() == [13, 13]


def test_replay_of_ones_own_loop_needs_a_seed(tmp_path: Path) -> None:
    with Recorder(tmp_path / "x.zarr", environment=Counter(), seed=0) as recorder:
        env = recorder.wrap_environment(Counter())
        for seed in (7, None):
            env.reset(seed=seed)
            while not env.step(1)[2]:
                pass
    recording = open_recording(tmp_path / "x.zarr")
    assert recording.replay(1, environment=Counter()).exact
    with pytest.raises(WorkbenchError, match=r"seed .* is not known"):
        recording.replay(len(recording) - 1, environment=Counter())


def test_a_vectorised_loop_below_other_wrappers(tmp_path: Path) -> None:
    from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

    venv = VecMonitor(DummyVecEnv([Counter, Counter]))
    venv.seed(5)
    with Recorder(tmp_path / "x.zarr", policy=ToyPolicy(), environment=Counter(), slots=2) as recorder:
        env, policy = recorder.wrap_vectorised(venv), recorder.wrap_policy()
        observations = env.reset()
        for _ in range(9):
            actions, _ = policy.predict(observations, deterministic=True)
            observations[:] = -1  # the caller may do with its own as it likes
            observations, _, _, _ = env.step(actions)
    recording = open_recording(tmp_path / "x.zarr")
    assert recording.episodes["seed"][:2].tolist() == [5, 6]
    np.testing.assert_array_equal(recording.steps["truth/t"][:], recording.steps["t"][:])
    assert (recording.steps["observation"][:] >= 0).all()

"""A way in for loops over stable-baselines3's vectorised environments."""

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from workbench.recording.recorder import Recorder
from workbench.recording.slots import NO_SEED


class RecordingVecEnv(VecEnvWrapper):
    """A vectorised environment whose every step writes a row for each of its environments.

    It knows what such environments do at an episode's end: the observation that they hand over is the next episode's
    first; the last one of the episode comes as `info["terminal_observation"]` and is kept where it belongs.

    Args:
        venv: The vectorised environment.
        recorder: What owns the recording; made with `slots` environments.
    """

    def __init__(self, venv: VecEnv, recorder: Recorder) -> None:
        super().__init__(venv)
        self._recorder = recorder
        self._observations: Any = None
        self._truth: dict[str, Any] = {}
        self._actions: Any = None

    def reset(self) -> VecEnvObs:
        """Reset all environments, and begin an episode in each."""
        # Every wrapper has seeds and infos of its own, which stay empty: the innermost knows them.
        inner = self.venv.unwrapped
        seeds = [NO_SEED if seed is None else seed for seed in getattr(inner, "_seeds", [None] * self.num_envs)]
        observations = self.venv.reset()
        self._observations = _copy(observations)
        self._truth = self._recorder.read_truth(list(inner.reset_infos), self._environments())
        for slot in range(self.num_envs):
            self._recorder.start_episode(slot, seeds[slot] if seeds[slot] != NO_SEED else None)
        return observations

    def step_async(self, actions: Any) -> None:
        """Send the actions, and keep them for the rows."""
        self._actions = np.array(actions)
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Wait for the results, and write the rows."""
        observations, rewards, dones, infos = self.venv.step_wait()
        with self._recorder.uninterrupted:
            self._write(observations, rewards, dones, infos)
        return observations, rewards, dones, infos

    def _write(self, observations: VecEnvObs, rewards: Any, dones: Any, infos: list[dict[str, Any]]) -> None:
        truncated = np.array([bool(info.get("TimeLimit.truncated", False)) for info in infos])
        self._recorder.step(
            self._observations,
            self._actions,
            np.array(rewards, np.float64),
            dones & ~truncated,
            dones & truncated,
            truth=self._truth,
            copy=False,
        )
        self._observations = _copy(observations)
        following = list(infos)
        for slot in range(self.num_envs):
            if dones[slot]:
                self._recorder.finish_episode(
                    slot,
                    infos[slot].get("terminal_observation"),
                    terminated=bool(dones[slot] & ~truncated[slot]),
                    truncated=bool(truncated[slot]),
                    final_truth=self._recorder.read_truth([infos[slot]]),
                )
                self._recorder.start_episode(slot)
                following[slot] = self.venv.unwrapped.reset_infos[slot]
            else:
                self._recorder.newest[slot] = _row(self._observations, slot)
        self._truth = self._recorder.read_truth(following, self._environments())

    def _environments(self) -> list[Any]:
        """Those side by side in this process; of others labellers cannot read anything."""
        return list(getattr(self.venv.unwrapped, "envs", ()))


def _copy(observations: Any) -> Any:
    if isinstance(observations, dict):
        return {key: np.array(value) for key, value in observations.items()}
    return np.array(observations)


def _row(observations: Any, slot: int) -> Any:
    return (
        {key: value[slot] for key, value in observations.items()}
        if isinstance(observations, dict)
        else observations[slot]
    )

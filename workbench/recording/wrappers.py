"""Ways in for one's own loop: an environment and a policy that leave rows behind as they are used."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from workbench.policies.types import ActionChoice, EpisodeRandom, Observations, State
from workbench.recording.columns import batch_observations
from workbench.recording.recorder import Recorder


class RecordingEnvironment(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose every `step` writes a row.

    Args:
        env: The environment.
        recorder: What owns the recording; made for one environment (`slots=1`).
        frames: Record the environment's picture at every step.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], recorder: Recorder, *, frames: bool = False) -> None:
        super().__init__(env)
        self._recorder = recorder
        self._frames = frames
        self._observation: Any = None
        self._truth: dict[str, npt.NDArray[Any]] = {}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset, and begin a new episode in the recording."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._recorder.start_episode(0, seed)
        self._keep(observation, info)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and write what was seen, done and got."""
        frames = np.array(self.env.render())[None] if self._frames else None
        observation, reward, terminated, truncated, info = self.env.step(action)
        over = bool(terminated or truncated)
        final_frame = np.asarray(self.env.render()) if self._frames and over else None
        with self._recorder.uninterrupted:
            self._recorder.step(
                self._observation,
                np.array(action)[None],
                np.asarray([reward], np.float64),
                np.asarray([terminated]),
                np.asarray([truncated]),
                truth=self._truth,
                frames=frames,
                copy=False,
            )
            self._keep(observation, info)
            if over:
                self._recorder.finish_episode(
                    0,
                    observation,
                    terminated=bool(terminated),
                    truncated=bool(truncated),
                    final_frame=final_frame,
                    final_truth=self._truth,
                )
        return observation, reward, terminated, truncated, info

    def _keep(self, observation: Any, info: dict[str, Any]) -> None:
        """Copy what the next row needs: the environment may change its arrays in place."""
        self._observation = batch_observations([observation])
        self._truth = self._recorder.read_truth([info], [self.env])
        self._recorder.newest[0] = _row(self._observation)


def _row(batch: Any) -> Any:
    return {key: _row(value) for key, value in batch.items()} if isinstance(batch, Mapping) else batch[0]


class RecordingPolicy:
    """The recorder's policy, whose every pass leaves its activations for the row that the environment writes next."""

    def __init__(self, recorder: Recorder) -> None:
        assert recorder.policy is not None
        self._recorder = recorder
        self._policy = recorder.policy
        self._streams: list[EpisodeRandom] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def act(
        self,
        observations: Observations,
        state: State | None = None,
        episode_starts: npt.NDArray[np.bool_] | None = None,
        *,
        deterministic: bool = True,
        random: list[EpisodeRandom] | None = None,
        action_masks: npt.NDArray[np.bool_] | None = None,
    ) -> ActionChoice:
        """As the policy's own `act`."""
        return self._recorder.act(
            observations,
            state,
            episode_starts,
            deterministic=deterministic,
            random=random,
            action_masks=action_masks,
        )

    def predict(
        self,
        observation: Any,
        state: State | None = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
        deterministic: bool = False,
        action_masks: npt.NDArray[np.bool_] | None = None,
        *,
        seed: int = 0,
    ) -> tuple[npt.NDArray[Any], State | None]:
        """Choose actions as stable-baselines3's `predict` does, for one observation or a batch.

        Args:
            observation: One observation, or a batch with one row an environment.
            state: Recurrent state that the last call returned.
            episode_start: `[B]`, where an episode begins.
            deterministic: Take the mode; as there, the default is to sample.
            action_masks: `[B, A]`, what is legal.
            seed: Of the random streams that are used where `deterministic` is False; one a row, from the first call on.

        Returns:
            The actions and the recurrent state.
        """
        space = self._policy.observation_space
        first = next(iter(observation.values())) if isinstance(observation, dict) else np.asarray(observation)
        shape = next(iter(space.spaces.values())).shape if isinstance(space, gymnasium.spaces.Dict) else space.shape
        single = first.ndim == len(shape or ())
        if single:
            batch = (
                {key: np.asarray(value)[None] for key, value in observation.items()}
                if isinstance(observation, dict)
                else first[None]
            )
        else:
            batch = observation
        count = 1 if single else len(first)
        if not deterministic and len(self._streams) != count:
            self._streams = [EpisodeRandom(seed + row) for row in range(count)]
        choice = self.act(
            batch,
            state,
            episode_start,
            deterministic=deterministic,
            random=None if deterministic else self._streams,
            action_masks=action_masks,
        )
        return (choice.actions[0] if single else choice.actions), choice.output.state

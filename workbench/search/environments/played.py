"""The episode so far, for environments that can be brought to a state only by playing it again."""

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from workbench.search.environments.randomness import Randomness, States, layers_of
from workbench.search.environments.stack import LOOKING_ON, full_name


@dataclass(frozen=True, kw_only=True)
class PlayedEpisode:
    """What brings a freshly reset environment to the present state."""

    actions: tuple[Any, ...]
    """All since the reset, as they were given to the outermost wrapper that does something."""
    seed: int | None = None
    """What the episode was reset with."""
    options: Any = None
    """The same."""
    before: States | None = None
    """What the generators were at before a reset without a seed."""
    observation: Any = None
    """The present one, to be compared with; None: not known."""


class EpisodeLog(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps what a search needs to play the episode again: put it around everything else.

    It changes nothing, and costs an entry of a list a step.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._actions: list[Any] = []
        self._reset: dict[str, Any] | None = None
        self._seen: Any = None
        self.over = False
        """Whether the episode has ended."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset, and begin a new log."""
        before = Randomness(self.env).states() if seed is None else None
        observation, info = self.env.reset(seed=seed, options=options)
        self._reset = {"seed": seed, "options": options, "before": before}
        self._actions, self._seen, self.over = [], observation, False
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and note the action."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._actions.append(np.array(action) if isinstance(action, np.ndarray) else action)
        self._seen, self.over = observation, bool(terminated or truncated)
        return observation, reward, terminated, truncated, info

    @property
    def played(self) -> PlayedEpisode | None:
        """The episode so far; None before the first reset."""
        if self._reset is None:
            return None
        return PlayedEpisode(actions=tuple(self._actions), observation=self._seen, **self._reset)


def find_log(env: gymnasium.Env[Any, Any]) -> EpisodeLog | None:
    """The log around an environment, outside of all wrappers that do something; None where there is none."""
    for layer in layers_of(env):
        if isinstance(layer, EpisodeLog):
            return layer
        if full_name(layer) not in LOOKING_ON:
            return None
    return None

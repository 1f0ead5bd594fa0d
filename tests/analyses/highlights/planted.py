"""An environment that plays given observations, and a policy whose Q values are the first numbers of what it sees."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from torch import nn

from workbench.policies import ModulePolicy, PolicyOutput
from workbench.recording import Recording, record

ACTIONS = 3


class Played(gymnasium.Env[Any, Any]):
    """Episode k shows the k-th of the given lists of observations; it is told k by its seed."""

    action_space = spaces.Discrete(ACTIONS)

    def __init__(self, episodes: Sequence[npt.NDArray[np.float32]]) -> None:
        self.episodes = episodes
        self.observation_space = spaces.Box(-np.inf, np.inf, episodes[0].shape[1:], np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        assert seed is not None
        self.shown, self.t = self.episodes[seed], 0
        return self.shown[0], {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        over = self.t == len(self.shown)
        return self.shown[min(self.t, len(self.shown) - 1)], 1.0, over, False, {}


def play(out: Path, episodes: Sequence[npt.NDArray[np.float32]], *, environments: int = 2) -> Recording:
    """Record them, by an agent with Q values (and the largest of them as its value)."""

    def forward(module: nn.Module, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        q_values = module(inputs)[:, :ACTIONS]
        return PolicyOutput(q_values=q_values, value=q_values.max(dim=1).values)

    space = Played(episodes).observation_space
    policy = ModulePolicy(nn.Flatten(), space, Played.action_space, forward=forward)
    return record(policy, lambda: Played(episodes), out=out, episodes=len(episodes), environments=environments)


def random_episodes(seed: int, lengths: Sequence[int], numbers: int = 5) -> list[npt.NDArray[np.float32]]:
    """Episodes of standard normal numbers."""
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(length, numbers)).astype(np.float32) for length in lengths]

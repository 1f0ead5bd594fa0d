"""A small game environment and a small network, to record searches with."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from torch import nn

from envs.games import connect_four
from workbench.policies.types import PolicyOutput
from workbench.search import SearchSettings
from workbench.search.policy import SearchPolicy

GAME = connect_four(4, 5)


class Playing(gymnasium.Env[Any, Any]):
    """Connect Four where each step is the move of whoever is to move."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}
    game = GAME

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Box(0, 1, GAME.observation_shape, np.float32)
        self.action_space = gymnasium.spaces.Discrete(GAME.actions)
        self.position = GAME.start()

    def _seen(self) -> Any:
        seen = np.zeros((1, *GAME.observation_shape), np.float32)
        GAME.observe(self.position[None], seen)
        return seen[0]

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.position = GAME.start()
        for _ in range(int(self.np_random.integers(4))):
            self._play(int(self.np_random.integers(GAME.actions)))
        return self._seen(), {}

    def _play(self, action: int) -> Any:
        after, one = np.zeros((1, 2), np.uint64), (np.zeros((1, 5), bool), np.zeros(1, np.uint8))
        outcome = np.zeros(1, np.float32)
        GAME.play(self.position[None], np.array([action], np.int16), after, *one, outcome, np.zeros(1, np.int8))
        self.position = after[0]
        return bool(one[1][0]), float(outcome[0])

    def step(self, action: Any) -> Any:
        over, outcome = self._play(int(action))
        return self._seen(), -outcome if over else 0.0, over, False, {}


class Network(nn.Module):
    """Policy and value of a board."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(40, 32), nn.ReLU())
        self.moves, self.worth = nn.Linear(32, 5), nn.Linear(32, 1)

    def policy_output(self, inputs: Any, _state: Any, _starts: Any) -> PolicyOutput:
        seen = self.body(inputs)
        return PolicyOutput(logits=self.moves(seen), value=torch.tanh(self.worth(seen)).squeeze(-1))


def searching_policy(**settings: Any) -> SearchPolicy:
    """An untrained network that searches."""
    from workbench.policies.module_policy import module_policy

    torch.manual_seed(3)
    return SearchPolicy(module_policy(Network(), Playing()), SearchSettings(**({"simulations": 40} | settings)))


gymnasium.register(id="Playing-v0", entry_point="tests.search.playing:Playing")


def planner(_environment: Any) -> SearchPolicy:
    """The same by name: `tests.search.playing:planner`."""
    return searching_policy(simulations=120, noise=0.25)

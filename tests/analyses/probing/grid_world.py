"""A token on a grid, and a policy whose layers hold its square where it is, beside it, or not at all."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from workbench.policies import ModulePolicy, PolicyOutput
from workbench.recording import Recording, record

SIDE, STEPS = 6, 12
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))


class TokenWalk(gymnasium.Env[Any, Any]):
    """Plane 0 shows the token, plane 1 the goal's row and column crossing, plane 2 noise; it moves as it is told."""

    observation_space = spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)
    action_space = spaces.Discrete(4)
    metadata = {"render_modes": [], "action_names": ("up", "right", "down", "left")}  # noqa: RUF012

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.token, self.goal = (self.np_random.integers(SIDE, size=2).astype(np.int16) for _ in range(2))
        self.walls, self.t = self.np_random.random((SIDE, SIDE)) < 0.3, 0
        return self._seen(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.token = np.clip(self.token + np.array(MOVES[int(action)]), 0, SIDE - 1).astype(np.int16)
        self.t += 1
        there = bool((self.token == self.goal).all())
        return self._seen(), float(there), there, self.t >= STEPS, self._info()

    def _seen(self) -> Any:
        picture = np.zeros((SIDE, SIDE, 3), np.uint8)
        picture[self.token[0], self.token[1], 0] = 255
        picture[self.goal[0], self.goal[1], 1] = 255
        picture[:, :, 2] = np.random.default_rng(self.t + 100 * int(self.walls.sum())).integers(256, size=(SIDE, SIDE))
        return picture

    def _info(self) -> dict[str, Any]:
        return {"truth": {"token": self.token.copy(), "goal": self.goal.copy(), "walls": self.walls.copy()}}


class Walker(nn.Module):
    """Goes to the goal's row, then to its column: `wish` holds the move that is made, `echo` the same for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Conv2d(3, 3, 1, bias=False)
        self.beside = nn.Conv2d(3, 2, 3, padding=1, bias=False)
        self.noise = nn.Conv2d(3, 2, 1, bias=False)
        self.wish, self.echo = nn.Identity(), nn.Identity()
        with torch.no_grad():
            self.places.weight.copy_(torch.eye(3).reshape(3, 3, 1, 1))
            for conv in (self.beside, self.noise):
                conv.weight.zero_()
            # What stands left of a square shows up on it.
            self.beside.weight[0, 0, 1, 0] = 1
            self.noise.weight[0, 2] = self.noise.weight[1, 2] = 1

    def forward(self, x: Tensor) -> Tensor:
        held = self.places(x)
        self.beside(x)
        self.noise(x)
        row, column = ((held[:, 0].sum(dim=3 - axis) * torch.arange(float(SIDE))).sum(dim=1) for axis in (1, 2))
        goal_row, goal_column = (
            (held[:, 1].sum(dim=3 - axis) * torch.arange(float(SIDE))).sum(dim=1) for axis in (1, 2)
        )
        up, right = row - goal_row, goal_column - column
        same_row = (up.abs() < 0.5).float()
        wish = torch.stack([up, right * same_row, -up, -right * same_row], dim=1)
        wish = nn.functional.one_hot(wish.argmax(dim=1), 4).float() * self.places.weight[0, 0, 0, 0]
        self.echo(wish)
        return 4 * self.wish(wish)


def walker() -> ModulePolicy:
    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        return PolicyOutput(logits=module(inputs))

    def preprocess(observations: Any) -> Tensor:
        return torch.as_tensor(np.asarray(observations)).permute(0, 3, 1, 2).float() / 255

    return ModulePolicy(
        Walker(), TokenWalk.observation_space, TokenWalk.action_space, forward=forward, preprocess=preprocess
    )


gymnasium.register("TokenWalk-v0", entry_point=TokenWalk)


def record_walks(out: Path, *, episodes: int = 24, seed: int = 0) -> Recording:
    return record(walker(), "TokenWalk-v0", out=out, episodes=episodes, seed=seed, environments=4)

"""A policy whose layers are made of known parts: sparse sums of directions, copies of units, filters of a picture."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from workbench.policies import ModulePolicy, PolicyOutput
from workbench.recording import Recording, record

CAUSES, WIDTH, STEPS, SIDE = 12, 10, 40, 9
POSITIVE = 6


class SparseCauses(gymnasium.Env[Any, Any]):
    """Twelve numbers, of which one of the first six and one of the others is above 0; the reward is for action 1 where
    the first is.
    """

    observation_space = spaces.Box(0, 3, (CAUSES,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t = 0
        return self._seen(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        reward = float(action == (self.causes[0] > 0))
        self.t += 1
        return self._seen(), reward, self.t == STEPS, False, self._info()

    def _seen(self) -> Any:
        self.causes = np.zeros(CAUSES, np.float32)
        for half in (0, POSITIVE):
            self.causes[half + self.np_random.integers(POSITIVE)] = self.np_random.uniform(0.5, 2)
        return self.causes

    def _info(self) -> dict[str, Any]:
        return {"truth": {"first": int(self.causes[0] > 0), "second": float(self.causes[1])}}


class Formula(nn.Module):
    """A layer that is one formula."""

    def __init__(self, formula: Any) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, x: Tensor) -> Tensor:
        return self.formula(x)


def atoms(*, positive: bool) -> Tensor:
    """`[6 or 12, 10]` of length 1."""
    generator = np.random.default_rng(1 if positive else 2)
    drawn = generator.gamma(0.4, 1, (POSITIVE, WIDTH)) if positive else generator.normal(size=(CAUSES, WIDTH))
    return torch.as_tensor(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=torch.float32)


class Planted(nn.Module):
    """Its layers hold: sums of two of six non-negative directions; of two of twelve in ten dimensions; copies of units;
    nothing that changes; numbers that are none.
    """

    def __init__(self) -> None:
        super().__init__()
        first, every = atoms(positive=True), atoms(positive=False)
        self.weight = nn.Parameter(torch.tensor([1.0, 1.5]))
        self.positive = Formula(lambda x: (x[:, :POSITIVE] + x[:, POSITIVE:]) @ first)
        self.signed = Formula(lambda x: x @ every)
        # Two copies, their sum with another, one that stands alone, one that is dead, one that is at its bound.
        self.units = Formula(
            lambda x: torch.stack(
                [x[:, 0], x[:, 0], 2 * x[:, 6] + x[:, 1], x[:, 8], 0 * x[:, 0], x[:, 6], x[:, 1]], dim=1
            )
        )
        self.squashed = nn.Tanh()
        self.constant = Formula(lambda x: torch.full((len(x), 3), 2.5))
        self.broken = Formula(lambda x: torch.where(x[:, :2] > 1.9, torch.nan, x[:, :2]))
        self.head = Formula(lambda x: torch.stack([torch.full((len(x),), 0.25), x[:, 0]], dim=1))


def planted_policy() -> ModulePolicy:
    torch.manual_seed(0)

    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        module.positive(inputs)
        module.signed(inputs)
        module.constant(inputs)
        module.broken(inputs)
        module.squashed(
            inputs * torch.tensor([9.0, *[0.3] * (CAUSES - 1)]) + torch.tensor([9.0, *[0.0] * (CAUSES - 1)])
        )
        return PolicyOutput(logits=module.head(module.units(inputs)))

    return ModulePolicy(Planted(), SparseCauses.observation_space, SparseCauses.action_space, forward=forward)


def record_planted(out: Path, *, episodes: int = 30, seed: int = 0) -> Recording:
    return record(
        planted_policy(), SparseCauses, out=out, episodes=episodes, seed=seed, deterministic=True, environments=4
    )


class Pictures(gymnasium.Env[Any, Any]):
    """Noise, 9 by 9, that is darker than grey."""

    observation_space = spaces.Box(0, 255, (SIDE, SIDE), np.uint8)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t = 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        return self._seen(), float(action), self.t == 10, False, {}

    def _seen(self) -> Any:
        return self.np_random.integers(0, 120, (SIDE, SIDE), dtype=np.uint8)


FILTERS = torch.tensor(
    [
        [[1.0, 0, -1], [2, 0, -2], [1, 0, -1]],
        [[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]],
        [[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]],
    ]
)
"""`[3, 3, 3]`: two edges and a spot; each sums to 0."""


class Seeing(nn.Module):
    """One convolution with known filters."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, len(FILTERS), 3, bias=False)
        self.rectified = nn.ReLU()
        self.head = nn.Linear(len(FILTERS), 2)
        with torch.no_grad():
            self.convolution.weight.copy_(FILTERS.unsqueeze(1))


def seeing_policy() -> ModulePolicy:
    torch.manual_seed(0)

    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        image = inputs.reshape(len(inputs), 1, SIDE, SIDE)
        maps = module.rectified(module.convolution(image))
        return PolicyOutput(logits=module.head(maps.mean(dim=(2, 3))))

    return ModulePolicy(
        Seeing(), Pictures.observation_space, Pictures.action_space, forward=forward,
        preprocess=lambda raw: torch.as_tensor(np.asarray(raw, np.float32) / 255),
    )  # fmt: skip


def record_seeing(out: Path, *, episodes: int = 10) -> Recording:
    return record(seeing_policy(), Pictures, out=out, episodes=episodes, seed=0, environments=2)

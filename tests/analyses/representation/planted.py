"""A policy whose layers hold points of known shape: a flat and a bent sheet, a turned copy, groups that are gone
through in a fixed order, noise, and what cannot be mapped.
"""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from workbench.policies import ModulePolicy, PolicyOutput
from workbench.recording import Recording, record

STEPS = 40
GROUPS = 3
WIDE = 1_500


class GoingRound(gymnasium.Env[Any, Any]):
    """Four uniform numbers, and a group that is stayed in for some steps and left for the next one of three."""

    observation_space = spaces.Box(-10, 10, (5,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t, self.group = 0, int(self.np_random.integers(GROUPS))
        return self._seen(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        if self.np_random.random() < 0.25:
            self.group = (self.group + 1) % GROUPS
        return self._seen(), float(self.group == 0), self.t == STEPS, False, self._info()

    def _seen(self) -> Any:
        return np.append(self.np_random.uniform(-1, 1, 4), self.group).astype(np.float32)

    def _info(self) -> dict[str, Any]:
        return {"truth": {"group": self.group}}


class Computes(nn.Module):
    def __init__(self, formula: Any) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, x: Tensor) -> Tensor:
        return self.formula(x)


class Shapes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        turn = torch.linalg.qr(torch.randn(8, 8, generator=generator))[0]
        wide = torch.linalg.qr(torch.randn(WIDE, 4, generator=generator))[0] * torch.tensor([4.0, 3.0, 2.0, 1.0])
        places = torch.tensor([[0.0, 0, 0], [8, 0, 0], [0, 8, 0]])
        self.sheet = Computes(lambda x: x[:, :2] @ turn[:2])
        self.bent = Computes(lambda x: torch.stack([x[:, 0].mul(3).sin(), x[:, 0].mul(3).cos(), 3 * x[:, 1]], dim=1))
        self.cloud = Computes(lambda x: x[:, :4] * torch.tensor([4.0, 3.0, 2.0, 1.0]))
        self.turned = Computes(lambda x: 7 * (x[:, :4] * torch.tensor([4.0, 3.0, 2.0, 1.0])) @ turn[:4] + 100)
        self.wide = Computes(lambda x: x[:, :4] @ wide.T)
        self.groups = Computes(lambda x: places[x[:, 4].long()] + x[:, :3])
        self.constant = Computes(lambda x: torch.ones(len(x), 3))
        self.broken = Computes(lambda x: torch.where(x[:, :2] > 0.9, torch.nan, x[:, :2]))
        self.linear = nn.Linear(5, 6)
        self.head = nn.Linear(6, 2)


LAYERS = ("sheet", "bent", "cloud", "turned", "wide", "groups", "constant", "broken")


def shapes_policy(seed: int = 0) -> ModulePolicy:
    torch.manual_seed(seed)

    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        for layer in LAYERS:
            getattr(module, layer)(inputs)
        return PolicyOutput(logits=module.head(module.linear(inputs)), value=inputs[:, 0])

    return ModulePolicy(Shapes(), GoingRound.observation_space, GoingRound.action_space, forward=forward)


def record_shapes(out: Path, *, episodes: int, seed: int = 0) -> Recording:
    return record(
        shapes_policy(), GoingRound, out=out, episodes=episodes, seed=seed, deterministic=False, environments=4
    )

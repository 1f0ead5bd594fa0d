"""Model organisms of saliency: policies that are one formula, so that what each decision rests on is known.

Each has an environment that shows it random observations, and a function that says, of a batch of what enters the
network, which of its numbers the first action's log-odds depend on.

Axis legend: n rows of one batch, A actions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from workbench.policies import ModulePolicy, PolicyOutput

ACTIONS = spaces.Discrete(3)
NUMBERS = spaces.Box(-1.0, 1.0, (12,), np.float32)
PICTURE = spaces.Box(0, 255, (3, 40, 40), np.uint8)
PATCH = (slice(8, 16), slice(24, 32))
"""Rows and columns of the pixels that decide, where one patch does."""


class Shown(gymnasium.Env[Any, Any]):
    """Observations are drawn from their space, whatever is done; episodes last ten steps."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any] = ACTIONS) -> None:
        self.observation_space = observation_space
        self.action_space = action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin to draw anew."""
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self._left = 10
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Draw."""
        self._left -= 1
        return self.observation_space.sample(), 0.0, self._left <= 0, False, {}


@dataclass(frozen=True, kw_only=True)
class Organism:
    """A planted policy and its truth."""

    name: str
    words: str
    observation_space: spaces.Space[Any]
    formula: Callable[[Tensor], Tensor]
    """From what enters the network `[n, ...]` to the first action's logit `[n]`; the others' are 0."""
    relevant: Callable[[Tensor], Tensor]
    """Which of the numbers it depends on there, bool `[n, ...]`."""

    def policy(self) -> ModulePolicy:
        """The policy."""
        network = _Formula(self.formula)
        return ModulePolicy(network, self.observation_space, ACTIONS, forward=_forward, name=f"planted {self.name}")

    def environment(self) -> Shown:
        """Where it is shown observations."""
        return Shown(self.observation_space)


class _Formula(nn.Module):
    def __init__(self, formula: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.formula = formula
        self.scale = nn.Parameter(torch.ones(()))


def _forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
    first = module.formula(inputs) * module.scale
    return PolicyOutput(logits=torch.stack([first, 0 * first, 0 * first], dim=1), value=first)


def _these(*places: int) -> Callable[[Tensor], Tensor]:
    def relevant(x: Tensor) -> Tensor:
        found = torch.zeros_like(x, dtype=torch.bool)
        found[:, list(places)] = True
        return found

    return relevant


def _gated(x: Tensor) -> Tensor:
    found = torch.zeros_like(x, dtype=torch.bool)
    found[:, 0] = True
    found[:, 1] = x[:, 0] > 0
    found[:, 2] = x[:, 0] <= 0
    return found


def _patch(x: Tensor) -> Tensor:
    found = torch.zeros_like(x, dtype=torch.bool)
    found[:, :, PATCH[0], PATCH[1]] = True
    return found


def _two_patches(x: Tensor) -> Tensor:
    found = _patch(x)
    found[:, :, 24:32, 8:16] = True
    return found


def _brightness(x: Tensor, rows: slice, columns: slice) -> Tensor:
    """Of a patch, about zero for noise."""
    return (x[:, :, rows, columns].mean(dim=(1, 2, 3)) / 255 - 0.5) * 40


ORGANISMS: tuple[Organism, ...] = (
    Organism(name="sum", words="4 x₀ − 2 x₁ + x₂ of twelve numbers", observation_space=NUMBERS,
             formula=lambda x: 4 * x[:, 0] - 2 * x[:, 1] + x[:, 2], relevant=_these(0, 1, 2)),
    Organism(name="product", words="6 x₀ x₁ of twelve numbers: neither matters without the other",
             observation_space=NUMBERS, formula=lambda x: 6 * x[:, 0] * x[:, 1], relevant=_these(0, 1)),
    Organism(name="gate", words="3 x₁ where x₀ > 0, else 3 x₂: what matters differs from step to step",
             observation_space=NUMBERS,
             formula=lambda x: 3 * torch.where(x[:, 0] > 0, x[:, 1], x[:, 2]) + 0.2 * x[:, 0], relevant=_gated),
    Organism(name="saturated", words="12 tanh(6 x₀) + x₁: flat where it matters most", observation_space=NUMBERS,
             formula=lambda x: 12 * torch.tanh(6 * x[:, 0]) + x[:, 1], relevant=_these(0, 1)),
    Organism(name="patch", words="the brightness of one patch of 8 × 8 pixels in 40 × 40 of noise",
             observation_space=PICTURE, formula=lambda x: _brightness(x, *PATCH), relevant=_patch),
    Organism(name="two patches", words="the brighter of two patches", observation_space=PICTURE,
             formula=lambda x: torch.maximum(_brightness(x, *PATCH),
                                             _brightness(x, slice(24, 32), slice(8, 16))) + 0.1
             * (_brightness(x, *PATCH) + _brightness(x, slice(24, 32), slice(8, 16))), relevant=_two_patches),
)  # fmt: skip

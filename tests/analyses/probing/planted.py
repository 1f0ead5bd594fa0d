"""A policy whose layers hold known functions of what it sees, in an environment that gives random numbers."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from workbench.policies import ModulePolicy, PolicyOutput
from workbench.recording import Recording, record

NUMBERS, STEPS = 6, 30


class RandomNumbers(gymnasium.Env[Any, Any]):
    """Six independent standard normal numbers at each step; the last is drawn once an episode."""

    observation_space = spaces.Box(-np.inf, np.inf, (NUMBERS,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t, self.constant = 0, self.np_random.normal()
        return self._seen(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        return self._seen(), float(action), self.t == STEPS, False, self._info()

    def _seen(self) -> Any:
        self.numbers = self.np_random.normal(size=NUMBERS).astype(np.float32)
        self.numbers[-1] = self.constant
        return self.numbers

    def _info(self) -> dict[str, Any]:
        # A label that is the same all through an episode, and has nothing to do with anything that is seen.
        return {"truth": {"coin": int(np.random.default_rng(int(abs(self.constant) * 1e6)).integers(2))}}


class Repeating(RandomNumbers):
    """The same few episodes again and again, whatever the seed."""

    def __init__(self, different: int = 4) -> None:
        self.different, self.begun = different, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.begun += 1
        return super().reset(seed=self.begun % self.different)


class Computes(nn.Module):
    """A layer that is one formula."""

    def __init__(self, formula: Any) -> None:
        super().__init__()
        self.formula = formula
        self.scale = nn.Parameter(torch.tensor([1.0, 1.5]))

    def forward(self, x: Tensor) -> Tensor:
        return self.formula(x) * self.scale[0]


class Product(nn.Module):
    """The product of the first two numbers, which its weights pick, and the next two as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.picks = nn.Parameter(torch.eye(2, NUMBERS))

    def forward(self, x: Tensor) -> Tensor:
        first, second = (x @ self.picks.T).T
        return torch.stack([first * second, x[:, 2], x[:, 3] + 5], dim=1)


class Knowing(nn.Module):
    """Its layers hold: all numbers, mixed; the product of two; two of them apart; nothing of these."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        mix = torch.linalg.qr(torch.randn(NUMBERS, NUMBERS, generator=generator))[0]
        self.mixed = Computes(lambda x: x @ mix)
        self.product = Product()
        self.apart = Computes(lambda x: torch.stack([x[:, 0], x[:, 1], x[:, 0] - x[:, 1]], dim=1))
        self.other = Computes(lambda x: torch.stack([x[:, 2], x[:, 3], x[:, 4], x[:, 5]], dim=1))
        self.head = nn.Linear(3, 2)


def knowing_policy() -> ModulePolicy:
    torch.manual_seed(0)

    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        module.mixed(inputs)
        module.apart(inputs)
        module.other(inputs)
        return PolicyOutput(logits=module.head(module.product(inputs)))

    return ModulePolicy(Knowing(), RandomNumbers.observation_space, RandomNumbers.action_space, forward=forward)


def record_knowing(out: Path, *, episodes: int, seed: int = 0) -> Recording:
    return record(
        knowing_policy(), RandomNumbers, out=out, episodes=episodes, seed=seed, deterministic=False, environments=4
    )

"""A policy of four layers, in which what each has of one concept, the sign of the first number, is known."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from tests.analyses.probing.planted import RandomNumbers
from workbench.policies import ModulePolicy, PolicyOutput
from workbench.recording import Recording, record

NUMBERS, UNITS = 12, 10
CONCEPT = "observation[0] > 0"
CASES = {
    "used": "held linearly and used",
    "unused": "held linearly, no use shown",
    "crossed": "held, but not linearly",
    "absent": "not held, as far as these probes can read",
}
"""By layer, what the library is to say."""


class ManyNumbers(RandomNumbers):
    """Twelve independent standard normal numbers at each step."""

    observation_space = spaces.Box(-np.inf, np.inf, (NUMBERS,), np.float32)

    def _seen(self) -> Any:
        self.numbers = self.np_random.normal(size=NUMBERS).astype(np.float32)
        return self.numbers


class Mixes(nn.Module):
    """Some numbers, spread over the units by a random rotation: no unit is one of them."""

    def __init__(self, generator: torch.Generator, numbers: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(UNITS, UNITS, generator=generator))[0]
        self.rotation = nn.Parameter(rotation[:numbers].clone())

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.rotation


class FourCases(nn.Module):
    """Two layers hold the first number along a direction, of which the head reads one; in a third its sign is that of
    the product of two numbers; the fourth has nothing of it.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.used, self.unused, self.absent = (Mixes(generator, UNITS) for _ in range(3))
        self.crossed = Mixes(generator, 4)
        self.head, self.other_head = nn.Linear(UNITS, 2), nn.Linear(UNITS, 2)
        with torch.no_grad():
            for head, layer, read in ((self.head, self.used, 0), (self.other_head, self.unused, 1)):
                head.bias.zero_()
                # What the rotation made of the number that is read.
                head.weight[0] = layer.rotation[read]
                head.weight[1] = -layer.rotation[read]

    def forward(self, x: Tensor) -> Tensor:
        flipped = torch.sign(x[:, 1])
        self.crossed(torch.stack([x[:, 0] * flipped, flipped * (1 + x[:, 2].abs()), x[:, 3], x[:, 4]], dim=1))
        self.absent(x[:, 1 : UNITS + 1])
        return self.head(self.used(x[:, :UNITS])) + self.other_head(self.unused(x[:, :UNITS]))


def four_cases_policy(seed: int) -> ModulePolicy:
    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        return PolicyOutput(logits=module(inputs))

    return ModulePolicy(FourCases(seed), ManyNumbers.observation_space, ManyNumbers.action_space, forward=forward)


def record_four_cases(out: Path, seed: int, *, episodes: int = 24) -> tuple[Recording, ModulePolicy]:
    policy = four_cases_policy(seed)
    made = record(
        policy, ManyNumbers, out=out, episodes=episodes, seed=1_000 * seed, deterministic=False, environments=8
    )
    return made, policy

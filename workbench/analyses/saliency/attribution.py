"""What every saliency method gives, and what it is given.

Axis legend: S decisions that are explained.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor

from workbench.analyses.decisions import Values
from workbench.analyses.saliency.baselines import Background, baseline_values
from workbench.analyses.saliency.question import Question
from workbench.analyses.saliency.regions import Regions
from workbench.progress import Progress, SilentProgress


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a method may need besides the question."""

    background: Background
    baseline: str
    """A name of the table of baselines."""
    regions: Regions
    """What is taken away as a whole."""
    seed: int = 0
    objects: Regions | None = None
    """Where the environment names its objects, which numbers of the observation belong to each."""
    progress: Progress = field(default_factory=SilentProgress)
    options: Mapping[str, Any] = field(default_factory=dict)
    """What was asked for of this method by name: its hyperparameters."""

    def baseline_values(self, question: Question) -> Values:
        """What stands for "nothing there", `[S, ...]` by key."""
        return baseline_values(self.baseline, question, self.background, self.seed)


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """One method's answer, in the layout of what stands at the site."""

    values: Values
    """Attribution of each number, `[S, ...]` by key, in the target's unit unless the method says otherwise."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the method found out besides, by name: a number for all, or `[S]` tensors."""


MethodFunction: TypeAlias = Callable[[Question, Setting], Attribution]


def seed_of(seed: int, row: int) -> int:
    """A seed for one decision: what is drawn for it does not depend on which others are explained."""
    return (seed * 1_000_003 + row) % 2**63


def repeat(index: Tensor, times: int) -> Tensor:
    """Each number so many times in a row."""
    return torch.repeat_interleave(index, times)

"""The steps that a probe which goes over steps is made from: a bounded number, drawn by whole episodes.

Axis legend:
    n  steps that are drawn
    D  numbers a step
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.features import Features
from workbench.analyses.probing.folds import Folds

MOST_STEPS = 10_000
"""Of all folds together; whatever goes over steps holds them in memory."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Some steps with what is read of them."""

    rows: npt.NDArray[np.int64]
    """`[n]`, of `recording.steps`, in order."""
    x: Tensor
    """`[n, D]` float32."""
    fold_of: npt.NDArray[np.int8]
    """`[n]`."""
    episode_of: npt.NDArray[np.int32]
    """`[n]`."""

    def places(self, concept: Concept, folds: Sequence[int]) -> npt.NDArray[np.int64]:
        """Which of the n steps are of some folds and have the concept defined."""
        values = concept.values[self.rows]
        there = np.isfinite(values) if concept.is_number else values >= 0
        return np.flatnonzero(there & np.isin(self.fold_of, list(folds)))

    def columns(self, concept: Concept, places: npt.NDArray[np.int64]) -> Tensor:
        """The concept at some of the n steps: class numbers (int64), or numbers (float64)."""
        values = concept.values[self.rows[places]]
        return torch.as_tensor(values.astype(np.float64 if concept.is_number else np.int64))


def draw_episodes(folds: Folds, most_steps: int, *, seed: int = 0) -> npt.NDArray[np.int64]:
    """Rows of about so many steps: whole episodes at random, as many steps of each fold.

    Of an episode that is longer than a fold's share alone, steps at equal distances are taken.

    Args:
        folds: Of the steps.
        most_steps: At most so many rows.
        seed: Of the draw.

    Returns:
        `[n]`, in order; all rows where there are no more.
    """
    if len(folds.of_step) <= most_steps:
        return np.arange(len(folds.of_step))
    lengths = np.bincount(folds.episode_of_step, minlength=folds.episodes)
    order = np.random.default_rng(seed).permutation(folds.episodes)
    share = most_steps // folds.count
    chosen, thinned = np.zeros(folds.episodes, bool), []
    for fold in range(folds.count):
        mine = order[folds.of_episode[order] == fold]
        if lengths[mine[0]] > share:
            rows = np.flatnonzero(folds.episode_of_step == mine[0])
            thinned.append(rows[np.linspace(0, len(rows) - 1, share).astype(np.int64)])
            continue
        filled = 0
        for episode in mine:
            if filled + lengths[episode] <= share:
                chosen[episode] = True
                filled += int(lengths[episode])
    return np.sort(np.concatenate([np.flatnonzero(chosen[folds.episode_of_step]), *thinned]))


def read_sample(features: Features, folds: Folds, rows: npt.NDArray[np.int64]) -> Sample:
    """Read some steps of the features, block by block.

    Args:
        features: What is read.
        folds: Of the recording's steps.
        rows: `[n]`, in order.
    """
    x = torch.empty(len(rows), features.width, dtype=torch.float32)
    for block, values in features.read():
        first, last = np.searchsorted(rows, [block.start, block.stop])
        if first < last:
            x[first:last] = values[torch.as_tensor(rows[first:last] - block.start)].float()
    return Sample(rows=rows, x=x, fold_of=folds.of_step[rows], episode_of=folds.episode_of_step[rows])

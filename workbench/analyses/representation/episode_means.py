"""Means over steps with intervals over episodes, of many numbers at once.

Axis legend:
    G  groups of whole episodes: one episode each, or several where there are more than `MOST_GROUPS`
    B  bootstrap draws
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import FEWEST_EPISODES
from workbench.analyses.probing.scores import Interval, bootstrap_weights, interval
from workbench.recording.beta_distribution import student_quantile

FloatArray = npt.NDArray[np.float64]

MOST_GROUPS = 256
"""Sums are kept by so many groups at most, so that memory does not grow with the recording."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """Means with 95 % intervals over episodes; NaN where there are fewer than five, or nothing to take a mean of."""

    mean: FloatArray
    low: FloatArray
    high: FloatArray

    def __post_init__(self) -> None:
        for array in (self.mean, self.low, self.high):
            array.setflags(write=False)


def group_episodes(episode_of_step: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The group of each step, 0 to G − 1."""
    return np.asarray(episode_of_step % MOST_GROUPS, np.int32)


def means_over_groups(sums: FloatArray, counts: FloatArray) -> Means:
    """Means by the ratio estimator of cluster samples (Cochran, 1977, chapter 11; see `intervals.estimate`).

    Args:
        sums: `[G, ...]`, of the numbers of each group.
        counts: How many these are: of the same shape, or of its first axes where the others do not matter.
    """
    sizes = np.broadcast_to(counts.reshape(*counts.shape, *(1,) * (sums.ndim - counts.ndim)), sums.shape)
    total = sizes.sum(axis=0)
    there = (sizes > 0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(total > 0, sums.sum(axis=0) / total, np.nan)
        spread = ((sums - mean * sizes) ** 2).sum(axis=0)
        error = np.sqrt(there / np.maximum(there - 1, 1) * spread) / total
    quantiles = np.array(
        [np.nan if n < FEWEST_EPISODES else student_quantile(0.95, int(n) - 1) for n in range(int(there.max()) + 1)]
    )
    half = quantiles[there] * error
    return Means(mean=mean, low=mean - half, high=mean + half)


def explained_share(
    errors: FloatArray, totals: FloatArray, others: FloatArray | None = None, *, seed: int = 0
) -> Interval:
    """1 − Σ errors / Σ totals, with its bootstrap interval over groups; without one where there are fewer than five.

    Args:
        errors: `[G]`, squared errors.
        totals: `[G]`, squared distances from the mean; groups of 0 are left out.
        others: `[G]`, squared errors of another account: how much more the first explains, paired.
        seed: Of the bootstrap.
    """
    there = totals > 0
    total = totals[there]
    kept = (total if others is None else others[there]) - errors[there]
    value = float(kept.sum() / total.sum()) if there.any() else float("nan")
    if there.sum() < FEWEST_EPISODES:
        return Interval(value=value, low=float("nan"), high=float("nan"))
    weights = bootstrap_weights(len(total), seed=seed)
    return interval(value, (weights @ kept) / (weights @ total))

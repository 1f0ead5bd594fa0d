"""Means with intervals, and rank correlations: what an evidence is stated in.

Steps of one episode resemble each other, so intervals go by how much whole episodes differ.

Axis legend: S decisions, G regions.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.recording.beta_distribution import student_quantile

FloatArray = npt.NDArray[np.float64]

FEWEST_EPISODES = 5
"""Of fewer, nothing can be said of others."""
ALIKE = 1e-9
"""Numbers that differ by less than this share of the largest are the same but for rounding."""
STUDENT = "Student's t"
CLIPPED = "Student's t, cut off where no mean can lie"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over decisions, and how sure it is."""

    mean: float
    low: float | None
    """Lower end of the 95 % interval; None where there are fewer than 5 episodes, or all numbers or all episodes are
    alike: they tell nothing of others."""
    high: float | None
    steps: int
    """n: numbers that the mean is taken over; those that are not defined (NaN) are left out."""
    episodes: int
    """Episodes that they come from."""
    method: str = STUDENT
    """Of the interval."""

    def above(self, level: float) -> bool:
        """Whether the whole interval lies above a level; False where there is no interval."""
        return self.low is not None and self.low > level

    def __str__(self) -> str:
        """For people: "0.42 (95 % interval 0.31 to 0.50; 40 steps of 8 episodes)"."""
        counts = (
            f"{self.steps:,} step{'s' * (self.steps != 1)} of {self.episodes:,} episode{'s' * (self.episodes != 1)}"
        )
        if self.low is None or self.high is None:
            return f"{self.mean:.3g} ({counts}; no interval)".replace("-", "−")
        return f"{self.mean:.3g} (95 % interval {self.low:.3g} to {self.high:.3g}; {counts})".replace("-", "−")


def estimate(
    numbers: npt.ArrayLike, episodes: npt.ArrayLike, *, lowest: float = -np.inf, highest: float = np.inf
) -> Estimate:
    """The mean of `[S]` numbers with a 95 % interval by Student's t over episodes.

    The mean is the ratio of two sums over E episodes, of their numbers and of how many these are; its standard error is
    √(E/(E − 1) · Σ (sum − mean · count)²) ÷ S (the ratio estimator of cluster samples; Cochran 1977, chapter 11), and
    the interval is mean ± t(E − 1) times that. Where numbers have bounds (absolute values 0, shares 0 and 1), the
    interval is cut off there: no mean lies beyond, so that it covers no less often.

    Args:
        numbers: `[S]`; NaN where a number is not defined.
        episodes: `[S]`, which episode each is of.
        lowest: What no such number can be below.
        highest: What none can be above.
    """
    values, groups = np.asarray(numbers, np.float64), np.asarray(episodes)
    defined = np.isfinite(values)
    values, groups = values[defined], groups[defined]
    if not len(values):
        return Estimate(mean=float("nan"), low=None, high=None, steps=0, episodes=0)
    _, places = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(places, values), np.bincount(places)
    mean, count = float(values.mean()), len(counts)
    if count < FEWEST_EPISODES or np.ptp(values) <= ALIKE * max(1e-300, float(np.abs(values).max())):
        return Estimate(mean=mean, low=None, high=None, steps=len(values), episodes=count)
    residuals = sums - mean * counts
    if np.abs(residuals).max() <= ALIKE * max(1e-300, float(np.abs(sums).max())):
        # Episodes that are copies of one tell nothing of others either.
        return Estimate(mean=mean, low=None, high=None, steps=len(values), episodes=count)
    error = float(np.sqrt(count / (count - 1) * (residuals**2).sum()) / len(values))
    half = student_quantile(0.95, count - 1) * error
    low, high = mean - half, mean + half
    return Estimate(
        mean=mean,
        low=max(low, lowest),
        high=min(high, highest),
        steps=len(values),
        episodes=count,
        method=CLIPPED if low < lowest or high > highest else STUDENT,
    )


def ranks(values: npt.ArrayLike) -> FloatArray:
    """Ranks along the last axis from 0, ties sharing their mean."""
    array = np.asarray(values, np.float64)
    flat = array.reshape(-1, array.shape[-1])
    result = np.empty(flat.shape)
    for row, numbers in enumerate(flat):
        _, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        result[row] = (ends - 0.5 * (counts + 1))[places]
    return result.reshape(array.shape)


def rank_correlation(first: npt.ArrayLike, second: npt.ArrayLike) -> FloatArray:
    """Spearman's ρ along the last axis; NaN where one side is all alike, since then nothing is ranked.

    Args:
        first: `[..., G]`.
        second: `[..., G]`.
    """
    a, b = ranks(first), ranks(second)
    a = a - a.mean(axis=-1, keepdims=True)
    b = b - b.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
        return np.asarray(np.where(size > 0, (a * b).sum(axis=-1) / size, np.nan))

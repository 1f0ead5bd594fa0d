"""The same episodes twice, paired by seed: what is measured of each, with intervals that stay where means can lie.

Of numbers of any size the intervals are Student's t. Where a measure takes two values only (reached the goal or not,
won or lost), the mean is a share in disguise: its interval is that of Clopper and Pearson, and that of the difference
of two paired shares is Newcombe's, which lies within [−1, 1] and does not collapse where nothing changed.

Axis legend: E episodes.
"""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import FEWEST_EPISODES, Estimate, estimate
from workbench.recording.statistics import FEWEST_FOR_TWO_VALUES, OUTCOME_CODES, proportion_interval

CLOPPER_PEARSON = "Clopper–Pearson"
NEWCOMBE = "Newcombe's for paired shares"
NORMAL_95 = 1.959963984540054
"""97.5 % of a standard normal variable lie below it."""


def paired_estimates(
    without: npt.ArrayLike, with_change: npt.ArrayLike, *, share: bool = False, lowest: float = -math.inf
) -> tuple[Estimate, Estimate, Estimate]:
    """Mean without, mean with, and mean difference with − without, each with a 95 % interval over episodes.

    Args:
        without: `[E]`, one number an episode.
        with_change: `[E]`, of the same episodes.
        share: Each is 1 or 0, whether something came about; else that is read off them.
        lowest: What no such number can be below; Student's intervals of the two means are cut off there.
    """
    first, second = np.asarray(without, np.float64), np.asarray(with_change, np.float64)
    groups = np.arange(len(first))
    values = (0.0, 1.0) if share and len(first) else _two_values(first, second)
    if values is None:
        means = [estimate(numbers, groups, lowest=lowest) for numbers in (first, second)]
        return means[0], means[1], estimate(second - first, groups)
    low, high = values
    higher = [numbers > (low + high) / 2 for numbers in (first, second)]
    shares = [_share(numbers, is_high, low, high) for numbers, is_high in zip((first, second), higher, strict=True)]
    difference = estimate(second - first, groups)
    if len(first) >= FEWEST_EPISODES:
        ends = paired_share_interval(*higher)
        difference = replace(difference, low=(high - low) * ends[0], high=(high - low) * ends[1], method=NEWCOMBE)
    return shares[0], shares[1], difference


def _two_values(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """The two values that are all there are, else None: failure and success, or any two of ten episodes or more, where
    one side alone shows both (two constants are no shares).
    """
    distinct = np.unique(np.concatenate([first, second]))
    if len(distinct) != 2 or not np.isfinite(distinct).all():
        return None
    pair = float(distinct[0]), float(distinct[1])
    alone = max(len(np.unique(first)), len(np.unique(second))) == 2
    return pair if pair in OUTCOME_CODES or (alone and len(first) >= FEWEST_FOR_TWO_VALUES) else None


def _share(numbers: npt.NDArray[np.float64], higher: npt.NDArray[np.bool_], low: float, high: float) -> Estimate:
    count = len(numbers)
    ends = proportion_interval(int(higher.sum()), count)
    return Estimate(
        mean=float(numbers.mean()),
        low=low + (high - low) * ends[0],
        high=low + (high - low) * ends[1],
        steps=count,
        episodes=count,
        method=CLOPPER_PEARSON,
    )


def paired_share_interval(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """95 % interval of the difference of two paired shares, second − first.

    Newcombe 1998, Statistics in Medicine 17:2635, method 10: with d = p₂ − p₁, Wilson's intervals [l, u] of either
    share and φ their correlation (with his correction for continuity where it is positive), the ends are
    d − √(a² − 2φab + b²), a = p₂ − l₂, b = u₁ − p₁, and d + √(c² − 2φce + e²), c = u₂ − p₂, e = p₁ − l₁.

    Args:
        first: `[E]`, whether it came about.
        second: `[E]`, the same of the other of each pair.
    """
    count = len(first)
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_second, only_first = int((~first & second).sum()), int((first & ~second).sum())
    shares = (both + only_first) / count, (both + only_second) / count
    (low_1, high_1), (low_2, high_2) = (wilson_interval(share, count) for share in shares)
    product = math.prod((both + only_first, neither + only_second, both + only_second, neither + only_first))
    surplus = float(both * neither - only_first * only_second)
    if surplus > 0:
        surplus = max(surplus - count / 2, 0.0)
    phi = surplus / math.sqrt(product) if product else 0.0
    difference = shares[1] - shares[0]
    a, b, c, e = shares[1] - low_2, high_1 - shares[0], high_2 - shares[1], shares[0] - low_1
    return (
        difference - math.sqrt(max(0.0, a**2 - 2 * phi * a * b + b**2)),
        difference + math.sqrt(max(0.0, c**2 - 2 * phi * c * e + e**2)),
    )


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, JASA 22:209).

    Of a mean of independent numbers from 0 to 1 it is conservative: their variance is at most share · (1 − share).
    """
    z = NORMAL_95
    middle, half = 2 * count * share + z**2, z * math.sqrt(z**2 + 4 * count * share * (1 - share))
    return (middle - half) / (2 * (count + z**2)), (middle + half) / (2 * (count + z**2))

"""Estimates over episodes, with intervals that say no more than the episodes do (docs/decisions/0006).

Axis legend:
    n  episodes, drawn independently of each other
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.recording.beta_distribution import beta_quantile, student_quantile

IntervalMethod: TypeAlias = Literal["student_t", "clopper_pearson", "all_alike", "one_value", "not_finite", "no_value"]
"""How the interval of a mean was had: `student_t`, `clopper_pearson`; or why there is none: `all_alike` (no spread was
seen), `one_value`, `not_finite`, `no_value`."""

OUTCOME_CODES = ((0.0, 1.0), (-1.0, 1.0))
"""Pairs of returns that say failed or succeeded, lost or won, however few episodes there are."""
FEWEST_FOR_TWO_VALUES = 10
"""From so many episodes on, any two values are taken for all the values there are."""
SIGNIFICANT_DIGITS = 12
"""Returns that agree to so many digits of the largest are alike: sums of rewards are rounded."""


@dataclass(frozen=True, kw_only=True)
class MeanEstimate:
    """A mean and what is known of it."""

    mean: float
    """NaN for no value."""
    n: int
    method: IntervalMethod
    interval: tuple[float, float] | None
    """Lower and upper end; None where the values tell none."""
    two_values: tuple[float, float] | None = None
    """For `clopper_pearson`, the lower and the higher of the two values."""
    higher: int = 0
    """For `clopper_pearson`, how many values are the higher one."""
    other_outcome: float | None = None
    """For `all_alike`, how likely an outcome other than the one seen may be, at most."""
    confidence: float = 0.95


def estimate_mean(values: npt.ArrayLike, *, confidence: float = 0.95) -> MeanEstimate:
    """The mean of independent values, with an interval that does not collapse where they are few or alike.

    - All values alike: no interval of the mean follows from them; what follows is `unseen_outcome_bound`.
    - Two values, a < b, being failure and success (`OUTCOME_CODES`) or seen in ten episodes or more: the mean is
      a + (b − a) · p, and p has the interval of Clopper and Pearson.
    - Else Student's t: mean ± t(n − 1) · s ÷ √n, with s² = Σ (x − mean)² ÷ (n − 1) (Student 1908, Biometrika 6).

    Args:
        values: `[n]`, one number an independent unit (an episode).
        confidence: Coverage, in (0, 1).

    Returns:
        The estimate; how often such intervals cover is measured in docs/decisions/0006.
    """
    sample = np.asarray(values, dtype=np.float64).reshape(-1)
    n = len(sample)
    with np.errstate(invalid="ignore"):
        mean = float(sample.mean()) if n else math.nan
    if n < 2 or not np.isfinite(sample).all():
        method: IntervalMethod = "no_value" if not n else "not_finite" if not math.isfinite(mean) else "one_value"
        return MeanEstimate(mean=mean, n=n, method=method, interval=None, confidence=confidence)
    scale = float(np.abs(sample).max()) or 1.0
    groups, places = np.unique(np.round(sample / scale, SIGNIFICANT_DIGITS), return_index=True)
    distinct = sample[places]
    if len(groups) == 1:
        other = unseen_outcome_bound(n, confidence=confidence)
        return MeanEstimate(
            mean=mean, n=n, method="all_alike", interval=None, other_outcome=other, confidence=confidence
        )
    low, high = float(distinct[0]), float(distinct[-1])
    if len(groups) == 2 and ((low, high) in OUTCOME_CODES or n >= FEWEST_FOR_TWO_VALUES):
        higher = int((sample > (low + high) / 2).sum())
        ends = proportion_interval(higher, n, confidence=confidence)
        return MeanEstimate(
            mean=mean,
            n=n,
            method="clopper_pearson",
            interval=(low + (high - low) * ends[0], low + (high - low) * ends[1]),
            two_values=(low, high),
            higher=higher,
            confidence=confidence,
        )
    half = student_quantile(confidence, n - 1) * float(sample.std(ddof=1)) / math.sqrt(n)
    return MeanEstimate(mean=mean, n=n, method="student_t", interval=(mean - half, mean + half), confidence=confidence)


def proportion_interval(successes: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a proportion, which covers at least as often as it says.

    Clopper and Pearson 1934, Biometrika 26. With α = 1 − confidence and k successes, it goes from the α/2 quantile of
    Beta(k, n − k + 1), 0 for k = 0, to the 1 − α/2 quantile of Beta(k + 1, n − k), 1 for k = n.

    Args:
        successes: k, from 0 to n.
        n: How many tried, at least 1.
        confidence: Coverage, in (0, 1).
    """
    tail = (1 - confidence) / 2
    low = beta_quantile(tail, successes, n - successes + 1) if successes else 0.0
    high = beta_quantile(1 - tail, successes + 1, n - successes) if successes < n else 1.0
    return low, high


def unseen_outcome_bound(n: int, *, confidence: float = 0.95) -> float:
    """How likely outcomes other than the one that came n times in a row may be, at most.

    For an outcome named beforehand that is 1 − (1 − confidence)^(1/n), near 3/n at 95 % (the rule of three; Hanley and
    Lippman-Hand 1983, JAMA 249). Here the draws themselves say which outcome it is, and for few draws that counts: n
    draws are all alike with chance Σ q^n over the outcomes, which is greatest, where none is likelier than c, for
    ⌊1/c⌋ outcomes of chance c and one of the rest. The bound is 1 − c where that is 1 − confidence: 0.95 for 2 draws,
    0.52 for 5, and from 7 on within 0.2 percentage points of the rule of three's.

    Args:
        n: How many were all alike, at least 2.
        confidence: In (0, 1).
    """
    low, high = 0.0, 1.0
    while high - low > 1e-14:
        chance = (low + high) / 2
        as_likely = math.floor(1 / chance)
        if as_likely * chance**n + max(0.0, 1 - as_likely * chance) ** n < 1 - confidence:
            low = chance
        else:
            high = chance
    return 1 - low

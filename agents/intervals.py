"""Means and rates with their 95 % intervals, and whether a new measurement agrees with a stated one."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.recording.statistics import estimate_mean, proportion_interval


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A figure with its uncertainty."""

    value: float
    interval_95: tuple[float, float] | None
    """None where the values tell none: they are all alike, or one."""
    interval_method: str
    """A name of `workbench.recording.statistics.IntervalMethod`: which interval, or why there is none."""
    n: int
    """Independent episodes."""
    spread: float
    """Standard deviation of one episode's value."""
    other_at_most_95: float | None = None
    """Where all values are alike, how likely another one may be, at most."""


def mean_of(values: npt.ArrayLike) -> Measured:
    """Give the mean with its interval, by the rule of `workbench.recording.statistics.estimate_mean`."""
    sample = np.asarray(values, dtype=np.float64)
    estimate = estimate_mean(sample)
    return Measured(
        value=estimate.mean,
        interval_95=estimate.interval,
        interval_method=estimate.method,
        n=estimate.n,
        spread=float(sample.std(ddof=1)) if len(sample) > 1 else math.nan,
        other_at_most_95=estimate.other_outcome,
    )


def rate_of(hits: npt.ArrayLike) -> Measured:
    """Give a rate with its exact interval (C. Clopper and E. S. Pearson, 1934)."""
    sample = np.asarray(hits, dtype=np.bool_)
    n, rate = len(sample), float(sample.mean())
    return Measured(
        value=rate,
        interval_95=proportion_interval(int(sample.sum()), n),
        interval_method="clopper_pearson",
        n=n,
        spread=math.sqrt(rate * (1 - rate)),
    )


def agree(stated: Measured, measured: Measured, *, deviations: float = 4.0) -> bool:
    """Say whether two independent measurements of one figure differ by no more than chance explains.

    They may differ by `deviations` standard errors of their difference (the larger spread), and by one episode in the
    smaller sample, since a rate near 0 or 1 moves in steps.
    """
    spread = max(stated.spread, measured.spread)
    error = spread * math.sqrt(1 / stated.n + 1 / measured.n)
    return abs(stated.value - measured.value) <= deviations * error + 1 / min(stated.n, measured.n)

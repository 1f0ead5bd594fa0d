"""95 % intervals of means and rates, and whether a new measurement agrees with a stated one."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Z = 1.959964


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A figure with its uncertainty."""

    value: float
    interval_95: tuple[float, float]
    n: int
    """Independent episodes."""
    spread: float
    """Standard deviation of one episode's value."""


def mean_of(values: npt.ArrayLike, *, seed: int = 0, resamples: int = 2_000) -> Measured:
    """Give the mean with its percentile bootstrap interval (B. Efron, 1979)."""
    sample = np.asarray(values, dtype=np.float64)
    random = np.random.default_rng(seed)
    means = sample[random.integers(len(sample), size=(resamples, len(sample)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Measured(
        value=float(sample.mean()),
        interval_95=(float(low), float(high)),
        n=len(sample),
        spread=float(sample.std(ddof=1)),
    )


def rate_of(hits: npt.ArrayLike) -> Measured:
    """Give a rate with its score interval (E. B. Wilson, 1927)."""
    sample = np.asarray(hits, dtype=np.float64)
    n, rate = len(sample), float(sample.mean())
    middle = (rate + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * math.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return Measured(value=rate, interval_95=(low, high), n=n, spread=math.sqrt(rate * (1 - rate)))


def agree(stated: Measured, measured: Measured, *, deviations: float = 4.0) -> bool:
    """Say whether two independent measurements of one figure differ by no more than chance explains.

    They may differ by `deviations` standard errors of their difference (the larger spread), and by one episode in the
    smaller sample, since a rate near 0 or 1 moves in steps.
    """
    spread = max(stated.spread, measured.spread)
    error = spread * math.sqrt(1 / stated.n + 1 / measured.n)
    return abs(stated.value - measured.value) <= deviations * error + 1 / min(stated.n, measured.n)

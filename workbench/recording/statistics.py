"""Estimates over episodes, with their intervals."""

import numpy as np
import numpy.typing as npt


def bootstrap_mean_interval(
    values: npt.NDArray[np.float64], *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean (Efron and Tibshirani 1993, chapter 13).

    Args:
        values: `[n]`, one number an independent unit (an episode).
        confidence: Coverage, in (0, 1).
        resamples: How many resamples.
        seed: Of the resampling; the global generators are not touched.

    Returns:
        Lower and upper end; both NaN for no value, and equal to the value for one.
    """
    if not len(values):
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    batch = max(1, 4_000_000 // len(values))
    for start in range(0, resamples, batch):
        stop = min(resamples, start + batch)
        drawn = generator.integers(0, len(values), (stop - start, len(values)))
        means[start:stop] = values[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)

"""Rank correlation of regions that were drawn with unlike chances, and whether so few of them can show any.

Axis legend:
    S  decisions
    J  regions that are compared
    P  orders of J regions, all J! of them
"""

import itertools
import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from workbench.recording.beta_distribution import incomplete_beta

FloatArray = npt.NDArray[np.float64]

MOST_ENUMERATED = 8
"""Up to so many regions every order of them is tried: 8! = 40,320."""
EQUAL = 1e-9
"""Correlations that differ by less are the same but for rounding."""


def weighted_rank_correlation(
    first: npt.ArrayLike, second: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Spearman's ρ by row, each region counted as often as its weight says: `[S]`.

    A region that was drawn with the chance π stands for 1/π regions. So its weight is 1/π, a rank is the weight of all
    that is smaller plus half of what is equal, and ρ is the weighted correlation of such ranks. With equal weights it
    is Spearman's ρ. Weight 0 leaves a region out.

    Args:
        first: `[S, J]`.
        second: `[S, J]`.
        weights: `[S, J]`, at least 0; None weighs all alike.

    Returns:
        NaN where fewer than two regions count, or one side is all alike: then nothing is ranked.
    """
    a, b, w = _rows(first, second, weights)
    x, y = _standardised(a, w), _standardised(b, w)
    return np.asarray((w * x * y).sum(axis=1))


def rank_chance(first: npt.ArrayLike, second: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> FloatArray:
    """How likely a rank correlation at least as far from 0 is where neither side has to do with the other: `[S]`.

    Up to 8 regions of equal weight it is exact: the share of all J! orders that reach |ρ| (the permutation test; of 4
    regions it cannot be below 2/24 = 0.083). Else it is Student's t with n − 2 degrees of freedom,
    t = ρ √((n − 2) / (1 − ρ²)) (Kendall and Stuart 1973, section 31.19), where n is Kish's effective number
    (Σw)² / Σw².

    Args:
        first: `[S, J]`.
        second: `[S, J]`.
        weights: `[S, J]`; None weighs all alike.

    Returns:
        NaN where the correlation is not defined.
    """
    a, b, w = _rows(first, second, weights)
    x, y = _standardised(a, w), _standardised(b, w)
    return np.array([_chance(one, other, weight) for one, other, weight in zip(x, y, w, strict=True)])


def smallest_chance(count: int) -> float:
    """The smallest value that `rank_chance` can take of so many regions: two orders of all, 2 / n!."""
    return min(1.0, 2 / math.factorial(count)) if count <= MOST_ENUMERATED else 0.0


def _rows(
    first: npt.ArrayLike, second: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Both sides and the weights, `[S, J]`; what is not finite on either side has none."""
    a, b = np.atleast_2d(np.asarray(first, np.float64)), np.atleast_2d(np.asarray(second, np.float64))
    w = np.ones(a.shape) if weights is None else np.broadcast_to(np.asarray(weights, np.float64), a.shape)
    return a, b, np.where(np.isfinite(a) & np.isfinite(b), w, 0.0)


def _ranks(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The weight of what is smaller, and half of what is equal, by row."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered, weight = np.take_along_axis(values, order, axis=1), np.take_along_axis(weights, order, axis=1)
    reached = np.cumsum(weight, axis=1)
    other = ordered[:, 1:] != ordered[:, :-1]
    ends = np.pad(other, ((0, 0), (0, 1)), constant_values=True)
    starts = np.pad(other, ((0, 0), (1, 0)), constant_values=True)
    # Equal ones share what lies between the first of them and the last.
    below = np.maximum.accumulate(np.where(starts, reached - weight, -np.inf), axis=1)
    above = np.minimum.accumulate(np.where(ends, reached, np.inf)[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, 0.5 * (below + above), axis=1)
    return ranks


def _standardised(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Ranks with weighted mean 0 and weighted sum of squares 1, by row; NaN where all are alike."""
    ranks = _ranks(values, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = ranks - (weights * ranks).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
        size = (weights * centred**2).sum(axis=1, keepdims=True)
        return np.asarray(np.where(size > EQUAL, centred / np.sqrt(size), np.nan))


def _chance(first: FloatArray, second: FloatArray, weights: FloatArray) -> float:
    """Of one decision's standardised ranks."""
    counted = weights > 0
    x, y, w = first[counted], second[counted], weights[counted]
    found = float((w * x * y).sum()) if len(x) > 1 else float("nan")
    if not math.isfinite(found):
        return float("nan")
    if len(x) <= MOST_ENUMERATED and np.ptp(w) <= EQUAL * w.max():
        reached = np.abs(x[_orders(len(x))] @ (w * y))
        return float((reached >= abs(found) - EQUAL).mean())
    count = float(w.sum() ** 2 / (w**2).sum())
    if abs(found) >= 1 - EQUAL or count <= 2:
        return 0.0 if count > 2 else 1.0
    squared = found**2 * (count - 2) / (1 - found**2)
    return incomplete_beta((count - 2) / (count - 2 + squared), 0.5 * (count - 2), 0.5)


@lru_cache(maxsize=MOST_ENUMERATED)
def _orders(count: int) -> npt.NDArray[np.int64]:
    orders = np.array(list(itertools.permutations(range(count))))
    orders.setflags(write=False)
    return orders

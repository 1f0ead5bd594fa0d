"""Nearest neighbours among points, exactly, a block at a time; and how well a map keeps them.

Axis legend: N points, K numbers a point, k neighbours.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.representation.sources import FloatArray, IntArray
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress

BLOCK_NUMBERS = 4 << 20
"""Distances that are held at a time."""


def squared_distances(values: FloatArray, rows: slice) -> FloatArray:
    """Squared Euclidean distances of some points to all, `[n, N]`; each point's to itself is infinite.

    Args:
        values: `[N, K]`, centred, so that little is lost to rounding.
        rows: Which points.
    """
    squares = np.einsum("nk,nk->n", values, values)
    found = squares[rows, None] + squares - 2 * (values[rows] @ values.T)
    found[np.arange(len(found)), np.arange(rows.start, rows.start + len(found))] = np.inf
    return np.asarray(np.maximum(found, 0.0))


def nearest(
    values: FloatArray, count: int, *, apart: IntArray | None = None, progress: Progress | None = None
) -> tuple[IntArray, FloatArray]:
    """The nearest other points of each point.

    Args:
        values: `[N, K]`.
        count: k.
        apart: `[N]` labels: neighbours of a point's own label do not count; None lets all count.
        progress: Is told how many points are done, and may raise `Cancelled`.

    Returns:
        Their places `[N, k]`, the nearest first, and distances `[N, k]` (infinite where there are no more).

    Raises:
        WorkbenchError: There are not more points than neighbours.
    """
    check_neighbours(len(values), count)
    centred = values - values.mean(axis=0)
    places = np.empty((len(values), count), np.int64)
    distances = np.empty((len(values), count))
    for rows in _blocks(len(values)):
        squared = squared_distances(centred, rows)
        if apart is not None:
            squared[apart[rows, None] == apart] = np.inf
        near = np.argpartition(squared, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(squared, near, axis=1), axis=1, kind="stable")
        places[rows] = np.take_along_axis(near, order, axis=1)
        # Once more from the differences: of near points, little is left of the difference of two squares.
        differences = centred[rows, None, :] - centred[places[rows]]
        found = np.sqrt(np.einsum("nkd,nkd->nk", differences, differences))
        distances[rows] = np.where(np.isinf(np.take_along_axis(squared, places[rows], axis=1)), np.inf, found)
        (progress or SilentProgress()).update(rows.stop, len(values), "finding neighbours")
    return places, distances


def check_neighbours(points: int, count: int) -> None:
    """Refuse more neighbours than there are other points.

    Raises:
        WorkbenchError: There are not more points than neighbours.
    """
    if count < 1 or points <= count:
        raise WorkbenchError(
            f"{count} neighbours of each point were asked for, of {points:,} points; take at least one, and fewer than "
            f"there are points, or record more steps."
        )


@dataclass(frozen=True, kw_only=True)
class Trustworthiness:
    """How far neighbours in a map are neighbours in the layer (Venna and Kaski 2001)."""

    neighbours: int
    """k."""
    value: Estimate
    """1 where all are, about 0.5 where the map is random. T = 1 − 2 ÷ (N k (2N − 3k − 1)) · Σ_i Σ_j (r(i, j) − k), over
    the j among the k nearest of i in the map that are not among its k nearest in the layer, where r is j's rank in the
    layer."""


def trustworthiness(
    values: FloatArray, positions: npt.NDArray[np.floating], episodes: IntArray, *, neighbours: int = 15
) -> Trustworthiness:
    """Venna and Kaski's trustworthiness of a map, with an interval over episodes.

    Args:
        values: `[N, K]`, what was mapped; 2N > 3k + 1.
        positions: `[N, 2]` the map.
        episodes: `[N]`, which episode each point is of.
        neighbours: k, less than half the points.

    Raises:
        WorkbenchError: There are too few points for so many neighbours.
    """
    points = len(values)
    if neighbours < 1 or 2 * neighbours >= points:
        raise WorkbenchError(
            f"Trustworthiness of {neighbours} neighbours takes more than {2 * neighbours} points; there are {points}."
        )
    near, _ = nearest(np.asarray(positions, np.float64), neighbours)
    centred = values - values.mean(axis=0)
    penalties = np.empty(points)
    for rows in _blocks(points):
        squared = squared_distances(centred, rows)
        order = np.argsort(squared, axis=1, kind="stable")
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(1, points + 1)[None, :], axis=1)
        penalties[rows] = np.maximum(np.take_along_axis(ranks, near[rows], axis=1) - neighbours, 0).sum(axis=1)
    scale = 2.0 / (neighbours * (2 * points - 3 * neighbours - 1))
    return Trustworthiness(neighbours=neighbours, value=estimate(1 - scale * penalties, episodes))


def _blocks(points: int) -> Iterator[slice]:
    size = max(1, BLOCK_NUMBERS // max(1, points))
    return (slice(start, min(start + size, points)) for start in range(0, points, size))

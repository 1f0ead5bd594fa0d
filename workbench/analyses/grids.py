"""Where a grid whose squares are known lies in a picture of it.

Axis legend:
    R, C  rows and columns of the grid
    H, W  rows and columns of the picture, in pixels
    T  steps
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.distributions import FloatArray

WIDEST_MARGIN = 3
"""Squares that a picture may show around the grid, at most."""
LEAST_EXPLAINED = 0.5
"""The least share of the colours' variance that the squares' labels must explain for a grid to count as found."""
MOST_CLASSES = 16
LARGEST_GRID = 64
"""Rows and columns up to which a label of two axes is taken for a grid."""
PADDING = -1
"""What stands in a label of whole numbers where there is nothing."""


@dataclass(frozen=True, kw_only=True)
class GridPlacement:
    """A grid found in a picture, which shows it whole, with as many squares around it on every side."""

    margin: int
    """Squares around the grid, drawn at the same size."""
    explained: float
    """Share of the variance of the squares' mean colours that their labels explain (η², from 0 to 1)."""


def place_grid(picture: npt.ArrayLike, labels: npt.ArrayLike) -> GridPlacement | None:
    """Find a grid in a picture by what is known of its squares (which are walls, say): like squares look alike.

    For each margin of 0 to 3 squares the picture is cut into squares, and the margin is taken whose squares' mean
    colours the labels explain best: η² = Σ over classes n · |class mean − mean|² ÷ Σ over squares |colour − mean|².

    Args:
        picture: `[H, W]` or `[H, W, channels]`.
        labels: `[R, C]`, at most 16 different values.

    Returns:
        The placement; None where the labels are all alike or too many, or explain too little of any.
    """
    pixels = np.asarray(picture, dtype=np.float64)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    _, classes = np.unique(np.asarray(labels), return_inverse=True)
    rows, columns = np.shape(labels)
    if not 2 <= classes.max() + 1 <= MOST_CLASSES:
        return None
    best: GridPlacement | None = None
    for margin in range(WIDEST_MARGIN + 1):
        if rows + 2 * margin > pixels.shape[0] or columns + 2 * margin > pixels.shape[1]:
            break
        explained = _explained(_square_colours(pixels, rows, columns, margin), classes.reshape(-1))
        if explained >= LEAST_EXPLAINED and (best is None or explained > best.explained + 1e-9):
            best = GridPlacement(margin=margin, explained=explained)
    return best


def _square_colours(pixels: FloatArray, rows: int, columns: int, margin: int) -> FloatArray:
    """Mean colour of the middle of each square, `[R * C, channels]`: the edges may hold lines."""
    sums = np.zeros((pixels.shape[0] + 1, pixels.shape[1] + 1, pixels.shape[2]))
    sums[1:, 1:] = pixels.cumsum(axis=0).cumsum(axis=1)
    top, bottom = _middles(pixels.shape[0], rows, margin)
    left, right = _middles(pixels.shape[1], columns, margin)
    total = sums[bottom][:, right] - sums[top][:, right] - sums[bottom][:, left] + sums[top][:, left]
    area = (bottom - top)[:, None] * (right - left)[None, :]
    return np.asarray(total / area[..., None]).reshape(rows * columns, -1)


def _middles(size: int, squares: int, margin: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First and one past last pixel of the middle half of each square."""
    side = size / (squares + 2 * margin)
    starts = np.arange(margin, margin + squares) * side
    first = np.floor(starts + 0.25 * side).astype(np.int64)
    return first, np.maximum(first + 1, np.ceil(starts + 0.75 * side).astype(np.int64))


def _explained(colours: FloatArray, classes: npt.NDArray[np.int64]) -> float:
    centred = colours - colours.mean(axis=0)
    total = float((centred**2).sum())
    counts = np.bincount(classes)
    means = np.stack([np.bincount(classes, weights=column) / counts for column in centred.T], axis=1)
    return float((counts[:, None] * means**2).sum() / total) if total else 0.0


def grid_shape(labels: Mapping[str, npt.NDArray[Any]]) -> tuple[int, int] | None:
    """Rows and columns of the grid that the labels speak of; None where there is none, or more than one."""
    shapes = {(array.shape[1], array.shape[2]) for array in labels.values() if is_grid(array)}
    return shapes.pop() if len(shapes) == 1 else None


def is_grid(array: npt.NDArray[Any]) -> bool:
    """Whether a label `[T, R, C]` says something about each square of a grid."""
    return array.ndim == 3 and min(array.shape[1:]) >= 3 and max(array.shape[1:]) <= LARGEST_GRID


def are_places(array: npt.NDArray[Any], grid: tuple[int, int]) -> bool:
    """Whether a label `[T, 2]` or `[T, places, 2]` names squares of the grid, (−1, −1) none."""
    if array.dtype.kind not in "iu" or array.ndim not in (2, 3) or array.shape[-1] != 2:
        return False
    pairs = array.reshape(-1, 2)
    nowhere = (pairs == PADDING).all(axis=1)
    inside = ((pairs >= 0) & (pairs < np.array(grid))).all(axis=1)
    return bool((nowhere | inside).all() and inside.any())

"""How large a maze may be, and where things may lie in it: `"anywhere"`, `"top-right 5x5"` and the like."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SMALLEST, LARGEST = 3, 25
"""Sides of a maze in squares."""

CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
_PATTERN = re.compile(rf"(?P<outside>outside )?(?P<corner>{'|'.join(CORNERS)}) (?P<rows>\d+)x(?P<columns>\d+)")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A set of squares of a maze: a rectangle in one of its corners, or all but it."""

    corner: str = "top-right"
    """One of `CORNERS`."""
    rows: int | None = None
    """Height of the rectangle in squares; None for the whole maze."""
    columns: int | None = None
    """Width of the rectangle in squares; None for the whole maze."""
    outside: bool = False
    """Whether the squares outside the rectangle are meant."""

    def mask(self, size: int) -> npt.NDArray[np.bool_]:
        """Give `[size, size]`, True on the squares that belong to the placement; what sticks out is cut off."""
        if self.rows is None or self.columns is None:
            return np.ones((size, size), dtype=np.bool_)
        vertical, horizontal = self.corner.split("-")
        inside = np.zeros((size, size), dtype=np.bool_)
        row_slice = slice(0, self.rows) if vertical == "top" else slice(max(size - self.rows, 0), size)
        column_slice = slice(0, self.columns) if horizontal == "left" else slice(max(size - self.columns, 0), size)
        inside[row_slice, column_slice] = True
        return ~inside if self.outside else inside


def parse_placement(text: str) -> Placement:
    """Read a placement from its text.

    Args:
        text: `"anywhere"`, `"CORNER KxL"` or `"outside CORNER KxL"`; CORNER is `top-left`, `top-right`, `bottom-left`
            or `bottom-right`, K the rows and L the columns counted from that corner, both at least 1.

    Raises:
        ValueError: The text is none of these.
    """
    if text == "anywhere":
        return Placement()
    match = _PATTERN.fullmatch(text)
    if match is None or 0 in (int(match["rows"]), int(match["columns"])):
        raise ValueError(
            f"a place for the cheese is 'anywhere', 'CORNER KxL' or 'outside CORNER KxL' with CORNER one of "
            f"{', '.join(CORNERS)} and K, L at least 1 (for instance 'top-right 5x5'); got {text!r}"
        )
    return Placement(
        corner=match["corner"],
        rows=int(match["rows"]),
        columns=int(match["columns"]),
        outside=match["outside"] is not None,
    )


def size_range(size: int | Sequence[int]) -> tuple[int, int]:
    """Read the option `size`, a number or a pair of such; give the smallest and the largest.

    Raises:
        ValueError: A number is even or out of range, or the pair is none.
    """
    low, high = (size, size) if isinstance(size, int | np.integer) else tuple(size) if len(size) == 2 else (0, 0)
    if low % 2 == 0 or high % 2 == 0 or not SMALLEST <= low <= high <= LARGEST:
        raise ValueError(
            f"size must be odd, from {SMALLEST} to {LARGEST}, or a pair (smallest, largest) of such; got {size!r}"
        )
    return int(low), int(high)


def masks_by_size(what: str, text: str, sizes: npt.NDArray[np.int64]) -> dict[int, npt.NDArray[np.bool_]]:
    """Give the mask of a placement for every size of maze.

    Raises:
        ValueError: The text is no placement, or there is a size in which no square for it is sure to be open.
    """
    masks = {int(size): parse_placement(text).mask(int(size)) for size in sizes}
    for size, mask in masks.items():
        if not mask[::2, ::2].any():  # only these squares are open in every maze
            raise ValueError(f"no square of a maze of size {size} is sure to have room for the {what} in {text!r}")
    return masks

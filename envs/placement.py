"""Where the cheese may lie: `"anywhere"`, `"top-right 5x5"`, `"outside top-right 5x5"`, parsed into a region."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
        text: `"anywhere"`, `"CORNER KxL"` or `"outside CORNER KxL"`; CORNER is `top-left`, `top-right`, `bottom-left` or
            `bottom-right`, K the rows and L the columns counted from that corner, both at least 1.

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

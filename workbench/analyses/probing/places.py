"""Places of a network that a probe of two of them reads: whole layers, or one square of a convolution's output.

Axis legend: T steps, n rows of one block.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.expressions import evaluate
from workbench.analyses.probing.features import BLOCK_BYTES
from workbench.errors import WorkbenchError
from workbench.recording.reader import Recording

MOST_NUMBERS_AT_ONCE = 1_024
"""Of one of the two places, before it is brought down to its main parts."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a probe reads at each step: all of a layer, or one square of a convolution's output."""

    layer: str
    row: str | int | None = None
    """An expression (`truth.mouse[0]`), or a number; None takes all of the layer."""
    column: str | int | None = None

    @property
    def words(self) -> str:
        """For people: `blocks.0 at (truth.mouse[0], truth.mouse[1])`."""
        return self.layer if self.row is None else f"{self.layer} at ({self.row}, {self.column})"


def parse_place(text: str) -> Place:
    """A place from `LAYER`, or `LAYER@ROW,COLUMN` with numbers or expressions (`conv@truth.mouse[0],truth.mouse[1]`).

    Raises:
        WorkbenchError: It is not of that form.
    """
    layer, at, square = text.strip().partition("@")
    parts = _parts_outside_of_brackets(square)
    if not layer or (at and (len(parts) != 2 or not all(parts))):
        raise WorkbenchError(
            f"A place is LAYER or LAYER@ROW,COLUMN, such as blocks.0@truth.mouse[0],truth.mouse[1]; came {text!r}."
        )
    if not at:
        return Place(layer=layer)
    row, column = (int(part) if part.isdecimal() else part for part in parts)
    return Place(layer=layer, row=row, column=column)


def _parts_outside_of_brackets(text: str) -> list[str]:
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "[(") - (sign in "])")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def blocks_of(recording: Recording, *layers: str) -> Iterator[slice]:
    """All rows of a recording in stretches of which these layers fit into memory."""
    row_bytes = max(recording.activations[layer].nbytes for layer in layers) // max(1, len(recording))
    size = int(max(16, min(4_096, BLOCK_BYTES // max(1, row_bytes))))
    return (slice(start, min(start + size, len(recording))) for start in range(0, len(recording), size))


class PlaceReader:
    """Reads a place step by step."""

    def __init__(self, recording: Recording, place: Place) -> None:
        self._array = recording.activations[place.layer]
        self.recording, self.place = recording, place
        shape = self._array.shape[1:]
        if (place.row is None) != (place.column is None):
            raise WorkbenchError(f"A place has a row and a column, or neither; {place.words!r} has one of them.")
        if place.row is None:
            self.exists = np.ones(len(recording), bool)
            self.numbers = int(np.prod(shape))
        elif len(shape) == 3:
            self._rows, self._columns = (_numbers(recording, one) for one in (place.row, place.column))
            inside = (self._rows >= 0) & (self._rows < shape[1]) & (self._columns >= 0) & (self._columns < shape[2])
            self.exists = inside
            self.numbers = int(shape[0])
        else:
            raise WorkbenchError(
                f"The layer {place.layer!r} gives {list(shape)}: squares are of convolutions, which give channels, "
                f"rows and columns. Leave row and column out to take all of it."
            )
        if self.numbers > MOST_NUMBERS_AT_ONCE:
            raise WorkbenchError(
                f"{place.words} has {self.numbers:,} numbers a step, and a bilinear probe takes at most "
                f"{MOST_NUMBERS_AT_ONCE:,}: give a row and a column of it."
            )

    def read(self, rows: slice) -> Tensor:
        """`[n, numbers]` float64; of steps at which the place does not exist, zeros."""
        values = self._array[rows]
        if self.place.row is not None:
            there = self.exists[rows]
            at_row, at_column = (np.where(there, one[rows], 0) for one in (self._rows, self._columns))
            values = values[np.arange(len(values)), :, at_row, at_column] * there[:, None]
        found = torch.as_tensor(np.ascontiguousarray(values).reshape(len(values), -1)).double()
        if not bool(torch.isfinite(found).all()):
            raise WorkbenchError(f"{self.place.words} holds numbers that are not finite; no probe can be made of them.")
        return found


def _numbers(recording: Recording, where: str | int | None) -> npt.NDArray[np.int64]:
    if isinstance(where, int):
        return np.full(len(recording), where, np.int64)
    found = evaluate(recording, str(where))
    if found.shape != (len(recording),) or found.dtype.kind not in "iu":
        raise WorkbenchError(f"A row or column is a whole number at each step; {where!r} gives {found.dtype}.")
    return found.astype(np.int64)

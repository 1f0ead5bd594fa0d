"""Arrays that grow row by row in a Zarr group; the writer thread alone touches them."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import zarr

from workbench.recording.array_document import array_document
from workbench.recording.chunks import encode, place_of
from workbench.recording.layout import chunk_rows, row_bytes


class StoredTail(NamedTuple):
    """How far an array had come that is now continued."""

    rows: int
    """How many rows are kept."""
    length: int
    """How many rows its metadata say."""
    values: npt.NDArray[Any]
    """The rows of its unfinished chunk, `[rows % chunk, ...]`."""
    non_finite: int
    """How many of the values that are kept are NaN or infinite."""


class GrowingArray:
    """One array `[rows, *row_shape]` that is appended to, with the last, unfinished chunk held in memory.

    The stored array's length runs ahead of what has been written (it doubles), so that growing costs nothing; `close`
    sets it to the exact number of rows. Who reads before that goes by the committed count.
    """

    def __init__(
        self,
        group: zarr.Group,
        name: str,
        row_shape: tuple[int, ...],
        dtype: np.dtype[Any],
        dimensions: tuple[str, ...],
        attributes: dict[str, Any] | None = None,
        stored: StoredTail | None = None,
        inside: int | None = None,
    ) -> None:
        rows = chunk_rows(row_bytes(row_shape, dtype.itemsize))
        self.non_finite = 0
        """Values so far that are NaN or infinite."""
        self._path = f"{group.path}/{name}" if group.path else name
        self._place = place_of(group, name, inside)
        self._dimensions = dimensions
        self._attributes = attributes or {}
        self._block = np.empty((rows, *row_shape), dtype)
        self._rest = "/0" * len(row_shape)
        self._stored_rows = 0
        self._filled = 0
        self._start = 0
        self._dirty = False
        self._counted = dtype.kind in "fc"
        if stored is None:
            self._resize(rows)
        else:
            self._continue(stored)

    @property
    def rows(self) -> int:
        """How many rows have been appended."""
        return self._start + self._filled

    def absent_rows(self, count: int) -> npt.NDArray[Any]:
        """Rows for steps that gave none: NaN, or zero where there is no NaN."""
        return np.full((count, *self._block.shape[1:]), _fill_value(self._block.dtype), self._block.dtype)

    def append(self, values: npt.NDArray[Any]) -> None:
        """Append rows, `[rows, ...]` of this array's row shape or of as many numbers, writing every chunk they fill."""
        values = values.reshape(len(values), *self._block.shape[1:])
        if self._counted and not np.isfinite(_total(values)):
            self.non_finite += values.size - int(np.count_nonzero(np.isfinite(values)))
        taken = 0
        while taken < len(values):
            count = min(len(values) - taken, len(self._block) - self._filled)
            self._block[self._filled : self._filled + count] = values[taken : taken + count]
            self._filled += count
            taken += count
            self._dirty = True
            if self._filled == len(self._block):
                self.flush()
                self._start += self._filled
                self._filled = 0

    def flush(self) -> None:
        """Write the rows of the unfinished chunk."""
        if not self._dirty:
            return
        stop = self._start + self._filled
        if stop > self._stored_rows:
            self._resize(max(stop, 2 * self._stored_rows))
        self._block[self._filled :] = _fill_value(self._block.dtype)
        self._place.put(f"c/{self._start // len(self._block)}{self._rest}", encode(self._block, self._path))
        self._dirty = False

    def settle(self) -> None:
        """Come back when all that was written is stored."""
        self._place.settle()

    def close(self, rows: int) -> None:
        """Write what is left and set the stored length to `rows`."""
        self.flush()
        if self._stored_rows != rows:
            self._resize(rows)

    def _continue(self, stored: StoredTail) -> None:
        """Go on behind the rows that are stored, without touching them: a chunk is written again when it has grown."""
        self.non_finite, self._stored_rows = stored.non_finite, stored.length
        self._filled = len(stored.values)
        self._start = stored.rows - self._filled
        self._block[: self._filled] = stored.values

    def _resize(self, rows: int) -> None:
        _, *rest = self._block.shape
        document = array_document(
            self._path,
            (rows, *rest),
            (len(self._block), *(max(1, size) for size in rest)),
            self._block.dtype,
            dimensions=self._dimensions,
            attributes=self._attributes,
        )
        self._place.put("zarr.json", document)
        self._stored_rows = rows


def _total(values: npt.NDArray[Any]) -> Any:
    """A sum that is finite only if all values are: many times quicker than looking at each. It may overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.sum()


def _fill_value(dtype: np.dtype[Any]) -> Any:
    """What an unwritten row reads as: NaN where there is one, so that nobody takes it for data."""
    return np.nan if dtype.kind == "f" else dtype.type(0)

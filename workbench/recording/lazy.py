"""Arrays of a recording that are read only where they are asked for."""

import operator
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from workbench.errors import WorkbenchError
from workbench.recording.chunks import missing_chunk, read_chunk


class LazyArray:
    """One array of a recording, cut off at the committed rows; indexing reads, and gives a numpy array.

    Args:
        array: The stored array.
        name: Its path in the recording, for messages.
        rows: How many of its rows are committed.
        dense: Whether every chunk was written, so that a missing one is damage and not a fill value.
    """

    def __init__(self, array: zarr.Array[Any], name: str, rows: int, *, dense: bool = False) -> None:
        self._array = array
        self._dense = dense
        self.name = name
        self._rows = min(rows, array.shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, the rows first."""
        return (self._rows, *self._array.shape[1:])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._array.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return np.dtype(self._array.dtype)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of one chunk."""
        return tuple(self._array.chunks)

    @property
    def stored_dimensions(self) -> tuple[str, ...]:
        """Name of each axis as stored, unique among unlike axes of a group: `features_extractor.cnn.0.channel`."""
        names = getattr(self._array.metadata, "dimension_names", None) or (None,) * self.ndim
        return tuple(str(name) if name else f"{self.name}.axis_{axis}" for axis, name in enumerate(names))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Name of each axis, short: `step`, `channel`, `height`, `width`."""
        return tuple(name.rsplit(".", 1)[-1] for name in self.stored_dimensions)

    @property
    def attributes(self) -> dict[str, Any]:
        """The array's own attributes."""
        return dict(self._array.attrs.asdict())

    @property
    def nbytes(self) -> int:
        """Bytes of all committed rows, uncompressed."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """Read rows: an integer, a slice, integers or a mask on the first axis; basic indices behind it."""
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        try:
            # A chunk holds whole rows, so rows are read whole, and numpy does the rest.
            if first is Ellipsis:
                return np.asarray(self[:][key])
            if isinstance(first, slice):
                start, stop, step = first.indices(self._rows)
                if step < 0:
                    return self[(np.arange(start, stop, step), *rest)]
                values = self._read_range(start, max(start, stop), step)
            elif np.ndim(first) == 0 and not isinstance(first, bool | np.bool_):
                return np.asarray(self._read_row(self._check(operator.index(first)))[rest])
            else:
                values = self._read_rows(self._row_numbers(first))
            return values[(slice(None), *rest)] if rest else values
        except (WorkbenchError, IndexError, TypeError):
            raise
        except Exception as error:
            raise WorkbenchError(
                f"The array {self.name} cannot be read at {first!r}: {' '.join(str(error).split())[:200]}. "
                f"Part of the recording is damaged; other arrays and rows can still be read."
            ) from error

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        values = self[:]
        return values if dtype is None else values.astype(dtype)

    def blocks(self, size_bytes: int = 64 << 20) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
        """Go through all rows in blocks of whole chunks, at most about `size_bytes` of memory at a time."""
        row = max(1, self.nbytes // max(1, self._rows))
        rows = max(1, size_bytes // row // self.chunks[0]) * self.chunks[0]
        for start in range(0, self._rows, rows):
            block = slice(start, min(self._rows, start + rows))
            yield block, self[block]

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}: {size}" for name, size in zip(self.dimensions, self.shape, strict=True))
        return f"<{self.name} ({axes}) {self.dtype}, {self.nbytes / 1e6:.1f} MB>"

    def _check(self, row: int) -> int:
        if not -self._rows <= row < self._rows:
            raise IndexError(f"row {row} is not in {self.name}, which has {self._rows} rows")
        return row % self._rows

    def _read_row(self, row: int) -> npt.NDArray[Any]:
        chunk = read_chunk(self._array, row // self.chunks[0]) if self._dense else None
        return np.asarray(self._array[row]) if chunk is None else chunk[row % self.chunks[0]].copy()

    def _read_range(self, start: int, stop: int, step: int = 1) -> npt.NDArray[Any]:
        missing = missing_chunk(self._array, start, stop) if self._dense and start < stop else None
        if missing is not None:
            raise ValueError(f"{missing} is missing")
        return np.asarray(self._array[start:stop:step])

    def _row_numbers(self, rows: Any) -> npt.NDArray[np.int64]:
        numbers = np.asarray(rows)
        if numbers.dtype.kind == "b":
            if numbers.shape != (self._rows,):
                raise IndexError(f"a mask over {self.name} has {self._rows} elements, this one {numbers.shape}")
            return np.flatnonzero(numbers)
        if numbers.size == 0:
            return np.empty(0, np.int64)
        if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
            raise IndexError(
                f"rows of {self.name} are integers in one axis; these are {numbers.dtype}, {numbers.ndim}-d"
            )
        if numbers.min() < -self._rows or numbers.max() >= self._rows:
            raise IndexError(f"rows {numbers.min()} to {numbers.max()} are not all in {self.name} ({self._rows} rows)")
        return np.where(numbers < 0, numbers + self._rows, numbers).astype(np.int64)

    def _read_rows(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Read scattered rows: every chunk that holds any of them once, runs of neighbouring chunks together."""
        values = np.empty((len(rows), *self._array.shape[1:]), self.dtype)
        if not len(rows):
            return values
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        height = self.chunks[0]
        chunk = ordered // height
        limit = max(1, (64 << 20) // max(1, height * self.nbytes // max(1, self._rows)))
        start = 0
        while start < len(ordered):
            stop = start + 1
            while stop < len(ordered) and chunk[stop] - chunk[stop - 1] <= 1 and chunk[stop] - chunk[start] < limit:
                stop += 1
            low = int(ordered[start])
            block = self._read_range(low, int(ordered[stop - 1]) + 1)
            values[order[start:stop]] = block[ordered[start:stop] - low]
            start = stop
        return values


class LazyArrays(Mapping[str, LazyArray]):
    """The arrays of one group of a recording, by name; nested groups by `group/name`."""

    def __init__(self, arrays: Mapping[str, LazyArray], group: str) -> None:
        self._arrays = dict(arrays)
        self._group = group

    def __getitem__(self, name: str) -> LazyArray:
        try:
            return self._arrays[name]
        except KeyError:
            there = ", ".join(self._arrays) or "nothing"
            raise WorkbenchError(f"The recording has no {self._group}[{name!r}]; it has: {there}.") from None

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return "\n".join(repr(array) for array in self.values()) or f"<no {self._group}>"

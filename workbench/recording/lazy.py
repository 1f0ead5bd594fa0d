"""Arrays of a recording that are read only where they are asked for."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.stored_array import MAXIMUM_CHUNK_BYTES, StoredArray
from workbench.recording.stored_files import StoredFileError, StoredFiles

MAXIMUM_ROWS_BYTES = 32 << 20
"""Largest chunk of several rows that is read; the recorder makes them of about a mebibyte."""
AT_ONCE_BYTES = 32 << 20
"""How much of an array's chunks is asked for at a time, before they are unpacked one by one."""

CHECKED_TOGETHER = 16
"""How many chunks are looked at together for damage, and one by one where there is some."""


class LazyArray:
    """One array of a recording, cut off at the committed rows; indexing reads, and gives a numpy array.

    Every chunk of a recording is written, so that one that is not there is damage and no gap.

    Args:
        array: What the metadata say of it.
        files: What it is read from.
        rows: How many of its rows are committed; None for all.

    Raises:
        StoredFileError: It has fewer rows than are committed.
    """

    def __init__(self, array: StoredArray, files: StoredFiles, rows: int | None = None) -> None:
        stored = array.shape[0] if array.shape else 1
        if rows is not None and rows > stored:
            raise StoredFileError(f"{array.path} has {stored:,} rows, but {rows:,} are said to be committed")
        self._array = array
        self._files = files
        # What grows row by row is cut into small chunks; what is stored as a whole has one.
        self._largest_chunk = MAXIMUM_CHUNK_BYTES if rows is None or array.chunk_rows == 1 else MAXIMUM_ROWS_BYTES
        self._rows = stored if rows is None else rows
        self.name = array.path

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, the rows first."""
        return (self._rows, *self._array.shape[1:]) if self._array.shape else ()

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self._array.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of one chunk."""
        return (self._array.chunk_rows, *self._array.shape[1:])

    @property
    def stored_dimensions(self) -> tuple[str, ...]:
        """Name of each axis as stored, unique among unlike axes of a group: `features_extractor.cnn.0.channel`."""
        names = self._array.dimension_names
        return tuple(name or f"{self.name}.axis_{axis}" for axis, name in enumerate(names))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Name of each axis, short: `step`, `channel`, `height`, `width`."""
        return tuple(name.rsplit(".", 1)[-1] for name in self.stored_dimensions)

    @property
    def at_once(self) -> int:
        """How many arrays side by side are read quicker than one after another."""
        return self._files.at_once

    @property
    def attributes(self) -> dict[str, Any]:
        """The array's own attributes."""
        return dict(self._array.attributes)

    @property
    def nbytes(self) -> int:
        """Bytes of all committed rows, uncompressed."""
        return self._rows * self._array.row_bytes

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """Read rows: an integer, a slice, integers or a mask on the first axis; basic indices behind it."""
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        try:
            # A chunk holds whole rows, so rows are read whole, and numpy does the rest.
            if not self._array.shape:
                return np.asarray(self._decode(next(self._contents(0, 1))[1], 0)[key])
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
        except MemoryError as error:
            raise WorkbenchError(
                f"The array {self.name} has {self.nbytes:,} bytes, which do not fit into memory: read it in parts, "
                f"as its `blocks` do."
            ) from error
        except Exception as error:
            why = " ".join(str(error).split())[:200]
            raise WorkbenchError(
                f"The array {self.name} cannot be read at {_rows_in_words(first)}: {why}. "
                f"Part of the recording is damaged; other arrays and rows can still be read."
            ) from error

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        values = self[...]
        return values if dtype is None else values.astype(dtype)

    def blocks(self, size_bytes: int = 64 << 20, *, start: int = 0) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
        """Go through all rows from `start` on in blocks of whole chunks, about `size_bytes` of memory at a time."""
        height = self._array.chunk_rows
        rows = max(1, size_bytes // max(1, self._array.row_bytes) // height) * height
        while start < self._rows:
            block = slice(start, min(self._rows, start // height * height + rows))
            yield block, self[block]
            start = block.stop

    def find_damage(self) -> Iterator[tuple[int, int, str]]:
        """Read every chunk, a few at a time; gives first row, last row and reason of each that cannot be read."""
        height = self._array.chunk_rows
        chunks = -(-self._rows // height) if self._array.row_bytes else 0
        for start in range(0, chunks, CHECKED_TOGETHER):
            stop = min(chunks, start + CHECKED_TOGETHER)
            if self._why_bad(start, stop) is None:
                continue
            for number in range(start, stop):
                if (why := self._why_bad(number, number + 1)) is not None:
                    yield number * height, min(self._rows, (number + 1) * height) - 1, why

    def _why_bad(self, start: int, stop: int) -> str | None:
        try:
            for first, content in self._contents(start, stop):
                self._decode(content, first)
        except StoredFileError as error:
            return str(error)
        return None

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}: {size}" for name, size in zip(self.dimensions, self.shape, strict=True))
        return f"<{self.name} ({axes}) {self.dtype}, {self.nbytes / 1e6:.1f} MB>"

    def _check(self, row: int) -> int:
        if not -self._rows <= row < self._rows:
            raise IndexError(f"row {row} is not in {self.name}, which has {self._rows} rows")
        return row % self._rows

    def _read_row(self, row: int) -> npt.NDArray[Any]:
        number, within = divmod(row, self._array.chunk_rows)
        if not self._array.row_bytes:
            return np.empty(self._array.shape[1:], self.dtype)
        first, content = next(self._contents(number, number + 1))
        return np.array(self._decode(content, first)[within])

    def _read_range(self, start: int, stop: int, step: int = 1) -> npt.NDArray[Any]:
        rows = range(start, stop, step)
        values = np.empty((len(rows), *self._array.shape[1:]), self.dtype)
        if not values.size:
            return values
        height, filled = self._array.chunk_rows, 0
        for first, content in self._contents(start // height, -(-stop // height)):
            if step == 1 and start <= first and first + height <= stop:
                self._decode(content, first, values[first - start : first - start + height])
                filled += height
                continue
            chunk = self._decode(content, first)
            # The first row of the range in this chunk: `start` itself, or the next one that the step leads to.
            begin = max(start, first) + (start - max(start, first)) % step - first
            part = chunk[begin : stop - first : step]
            values[filled : filled + len(part)] = part
            filled += len(part)
        return values

    def _contents(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """The chunks of a range of numbers in order, as they are stored, each with the number of its first row."""
        array = self._array
        if array.chunk_bytes > self._largest_chunk:
            raise StoredFileError(
                f"its chunks have {array.chunk_bytes:,} bytes; at most {self._largest_chunk:,} are read at a time"
            )
        together = max(1, AT_ONCE_BYTES // max(1, array.chunk_bytes))
        for first in range(start, stop, together):
            names = [array.chunk_name(number) for number in range(first, min(stop, first + together))]
            for number, content in enumerate(self._files.read_all(names, array.largest_file), first):
                if content is None:
                    raise StoredFileError(f"{array.chunk_name(number)} is missing{self._holding(number)}")
                yield number * array.chunk_rows, content

    def _decode(self, content: bytes, first_row: int, place: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        number = first_row // self._array.chunk_rows
        try:
            return self._array.decode(content, self._array.chunk_name(number), place)
        except StoredFileError as error:
            raise StoredFileError(f"{error}{self._holding(number)}") from error

    def _holding(self, number: int) -> str:
        """Which rows a chunk holds, in words; nothing where there are no rows."""
        first = number * self._array.chunk_rows
        last = min(self._rows, first + self._array.chunk_rows) - 1
        return f"; it holds rows {first} to {last}" if self._array.shape else ""

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
        if not values.size:
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


def read_whole(arrays: Sequence[LazyArray]) -> list[npt.NDArray[Any]]:
    """Several whole arrays, side by side where that is quicker."""
    if len(arrays) < 2 or arrays[0].at_once < 2:
        return [array[:] for array in arrays]
    with ThreadPoolExecutor(arrays[0].at_once) as threads:
        return list(threads.map(lambda array: array[:], arrays))


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


def _rows_in_words(rows: Any) -> str:
    """Which rows were asked for, for people: one, or how many of which stretch."""
    if isinstance(rows, slice):
        start, stop = rows.start or 0, rows.stop
        return "its rows" if stop is None else f"rows {start:,} to {max(start, stop - 1):,}"
    numbers = np.asarray(rows)
    if numbers.ndim == 0:
        return f"row {int(numbers):,}"
    if numbers.dtype == np.bool_:
        numbers = np.flatnonzero(numbers)
    if not len(numbers):
        return "no row"
    return f"{len(numbers):,} rows from {int(numbers.min()):,} to {int(numbers.max()):,}"

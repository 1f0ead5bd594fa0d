"""Reading a recording that was made in parts: the rows of part after part, as one array.

Axis legend: step or episode (one row each), then the axes of the thing recorded.
"""

import contextlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.layout import EPISODES, PARTS, PARTS_FORMAT_VERSION
from workbench.recording.lazy import LazyArray, LazyArrays
from workbench.recording.metadata import Metadata, read_metadata
from workbench.recording.stored_array import StoredArray
from workbench.recording.stored_files import StoredFileError, StoredFiles

MAXIMUM_PARTS = 200_000
OPEN_PARTS = 512
"""How many parts' metadata are kept at a time."""
_PATH = re.compile(rf"{PARTS}/[0-9]{{6,9}}-[0-9a-f]{{8}}")

_PartArray: TypeAlias = Callable[[int], LazyArray]
"""Gives one array of a part, by the part's place."""


@dataclass(frozen=True, kw_only=True)
class FinishedPart:
    """One part of a recording, as the list in the root's attributes has it."""

    path: str
    """In the recording: `parts/000003-5f0c2a91`."""
    steps: int
    episodes: int


class PartFiles:
    """The files of one part, by names relative to it.

    Args:
        files: Those of the whole recording, which keep what is read within its folder.
        path: Of the part in the recording.
    """

    def __init__(self, files: StoredFiles, path: str) -> None:
        self._files = files
        self._path = path

    @property
    def at_once(self) -> int:
        """As for all files of the recording."""
        return self._files.at_once

    def read(self, name: str, limit: int) -> bytes | None:
        """A whole file of at most `limit` bytes; None where there is none."""
        return self._files.read(f"{self._path}/{name}", limit)

    def read_all(self, names: Sequence[str], limit: int) -> list[bytes | None]:
        """Several files, as `read` gives each."""
        return self._files.read_all([f"{self._path}/{name}" for name in names], limit)

    def folders(self, name: str) -> list[str]:
        """What is in a folder, by name and sorted; nothing where there is none."""
        return self._files.folders(f"{self._path}/{name}")


class JoinedArray(LazyArray):
    """One array of a recording in parts: the committed rows of part after part.

    Args:
        array: The first part's, which says what all of them look like.
        files: The first part's.
        bounds: First row of each part, and last the number of all rows.
        part: Gives the array of a part.
        shifts: What is added to the values of each part; None for nothing.
    """

    def __init__(
        self,
        array: StoredArray,
        files: StoredFiles,
        *,
        bounds: Sequence[int],
        part: _PartArray,
        shifts: Sequence[int] | None = None,
    ) -> None:
        super().__init__(replace(array, shape=(bounds[-1], *array.shape[1:])), files, bounds[-1])
        self._bounds = bounds
        self._part = part
        self._shifts = shifts

    # These two are all that reading needs, and reading neighbours and single rows is all that differs in parts.

    @property
    def at_once(self) -> int:
        """One: each is read from many parts side by side."""
        return 1

    def _read_row(self, row: int) -> npt.NDArray[Any]:
        number = bisect_right(self._bounds, row) - 1
        return np.asarray(self._rows_of(number, row - self._bounds[number]))

    def _read_range(self, start: int, stop: int, step: int = 1) -> npt.NDArray[Any]:
        values = np.empty((len(range(start, stop, step)), *self.shape[1:]), self.dtype)
        wanted: list[tuple[int, slice]] = []
        row = start
        while row < stop:
            number = bisect_right(self._bounds, row) - 1
            first, end = self._bounds[number], min(stop, self._bounds[number + 1])
            wanted.append((number, slice(row - first, end - first, step)))
            row += len(range(row, end, step)) * step
        filled, together = 0, max(1, self._files.at_once)
        with contextlib.ExitStack() as stack:
            read: Callable[..., Iterable[npt.NDArray[Any]]] = map
            if together > 1 and len(wanted) > 1:
                read = stack.enter_context(ThreadPoolExecutor(together)).map
            for place in range(0, len(wanted), together):
                for rows in read(lambda one: self._rows_of(*one), wanted[place : place + together]):
                    values[filled : filled + len(rows)] = rows
                    filled += len(rows)
        return values

    def find_damage(self) -> Iterator[tuple[int, int, str]]:
        """Part after part, and the whole of one that cannot be opened."""
        for number, first in enumerate(self._bounds[:-1]):
            try:
                part = self._open_part(number)
            except StoredFileError as error:
                yield first, self._bounds[number + 1] - 1, str(error)
                continue
            for start, stop, why in part.find_damage():
                yield first + start, first + stop, f"{part.name.removesuffix(f'/{self.name}')}: {why}"

    def _rows_of(self, number: int, rows: int | slice) -> npt.NDArray[Any]:
        values = self._open_part(number)[rows]
        return values if self._shifts is None else np.asarray(values + self._shifts[number], self.dtype)

    def _open_part(self, number: int) -> LazyArray:
        part = self._part(number)
        if part.shape[1:] != self.shape[1:] or part.dtype != self.dtype:
            raise StoredFileError(
                f"{part.name} of part {number} is {part.dtype} {list(part.shape[1:])}, "
                f"and that of the first part {self.dtype} {list(self.shape[1:])}"
            )
        return part


class Parts:
    """The finished parts of a recording, each itself a recording below `parts/`.

    Args:
        metadata: Of the recording's root.
        finished: Its list of parts, in order.
    """

    def __init__(self, metadata: Metadata, finished: Sequence[FinishedPart]) -> None:
        self._files = [PartFiles(metadata.files, part.path) for part in finished]
        self._steps = _bounds([part.steps for part in finished])
        self._episodes = _bounds([part.episodes for part in finished])
        self._finished = finished
        self._metadata = lru_cache(maxsize=OPEN_PARTS)(self._read_metadata)
        self._stored = lru_cache(maxsize=OPEN_PARTS)(self._read_stored)

    def arrays(self, group: str) -> LazyArrays:
        """The arrays of a group, as one of all parts.

        Raises:
            StoredFileError: The first part is not stored as the format says.
        """
        if not self._finished:
            return LazyArrays({}, group)
        bounds = self._episodes if group == EPISODES else self._steps

        def joined(name: str, array: StoredArray) -> LazyArray:
            rows = [bounds[place + 1] - bounds[place] for place in range(len(self._finished))]

            def part(number: int) -> LazyArray:
                arrays = self._stored(number, group)
                if name not in arrays:
                    raise StoredFileError(f"the part {self._finished[number].path} has no {group}/{name}")
                found = LazyArray(arrays[name], self._files[number], rows[number])
                found.name = f"{self._finished[number].path}/{found.name}"
                return found

            # A part counts its steps from its own first one.
            shifts = self._steps if (group, name) == (EPISODES, "first_step") else None
            return JoinedArray(array, self._files[0], bounds=bounds, part=part, shifts=shifts)

        stored = self._stored(0, group)
        return LazyArrays({name: joined(name, array) for name, array in stored.items() if array.shape}, group)

    def rows_beside(self, row: int) -> slice:
        """The rows of `steps/` of the part that holds a row."""
        number = bisect_right(self._steps, row) - 1
        return slice(self._steps[number], self._steps[number + 1])

    def _read_metadata(self, number: int) -> Metadata:
        return read_metadata(self._files[number])

    def _read_stored(self, number: int, group: str) -> dict[str, StoredArray]:
        try:
            return self._metadata(number).arrays(group)
        except StoredFileError as error:
            raise StoredFileError(f"the part {self._finished[number].path} cannot be read: {error}") from error


def read_parts(metadata: Metadata, path: str) -> Parts | None:
    """The parts that a recording says it has; None where it is not in parts.

    Args:
        metadata: Of its root.
        path: For messages.

    Raises:
        WorkbenchError: The list is not as the format says.
    """
    attributes = metadata.attributes
    if attributes.get("format_version") != PARTS_FORMAT_VERSION:
        return None
    listed = attributes.get("parts")
    if not isinstance(listed, list) or len(listed) > MAXIMUM_PARTS or not all(map(_is_part, listed)):
        raise WorkbenchError(
            f"{path} is damaged: its attribute 'parts' should list at most {MAXIMUM_PARTS:,} parts, each with path, "
            f"steps and episodes."
        )
    finished = [FinishedPart(path=part["path"], steps=part["steps"], episodes=part["episodes"]) for part in listed]
    for key, total in (
        ("committed_steps", sum(part.steps for part in finished)),
        ("committed_episodes", sum(part.episodes for part in finished)),
    ):
        if attributes[key] != total:
            raise WorkbenchError(f"{path} is damaged: {key} is {attributes[key]}, and its parts have {total} together.")
    return Parts(metadata, finished)


def _is_part(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("path"), str)
        and _PATH.fullmatch(value["path"]) is not None
        and all(type(value.get(key)) is int and 0 < value[key] < 2**53 for key in ("steps", "episodes"))
    )


def _bounds(counts: Sequence[int]) -> list[int]:
    return [0, *np.cumsum(np.asarray(counts, np.int64)).tolist()]

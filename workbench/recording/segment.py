"""Blocks of rows, filled by the acting thread and emptied by the writer thread.

The acting thread waits for every instruction here, so a step costs it one entry in a list: rows are *kept by reference*
and joined later. Small rows (a dozen vectors a step) are joined by the acting thread, many steps at once, into arrays
that are allocated once and used again. Large ones (convolutions' outputs, pictures) are never copied there at all: the
writer thread copies them into the chunks that it stores.

What is kept by reference must not change until it has been joined. Torch counts the changes of each tensor; one that
was changed is recorded as absent, and reported.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.recording.layout import row_bytes

MAXIMUM_JOINED_BYTES = 4096
"""Bytes of a row up to which it is joined by the acting thread; larger ones are handed to the writer as they are."""
JOINED_STEPS = 32
"""How many steps wait to be joined at once."""


@dataclass(frozen=True, kw_only=True)
class ArraySpecification:
    """What one array of a recording looks like."""

    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    dimensions: tuple[str, ...]
    """Names of all axes, the first of them `step` or `episode`."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tensor: bool = False
    """Whether its rows come as tensors."""

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return row_bytes(self.row_shape, self.dtype.itemsize)

    def absent_rows(self, count: int) -> npt.NDArray[Any] | Tensor:
        """Rows for steps that gave none: NaN, or zero where the dtype has no NaN."""
        rows = np.full((count, *self.row_shape), np.nan if self.dtype.kind == "f" else 0, self.dtype)
        return torch.from_numpy(rows) if self.tensor else rows


class _Step(NamedTuple):
    """The rows of one step of all environments, by reference."""

    start: int
    stop: int
    values: tuple[npt.NDArray[Any] | Tensor, ...]
    """In the order of the specifications."""
    versions: list[int]
    """Of the tensors among them, how often each had been changed."""


class _Joined(NamedTuple):
    """What has become of a run of steps: the rows up to `stop` are in place, the large ones still as they came."""

    stop: int
    large: Mapping[str, Sequence[npt.NDArray[Any] | Tensor]]


class Segment:
    """A block of consecutive rows of every array.

    Args:
        specifications: The arrays by path.
        rows: How many rows it holds.
    """

    def __init__(self, specifications: Mapping[str, ArraySpecification], rows: int) -> None:
        self.rows = rows
        self.filled = 0
        """Rows that have been put."""
        self.overwritten: dict[str, int] = {}
        """By path, rows that were changed by somebody before they were joined, and are absent therefore."""
        self._specifications = specifications
        self._small = {
            path: np.empty((rows, *spec.row_shape), spec.dtype)
            for path, spec in specifications.items()
            if spec.row_bytes <= MAXIMUM_JOINED_BYTES
        }
        self._names = list(specifications)
        self._shapes: list[tuple[int, ...]] = []
        self._waiting: list[_Step] = []
        self._joined: list[_Joined] = []

    def put(self, columns: Mapping[str, npt.NDArray[Any]], tensors: Mapping[str, Tensor], batch: int) -> list[str]:
        """Add `batch` rows behind those that are there; they are kept by reference.

        Args:
            columns: By path, `[batch, ...]`, of the specified shapes; nobody changes them any more.
            tensors: The same for what a network gave.
            batch: How many rows.

        Returns:
            Paths that nothing was given for: their rows are NaN, or zero where the dtype has no NaN.

        Raises:
            ValueError: An array has another shape than its specification says.
            KeyError: There is an array that was not specified.
        """
        absent: list[str] = []
        names = [*columns, *tensors]
        values: tuple[npt.NDArray[Any] | Tensor, ...] = (*columns.values(), *tensors.values())
        shapes = [rows.shape for rows in values]
        if shapes != self._shapes or names != self._names:
            # Not as the step before: nearly always the first one. Joining would not notice, but broadcast.
            self._check(names, shapes, batch)
            given = dict(zip(names, values, strict=True))
            absent = [path for path in self._specifications if path not in given]
            values = tuple(
                given[path] if path in given else spec.absent_rows(batch) for path, spec in self._specifications.items()
            )
            self._shapes = [rows.shape for rows in values]
        versions = [rows._version for rows in values if isinstance(rows, Tensor)]
        self._waiting.append(_Step(self.filled, self.filled + batch, values, versions))
        # Last, so that a put that fails or is interrupted leaves nothing behind.
        self.filled += batch
        if len(self._waiting) >= JOINED_STEPS:
            self.join()
        return absent

    def join(self) -> None:
        """Copy the small rows that wait to their places."""
        joined = self._joined[-1].stop if self._joined else 0
        # By their start: an interrupted put may have left a step that was put again, or one that is joined already.
        steps = [step for step in {step.start: step for step in self._waiting}.values() if step.start >= joined]
        if not steps:
            return
        stop = steps[-1].stop
        every = [self._without_overwritten(step) for step in steps]
        large: dict[str, Sequence[npt.NDArray[Any] | Tensor]] = {}
        for path, parts in zip(self._specifications, zip(*every, strict=True), strict=True):
            if path not in self._small:
                large[path] = parts
                continue
            rows = self._small[path][joined:stop]
            if self._specifications[path].tensor:
                _join_tensors(parts, rows)
            else:
                np.concatenate(parts, out=rows, casting="unsafe")
        self._joined.append(_Joined(stop, large))
        self._waiting.clear()

    def blocks(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """The filled rows of each array in pieces, in order within each array."""
        for path in self._specifications:
            if path in self._small:
                yield path, self._small[path][: self.filled]
            else:
                left = self.filled
                for joined in self._joined:
                    for part in joined.large[path]:
                        yield path, to_numpy(part)[:left]
                        left -= min(left, len(part))

    def clear(self) -> None:
        """Forget all rows, to be filled again."""
        self.filled = 0
        self.overwritten = {}
        self._waiting = []
        self._joined = []

    def _check(self, names: Sequence[str], shapes: Sequence[tuple[int, ...]], batch: int) -> None:
        for path, shape in zip(names, shapes, strict=True):
            if path not in self._specifications:
                raise KeyError(path)
            expected = (batch, *self._specifications[path].row_shape)
            if tuple(shape) != expected:
                raise ValueError(f"{path} has shape {list(shape)}, not {list(expected)}")

    def _without_overwritten(self, step: _Step) -> tuple[npt.NDArray[Any] | Tensor, ...]:
        """The step's values, with those that somebody has changed since as absent."""
        if [rows._version for rows in step.values if isinstance(rows, Tensor)] == step.versions:
            return step.values
        versions = iter(step.versions)
        values = list(step.values)
        for number, (path, spec) in enumerate(self._specifications.items()):
            rows = values[number]
            if isinstance(rows, Tensor) and rows._version != next(versions):
                values[number] = spec.absent_rows(step.stop - step.start)
                self.overwritten[path] = self.overwritten.get(path, 0) + step.stop - step.start
        return tuple(values)


def _join_tensors(parts: tuple[Tensor, ...], rows: npt.NDArray[Any]) -> None:
    place = torch.from_numpy(rows)
    with torch.no_grad():
        if parts[0].is_cpu and parts[0].dtype == place.dtype:
            torch.cat(parts, out=place)
        else:
            place.copy_(torch.cat(parts))


def to_numpy(values: npt.NDArray[Any] | Tensor) -> npt.NDArray[Any]:
    """As a numpy array; bfloat16, which numpy does not know, as float32 (which holds it exactly)."""
    if isinstance(values, Tensor):
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy(force=True)
    return values

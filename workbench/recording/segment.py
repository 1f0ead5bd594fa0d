"""Blocks of rows, filled by the acting thread and emptied by the writer thread.

The acting thread waits for every instruction here, and for every line of memory that is not in its cache:

- The small tensors that a network gives (a dozen a step) are copied as soon as it has given them, all by a single
  `torch.cat`, while they are warm. Keeping them costs several times as much: the next pass must then work in other
  memory, which is cold.
- The small columns (rewards, observations of a few numbers) are kept by reference and joined many steps at a time.
- Large rows (convolutions' outputs, pictures) are kept by reference and never copied here at all: the writer thread
  copies them into the chunks that it stores.

What is kept by reference must not change until it has been written. Torch counts the changes of each tensor; one that
was changed is recorded as absent, and reported.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.recording.layout import MAXIMUM_SMALL_BYTES, row_bytes

JOINED_STEPS = 32
"""How many steps wait to be joined at once."""

_shape_of, _version_of = attrgetter("shape"), attrgetter("_version")

Rows: TypeAlias = npt.NDArray[Any] | Tensor
"""`[batch, ...]`, one row an environment."""


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
    float32: bool = False
    """Whether they come as float32, whatever they are stored as."""

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return row_bytes(self.row_shape, self.dtype.itemsize)

    @property
    def width(self) -> int:
        """Numbers in one row."""
        return math.prod(self.row_shape)

    @property
    def small(self) -> bool:
        """Whether its rows are copied by the acting thread."""
        return self.row_bytes <= MAXIMUM_SMALL_BYTES

    def absent_rows(self, count: int) -> npt.NDArray[Any]:
        """Rows for steps that gave none: NaN, or zero where the dtype has no NaN."""
        return np.full((count, *self.row_shape), np.nan if self.dtype.kind == "f" else 0, self.dtype)


class _Pass(NamedTuple):
    """What a network gave for the next rows, as far as it is kept by reference."""

    batch: int
    kept: Sequence[Tensor]
    versions: list[int]
    """How often each of them had been changed."""
    absent: list[str]


class _Step(NamedTuple):
    """What is kept by reference of one step of all environments."""

    start: int
    stop: int
    columns: list[npt.NDArray[Any]]
    network: _Pass


class _Joined(NamedTuple):
    """What has become of a run of steps: the small rows up to `stop` are in place, the large ones as they came."""

    stop: int
    large: Mapping[str, Sequence[Rows]]


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
        self._packed = [path for path, spec in specifications.items() if spec.tensor and spec.float32 and spec.small]
        self._loose = [place for place, path in enumerate(self._packed) if len(specifications[path].row_shape) != 1]
        """Which of the packed ones are not `[batch, numbers]` as they come."""
        self._wide = torch.empty(rows, sum(specifications[path].width for path in self._packed))
        self._places: dict[tuple[int, int], Tensor] = {}
        """By first row and their number, rows of the wide array; made once, since that takes as long as copying."""
        self._small: dict[str, npt.NDArray[Any]] = {}
        wide, start = self._wide.numpy(), 0
        for path, spec in specifications.items():
            if path in self._packed:
                self._small[path] = wide[:, start : start + spec.width]
                start += spec.width
            elif spec.small:
                self._small[path] = np.empty((rows, *spec.row_shape), spec.dtype)
        self._columns = [path for path, spec in specifications.items() if not spec.tensor]
        self._tensors = [path for path, spec in specifications.items() if spec.tensor]
        self._kept = [path for path in self._tensors if path not in self._packed]
        self._directly = True
        """Whether what a network gives can be copied to its place in one go."""
        self._pick_packed, self._pick_kept = _picking(self._packed), _picking(self._kept)
        self._column_shapes: list[tuple[int, ...]] = []
        self._tensor_shapes: list[tuple[int, ...]] = []
        self._pass: _Pass | None = None
        self._waiting: list[_Step] = []
        self._joined: list[_Joined] = []

    def take(self, tensors: Mapping[str, Tensor], batch: int) -> None:
        """Take what a network gave for the next rows; a second time before `put`, in place of the first.

        Args:
            tensors: By path, `[batch, ...]`; the large ones are kept by reference.
            batch: How many rows.

        Raises:
            ValueError: A tensor has another shape than its specification says.
            KeyError: There is one that was not specified.
        """
        absent: list[str] = []
        if list(map(_shape_of, tensors.values())) != self._tensor_shapes or list(tensors) != self._tensors:
            # Not as the pass before: nearly always the first one. Copying would not notice, but broadcast.
            self._check(self._tensors, list(tensors), list(map(_shape_of, tensors.values())), batch)
            absent = [path for path in self._tensors if path not in tensors]
            tensors = {
                path: tensors[path] if path in tensors else self._absent_tensor(path, batch) for path in self._tensors
            }
            self._tensor_shapes = list(map(_shape_of, tensors.values()))
        if self._packed:
            self._pack(self._pick_packed(tensors), batch)
        kept = self._pick_kept(tensors)
        self._pass = _Pass(batch, kept, list(map(_version_of, kept)), absent)

    def drop(self) -> None:
        """Forget what was taken."""
        self._pass = None

    def put(self, columns: Mapping[str, npt.NDArray[Any]], batch: int) -> list[str]:
        """Add `batch` rows behind those that are there, with what was taken last.

        Args:
            columns: By path, `[batch, ...]`, of the specified shapes; nobody changes them any more.
            batch: How many rows.

        Returns:
            Paths that nothing was given for: their rows are NaN, or zero where the dtype has no NaN.

        Raises:
            ValueError: An array has another shape than its specification says.
            KeyError: There is an array that was not specified.
        """
        if self._pass is None or self._pass.batch != batch:
            self.take({}, batch)
        network = self._pass
        assert network is not None
        absent = network.absent
        values = list(columns.values())
        shapes = list(map(_shape_of, values))
        if shapes != self._column_shapes or list(columns) != self._columns:
            self._check(self._columns, list(columns), shapes, batch)
            missing = [path for path in self._columns if path not in columns]
            absent = [*missing, *absent]
            columns = {**columns, **{path: self._specifications[path].absent_rows(batch) for path in missing}}
            values = [columns[path] for path in self._columns]
            self._column_shapes = list(map(_shape_of, values))
        self._waiting.append(_Step(self.filled, self.filled + batch, values, network))
        # Last, so that a put that fails or is interrupted leaves nothing behind.
        self.filled += batch
        self._pass = None
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
        columns = zip(*(step.columns for step in steps), strict=True)
        tensors = zip(*(self._without_overwritten(step) for step in steps), strict=True)
        parts: dict[str, Sequence[Rows]] = dict(zip(self._columns, columns, strict=True))
        parts |= dict(zip(self._kept, tensors, strict=True))
        large: dict[str, Sequence[Rows]] = {}
        for path, pieces in parts.items():
            if path in self._small:
                arrays = [to_numpy(piece) for piece in pieces] if path in self._kept else pieces
                np.concatenate(arrays, out=self._small[path][joined:stop], casting="unsafe")
            else:
                large[path] = pieces
        self._joined.append(_Joined(stop, large))
        self._waiting.clear()

    def blocks(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """The filled rows of each array in pieces, in order within each array; a row may be flat."""
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
        self._pass = None
        self._waiting = []
        self._joined = []

    def _pack(self, tensors: Sequence[Tensor], batch: int) -> None:
        parts = list(tensors)
        for part in self._loose:
            parts[part] = parts[part].reshape(batch, -1)
        rows = (self.filled, batch)
        try:
            place = self._places[rows]
        except KeyError:
            place = self._places[rows] = self._wide.narrow(0, *rows)
        if self._directly:
            try:
                torch.cat(parts, 1, out=place)
                return
            except RuntimeError:
                # They are not on the CPU, or belong to a graph of gradients: looking every time costs as much as this.
                self._directly = False
        place.copy_(torch.cat([part.detach() for part in parts], 1))

    def _check(self, known: Sequence[str], names: Sequence[str], shapes: Sequence[tuple[int, ...]], batch: int) -> None:
        for path, shape in zip(names, shapes, strict=True):
            if path not in known:
                raise KeyError(path)
            expected = (batch, *self._specifications[path].row_shape)
            if tuple(shape) != expected:
                raise ValueError(f"{path} has shape {list(shape)}, not {list(expected)}")

    def _absent_tensor(self, path: str, batch: int) -> Tensor:
        rows = torch.from_numpy(self._specifications[path].absent_rows(batch))
        return rows.float() if path in self._packed else rows

    def _without_overwritten(self, step: _Step) -> Sequence[Tensor]:
        """The tensors that were kept, with what somebody has changed since as absent."""
        kept = step.network.kept
        if list(map(_version_of, kept)) == step.network.versions:
            return kept
        changed = [
            path
            for path, tensor, version in zip(self._kept, kept, step.network.versions, strict=True)
            if tensor._version != version
        ]
        rows = step.stop - step.start
        self.overwritten |= {path: self.overwritten.get(path, 0) + rows for path in changed}
        return [
            self._absent_tensor(path, rows) if path in changed else tensor
            for path, tensor in zip(self._kept, kept, strict=True)
        ]


def _picking(paths: Sequence[str]) -> Callable[[Mapping[str, Tensor]], Sequence[Tensor]]:
    """What takes these out of tensors by path, in this order."""
    if len(paths) > 1:
        return itemgetter(*paths)
    return lambda tensors: [tensors[path] for path in paths]


def to_numpy(values: npt.NDArray[Any] | Tensor) -> npt.NDArray[Any]:
    """As a numpy array; bfloat16, which numpy does not know, as float32 (which holds it exactly)."""
    if isinstance(values, Tensor):
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy(force=True)
    return values

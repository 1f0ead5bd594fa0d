"""Blocks of rows, filled by the acting thread and emptied by the writer thread, allocated once and used again.

The small tensors that a network gives (a dozen a step) go into one wide array with a single `torch.cat`: copying each
into a place of its own, or keeping them all until somebody joins them, costs several times as much. Large ones
(convolutions' outputs) are copied each into its own place, where the copy itself is what costs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.recording.layout import row_bytes

MAXIMUM_PACKED_WIDTH = 1024
"""Numbers in a row up to which a tensor counts as small."""


@dataclass(frozen=True, kw_only=True)
class ArraySpecification:
    """What one array of a recording looks like."""

    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    dimensions: tuple[str, ...]
    """Names of all axes, the first of them `step` or `episode`."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tensor: bool = False
    """Whether its rows come as float32 tensors."""

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return row_bytes(self.row_shape, self.dtype.itemsize)

    @property
    def width(self) -> int:
        """Numbers in one row."""
        return int(np.prod(self.row_shape, dtype=np.int64))

    @property
    def packed(self) -> bool:
        """Whether its rows share a segment's wide array."""
        return self.tensor and self.width <= MAXIMUM_PACKED_WIDTH


class Segment:
    """A block of consecutive rows of every array.

    Args:
        specifications: The arrays by path.
        rows: How many rows it holds.
    """

    def __init__(self, specifications: Mapping[str, ArraySpecification], rows: int) -> None:
        self.rows = rows
        self.filled = 0
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self._shapes = {path: spec.row_shape for path, spec in specifications.items()}
        self._large: dict[str, Tensor] = {}
        self._packed = {path: spec for path, spec in specifications.items() if spec.packed}
        self._wide = torch.empty(rows, sum(spec.width for spec in self._packed.values()))
        wide, start = self._wide.numpy(), 0
        for path, spec in specifications.items():
            if spec.packed:
                self.arrays[path] = wide[:, start : start + spec.width]
                start += spec.width
            elif spec.tensor:
                self._large[path] = torch.empty(rows, *spec.row_shape)
                self.arrays[path] = self._large[path].numpy()
            else:
                self.arrays[path] = np.empty((rows, *spec.row_shape), spec.dtype)

    def put(self, columns: Mapping[str, npt.NDArray[Any]], tensors: Mapping[str, Tensor], batch: int) -> list[str]:
        """Copy `batch` rows behind those that are there.

        Args:
            columns: By path, `[batch, ...]`, of the specified shapes.
            tensors: The same for what a network gave.
            batch: How many rows.

        Returns:
            Paths that nothing was given for: their rows are NaN, or zero where the dtype has no NaN.
        """
        start, stop = self.filled, self.filled + batch
        arrays = self.arrays
        for path, values in columns.items():
            if len(values) != batch:
                raise ValueError(f"{path} has {len(values)} rows for {batch} environments")
            arrays[path][start:stop] = values
        if tensors:
            self._put_tensors(tensors, start, stop)
        absent: list[str] = []
        if len(columns) + len(tensors) < len(arrays):
            absent = [path for path in arrays if path not in columns and path not in tensors]
            for path in absent:
                rows = arrays[path][start:stop]
                rows[...] = np.nan if rows.dtype.kind == "f" else 0
        # Last, so that a put that fails or is interrupted leaves nothing behind.
        self.filled = stop
        return absent

    def _put_tensors(self, tensors: Mapping[str, Tensor], start: int, stop: int) -> None:
        batch = stop - start
        loose = tensors
        with torch.no_grad():
            parts = [tensors[path] for path in self._packed if path in tensors]
            if parts and len(parts) == len(self._packed):
                self._check_shapes(dict(zip(self._packed, parts, strict=True)), batch)
                flat = [_as_rows(part, batch) for part in parts]
                if flat[0].is_cpu:
                    torch.cat(flat, 1, out=self._wide[start:stop])
                else:
                    self._wide[start:stop].copy_(torch.cat(flat, 1))
                loose = {path: tensors[path] for path in tensors.keys() - self._packed.keys()}
            self._check_shapes(loose, batch)
            for path, tensor in loose.items():
                if path in self._large:
                    self._large[path][start:stop].copy_(tensor)
                else:
                    rows = self.arrays[path][start:stop]
                    rows[...] = to_numpy(tensor).reshape(rows.shape)

    def _check_shapes(self, tensors: Mapping[str, Tensor], batch: int) -> None:
        for path, tensor in tensors.items():
            # Neither copying nor joining would notice: they broadcast, or resize what they write to.
            if tensor.shape != (batch, *self._shapes[path]):
                raise ValueError(f"{path} has shape {list(tensor.shape)}, not {[batch, *self._shapes[path]]}")

    def blocks(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """The filled rows of each array."""
        for path, array in self.arrays.items():
            yield path, array[: self.filled]


def _as_rows(part: Tensor, batch: int) -> Tensor:
    """`[batch, numbers]`, by the quickest of the ways there."""
    axes = part.dim()
    return part if axes == 2 else part.unsqueeze(1) if axes == 1 else part.reshape(batch, -1)


def to_numpy(values: npt.NDArray[Any] | Tensor) -> npt.NDArray[Any]:
    """As a numpy array; bfloat16, which numpy does not know, as float32 (which holds it exactly)."""
    if isinstance(values, Tensor):
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy(force=True)
    return values

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
        self.filled = stop
        arrays = self.arrays
        for path, values in columns.items():
            arrays[path][start:stop] = values
        given = len(columns)
        if tensors:
            given += self._put_tensors(tensors, start, stop)
        if given == len(arrays):
            return []
        absent = [path for path in arrays if path not in columns and path not in tensors]
        for path in absent:
            rows = arrays[path][start:stop]
            rows[...] = np.nan if rows.dtype.kind == "f" else 0
        return absent

    def _put_tensors(self, tensors: Mapping[str, Tensor], start: int, stop: int) -> int:
        batch = stop - start
        try:
            parts = [tensors[path] for path in self._packed]
        except KeyError:
            parts = [
                tensors.get(path, torch.full((batch, spec.width), float("nan"))) for path, spec in self._packed.items()
            ]
        flat = [part if part.dim() == 2 else part.reshape(batch, -1) for part in parts]
        with torch.no_grad():
            if flat and flat[0].is_cpu:
                torch.cat(flat, 1, out=self._wide[start:stop])
            elif flat:
                self._wide[start:stop].copy_(torch.cat(flat, 1))
            if len(tensors) > len(flat):
                for path, tensor in tensors.items():
                    if path in self._large:
                        rows = self._large[path][start:stop]
                        if rows.shape != tensor.shape:
                            raise RuntimeError(f"{path} has another shape than in the first step")
                        rows.copy_(tensor)
                    elif path not in self._packed:
                        self.arrays[path][start:stop] = to_numpy(tensor)
        return len(tensors)

    def blocks(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """The filled rows of each array."""
        for path, array in self.arrays.items():
            yield path, array[: self.filled]


def to_numpy(values: npt.NDArray[Any] | Tensor) -> npt.NDArray[Any]:
    """As a numpy array; bfloat16, which numpy does not know, as float32 (which holds it exactly)."""
    if isinstance(values, Tensor):
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy(force=True)
    return values

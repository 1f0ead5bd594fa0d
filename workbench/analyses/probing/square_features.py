"""What a probe of one square reads: a convolutional layer at that place, or the part of the picture that shows it.

Axis legend:
    S  steps
    R, C  rows and columns of the grid
    P, Q  rows and columns of places that have both a square and a cell of the layer
    K  channels
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from workbench.analyses.probing.features import Features
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

Places = npt.NDArray[np.int64]

BLOCK_BYTES = 32 << 20
FINEST_PATCH = 4
"""Pixels of a square's side that are read; more are averaged."""


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """Which cell of a layer lies on which square of a grid."""

    grid: tuple[int, int]
    """R and C."""
    cells: tuple[int, int]
    """Rows and columns of the layer."""
    square_rows: Places
    """`[P]`."""
    square_columns: Places
    """`[Q]`."""
    cell_rows: Places
    """`[P]`."""
    cell_columns: Places
    """`[Q]`."""

    @property
    def places(self) -> tuple[int, int]:
        """P and Q."""
        return len(self.square_rows), len(self.square_columns)


def lattice_of(grid: tuple[int, int], cells: tuple[int, int]) -> Lattice:
    """Lay the cells of a layer on a grid, both reaching from edge to edge.

    A layer as fine as the grid has a cell a square. A coarser one has each cell on one square: evenly from the first
    square to the last where that fits (as convolutions of stride 2 with padding lie), else in the middle of the squares
    that the cell covers. Of a finer one, each square takes the cell in its middle.
    """
    rows, cell_rows = _aligned(grid[0], cells[0])
    columns, cell_columns = _aligned(grid[1], cells[1])
    return Lattice(
        grid=grid, cells=cells, square_rows=rows, square_columns=columns, cell_rows=cell_rows,
        cell_columns=cell_columns,
    )  # fmt: skip


def _aligned(squares: int, cells: int) -> tuple[Places, Places]:
    if cells >= squares:
        return np.arange(squares), ((np.arange(squares) + 0.5) * cells / squares).astype(np.int64)
    if cells > 1 and (squares - 1) % (cells - 1) == 0:
        return np.arange(cells) * (squares - 1) // (cells - 1), np.arange(cells)
    return ((np.arange(cells) + 0.5) * squares / cells).astype(np.int64), np.arange(cells)


def layer_squares(recording: "Recording", layer: str, rows: Places, lattice: Lattice, reach: int) -> Features:
    """A recorded convolutional layer at each place, `[S · P · Q, K · reach²]`."""
    array = recording.activations[layer]
    return _features(
        f"layer {layer}", rows, lattice, reach, int(array.shape[1]),
        lambda some: torch.as_tensor(np.ascontiguousarray(array[some])).double(), _cells,
    )  # fmt: skip


def computed_squares(
    name: str, rows: Places, lattice: Lattice, reach: int, channels: int, values: Callable[[Places], Tensor]
) -> Features:
    """The same of a layer that is computed: `values` gives `[n, K, cells …]` of some rows."""
    return _features(name, rows, lattice, reach, channels, lambda some: values(some).double(), _cells)


def picture_squares(recording: "Recording", rows: Places, lattice: Lattice, reach: int) -> Features | None:
    """The part of the observed picture that shows each square; None where no picture of the grid is observed."""
    for name in recording.steps:
        shape = tuple(recording.steps[name].shape[1:])
        if not (name == "observation" or name.startswith("observation/")) or len(shape) != 3:
            continue
        first = shape[0] <= 4 and shape[0] < shape[2]
        height, width, channels = (shape[1], shape[2], shape[0]) if first else shape
        if height < lattice.grid[0] or width < lattice.grid[1]:
            continue
        fine = max(1, min(FINEST_PATCH, height // lattice.grid[0], width // lattice.grid[1]))
        column = recording.steps[name]

        def read(some: Places, column: object = column, first: bool = first) -> Tensor:
            pixels = torch.as_tensor(np.ascontiguousarray(column[some])).double()  # type: ignore[index]
            return pixels if first else pixels.permute(0, 3, 1, 2)

        def placed(values: Tensor, at: Lattice, wide: int, fine: int = fine) -> Tensor:
            return _patches(values, at, wide, fine)

        return _features("observed picture", rows, lattice, reach, channels * fine * fine, read, placed)
    return None


def place_features(rows: Places, lattice: Lattice) -> Features:
    """Nothing but which square it is, one-hot: what can be said of squares without seeing anything."""
    count = int(np.prod(lattice.places))

    def blocks() -> Iterator[tuple[slice, Tensor]]:
        size = max(1, BLOCK_BYTES // (8 * count * count))
        for start in range(0, len(rows), size):
            stop = min(start + size, len(rows))
            yield slice(start * count, stop * count), torch.eye(count, dtype=torch.float64).repeat(stop - start, 1)

    return Features(name="square alone", shape=(count,), blocks=blocks)


def spatial_shape(recording: "Recording", layer: str) -> tuple[int, int, int]:
    """Channels, rows and columns of a layer.

    Raises:
        WorkbenchError: It has no squares.
    """
    shape = tuple(recording.activations[layer].shape[1:])
    if len(shape) != 3 or min(shape[1:]) < 2:
        raise WorkbenchError(
            f"The layer {layer!r} gives {list(shape)} numbers a step; a probe of each square takes a convolutional "
            f"layer, [channels, rows, columns]. Probe it as a whole instead."
        )
    return int(shape[0]), int(shape[1]), int(shape[2])


def _features(
    name: str,
    rows: Places,
    lattice: Lattice,
    reach: int,
    channels: int,
    read: Callable[[Places], Tensor],
    placed: Callable[[Tensor, Lattice, int], Tensor],
) -> Features:
    width, count = channels * reach * reach, int(np.prod(lattice.places))

    def blocks() -> Iterator[tuple[slice, Tensor]]:
        size = max(1, BLOCK_BYTES // (8 * width * count))
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            values = placed(read(some), lattice, reach)
            yield slice(start * count, (start + len(some)) * count), values

    return Features(name=name, shape=(width,), blocks=blocks)


def _cells(values: Tensor, lattice: Lattice, reach: int) -> Tensor:
    """`[n · P · Q, K · reach²]` of a layer `[n, K, rows, columns]`; beyond its edge stands 0."""
    around = functional.unfold(values, reach, padding=reach // 2).reshape(len(values), -1, *lattice.cells)
    return _rows_of(around, lattice.cell_rows, lattice.cell_columns)


def _patches(pixels: Tensor, lattice: Lattice, reach: int, fine: int) -> Tensor:
    """The same of a picture: each square's `fine` by `fine` pixels are its channels."""
    rows, columns = lattice.grid
    small = functional.adaptive_avg_pool2d(pixels, (rows * fine, columns * fine))
    squares = functional.pixel_unshuffle(small, fine)
    around = functional.unfold(squares, reach, padding=reach // 2).reshape(len(pixels), -1, *lattice.grid)
    return _rows_of(around, lattice.square_rows, lattice.square_columns)


def _rows_of(around: Tensor, rows: Places, columns: Places) -> Tensor:
    chosen = around[:, :, torch.as_tensor(rows)][:, :, :, torch.as_tensor(columns)]
    return chosen.permute(0, 2, 3, 1).flatten(0, 2)

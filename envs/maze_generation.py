"""Perfect mazes by Kruskal's algorithm (J. B. Kruskal, 1956) on a grid of squares with random edge order.

Axis legend:
    N  side of the maze in squares, odd; squares with both coordinates even are cells and always open
"""

import numba
import numpy as np
import numpy.typing as npt


def generate_maze(size: int, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw a maze in which exactly one path joins any two open squares.

    Args:
        size: Side in squares, odd, at least 3.
        random: Where the order of the edges is drawn from.

    Returns:
        `[N, N]`, True where there is a wall.
    """
    cells = (size + 1) // 2
    return carve(size, random.permutation(2 * cells * (cells - 1)))


@numba.njit(cache=True)
def carve(size: int, order: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Carve a maze of `size` squares by trying its edges in `order`, a permutation of their numbers; compiled."""
    cells = (size + 1) // 2
    walls = np.ones((size, size), dtype=np.bool_)
    walls[::2, ::2] = False
    parent = np.arange(cells * cells)
    horizontal = cells * (cells - 1)
    for index in range(order.size):
        edge = order[index]
        if edge < horizontal:
            row, column = edge // (cells - 1), edge % (cells - 1)
            down, right = 0, 1
        else:
            row, column = (edge - horizontal) // cells, (edge - horizontal) % cells
            down, right = 1, 0
        first = _root(parent, row * cells + column)
        second = _root(parent, (row + down) * cells + column + right)
        if first != second:
            parent[first] = second
            walls[2 * row + down, 2 * column + right] = False
    return walls


@numba.njit(cache=True)
def _root(parent: npt.NDArray[np.int64], cell: int) -> int:
    while parent[cell] != cell:
        parent[cell] = parent[parent[cell]]
        cell = parent[cell]
    return cell

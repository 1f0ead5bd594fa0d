"""The exact solver of a maze: distances by breadth-first search, shortest paths, and where two goals part.

Axis legend:
    H  side of the padded grid in squares (rows count downwards, columns to the right)
"""

import numba
import numpy as np
import numpy.typing as npt

UNREACHABLE = -1
"""The distance of a square from which the goal cannot be reached."""

ROW_STEP = (-1, 0, 1, 0)
"""Rows moved by the actions up, right, down, left."""
COLUMN_STEP = (0, 1, 0, -1)
"""Columns moved by the actions up, right, down, left."""


@numba.njit(cache=True)
def distances_to(walls: npt.NDArray[np.bool_], row: int, column: int) -> npt.NDArray[np.int16]:
    """Give each open square's distance to the goal at (`row`, `column`), in steps.

    Args:
        walls: `[H, W]`, True where there is a wall.
        row: The goal's row.
        column: The goal's column.

    Returns:
        `[H, W]`, -1 on walls and wherever the goal cannot be reached from.
    """
    height, width = walls.shape
    distances = np.full((height, width), -1, dtype=np.int16)
    queue = np.empty(height * width, dtype=np.int32)
    distances[row, column] = 0
    queue[0] = row * width + column
    head, tail = 0, 1
    while head < tail:
        here_row, here_column = queue[head] // width, queue[head] % width
        head += 1
        for action in range(4):
            next_row = here_row + ROW_STEP[action]
            next_column = here_column + COLUMN_STEP[action]
            if 0 <= next_row < height and 0 <= next_column < width:
                if walls[next_row, next_column] or distances[next_row, next_column] >= 0:
                    continue
                distances[next_row, next_column] = distances[here_row, here_column] + 1
                queue[tail] = next_row * width + next_column
                tail += 1
    return distances


@numba.njit(cache=True)
def moved(walls: npt.NDArray[np.bool_], row: int, column: int, action: int) -> tuple[int, int]:
    """Give the square that an action leads to: the neighbour, or the same where a wall or the edge is in the way."""
    next_row, next_column = row + ROW_STEP[action], column + COLUMN_STEP[action]
    inside = 0 <= next_row < walls.shape[0] and 0 <= next_column < walls.shape[1]
    if inside and not walls[next_row, next_column]:
        return next_row, next_column
    return row, column


@numba.njit(cache=True)
def optimal_action(distances: npt.NDArray[np.int16], row: int, column: int) -> int:
    """Give the first of up, right, down, left that brings the goal nearer; -1 at the goal or cut off from it."""
    here = distances[row, column]
    for action in range(4):
        if _descends(distances, row, column, action, here):
            return action
    return -1


@numba.njit(cache=True)
def _descends(distances: npt.NDArray[np.int16], row: int, column: int, action: int, here: int) -> bool:
    next_row, next_column = row + ROW_STEP[action], column + COLUMN_STEP[action]
    if not (0 <= next_row < distances.shape[0] and 0 <= next_column < distances.shape[1]):
        return False
    return here > 0 and distances[next_row, next_column] == here - 1


@numba.njit(cache=True)
def write_path(distances: npt.NDArray[np.int16], row: int, column: int, path: npt.NDArray[np.int16]) -> None:
    """Write the squares from (`row`, `column`) to the goal, both included, into `path` `[H * H, 2]`, then -1.

    Of several shortest paths it is the one whose actions come first in the order up, right, down, left. Nothing but
    -1 is written where the goal cannot be reached.
    """
    length = 0
    if distances[row, column] >= 0:
        path[0, 0], path[0, 1] = row, column
        length = 1
        while distances[row, column] > 0:
            action = optimal_action(distances, row, column)
            row, column = row + ROW_STEP[action], column + COLUMN_STEP[action]
            path[length, 0], path[length, 1] = row, column
            length += 1
    path[length:] = -1


@numba.njit(cache=True)
def parting_square(
    first: npt.NDArray[np.int16], second: npt.NDArray[np.int16], row: int, column: int
) -> tuple[int, int]:
    """Find the first square on the way from (`row`, `column`) at which no action is optimal for both of two goals.

    Args:
        first: `[H, H]` distances to one goal, of `distances_to`.
        second: `[H, H]` distances to the other.
        row: Where the way begins.
        column: Where the way begins.

    Returns:
        Row and column; (-1, -1) where the ways never part: one goal lies on the way to the other, or is cut off.
    """
    while first[row, column] > 0 and second[row, column] > 0:
        common = -1
        for action in range(4):
            if _descends(first, row, column, action, first[row, column]) and _descends(
                second, row, column, action, second[row, column]
            ):
                common = action
                break
        if common < 0:
            return row, column
        row, column = row + ROW_STEP[common], column + COLUMN_STEP[common]
    return -1, -1

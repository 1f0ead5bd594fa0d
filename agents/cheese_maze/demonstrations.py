"""What the exact solver does in mazes of the training distribution, in batches, for imitation.

Axis legend:
    B  batch; one maze, and one state in it, a row
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from envs.cheese_maze import CHEESE, FLOOR, MOUSE
from envs.maze_generation import carve
from envs.maze_solver import distances_to, optimal_action, write_path

_FLOOR, _MOUSE, _CHEESE = (np.array(colour, dtype=np.uint8) for colour in (FLOOR, MOUSE, CHEESE))


@dataclass(frozen=True, kw_only=True)
class Demonstrations:
    """States of mazes and what the solver does there."""

    images: npt.NDArray[np.uint8]
    """`[B, 13, 13, 3]`, as the environment shows them."""
    actions: npt.NDArray[np.int64]
    """`[B]` the optimal action (the only one: a perfect maze has one path)."""
    distances: npt.NDArray[np.int64]
    """`[B]` steps to the cheese."""


def draw_demonstrations(
    count: int, cheese_mask: npt.NDArray[np.bool_], random: np.random.Generator, *, hidden: float = 0.0
) -> Demonstrations:
    """Draw mazes, cheese and mouse, and solve them.

    The mazes and the cheese are distributed as in the environment. In half of the states the mouse is somewhere on the
    way from the start to the cheese, in the others anywhere: so the agent also learns to return from a wrong turning.

    Args:
        count: How many.
        cheese_mask: `[13, 13]`, True where cheese may lie.
        random: Where all is drawn from.
        hidden: Share of the states whose image does not show the cheese, 0 to 1; the action is as if it did.
    """
    size = cheese_mask.shape[0]
    cells = (size + 1) // 2
    orders = random.permuted(np.tile(np.arange(2 * cells * (cells - 1)), (count, 1)), axis=1)
    images, actions, distances = _solve(
        orders, random.random((count, 4 if hidden else 3)), cheese_mask, hidden, _FLOOR, _MOUSE, _CHEESE
    )
    return Demonstrations(images=images, actions=actions, distances=distances)


@numba.njit(cache=True)
def _choose(allowed: npt.NDArray[np.bool_], number: float) -> tuple[int, int]:
    rows, columns = np.nonzero(allowed)
    index = int(number * rows.size)
    return rows[index], columns[index]


@numba.njit(cache=True)
def _solve(
    orders: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.float64],
    cheese_mask: npt.NDArray[np.bool_],
    hidden: float,
    floor: npt.NDArray[np.uint8],
    mouse_colour: npt.NDArray[np.uint8],
    cheese_colour: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    count, size = orders.shape[0], cheese_mask.shape[0]
    images = np.zeros((count, size, size, 3), dtype=np.uint8)
    actions = np.empty(count, dtype=np.int64)
    distances = np.empty(count, dtype=np.int64)
    path = np.empty((size * size, 2), dtype=np.int16)
    for index in range(count):
        walls = carve(size, orders[index])
        allowed = cheese_mask & ~walls
        allowed[size - 1, 0] = False
        cheese = _choose(allowed, numbers[index, 0])
        to_cheese = distances_to(walls, cheese[0], cheese[1])
        if numbers[index, 1] < 0.5:
            write_path(to_cheese, size - 1, 0, path)
            step = int(numbers[index, 2] * to_cheese[size - 1, 0])
            mouse = (int(path[step, 0]), int(path[step, 1]))
        else:
            free = ~walls
            free[cheese[0], cheese[1]] = False
            mouse = _choose(free, numbers[index, 2])
        for row in range(size):
            for column in range(size):
                if not walls[row, column]:
                    images[index, row, column] = floor
        if hidden == 0.0 or numbers[index, 3] >= hidden:
            images[index, cheese[0], cheese[1]] = cheese_colour
        images[index, mouse[0], mouse[1]] = mouse_colour
        actions[index] = optimal_action(to_cheese, mouse[0], mouse[1])
        distances[index] = to_cheese[mouse[0], mouse[1]]
    return images, actions, distances

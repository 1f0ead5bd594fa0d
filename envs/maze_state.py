"""A maze's state as `CheeseMaze.get_state` gives it, checked before it is put back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from envs.placement import SMALLEST

ENTRIES = ("walls", "size", "mouse", "cheese", "elapsed", "over")


@dataclass(frozen=True, kw_only=True)
class MazeState:
    """A state that a maze can be in; squares are rows and columns of the grid `[H, H]`."""

    walls: npt.NDArray[np.bool_]
    size: int
    mouse: tuple[int, int]
    cheese: tuple[int, int]
    elapsed: int
    over: bool


def read_state(state: Mapping[str, Any], side: int) -> MazeState:
    """Check a state and give it its types.

    Args:
        state: Numbers and arrays by the names `ENTRIES`.
        side: H, the side of the grid in squares.

    Raises:
        ValueError: No maze on such a grid can be in this state.
    """
    if set(state) != set(ENTRIES):
        raise ValueError(f"a state has the entries {', '.join(ENTRIES)}; got {', '.join(map(str, state))}")
    walls = np.array(state["walls"], dtype=np.bool_)
    size, elapsed = int(state["size"]), int(state["elapsed"])
    if walls.shape != (side, side):
        raise ValueError(f"walls must have shape {(side, side)}; got {walls.shape}")
    if size % 2 == 0 or not SMALLEST <= size <= side:
        raise ValueError(f"size must be odd, from {SMALLEST} to {side}; got {size}")
    if elapsed < 0:
        raise ValueError(f"elapsed must be at least 0; got {elapsed}")
    margin = (side - size) // 2
    outside = np.ones_like(walls)
    outside[margin : margin + size, margin : margin + size] = False
    if not walls[outside].all() or walls[margin, margin + size - 1]:
        raise ValueError(f"walls must be closed around the {size} by {size} maze and open at its top right corner")
    mouse, cheese = (_open_square(name, state[name], walls) for name in ("mouse", "cheese"))
    over = bool(state["over"])
    if mouse == cheese and not over:
        raise ValueError(f"mouse and cheese are both at {mouse}, yet the episode is not over")
    return MazeState(walls=walls, size=size, mouse=mouse, cheese=cheese, elapsed=elapsed, over=over)


def _open_square(name: str, square: Any, walls: npt.NDArray[np.bool_]) -> tuple[int, int]:
    row, column = (int(number) for number in square)
    if not (0 <= row < len(walls) and 0 <= column < len(walls)) or walls[row, column]:
        raise ValueError(f"the {name} must be on an open square; row {row}, column {column} is none")
    return row, column

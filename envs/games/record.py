"""A game as a record of compiled functions over batches of packed positions.

Axis legend:
    B  batch of positions
    W  64-bit words of a packed position
    A  actions, legal or not
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Game:
    """All that a search, a viewer and a network need to know of a game; two games of one name have the same rules."""

    name: str
    title: str
    """For people."""
    actions: int
    words: int
    longest: int
    """No game has more moves."""
    observation_shape: tuple[int, ...]
    observation_planes: tuple[str, ...]
    """What each plane of the observation shows."""
    action_names: tuple[str, ...]
    first_position: tuple[int, ...]
    """The words of the position at the start."""
    play: Callable[..., None]
    """`(positions [B, W], actions [B], after [B, W], legal [B, A], ended [B], outcome [B], player [B])`: one legal move
    in each position; all but the first two are written. Outcomes are for the player to move after the move."""
    describe: Callable[..., None]
    """`(positions [B, W], legal [B, A], ended [B], outcome [B], player [B])`: the same of positions as they are."""
    observe: Callable[..., None]
    """`(positions [B, W], observations [B, *observation_shape])`: what the player to move sees."""
    cells: Callable[[npt.NDArray[np.uint64]], npt.NDArray[np.int8]]
    """`[W]` → `[rows, columns]`, row 0 on top: 0 empty, 1 the first player's, −1 the second's."""
    action_cell: Callable[[], npt.NDArray[np.int16]]
    """`[A, 2]`: the cell that an action names; a row of −1 means the column as a whole."""

    def start(self) -> npt.NDArray[np.uint64]:
        """The position at the start, `[W]`."""
        return np.array(self.first_position, np.uint64)

    def action_cells(self) -> npt.NDArray[np.int16]:
        """The cell that each action names, `[A, 2]`."""
        return self.action_cell()

    def facts(self, position: npt.NDArray[np.uint64]) -> dict[str, Any]:
        """What is true of one position: `legal [A]`, `ended`, `outcome`, `player`."""
        legal, ended = np.zeros((1, self.actions), np.bool_), np.zeros(1, np.uint8)
        outcome, player = np.zeros(1, np.float32), np.zeros(1, np.int8)
        self.describe(np.asarray(position, np.uint64)[None], legal, ended, outcome, player)
        return {"legal": legal[0], "ended": bool(ended[0]), "outcome": float(outcome[0]), "player": int(player[0])}

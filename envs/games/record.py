"""A game as a record of compiled functions over batches of packed positions.

Axis legend:
    B  batch of positions
    W  64-bit words of a packed position
    A  actions, legal or not
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypedDict

import numpy as np
import numpy.typing as npt

from envs.games.rules import Board


class Facts(TypedDict):
    """What is true of one position."""

    legal: npt.NDArray[np.bool_]
    """`[A]`; all False where the game is over."""
    ended: bool
    outcome: float
    """−1, 0 or 1 for the player to move; 0 where the game goes on."""
    player: int
    """Who is to move, 0 or 1."""


class Play(Protocol):
    """Make one legal move in each position; all but the first two are written."""

    def __call__(  # noqa: D102
        self,
        positions: npt.NDArray[np.uint64],
        actions: npt.NDArray[np.int16],
        after: npt.NDArray[np.uint64],
        legal: npt.NDArray[np.bool_],
        ended: npt.NDArray[np.uint8],
        outcome: npt.NDArray[np.float32],
        player: npt.NDArray[np.int8],
        /,
    ) -> None: ...


class Describe(Protocol):
    """Write what is true of positions as they are; all but the first are written."""

    def __call__(  # noqa: D102
        self,
        positions: npt.NDArray[np.uint64],
        legal: npt.NDArray[np.bool_],
        ended: npt.NDArray[np.uint8],
        outcome: npt.NDArray[np.float32],
        player: npt.NDArray[np.int8],
        /,
    ) -> None: ...


class Observe(Protocol):
    """Write what the player to move sees."""

    def __call__(  # noqa: D102
        self, positions: npt.NDArray[np.uint64], observations: npt.NDArray[np.float32], /
    ) -> None: ...


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
    play: Play
    """`(positions [B, W], actions [B], after [B, W], legal [B, A], ended [B], outcome [B], player [B])`: one legal move
    in each position; all but the first two are written. Outcomes are for the player to move after the move."""
    describe: Describe
    """`(positions [B, W], legal [B, A], ended [B], outcome [B], player [B])`: the same of positions as they are."""
    observe: Observe
    """`(positions [B, W], observations [B, *observation_shape])`: what the player to move sees."""
    cells: Callable[[npt.NDArray[np.uint64]], npt.NDArray[np.int8]]
    """`[W]` → `[rows, columns]`, row 0 on top: 0 empty, 1 the first player's, −1 the second's."""
    cell_names: tuple[str, ...]
    """Row by row, such as a4."""
    action_cell: Callable[[], npt.NDArray[np.int16]]
    """`[A, 2]`: the cell that an action names; a row of −1 means the column as a whole."""
    board: Board
    """The compiled rules, which the solver and the drawing go by."""

    def __reduce__(self) -> tuple[Callable[[str], "Game"], tuple[str]]:
        """Copies and pickles are made by name, which leaves one game of each."""
        from envs.games.naming import game_named

        return game_named, (self.name,)

    def start(self) -> npt.NDArray[np.uint64]:
        """The position at the start, `[W]`."""
        return np.array(self.first_position, np.uint64)

    def action_cells(self) -> npt.NDArray[np.int16]:
        """The cell that each action names, `[A, 2]`."""
        return self.action_cell()

    def cell_of(self, position: npt.NDArray[np.uint64], action: int) -> tuple[int, int]:
        """The row and column of the stone that an action has put there; of a column it is the uppermost."""
        row, column = (int(number) for number in self.action_cell()[action])
        return (row, column) if row >= 0 else (int(np.argmax(self.cells(position)[:, column] != 0)), column)

    def facts(self, position: npt.NDArray[np.uint64]) -> Facts:
        """What is true of one position `[W]`."""
        legal, ended = np.zeros((1, self.actions), np.bool_), np.zeros(1, np.uint8)
        outcome, player = np.zeros(1, np.float32), np.zeros(1, np.int8)
        self.describe(np.asarray(position, np.uint64)[None], legal, ended, outcome, player)
        return {"legal": legal[0], "ended": bool(ended[0]), "outcome": float(outcome[0]), "player": int(player[0])}

    def after(self, position: npt.NDArray[np.uint64], action: int) -> npt.NDArray[np.uint64]:
        """The position `[W]` after one legal move; whether it is legal is not checked."""
        after = np.empty((1, self.words), np.uint64)
        legal, ended = np.empty((1, self.actions), np.bool_), np.empty(1, np.uint8)
        outcome, player = np.empty(1, np.float32), np.empty(1, np.int8)
        before, actions = np.asarray(position, np.uint64)[None], np.array([action], np.int16)
        self.play(before, actions, after, legal, ended, outcome, player)
        return after[0]

"""What a game looks like to the search: facts, and functions over batches of packed positions.

Axis legend, used in all shape comments of this package:
    B  batch of positions
    W  64-bit words of a packed position
    A  actions of the game, legal or not
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError


@runtime_checkable
class Game(Protocol):
    """A game of perfect information without chance, for one player or two who need not alternate.

    Positions are packed: `[W]` uint64 hold all that the rules need, so that equal positions have equal words.
    The functions work on whole batches and write into arrays that the caller made; compiled ones (numba) are fast, any
    callable will do.
    """

    @property
    def name(self) -> str:
        """Short and unique, with all that changes the rules: `connect_four_6x7`."""

    @property
    def actions(self) -> int:
        """How many actions there are, A."""

    @property
    def words(self) -> int:
        """How many words a packed position has, W."""

    @property
    def longest(self) -> int:
        """No game has more moves than this."""

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of what a network sees of a position."""

    @property
    def action_names(self) -> tuple[str, ...]:
        """`[A]`, for people."""

    def start(self) -> npt.NDArray[np.uint64]:
        """`[W]`, the position at the start of a game."""

    def play(
        self,
        positions: npt.NDArray[np.uint64],
        actions: npt.NDArray[np.int16],
        after: npt.NDArray[np.uint64],
        legal: npt.NDArray[np.bool_],
        ended: npt.NDArray[np.uint8],
        outcome: npt.NDArray[np.float32],
        player: npt.NDArray[np.int8],
    ) -> None:
        """Make one legal move in each position.

        Args:
            positions: `[B, W]`; left as they are.
            actions: `[B]`.
            after: `[B, W]`, written: the positions after the moves.
            legal: `[B, A]`, written: what may be played there; all False where the game is over.
            ended: `[B]`, written: 1 where the game is over.
            outcome: `[B]`, written: −1, 0 or 1 for *the player to move after the move*; 0 where it goes on.
            player: `[B]`, written: who is to move after the move, 0 or 1.
        """

    def describe(
        self,
        positions: npt.NDArray[np.uint64],
        legal: npt.NDArray[np.bool_],
        ended: npt.NDArray[np.uint8],
        outcome: npt.NDArray[np.float32],
        player: npt.NDArray[np.int8],
    ) -> None:
        """Write what `play` writes, of positions that are there already."""

    def observe(self, positions: npt.NDArray[np.uint64], observations: npt.NDArray[np.float32]) -> None:
        """Write what a network sees, from the view of the player to move: `[B, W]` → `[B, *observation_shape]`."""

    def cells(self, position: npt.NDArray[np.uint64]) -> npt.NDArray[np.int8]:
        """`[rows, columns]` of the board as people see it, row 0 on top: 1 the first player's, −1 the second's."""

    def action_cells(self) -> npt.NDArray[np.int16]:
        """`[A, 2]` row and column of the cell that an action names on the board; row −1: the column as a whole."""


def describe(game: Game, positions: npt.NDArray[np.uint64]) -> dict[str, npt.NDArray[Any]]:
    """What is true of some positions: `legal [B, A]`, `ended [B]`, `outcome [B]` (for who is to move), `player [B]`."""
    B = len(positions)
    legal, ended = np.zeros((B, game.actions), np.bool_), np.zeros(B, np.uint8)
    outcome, player = np.zeros(B, np.float32), np.zeros(B, np.int8)
    game.describe(positions, legal, ended, outcome, player)
    return {"legal": legal, "ended": ended, "outcome": outcome, "player": player}


def play_moves(
    game: Game, positions: npt.NDArray[np.uint64], actions: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.uint64], dict[str, npt.NDArray[Any]]]:
    """Make one legal move in each position: the positions after them `[B, W]`, and what `describe` says of those.

    Args:
        game: Whose rules.
        positions: `[B, W]`.
        actions: `[B]`; whether they are legal is not checked.
    """
    B = len(positions)
    after, legal, ended = np.zeros_like(positions), np.zeros((B, game.actions), np.bool_), np.zeros(B, np.uint8)
    outcome, player = np.zeros(B, np.float32), np.zeros(B, np.int8)
    game.play(np.ascontiguousarray(positions), np.asarray(actions, np.int16), after, legal, ended, outcome, player)
    return after, {"legal": legal, "ended": ended, "outcome": outcome, "player": player}


def observe(game: Game, positions: npt.NDArray[np.uint64]) -> npt.NDArray[np.float32]:
    """What a network sees of some positions: `[B, *observation_shape]`."""
    observations = np.zeros((len(positions), *game.observation_shape), np.float32)
    game.observe(positions, observations)
    return observations


def play_line(game: Game, position: npt.NDArray[np.uint64], moves: Any) -> npt.NDArray[np.uint64]:
    """The position after some moves, each checked.

    Args:
        game: Whose rules.
        position: `[W]`, where to begin.
        moves: Numbers of actions, one after the other.

    Raises:
        WorkbenchError: A move is not legal there, or the game is over.
    """
    here = np.array(position, np.uint64)[None]
    for number, move in enumerate(moves):
        facts = describe(game, here)
        if facts["ended"][0]:
            raise WorkbenchError(
                f"The game of {game.name} is over after {number} of the {len(moves)} moves; leave out the rest."
            )
        if not 0 <= int(move) < game.actions or not facts["legal"][0, int(move)]:
            allowed = ", ".join(game.action_names[a] for a in np.flatnonzero(facts["legal"][0]))
            named = game.action_names[int(move)] if 0 <= int(move) < game.actions else str(move)
            raise WorkbenchError(
                f"Move {number + 1}, {named}, is not legal in that position of {game.name}; legal are: {allowed}."
            )
        after = np.empty_like(here)
        legal, ended = np.empty((1, game.actions), np.bool_), np.empty(1, np.uint8)
        game.play(here, np.array([move], np.int16), after, legal, ended, np.empty(1, np.float32), np.empty(1, np.int8))
        here = after
    return np.array(here[0])


def check_positions(game: Game, positions: npt.NDArray[np.uint64]) -> dict[str, npt.NDArray[Any]]:
    """Describe positions that a search is to start from.

    Raises:
        WorkbenchError: They have another shape, or in one of them the game is over or there is nothing to play.
    """
    if positions.ndim != 2 or positions.shape[1] != game.words or positions.dtype != np.uint64:
        raise WorkbenchError(
            f"Positions of {game.name} are [games, {game.words}] words of uint64; got shape {positions.shape} of "
            f"{positions.dtype}."
        )
    facts = describe(game, positions)
    for index in np.flatnonzero(facts["ended"] | ~facts["legal"].any(1)):
        raise WorkbenchError(
            f"Position {index} of {len(positions)} is a finished game of {game.name}: there is nothing to search. "
            f"Search a position before the last move."
        )
    return facts

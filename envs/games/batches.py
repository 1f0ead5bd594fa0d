"""Compiled loops over batches of packed positions: the functions that a `Game` consists of.

They are compiled for each board by itself, with its fields as constants, which makes them twice as fast; the compiled
code is kept on the disk.

Axis legend:
    B  batch of positions
    A  actions, legal or not
"""

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit

from envs.games.record import Describe, Game, Observe, Play
from envs.games.rules import CONNECT_FOUR, Board, count, has_won, stone_of

_Positions = npt.NDArray[np.uint64]


def game_on(board: Board, *, name: str, title: str, cell_names: tuple[str, ...]) -> Game:
    """The record of a game on a board.

    Args:
        board: The family of rules and the size.
        name: Short and unique.
        title: For people.
        cell_names: Row by row; where an action is a column, its name is the letter.
    """
    play, describe, observe = _compiled(board)
    rows, columns = np.divmod(np.arange(board.rows * board.columns), board.columns)
    bits = (board.corner + rows * board.down + columns * board.right).astype(np.uint64)

    def cells(position: _Positions) -> npt.NDArray[np.int8]:
        stones = (np.asarray(position, np.uint64)[:, None] >> bits & np.uint64(1)).astype(np.int8)
        return (stones[0] - stones[1]).reshape(board.rows, board.columns)

    falling = board.family == CONNECT_FOUR
    action_names = tuple(name[0] for name in cell_names[: board.columns]) if falling else cell_names

    def action_cell() -> npt.NDArray[np.int16]:
        if falling:
            return np.array([(-1, column) for column in range(board.columns)], np.int16)
        return np.stack([rows, columns], 1).astype(np.int16)

    return Game(
        name=name,
        title=title,
        actions=len(action_names),
        words=2,
        longest=board.rows * board.columns,
        observation_shape=(2, board.rows, board.columns),
        observation_planes=("own stones", "the other's stones"),
        action_names=action_names,
        first_position=(0, 0),
        play=play,
        describe=describe,
        observe=observe,
        cells=cells,
        cell_names=cell_names,
        action_cell=action_cell,
        board=board,
    )


@cache
def _compiled(board: Board) -> tuple[Play, Describe, Observe]:
    @njit(cache=True, nogil=True)
    def play(
        positions: _Positions,
        actions: npt.NDArray[np.int16],
        after: _Positions,
        legal: npt.NDArray[np.bool_],
        ended: npt.NDArray[np.uint8],
        outcome: npt.NDArray[np.float32],
        player: npt.NDArray[np.int8],
    ) -> None:
        for b in range(len(positions)):
            first, second = np.int64(positions[b, 0]), np.int64(positions[b, 1])
            taken = first | second
            mover = count(taken) & 1
            stone = stone_of(board, taken, np.int64(actions[b]))
            if mover == 0:
                first |= stone
            else:
                second |= stone
            after[b, 0], after[b, 1] = first, second
            player[b] = 1 - mover
            ended[b], outcome[b] = _state(board, first, second, 1 - mover, legal[b])

    @njit(cache=True, nogil=True)
    def describe(
        positions: _Positions,
        legal: npt.NDArray[np.bool_],
        ended: npt.NDArray[np.uint8],
        outcome: npt.NDArray[np.float32],
        player: npt.NDArray[np.int8],
    ) -> None:
        for b in range(len(positions)):
            first, second = np.int64(positions[b, 0]), np.int64(positions[b, 1])
            mover = count(first | second) & 1
            player[b] = mover
            ended[b], outcome[b] = _state(board, first, second, mover, legal[b])

    @njit(cache=True, nogil=True)
    def observe(positions: _Positions, observations: npt.NDArray[np.float32]) -> None:
        for b in range(len(positions)):
            first, second = np.int64(positions[b, 0]), np.int64(positions[b, 1])
            mine, theirs = (first, second) if count(first | second) & 1 == 0 else (second, first)
            for row in range(board.rows):
                for column in range(board.columns):
                    bit = board.corner + row * board.down + column * board.right
                    observations[b, 0, row, column] = np.int32(mine >> bit & 1)
                    observations[b, 1, row, column] = np.int32(theirs >> bit & 1)

    return play, describe, observe


@njit(cache=True, nogil=True, inline="always")
def _state(board: Board, first: int, second: int, player: int, legal: npt.NDArray[np.bool_]) -> tuple[int, float]:
    """Write what is legal, and give whether the game is over and the outcome for the player to move."""
    lost = has_won(board, second if player == 0 else first, 1 - player)
    taken = first | second
    over = lost or taken == board.cells
    # A column is open while its uppermost cell is; elsewhere an action is a cell.
    action = 0
    for row in range(1 if board.family == CONNECT_FOUR else board.rows):
        for column in range(board.columns):
            free = not (taken >> (board.corner + row * board.down + column * board.right)) & 1
            legal[action] = free and not over
            action += 1
    return int(over), -1.0 if lost else 0.0

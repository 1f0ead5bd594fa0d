"""Compiled loops over batches of packed positions: the functions that a `Game` consists of.

Axis legend:
    B  batch of positions
    A  actions, legal or not
"""

import numpy as np
import numpy.typing as npt

from envs.games.compiling import compiled, compiled_inline
from envs.games.record import Game
from envs.games.rules import CONNECT_FOUR, Board, action_cells, count, has_won, playable

_Positions = npt.NDArray[np.uint64]


def game_on(board: Board, *, name: str, title: str, cell_names: tuple[str, ...]) -> Game:
    """The record of a game on a board.

    Args:
        board: The family of rules and the size.
        name: Short and unique.
        title: For people.
        cell_names: Row by row; where an action is a column, its name is the letter.
    """
    shape = np.array(board, np.int64)
    rows, columns = np.divmod(np.arange(board.rows * board.columns), board.columns)
    bits = board.corner + rows * board.down + columns * board.right
    masks = np.array(action_cells(board), np.int64)

    def play(
        positions: _Positions,
        actions: npt.NDArray[np.int16],
        after: _Positions,
        legal: npt.NDArray[np.bool_],
        ended: npt.NDArray[np.uint8],
        outcome: npt.NDArray[np.float32],
        player: npt.NDArray[np.int8],
    ) -> None:
        _play(shape, bits, masks, positions, actions, after, legal, ended, outcome, player)

    def describe(
        positions: _Positions,
        legal: npt.NDArray[np.bool_],
        ended: npt.NDArray[np.uint8],
        outcome: npt.NDArray[np.float32],
        player: npt.NDArray[np.int8],
    ) -> None:
        _describe(shape, bits, positions, legal, ended, outcome, player)

    def observe(positions: _Positions, observations: npt.NDArray[np.float32]) -> None:
        if observations.flags.c_contiguous:
            _observe(bits, positions, observations.reshape(len(positions), -1))
        else:
            room = np.empty(observations.shape, np.float32)
            _observe(bits, positions, room.reshape(len(positions), -1))
            observations[:] = room

    def cells(position: _Positions) -> npt.NDArray[np.int8]:
        stones = (np.asarray(position, np.uint64)[:, None] >> bits.astype(np.uint64) & np.uint64(1)).astype(np.int8)
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


@compiled_inline
def _board(shape: npt.NDArray[np.int64]) -> Board:
    """A `Board` that was handed over as an array, which takes a small part of the time."""
    return Board(shape[0], shape[1], shape[2], shape[3], shape[4], shape[5], shape[6], shape[7])


@compiled_inline
def _state(
    board: Board, bits: npt.NDArray[np.int64], first: int, second: int, player: int, legal: npt.NDArray[np.bool_]
) -> tuple[int, float]:
    """Write what is legal, and give whether the game is over and the outcome for the player to move."""
    lost = has_won(board, second if player == 0 else first, 1 - player)
    taken = first | second
    over = lost or taken == board.cells
    # An action is a cell, or a column, which is open while its uppermost cell is: the cells of the first row.
    blocked = -1 if over else taken
    for action in range(len(legal)):
        legal[action] = not (blocked >> bits[action]) & 1
    return int(over), -1.0 if lost else 0.0


@compiled
def _describe(
    shape: npt.NDArray[np.int64],
    bits: npt.NDArray[np.int64],
    positions: _Positions,
    legal: npt.NDArray[np.bool_],
    ended: npt.NDArray[np.uint8],
    outcome: npt.NDArray[np.float32],
    player: npt.NDArray[np.int8],
) -> None:
    board = _board(shape)
    for b in range(len(positions)):
        first, second = np.int64(positions[b, 0]), np.int64(positions[b, 1])
        mover = count(first | second) & 1
        player[b] = mover
        ended[b], outcome[b] = _state(board, bits, first, second, mover, legal[b])


@compiled
def _play(
    shape: npt.NDArray[np.int64],
    bits: npt.NDArray[np.int64],
    masks: npt.NDArray[np.int64],
    positions: _Positions,
    actions: npt.NDArray[np.int16],
    after: _Positions,
    legal: npt.NDArray[np.bool_],
    ended: npt.NDArray[np.uint8],
    outcome: npt.NDArray[np.float32],
    player: npt.NDArray[np.int8],
) -> None:
    board = _board(shape)
    for b in range(len(positions)):
        first, second = np.int64(positions[b, 0]), np.int64(positions[b, 1])
        taken = first | second
        mover = count(taken) & 1
        stone = playable(board, taken) & masks[actions[b]]
        if mover == 0:
            first |= stone
        else:
            second |= stone
        after[b, 0], after[b, 1] = first, second
        player[b] = 1 - mover
        ended[b], outcome[b] = _state(board, bits, first, second, 1 - mover, legal[b])


@compiled
def _observe(bits: npt.NDArray[np.int64], positions: _Positions, planes: npt.NDArray[np.float32]) -> None:
    """`planes`: `[B, 2 · cells]`, so that the loop over cells runs through neighbouring places."""
    cells = len(bits)
    for b in range(len(positions)):
        first, second = np.int64(positions[b, 0]), np.int64(positions[b, 1])
        mine, theirs = (first, second) if count(first | second) & 1 == 0 else (second, first)
        for cell in range(cells):
            planes[b, cell] = np.int32(mine >> bits[cell] & 1)
        for cell in range(cells):
            planes[b, cells + cell] = np.int32(theirs >> bits[cell] & 1)

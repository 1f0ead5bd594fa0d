"""Connect Four on bitboards: a column has one bit a row and one spare bit above, so that four in a row are four shifts.

The layout is John Tromp's ("Connect-4", tromp.github.io/c4): bit (rows + 1) · column + row, row 0 at the bottom.
Word 0 holds the first player's stones, word 1 the second's.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit

from envs.games.record import Game


@njit(cache=True, nogil=True)
def _has_four(stones: np.uint64, rows: int) -> bool:
    for shift in (1, rows, rows + 1, rows + 2):
        pairs = stones & (stones >> np.uint64(shift))
        if pairs & (pairs >> np.uint64(2 * shift)):
            return True
    return False


@njit(cache=True, nogil=True)
def _count(bits: np.uint64) -> int:
    count = 0
    while bits:
        bits &= bits - np.uint64(1)
        count += 1
    return count


@njit(cache=True, nogil=True)
def _state(
    first: np.uint64, second: np.uint64, player: int, rows: int, columns: int, legal: npt.NDArray[np.bool_]
) -> tuple[int, float]:
    lost = _has_four(second if player == 0 else first, rows)
    taken = first | second
    full = True
    for column in range(columns):
        free = not (taken >> np.uint64((rows + 1) * column + rows - 1)) & np.uint64(1)
        legal[column] = free and not lost
        full = full and not free
    return int(lost or full), -1.0 if lost else 0.0


def _functions(rows: int, columns: int):  # type: ignore[no-untyped-def]
    """The four functions of a board of that size; sizes are constants to the compiler."""
    one = np.uint64(1)

    def describe(positions, legal, ended, outcome, player):  # type: ignore[no-untyped-def]
        _describe(positions, legal, ended, outcome, player, rows, columns)

    def play(positions, actions, after, legal, ended, outcome, player):  # type: ignore[no-untyped-def]
        _play(positions, actions, after, legal, ended, outcome, player, rows, columns)

    def observe(positions, observations):  # type: ignore[no-untyped-def]
        _observe(positions, observations, rows, columns)

    def cells(position: npt.NDArray[np.uint64]) -> npt.NDArray[np.int8]:
        board = np.zeros((rows, columns), np.int8)
        for row in range(rows):
            for column in range(columns):
                bit = np.uint64((rows + 1) * column + row)
                board[rows - 1 - row, column] = int(position[0] >> bit & one) - int(position[1] >> bit & one)
        return board

    return describe, play, observe, cells


@njit(cache=True, nogil=True)
def _describe(
    positions: npt.NDArray[np.uint64],
    legal: npt.NDArray[np.bool_],
    ended: npt.NDArray[np.uint8],
    outcome: npt.NDArray[np.float32],
    player: npt.NDArray[np.int8],
    rows: int,
    columns: int,
) -> None:
    for b in range(len(positions)):
        first, second = positions[b, 0], positions[b, 1]
        player[b] = _count(first | second) % 2
        ended[b], outcome[b] = _state(first, second, player[b], rows, columns, legal[b])


@njit(cache=True, nogil=True)
def _play(
    positions: npt.NDArray[np.uint64],
    actions: npt.NDArray[np.int16],
    after: npt.NDArray[np.uint64],
    legal: npt.NDArray[np.bool_],
    ended: npt.NDArray[np.uint8],
    outcome: npt.NDArray[np.float32],
    player: npt.NDArray[np.int8],
    rows: int,
    columns: int,
) -> None:
    for b in range(len(positions)):
        first, second = positions[b, 0], positions[b, 1]
        taken = first | second
        mover = _count(taken) % 2
        bottom = np.uint64(1) << np.uint64((rows + 1) * actions[b])
        column = ((np.uint64(1) << np.uint64(rows)) - np.uint64(1)) << np.uint64((rows + 1) * actions[b])
        stone = ((taken & column) + bottom) & column
        if mover == 0:
            first |= stone
        else:
            second |= stone
        after[b, 0], after[b, 1] = first, second
        player[b] = 1 - mover
        ended[b], outcome[b] = _state(first, second, player[b], rows, columns, legal[b])


@njit(cache=True, nogil=True)
def _observe(positions: npt.NDArray[np.uint64], observations: npt.NDArray[np.float32], rows: int, columns: int) -> None:
    for b in range(len(positions)):
        first, second = positions[b, 0], positions[b, 1]
        mine, theirs = (first, second) if _count(first | second) % 2 == 0 else (second, first)
        for row in range(rows):
            for column in range(columns):
                bit = np.uint64((rows + 1) * column + row)
                observations[b, 0, rows - 1 - row, column] = (mine >> bit) & np.uint64(1)
                observations[b, 1, rows - 1 - row, column] = (theirs >> bit) & np.uint64(1)


@cache
def connect_four(rows: int = 6, columns: int = 7) -> Game:
    """Four in a row on a board of that size.

    Raises:
        ValueError: A side is below 4, or the board does not fit into 64 bits.
    """
    if rows < 4 or columns < 4 or (rows + 1) * columns > 64:
        raise ValueError(
            f"a board has at least 4 rows and 4 columns, and (rows + 1) · columns ≤ 64; got {rows}×{columns}"
        )
    describe, play, observe, cells = _functions(rows, columns)
    return Game(
        name=f"connect_four_{rows}x{columns}",
        title=f"Connect Four, {rows} rows and {columns} columns",
        actions=columns,
        words=2,
        longest=rows * columns,
        observation_shape=(2, rows, columns),
        observation_planes=("own stones", "the other's stones"),
        action_names=tuple("abcdefghijkl"[:columns]),
        first_position=(0, 0),
        play=play,
        describe=describe,
        observe=observe,
        cells=cells,
        action_cell=lambda: np.array([(-1, column) for column in range(columns)], np.int16),
    )

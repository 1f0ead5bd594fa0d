"""Tic-tac-toe on two words of bits: the stones of the first and of the second player, square by square."""

import numpy as np
import numpy.typing as npt
from numba import njit

from envs.games.record import Game

_FULL = 0x1FF
_LINES = (0o007, 0o070, 0o700, 0o111, 0o222, 0o444, 0o421, 0o124)


@njit(cache=True, nogil=True)
def _has_line(stones: int) -> bool:
    won = False
    for line in _LINES:
        won = won or (stones & line) == line
    return won


@njit(cache=True, nogil=True)
def _state(first: int, second: int, legal: npt.NDArray[np.bool_]) -> tuple[int, float, int]:
    stones = 0
    for square in range(9):
        stones += ((first >> square) & 1) + ((second >> square) & 1)
    player = stones % 2
    lost = _has_line(second if player == 0 else first)
    taken = first | second
    over = lost or taken == _FULL
    for square in range(9):
        legal[square] = not over and not (taken >> square) & 1
    return int(over), -1.0 if lost else 0.0, player


@njit(cache=True, nogil=True)
def _describe(
    positions: npt.NDArray[np.uint64],
    legal: npt.NDArray[np.bool_],
    ended: npt.NDArray[np.uint8],
    outcome: npt.NDArray[np.float32],
    player: npt.NDArray[np.int8],
) -> None:
    for b in range(len(positions)):
        ended[b], outcome[b], player[b] = _state(np.int64(positions[b, 0]), np.int64(positions[b, 1]), legal[b])


@njit(cache=True, nogil=True)
def _play(
    positions: npt.NDArray[np.uint64],
    actions: npt.NDArray[np.int16],
    after: npt.NDArray[np.uint64],
    legal: npt.NDArray[np.bool_],
    ended: npt.NDArray[np.uint8],
    outcome: npt.NDArray[np.float32],
    player: npt.NDArray[np.int8],
) -> None:
    for b in range(len(positions)):
        first, second = np.int64(positions[b, 0]), np.int64(positions[b, 1])
        stones = 0
        for square in range(9):
            stones += ((first >> square) & 1) + ((second >> square) & 1)
        if stones % 2 == 0:
            first |= 1 << actions[b]
        else:
            second |= 1 << actions[b]
        after[b, 0], after[b, 1] = first, second
        ended[b], outcome[b], player[b] = _state(first, second, legal[b])


@njit(cache=True, nogil=True)
def _observe(positions: npt.NDArray[np.uint64], observations: npt.NDArray[np.float32]) -> None:
    for b in range(len(positions)):
        first, second = np.int64(positions[b, 0]), np.int64(positions[b, 1])
        stones = 0
        for square in range(9):
            stones += ((first >> square) & 1) + ((second >> square) & 1)
        mine, theirs = (first, second) if stones % 2 == 0 else (second, first)
        for square in range(9):
            observations[b, 0, square // 3, square % 3] = (mine >> square) & 1
            observations[b, 1, square // 3, square % 3] = (theirs >> square) & 1


def _cells(position: npt.NDArray[np.uint64]) -> npt.NDArray[np.int8]:
    bits = [[(int(word) >> square) & 1 for square in range(9)] for word in position]
    return (np.array(bits[0], np.int8) - np.array(bits[1], np.int8)).reshape(3, 3)


TIC_TAC_TOE = Game(
    name="tic_tac_toe",
    title="Tic-tac-toe",
    actions=9,
    words=2,
    longest=9,
    observation_shape=(2, 3, 3),
    observation_planes=("own stones", "the other's stones"),
    action_names=tuple(f"{column}{row}" for row in (3, 2, 1) for column in "abc"),
    first_position=(0, 0),
    play=_play,
    describe=_describe,
    observe=_observe,
    cells=_cells,
    action_cell=lambda: np.array([(square // 3, square % 3) for square in range(9)], np.int16),
)

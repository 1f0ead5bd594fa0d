"""Positions that people or files hand over: whether they can be, and where moves lead that are checked one by one."""

from collections.abc import Iterable
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from envs.games.record import Game
from envs.games.rules import CONNECT_FOUR, HEX, Board


def check_position(game: Game, position: Any) -> npt.NDArray[np.uint64]:
    """A position of a game, as a copy `[W]` of uint64, after looking whether it can be.

    That it *can be reached* is not looked at beyond this: stones lie on the board, none on another and none in the air,
    the first player has as many as the second or one more, and no one has won before the last move.

    Raises:
        ValueError: It cannot be.
    """
    try:
        words = np.array(position, np.uint64)
    except (TypeError, ValueError, OverflowError):
        words = np.zeros(0, np.uint64)
    if words.shape != (game.words,):
        raise ValueError(f"a position of {game.name} is {game.words} whole numbers from 0 to 2⁶⁴ − 1; got {position!r}")
    board = game.board
    first, second = (int(word) for word in words)
    for who, stones in (("first", first), ("second", second)):
        if stones & ~board.cells:
            raise ValueError(f"the {who} player has a stone outside the board of {game.name}: word {stones:#x}")
    if first & second:
        raise ValueError(f"two stones lie on one cell: both words have the bits {first & second:#x}")
    numbers = first.bit_count(), second.bit_count()
    if numbers[0] - numbers[1] not in (0, 1):
        raise ValueError(
            f"the first player has as many stones as the second, or one more; got {numbers[0]} and {numbers[1]}"
        )
    taken = first | second
    # Above the bottom row a stone lies on a stone.
    hanging = taken & ~board.edge & ~(taken << 1) if board.family == CONNECT_FOUR else 0
    if hanging:
        raise ValueError(f"a stone hangs in the air: no stone lies under the bits {hanging:#x}")
    mover = (numbers[0] + numbers[1]) & 1
    if _won_with(board, (first, second)[mover], mover):
        raise ValueError(f"the {('first', 'second')[mover]} player is to move but has won already")
    return words


def position_after(
    game: Game, moves: Iterable[int | str], start: npt.NDArray[np.uint64] | None = None
) -> npt.NDArray[np.uint64]:
    """The position `[W]` after some moves.

    Args:
        game: Whose rules.
        moves: Numbers or names of actions, one after the other.
        start: `[W]`, where to begin; the start of the game otherwise.

    Raises:
        ValueError: A move is not legal, or comes after the end.
    """
    position = game.start() if start is None else start
    for number, move in enumerate(moves, 1):
        facts = game.facts(position)
        if facts["ended"]:
            raise ValueError(f"move {number}, {move!r}, comes after the end of the game of {game.name}")
        position = game.after(position, legal_action(game, facts["legal"], move, f"move {number}"))
    return position


def legal_action(game: Game, legal: npt.NDArray[np.bool_], move: Any, what: str = "an action") -> int:
    """The number of a legal action, given by its number or name; ValueError, which begins with `what`, otherwise."""
    action = game.action_names.index(move) if isinstance(move, str) and move in game.action_names else move
    if not isinstance(action, int | np.integer) or isinstance(action, bool) or not 0 <= action < game.actions:
        raise ValueError(f"{what} is a number from 0 to {game.actions - 1} or the name of an action; got {move!r}")
    if not legal[action]:
        allowed = ", ".join(f"{a} ({game.action_names[a]})" for a in np.flatnonzero(legal))
        raise ValueError(f"{what}, {int(action)} ({game.action_names[action]}), is not legal here; legal are {allowed}")
    return int(action)


def winning_stones(game: Game, position: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """`[rows, columns]`: the stones of the line, or of the chain, that has ended the game; all False where none has."""
    first, second = (int(word) for word in position)
    player = 1 - (first | second).bit_count() % 2
    return game.cells(np.array([_won_with(game.board, (first, second)[player], player), 0], np.uint64)) > 0


def _won_with(board: Board, stones: int, player: int) -> int:
    """The bits of the lines, or of the chain, by which a player has won; written apart from the compiled rules."""
    if board.family == HEX:
        side, opposite, beside = _sides(board, player)
        chains = []
        for reached in (stones & side, stones & opposite):
            waiting = reached
            while waiting:
                bit = waiting & -waiting
                found = beside[bit] & stones & ~reached
                reached |= found
                waiting = (waiting ^ bit) | found
            chains.append(reached)
        return chains[0] & chains[1]
    won = 0
    for line in _lines(board):
        if stones & line == line:
            won |= line
    return won


@cache
def _lines(board: Board) -> tuple[int, ...]:
    """Every line of four cells, of tic-tac-toe of three."""
    length = 4 if board.family == CONNECT_FOUR else 3
    found = []
    for row, column in product(range(board.rows), range(board.columns)):
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            cells = [(row + down * step, column + right * step) for step in range(length)]
            if all(0 <= r < board.rows and 0 <= c < board.columns for r, c in cells):
                found.append(sum(_bit(board, r, c) for r, c in cells))
    return tuple(found)


@cache
def _sides(board: Board, player: int) -> tuple[int, int, dict[int, int]]:
    """The two sides that a player of Hex joins, and the neighbours of each cell."""
    size, cells = board.rows, list(product(range(board.rows), range(board.columns)))
    edges = [sum(_bit(board, *cell) for cell in cells if cell[player] == end) for end in (0, size - 1)]
    steps = ((0, 1), (0, -1), (1, 0), (-1, 0), (-1, 1), (1, -1))
    beside = {
        _bit(board, r, c): sum(_bit(board, r + i, c + j) for i, j in steps if (r + i, c + j) in cells)
        for r, c in cells
    }  # fmt: skip
    return edges[0], edges[1], beside


def _bit(board: Board, row: int, column: int) -> int:
    return 1 << (board.corner + row * board.down + column * board.right)

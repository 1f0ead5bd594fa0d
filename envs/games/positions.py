"""Positions that people or files hand over: whether they can be, and where moves lead that are checked one by one."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from envs.games.record import Game
from envs.games.rules import CONNECT_FOUR, count, has_won, won_with


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
    # Under a stone there is a stone: else the cell above the lowest free one is free, too.
    if board.family == CONNECT_FOUR and taken & ~board.edge & ~(taken << 1):
        raise ValueError(f"a stone hangs in the air: no stone lies under the bits {taken & ~board.edge & ~(taken << 1):#x}")
    mover = (numbers[0] + numbers[1]) & 1
    if has_won(board, (first, second)[mover], mover):
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
        raise ValueError(f"{what} is a number from 0 to {game.actions - 1} or one of the names of actions; got {move!r}")
    if not legal[action]:
        allowed = ", ".join(f"{a} ({game.action_names[a]})" for a in np.flatnonzero(legal))
        raise ValueError(f"{what}, {int(action)} ({game.action_names[action]}), is not legal here; legal are {allowed}")
    return int(action)


def winning_stones(game: Game, position: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """`[rows, columns]`: the stones of the line, or of the chain, that has ended the game; all False where none has."""
    first, second = (int(word) for word in position)
    mover = int(count(first | second)) & 1
    bits = int(won_with(game.board, (second, first)[mover], 1 - mover))
    return game.cells(np.array([bits, 0], np.uint64)) > 0

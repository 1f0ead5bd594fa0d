"""The symmetries of a board: what is learnt of a position is true of its mirror images as well."""

import numpy as np
import numpy.typing as npt

from envs.games.record import Game
from envs.games.rules import CONNECT_FOUR, HEX

Turned = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def symmetries(game: Game) -> list[Turned]:
    """All symmetries of a game, the identity first.

    Connect Four has left and right exchanged, Hex a half turn, tic-tac-toe the eight of a square.

    Returns:
        For each the cells `[rows · columns]` and the actions `[A]` that come to lie at each place: the observation
        `o[:, cells]` (of flattened boards) with the policy `p[actions]` is as true as `o` with `p`.
    """
    rows, columns = game.board.rows, game.board.columns
    cells = np.arange(rows * columns).reshape(rows, columns)
    if game.board.family == CONNECT_FOUR:
        forward = np.arange(columns)
        return [(cells.ravel(), forward), (cells[:, ::-1].ravel(), forward[::-1].copy())]
    if game.board.family == HEX:
        # The actions of the games below are the cells themselves.
        boards = [cells, np.rot90(cells, 2)]
    else:
        boards = [np.rot90(board, turns) for board in (cells, cells.T) for turns in range(4)]
    return [(board.ravel().copy(), board.ravel().copy()) for board in boards]

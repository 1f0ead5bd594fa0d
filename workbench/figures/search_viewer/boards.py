"""The boards of a search as JSON: how the game is drawn, and the cells of every position.

Axis legend:
    N  positions
    W  words of a packed position
    A  actions of the game
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.figures.player.encoding import encode_array
from workbench.search.games import Game, describe

KINDS = (("connect_four", "discs"), ("tic_tac_toe", "marks"), ("hex", "hexagons"))
"""How boards are drawn, by the beginning of a game's name; any other is a grid with stones."""


def board_kind(game: str) -> str:
    """How the board of a game of that name is drawn: `discs`, `marks`, `hexagons` or `grid`."""
    return next((kind for start, kind in KINDS if game.startswith(start)), "grid")


def board_payload(game: Game, positions: npt.NDArray[np.uint64]) -> dict[str, Any]:
    """How a game is drawn, and the cells of some positions.

    Args:
        game: Its `cells` and `action_cells` say where what is.
        positions: `[N, W]`, packed.

    Returns:
        `kind`, `rows`, `columns`, `cells` (`[N, rows × columns]` of 0 empty, 1 the first player's, 2 the second's),
        and `action_cells` (`[A, 2]`; a row of −1: the column as a whole).
    """
    boards = np.stack([np.asarray(game.cells(position)) for position in positions])
    _, rows, columns = boards.shape
    cells = np.where(boards < 0, 2, boards).astype(np.uint8).reshape(len(boards), rows * columns)
    return {
        "kind": board_kind(game.name),
        "rows": rows,
        "columns": columns,
        "cells": encode_array(cells, "uint8"),
        "action_cells": encode_array(np.asarray(game.action_cells()), "int32"),
    }


def place_payload(game: Game, position: npt.NDArray[np.uint64], *, last: int = -1) -> dict[str, Any]:
    """One position that somebody is to move in: its board, what is legal, and who is to move.

    Args:
        game: Whose rules.
        position: `[W]`.
        last: The action that led here, which is marked; −1: none did.
    """
    facts = describe(game, position[None])
    return {
        "board": board_payload(game, position[None]),
        "actions": list(game.action_names),
        "legal": np.flatnonzero(facts["legal"][0]).tolist(),
        "player": int(facts["player"][0]),
        "ended": bool(facts["ended"][0]),
        "last": int(last),
    }

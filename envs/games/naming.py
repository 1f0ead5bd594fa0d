"""Finding a game by the name that traces and recordings keep."""

import re

from envs.games.connect_four import connect_four
from envs.games.hex import hex_game
from envs.games.record import Game
from envs.games.tic_tac_toe import TIC_TAC_TOE


def game_named(name: str) -> Game:
    """The game of a name: `tic_tac_toe`, `connect_four_6x7` (rows, columns), `hex_4x4` and the like.

    Raises:
        ValueError: There is no such game.
    """
    if name == TIC_TAC_TOE.name:
        return TIC_TAC_TOE
    found = re.fullmatch(r"(connect_four|hex)_(\d{1,2})x(\d{1,2})", name)
    if found is None or (found[1] == "hex" and found[2] != found[3]):
        raise ValueError(
            f"no game is called {name!r}; there are tic_tac_toe, connect_four_6x7, hex_4x4 and other sizes"
        )
    rows, columns = int(found[2]), int(found[3])
    return connect_four(rows, columns) if found[1] == "connect_four" else hex_game(rows)

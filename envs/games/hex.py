"""Hex: the first player joins the top row to the bottom row, the second the left column to the right one.

Row by row with one spare bit after each: bit (size + 1) · row + column. A cell has six neighbours: its row's two, two
above (same column, and one to the right) and two below (same column, and one to the left). A full board has exactly
one winner (J. Nash; D. Gale, "The Game of Hex and the Brouwer Fixed-Point Theorem", 1979), so there are no draws. The
action is size · row + column. There is no swap rule: the first player has a won game.
"""

from functools import cache

from envs.games import rules
from envs.games.batches import game_on
from envs.games.record import Game


@cache
def hex_game(size: int = 4) -> Game:
    """Hex on a rhombus of `size` × `size` cells.

    Raises:
        ValueError: The size is not 2 to 7.
    """
    if not 2 <= size <= 7:
        raise ValueError(f"a Hex board has 2 to 7 rows, since more do not fit into 64 bits; got {size}")
    return game_on(
        rules.board_of(rules.HEX, size, size, corner=0, down=size + 1, right=1),
        name=f"hex_{size}x{size}",
        title=f"Hex, {size} rows and {size} columns",
        # As people write it: a letter for the column, the number of the row from the top.
        cell_names=tuple(f"{column}{row + 1}" for row in range(size) for column in "abcdefg"[:size]),
    )

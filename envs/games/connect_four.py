"""Connect Four: a column has one bit a row and one spare bit above, so that four in a row are four shifts.

The layout is John Tromp's ("John's Connect Four Playground", tromp.github.io/c4/c4.html): bit
(rows + 1) · column + height, height 0 at the bottom. The action is the column.
"""

from functools import cache

from envs.games import rules
from envs.games.batches import game_on
from envs.games.record import Game


@cache
def connect_four(rows: int = 6, columns: int = 7) -> Game:
    """Four in a row, upright, level or aslant, on a board of that size.

    Raises:
        ValueError: A side is below 4, or the board does not fit into 64 bits.
    """
    if rows < 4 or columns < 4 or (rows + 1) * columns > 64:
        raise ValueError(
            f"a board has at least 4 rows and 4 columns, and (rows + 1) · columns ≤ 64; got {rows}×{columns}"
        )
    return game_on(
        rules.board_of(rules.CONNECT_FOUR, rows, columns, corner=rows - 1, down=-1, right=rows + 1),
        name=f"connect_four_{rows}x{columns}",
        title=f"Connect Four, {rows} rows and {columns} columns",
        cell_names=tuple(f"{column}{row}" for row in range(rows, 0, -1) for column in "abcdefghijkl"[:columns]),
    )

"""Tic-tac-toe: three in a row on a board of 3 × 3. Bit 3 · row + column, row 0 on top; the action is the bit."""

from envs.games import rules
from envs.games.batches import game_on

TIC_TAC_TOE = game_on(
    rules.board_of(rules.TIC_TAC_TOE, 3, 3, corner=0, down=3, right=1),
    name="tic_tac_toe",
    title="Tic-tac-toe",
    cell_names=tuple(f"{column}{row}" for row in (3, 2, 1) for column in "abc"),
)

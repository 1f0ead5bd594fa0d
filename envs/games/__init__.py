"""Board games on bitboards, for a search and for people to look at, with their exact truth."""

from envs.games.connect_four import connect_four
from envs.games.drawing import draw_game
from envs.games.hex import hex_game
from envs.games.naming import game_named
from envs.games.positions import check_position, position_after, winning_stones
from envs.games.record import Game
from envs.games.solver import Solution, Solver, solver_for
from envs.games.tic_tac_toe import TIC_TAC_TOE

__all__ = [
    "TIC_TAC_TOE",
    "Game",
    "Solution",
    "Solver",
    "check_position",
    "connect_four",
    "draw_game",
    "game_named",
    "hex_game",
    "position_after",
    "solver_for",
    "winning_stones",
]

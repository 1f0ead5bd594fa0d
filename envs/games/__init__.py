"""Board games on bitboards, for a search and for people to look at."""

from envs.games.connect_four import connect_four
from envs.games.hex import hex_game
from envs.games.record import Game
from envs.games.tic_tac_toe import TIC_TAC_TOE

__all__ = ["TIC_TAC_TOE", "Game", "connect_four", "hex_game"]

"""Environments whose inner truth is known and stated in `info["truth"]`; importing this package registers them.

`gymnasium.make("envs:CheeseMaze-v0")` and the like need no further import.
"""

import importlib.util

import gymnasium

if importlib.util.find_spec("numba") is None:
    raise ImportError(
        "The environments of this checkout need the package 'numba', which is not installed; "
        'install it with: pip install "rl-workbench[envs]"'
    )

from envs.board_games import BoardGame
from envs.cheese_maze import CheeseMaze
from envs.cue_recall import CueRecall
from envs.editing import Edit, StateEditor, find_state_editor

__all__ = ["BoardGame", "CheeseMaze", "CueRecall", "Edit", "StateEditor", "find_state_editor"]

gymnasium.register(id="CheeseMaze-v0", entry_point="envs.cheese_maze:CheeseMaze")
gymnasium.register(id="CueRecall-v0", entry_point="envs.cue_recall:CueRecall")
gymnasium.register(id="TicTacToe-v0", entry_point="envs.board_games:tic_tac_toe_environment")
gymnasium.register(id="ConnectFour-v0", entry_point="envs.board_games:connect_four_environment")
gymnasium.register(id="Hex-v0", entry_point="envs.board_games:hex_environment")

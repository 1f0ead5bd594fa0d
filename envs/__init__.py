"""Environments whose inner truth is known and stated in `info["truth"]`; importing this package registers them.

`gymnasium.make("envs:CheeseMaze-v0")` and `gymnasium.make("envs:CueRecall-v0")` need no further import.
"""

import importlib.util

import gymnasium

if importlib.util.find_spec("numba") is None:
    raise ImportError(
        "The environments of this checkout need the package 'numba', which is not installed; "
        'install it with: pip install "rl-workbench[envs]"'
    )

from envs.cheese_maze import CheeseMaze
from envs.cue_recall import CueRecall
from envs.editing import Edit, StateEditor, find_state_editor

__all__ = ["CheeseMaze", "CueRecall", "Edit", "StateEditor", "find_state_editor"]

gymnasium.register(id="CheeseMaze-v0", entry_point="envs.cheese_maze:CheeseMaze")
gymnasium.register(id="CueRecall-v0", entry_point="envs.cue_recall:CueRecall")

"""The packed positions of a trace's nodes, from its root's and the game's rules.

Axis legend: that of `trace`.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.games import Game, check_positions
from workbench.search.history import depths
from workbench.search.trace import SearchTrace


def positions_of(trace: SearchTrace, game: Game, root: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Play the actions of a tree: `[N, W]`.

    Args:
        trace: Whose tree.
        game: Its game.
        root: `[W]`, the position at its root.

    Raises:
        WorkbenchError: It is another game, or the tree does not follow its rules; the message names the node.
    """
    if trace.game != game.name:
        raise WorkbenchError(f"This search is of {trace.game}, and cannot be shown as {game.name}.")
    N = trace.nodes
    positions = np.zeros((N, game.words), np.uint64)
    positions[0] = root
    legal = np.zeros((N, game.actions), np.bool_)
    legal[0] = check_positions(game, positions[:1])["legal"][0]
    ended, outcome, player = np.zeros(N, np.uint8), np.zeros(N, np.float32), np.zeros(N, np.int8)
    depth = depths(trace.parent)
    for level in range(1, int(depth.max()) + 1):
        nodes = np.flatnonzero(depth == level)
        above, actions = trace.parent[nodes], trace.action[nodes]
        wrong = nodes[(actions >= game.actions) | ~legal[above, np.minimum(actions, game.actions - 1)]]
        if len(wrong):
            raise WorkbenchError(
                f"This search of {trace.game} does not follow the rules: action {int(trace.action[wrong[0]])} is not "
                f"legal where node {int(wrong[0])} was made. It is damaged, or of another game of that name."
            )
        after, room = np.zeros((len(nodes), game.words), np.uint64), np.zeros((len(nodes), game.actions), np.bool_)
        over, result = np.zeros(len(nodes), np.uint8), np.zeros(len(nodes), np.float32)
        mover = np.zeros(len(nodes), np.int8)
        game.play(positions[above], actions, after, room, over, result, mover)
        positions[nodes], legal[nodes], ended[nodes] = after, room, over
        outcome[nodes], player[nodes] = result, mover
    wrong = np.flatnonzero((ended > 0) != trace.terminal)
    wrong = wrong if len(wrong) else np.flatnonzero(trace.terminal & (outcome != trace.value))
    if len(wrong):
        raise WorkbenchError(
            f"This search of {trace.game} does not follow the rules: node {int(wrong[0])} is "
            f"{'an end' if trace.terminal[wrong[0]] else 'no end'} in it with the value {trace.value[wrong[0]]}, and "
            f"by the rules {'an end' if ended[wrong[0]] else 'no end'} with {outcome[wrong[0]]}."
        )
    return positions


def with_positions(trace: SearchTrace, game: Game, root: npt.NDArray[np.uint64]) -> SearchTrace:
    """The same trace with the positions of all its nodes."""
    return replace(trace, position=positions_of(trace, game, root))

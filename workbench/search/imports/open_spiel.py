"""The trees of OpenSpiel's Python MCTS (the `SearchNode`s of `open_spiel.python.algorithms.mcts`).

OpenSpiel's nodes belong to the player who *took* the action that leads to them, and so do their sums of rewards; here
values belong to the player to move, and sums to the edge.
"""

from typing import Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.search.trace import SearchTrace

_NEEDED = ("action", "prior", "player", "explore_count", "total_reward", "children")


def from_open_spiel(root: Any, *, game: str, chosen: int = -1, seed: int = 0) -> SearchTrace:
    """The tree that `MCTSBot.mcts_search` gives.

    Args:
        root: Its `SearchNode`; anything with those fields.
        game: What was searched.
        chosen: What was played.
        seed: For the record.

    Raises:
        WorkbenchError: It is no such node.
    """
    missing = [name for name in _NEEDED if not hasattr(root, name)]
    if missing:
        raise WorkbenchError(f"This is no search node of OpenSpiel: it lacks {', '.join(missing)}.")
    nodes, parents = [root], [-1]
    edges: list[Any] = []
    first = [0]
    place = 0
    while place < len(nodes):
        children = list(nodes[place].children)
        edges += children
        first.append(len(edges))
        for child in children:
            if child.explore_count > 0:
                nodes.append(child)
                parents.append(place)
        place += 1
    movers = [node.children[0].player if node.children else None for node in nodes]
    players = [
        mover if mover is not None else 1 - int(node.player) if int(node.player) in (0, 1) else 0
        for node, mover in zip(nodes, movers, strict=True)
    ]
    counts = np.array([edge.explore_count for edge in edges], np.int32)
    totals = np.array([edge.total_reward for edge in edges], np.float64)
    root_prior = np.array([child.prior for child in root.children], np.float32)
    return SearchTrace(
        game=game,
        settings=None,
        seed=seed,
        fingerprint="",
        parent=np.array(parents, np.int32),
        action=np.array([-1, *(int(node.action) for node in nodes[1:])], np.int16),
        player=np.array(players, np.int8),
        value=np.full(len(nodes), np.nan, np.float32),
        terminal=np.array([not node.children and _ended(node) for node in nodes], np.bool_),
        first_edge=np.array(first, np.int32),
        edge_action=np.array([int(edge.action) for edge in edges], np.int16),
        prior=np.array([edge.prior for edge in edges], np.float32),
        leaf=None,
        backed_up=None,
        wave=None,
        root_prior=root_prior,
        final_visits=counts,
        final_value=np.where(counts > 0, totals / np.maximum(counts, 1), 0.0),
        chosen=chosen,
        source="OpenSpiel",
        absent=(
            "the order of the simulations",
            "the evaluations of single nodes",
            "the root's noise apart from its priors",
        ),
    )


def _ended(node: Any) -> bool:
    """A node whose outcome is known and which has no children ends the game."""
    return getattr(node, "outcome", None) is not None

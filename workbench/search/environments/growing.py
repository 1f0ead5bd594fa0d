"""The compiled steps of a search in an environment: the same core as for games, one tree, outcomes of chance.

Axis legend: that of `workbench.search.tree`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.search.compiling import compiled_core
from workbench.search.settings import Rules
from workbench.search.tree import TERMINAL, Tree, back_up, choose_edge, expand, link, stops_at

UNKNOWN, ONE, SEVERAL = 0, 1, 2
"""What is known of an edge: nothing, that it has one outcome, that it drew among several."""


@compiled_core
def select_known(
    tree: Tree, rules: Rules, scores: npt.NDArray[np.float64], kind: npt.NDArray[np.uint8]
) -> tuple[int, int]:
    """Select from the root on, through edges of one outcome.

    Gives the node where the environment is asked, and the edge that it is asked about; −1 where the simulation ends.
    """
    # One type for all: the compiled functions of the core are made for each type anew.
    root: Any = np.int64(0)
    node = root
    while True:
        if node != root and stops_at(tree, rules, node):
            return node, -1
        edge = choose_edge(tree, rules, root, node, node == root, scores)
        child: Any = np.int64(tree.edges[edge].child)
        if child < 0 or kind[edge] != ONE:
            return node, edge
        node = child


@compiled_core
def select_below(tree: Tree, rules: Rules, node: int, scores: npt.NDArray[np.float64]) -> int:
    """The edge that selection takes at a node below the root, or −1 where the simulation ends there."""
    if stops_at(tree, rules, node):
        return -1
    first: Any = np.int64(0)
    return choose_edge(tree, rules, first, node, node == first, scores)


@compiled_core
def add(tree: Tree, parent: int, edge: int, node: int, reward: float) -> None:
    """Put a new node at the end of an edge."""
    link(tree, parent, edge, node)
    tree.nodes[node].reward = reward


@compiled_core
def settle(
    tree: Tree,
    node: int,
    value: float,
    ended: bool,
    legal: npt.NDArray[np.bool_],
    logits: npt.NDArray[np.float32],
    free: int,
) -> int:
    """Take in the evaluation of a node; gives the first free edge."""
    tree.nodes[node].value = value
    if ended:
        tree.nodes[node].status = TERMINAL
        return free
    return expand(tree, node, free, legal, logits)


@compiled_core
def grow(
    tree: Tree,
    rules: Rules,
    parent: int,
    edge: int,
    node: int,
    reward: float,
    value: float,
    ended: bool,
    legal: npt.NDArray[np.bool_],
    logits: npt.NDArray[np.float32],
    free: int,
) -> int:
    """All of these and back up: a simulation that waits for no other; gives the first free edge."""
    add(tree, parent, edge, node, reward)
    free = settle(tree, node, value, ended, legal, logits, free)
    first: Any = np.int64(0)
    back_up(tree, rules, first, node)
    return free

"""The compiled steps between which a search asks the game and the evaluator: select a wave of leaves, take them in.

Axis legend: that of `tree`, and
    M  leaves of a wave, `wave` for each tree that is still searched
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.search.compiling import compiled
from workbench.search.settings import Rules
from workbench.search.tree import (
    TERMINAL,
    UNPROVEN,
    Tree,
    back_up,
    descend,
    expand,
    link,
    pass_down,
)


class Room(NamedTuple):
    """What belongs to the trees of a search, beside the trees themselves."""

    nodes: int
    """Places for nodes of each tree."""
    edges: int
    """Places for edges of each tree."""
    node_count: npt.NDArray[np.int32]
    """`[G]`, used."""
    edge_count: npt.NDArray[np.int32]
    """`[G]`, used."""
    positions: npt.NDArray[np.uint64]
    """`[N, W]`, packed."""
    done: npt.NDArray[np.int32]
    """`[G]`, simulations that came back."""
    going: npt.NDArray[np.bool_]
    """`[G]`, False where the root is proven."""
    leaf: npt.NDArray[np.int32]
    """`[G, S]`, the node at which a simulation ended."""
    backed_up: npt.NDArray[np.float64]
    """`[G, S]`, what it brought back, for the player to move at its leaf."""
    wave_of: npt.NDArray[np.int32]
    """`[G, S]`, which wave it belonged to."""
    scores: npt.NDArray[np.float64]
    """`[A]`, for selection to write into."""


class Wave(NamedTuple):
    """What goes to the game and the evaluator, and comes back."""

    leaf: npt.NDArray[np.int32]
    """`[M]`, the node of each slot; −1 where its tree is done."""
    node: npt.NDArray[np.int32]
    """`[M]`, the new nodes, in order."""
    tree_of: npt.NDArray[np.int32]
    """`[M]`, the tree of each new node; of those to be evaluated, after `receive`."""
    before: npt.NDArray[np.uint64]
    """`[M, W]`, the positions above the new nodes."""
    action: npt.NDArray[np.int16]
    """`[M]`, what is played there."""
    after: npt.NDArray[np.uint64]
    """`[M, W]`"""
    legal: npt.NDArray[np.bool_]
    """`[M, A]`"""
    ended: npt.NDArray[np.uint8]
    """`[M]`"""
    outcome: npt.NDArray[np.float32]
    """`[M]`"""
    player: npt.NDArray[np.int8]
    """`[M]`"""
    open: npt.NDArray[np.uint64]
    """`[M, W]`, the positions that are to be evaluated."""
    open_row: npt.NDArray[np.int32]
    """`[M]`, their places among the new nodes."""


@compiled
def select(tree: Tree, rules: Rules, room: Room, wave: Wave, size: int, number: int, budget: int) -> int:
    """Select the wave's leaves; gives the number of new nodes."""
    new = 0
    for g in range(len(room.going)):
        for b in range(size):
            slot = g * size + b
            simulation = room.done[g] + b
            if not room.going[g] or simulation >= budget:
                wave.leaf[slot] = -1
                continue
            leaf, edge = descend(tree, rules, g, g * room.nodes, room.scores)
            if edge >= 0:
                node = g * room.nodes + room.node_count[g]
                room.node_count[g] += 1
                link(tree, leaf, edge, node)
                wave.node[new] = node
                wave.tree_of[new] = g
                wave.before[new] = room.positions[leaf]
                wave.action[new] = tree.edges[edge].action
                new += 1
                leaf = node
            wave.leaf[slot] = leaf
            room.leaf[g, simulation] = leaf
            room.wave_of[g, simulation] = number
            if size > 1:
                pass_down(tree, leaf, 1)
    return new


@compiled
def receive(tree: Tree, room: Room, wave: Wave, new: int) -> int:
    """Take in what the game says of the new nodes; gives how many are to be evaluated."""
    waiting = 0
    for row in range(new):
        node = wave.node[row]
        tree.nodes[node].player = wave.player[row]
        room.positions[node] = wave.after[row]
        if wave.ended[row]:
            tree.nodes[node].status = TERMINAL
            tree.nodes[node].value = wave.outcome[row]
            continue
        wave.open[waiting] = wave.after[row]
        wave.open_row[waiting] = row
        waiting += 1
    return waiting


@compiled
def finish(
    tree: Tree,
    rules: Rules,
    room: Room,
    wave: Wave,
    size: int,
    waiting: int,
    logits: npt.NDArray[np.float32],
    values: npt.NDArray[np.float32],
) -> int:
    """Take in the evaluations and bring everything back; gives how many trees are still to be searched, or −1 − row
    where the evaluation of a row is not a number.
    """
    for k in range(waiting):
        row = wave.open_row[k]
        g, node = wave.tree_of[row], wave.node[row]
        sound = np.isfinite(values[k])
        for a in range(logits.shape[1]):
            sound = sound and not np.isnan(logits[k, a])
        if not sound:
            return -1 - k
        tree.nodes[node].value = values[k]
        room.edge_count[g] += (
            expand(tree, node, g * room.edges + room.edge_count[g], wave.legal[row], logits[k])
            - g * room.edges
            - room.edge_count[g]
        )
    going = 0
    for g in range(len(room.going)):
        if not room.going[g]:
            continue
        for b in range(size):
            leaf = wave.leaf[g * size + b]
            if leaf < 0:
                break
            if size > 1:
                pass_down(tree, leaf, -1)
            back_up(tree, rules, g, leaf)
            simulation = room.done[g]
            room.backed_up[g, simulation] = tree.nodes[leaf].value
            if rules.prove and tree.nodes[leaf].proven != UNPROVEN:
                room.backed_up[g, simulation] = float(tree.nodes[leaf].proven) - 2.0
            room.done[g] += 1
        if rules.prove and tree.nodes[g * room.nodes].proven != UNPROVEN:
            room.going[g] = False
        if room.done[g] >= room.leaf.shape[1]:
            room.going[g] = False
        going += room.going[g]
    return going

"""The compiled steps between which a search asks the game and the evaluator: take a wave of leaves in, select the next.

Trees are gone through in groups, each brought back and selected from before the next: what a tree needs is then still
in the processor's cache. Within a group all trees go down one level at a time, so that the memory of each is fetched
while the others are worked on. No tree knows of another, and what each does is the same in any order.

Axis legend: that of `tree`, and
    M  leaves of a wave, `wave` for each tree that is still searched
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.search.compiling import compiled_core, compiled_inline
from workbench.search.prefetching import prefetch
from workbench.search.settings import Rules
from workbench.search.tree import (
    OPEN,
    TERMINAL,
    UNPROVEN,
    Tree,
    back_up,
    choose_edge,
    descend,
    expand,
    leaf_value,
    link,
    pass_down,
    stops_at,
)

FINISHED = -1
"""Given by `advance` when nothing is left to search."""
_GROUP = 16
"""Trees of a group."""
_ON_THE_WAY, _NONE = -2, -1
_EDGES_OF_A_LINE = 2
_FETCHED_EDGES = 8
_NODES_AHEAD = 8


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
    edge: npt.NDArray[np.int32]
    """`[M]`, while leaves are selected: the edge that is to be tried at the end of the way down; −1: none."""
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


@compiled_inline
def _copy_words(source: npt.NDArray[np.uint64], row: int, target: npt.NDArray[np.uint64], target_row: int) -> None:
    for word in range(source.shape[1]):
        target[target_row, word] = source[row, word]


@compiled_core
def plant(
    tree: Tree,
    room: Room,
    positions: npt.NDArray[np.uint64],
    player: npt.NDArray[np.int8],
    legal: npt.NDArray[np.bool_],
    logits: npt.NDArray[np.float32],
    values: npt.NDArray[np.float32],
) -> int:
    """Put the roots in; gives −1, or the row whose evaluation is not a number."""
    for g in range(len(positions)):
        if not _is_sound(logits, values, g):
            return g
        node = g * room.nodes
        _copy_words(positions, g, room.positions, node)
        tree.nodes[node].parent = _NONE
        tree.nodes[node].incoming = _NONE
        tree.nodes[node].player = player[g]
        tree.nodes[node].value = values[g]
        tree.nodes[node].visits = 1
        first = g * room.edges
        room.edge_count[g] = expand(tree, node, first, legal[g], logits[g]) - first
    return -1


@compiled_core
def _is_sound(logits: npt.NDArray[np.float32], values: npt.NDArray[np.float32], row: int) -> bool:
    sound = np.isfinite(values[row])
    for a in range(logits.shape[1]):
        sound = sound and not np.isnan(logits[row, a])
    return bool(sound)


@compiled_core
def advance(
    tree: Tree,
    rules: Rules,
    room: Room,
    wave: Wave,
    size: int,
    number: int,
    budget: int,
    waiting: int,
    logits: npt.NDArray[np.float32],
    values: npt.NDArray[np.float32],
) -> int:
    """Take in the evaluations of the last wave, bring everything back, and select the leaves of the next.

    Args:
        tree: The trees.
        rules: How to select.
        room: What belongs to the trees.
        wave: The last, which becomes the next.
        size: Leaves of each tree.
        number: Of the next wave, from 0.
        budget: Simulations of each tree.
        waiting: How many positions of the last wave were evaluated.
        logits: `[waiting, A]`
        values: `[waiting]`

    Returns:
        The number of new nodes; `FINISHED` where no tree is to be searched any more; −2 − row where the evaluation of a
        row is not a number.
    """
    for k in range(waiting):
        if not _is_sound(logits, values, k):
            return -2 - k
    for k in range(waiting):
        row = wave.open_row[k]
        g, node = wave.tree_of[row], np.int64(wave.node[row])
        if k + 4 < waiting:
            later = wave.tree_of[wave.open_row[k + 4]]
            _fetch_edges(tree, later * room.edges + room.edge_count[later])
        tree.nodes[node].value = values[k]
        first = np.int64(g * room.edges + room.edge_count[g])
        room.edge_count[g] += expand(tree, node, first, wave.legal[row], logits[k]) - first
    # Numbers that are no constants: the functions below are compiled for each constant anew.
    new: Any = np.int64(0)
    begin: Any = np.int64(0)
    going = False
    G = len(room.going)
    while begin < G:
        end = min(begin + (_GROUP if size == 1 else 1), G)
        for g in range(begin, end):
            if room.going[g]:
                _bring_back(tree, rules, room, wave, size, g)
                going = going or room.going[g]
        if size == 1:
            new = _select_together(tree, rules, room, wave, begin, end, number, new)
        else:
            new = _select_one_by_one(tree, rules, room, wave, size, begin, number, budget, new)
        begin = end
    return new if going else FINISHED


@compiled_core
def _fetch_edges(tree: Tree, edge: int) -> None:
    """Have the memory of a node's edges fetched."""
    for offset in range(0, _FETCHED_EDGES, _EDGES_OF_A_LINE):
        prefetch(tree.edges, edge + offset)


@compiled_core
def _bring_back(tree: Tree, rules: Rules, room: Room, wave: Wave, size: int, g: int) -> None:
    """Bring the leaves of a tree back."""
    for b in range(size):
        leaf: Any = np.int64(wave.leaf[g * size + b])
        if leaf < 0:
            break
        if size > 1:
            pass_down(tree, leaf, np.int64(-1))  # type: ignore[arg-type]
        back_up(tree, rules, g, leaf)
        room.backed_up[g, room.done[g]] = leaf_value(tree, rules, leaf)
        room.done[g] += 1
    if rules.prove and tree.nodes[g * room.nodes].proven != UNPROVEN:
        room.going[g] = False
    if room.done[g] >= room.leaf.shape[1]:
        room.going[g] = False


@compiled_core
def _select_together(
    tree: Tree, rules: Rules, room: Room, wave: Wave, begin: int, end: int, number: int, new: int
) -> int:
    """Select a leaf in each of some trees that are still searched; gives the number of new nodes so far."""
    left = 0
    for g in range(begin, end):
        wave.leaf[g] = wave.edge[g] = _NONE
        if room.going[g]:
            wave.leaf[g] = g * room.nodes
            wave.edge[g] = _ON_THE_WAY
            left += 1
    while left > 0:
        for g in range(begin, end):
            if wave.edge[g] != _ON_THE_WAY:
                continue
            node: Any = np.int64(wave.leaf[g])
            root = g * room.nodes
            if node != root and stops_at(tree, rules, node):
                wave.edge[g] = _NONE
                left -= 1
                continue
            edge = choose_edge(tree, rules, g, node, node == root, room.scores)
            child = tree.edges[edge].child
            if child < 0:
                wave.edge[g] = edge
                left -= 1
            else:
                wave.leaf[g] = child
                prefetch(tree.nodes, child)
        for g in range(begin, end):
            if wave.edge[g] == _ON_THE_WAY:
                _fetch_edges(tree, np.int64(tree.nodes[wave.leaf[g]].first_edge))  # type: ignore[arg-type]
    for g in range(begin, end):
        if room.going[g]:
            new = _note_leaf(tree, room, wave, g, g, np.int64(room.done[g]), number, new)  # type: ignore[arg-type]
    return new


@compiled_core
def _select_one_by_one(
    tree: Tree, rules: Rules, room: Room, wave: Wave, size: int, g: int, number: int, budget: int, new: int
) -> int:
    """Select several leaves in a tree, each on its way before the next; gives the number of new nodes so far."""
    for b in range(size):
        slot = g * size + b
        simulation = room.done[g] + b
        if not room.going[g] or simulation >= budget:
            wave.leaf[slot] = _NONE
            continue
        wave.leaf[slot], wave.edge[slot] = descend(tree, rules, g, g * room.nodes, room.scores)
        new = _note_leaf(tree, room, wave, g, slot, simulation, number, new)
        pass_down(tree, np.int64(wave.leaf[slot]), np.int64(1))  # type: ignore[arg-type]
    return new


@compiled_core
def _note_leaf(tree: Tree, room: Room, wave: Wave, g: int, slot: int, simulation: int, number: int, new: int) -> int:
    """Note where a simulation ends, at a new node where it tries an edge; gives the number of new nodes so far."""
    leaf, edge = np.int64(wave.leaf[slot]), np.int64(wave.edge[slot])
    if edge >= 0:
        node = g * room.nodes + room.node_count[g]
        room.node_count[g] += 1
        link(tree, leaf, edge, node)  # type: ignore[arg-type]
        wave.node[new] = node
        wave.tree_of[new] = g
        _copy_words(room.positions, leaf, wave.before, new)
        wave.action[new] = tree.edges[edge].action
        wave.leaf[slot] = node
        new += 1
    room.leaf[g, simulation] = wave.leaf[slot]
    room.wave_of[g, simulation] = number
    return new


@compiled_core
def receive(tree: Tree, room: Room, wave: Wave, new: int) -> int:
    """Take in what the game says of the new nodes; gives how many are to be evaluated."""
    waiting = 0
    for row in range(new):
        node = wave.node[row]
        tree.nodes[node].player = wave.player[row]
        _copy_words(wave.after, row, room.positions, node)
        if wave.ended[row]:
            tree.nodes[node].status = TERMINAL
            tree.nodes[node].value = wave.outcome[row]
            continue
        _copy_words(wave.after, row, wave.open, waiting)
        wave.open_row[waiting] = row
        waiting += 1
    return waiting


class Copied(NamedTuple):
    """All trees' own parts, tree after tree, with each tree's own numbers of nodes and edges, as a trace has them."""

    parent: npt.NDArray[np.int32]
    action: npt.NDArray[np.int16]
    player: npt.NDArray[np.int8]
    value: npt.NDArray[np.float32]
    terminal: npt.NDArray[np.bool_]
    position: npt.NDArray[np.uint64]
    first_edge: npt.NDArray[np.int32]
    edge_action: npt.NDArray[np.int16]
    prior: npt.NDArray[np.float32]
    leaf: npt.NDArray[np.int32]
    backed_up: npt.NDArray[np.float32]
    wave: npt.NDArray[np.int32]


def copy_trees(tree: Tree, room: Room) -> list[dict[str, npt.NDArray[Any]]]:
    """The arrays of each tree's trace, as parts of one array each of all trees: that takes a third of the time."""
    nodes, edges, done = (np.cumsum([0, *counts]).tolist() for counts in (room.node_count, room.edge_count, room.done))
    G = len(room.done)
    copied = Copied(
        parent=np.empty(nodes[-1], np.int32),
        action=np.empty(nodes[-1], np.int16),
        player=np.empty(nodes[-1], np.int8),
        value=np.empty(nodes[-1], np.float32),
        terminal=np.empty(nodes[-1], np.bool_),
        position=np.empty((nodes[-1], room.positions.shape[1]), np.uint64),
        first_edge=np.empty(nodes[-1] + G, np.int32),
        edge_action=np.empty(edges[-1], np.int16),
        prior=np.empty(edges[-1], np.float32),
        leaf=np.empty(done[-1], np.int32),
        backed_up=np.empty(done[-1], np.float32),
        wave=np.empty(done[-1], np.int32),
    )
    copy_out(tree, room, copied)
    return [
        {
            "parent": copied.parent[nodes[g] : nodes[g + 1]],
            "action": copied.action[nodes[g] : nodes[g + 1]],
            "player": copied.player[nodes[g] : nodes[g + 1]],
            "value": copied.value[nodes[g] : nodes[g + 1]],
            "terminal": copied.terminal[nodes[g] : nodes[g + 1]],
            "position": copied.position[nodes[g] : nodes[g + 1]],
            "first_edge": copied.first_edge[nodes[g] + g : nodes[g + 1] + g + 1],
            "edge_action": copied.edge_action[edges[g] : edges[g + 1]],
            "prior": copied.prior[edges[g] : edges[g + 1]],
            "leaf": copied.leaf[done[g] : done[g + 1]],
            "backed_up": copied.backed_up[done[g] : done[g + 1]],
            "wave": copied.wave[done[g] : done[g + 1]],
        }
        for g in range(G)
    ]


@compiled_core
def copy_out(tree: Tree, room: Room, copied: Copied) -> None:
    """Write the trees' parts; edges node after node: the order in which they were made is another."""
    node, edge, simulation = 0, 0, 0
    for g in range(len(room.done)):
        root, end, before = g * room.nodes, g * room.nodes + room.node_count[g], edge
        for there in range(root, end):
            if there + _NODES_AHEAD < end:
                _fetch_edges(tree, np.int64(tree.nodes[there + _NODES_AHEAD].first_edge))  # type: ignore[arg-type]
            incoming = tree.nodes[there].incoming
            copied.parent[node] = tree.nodes[there].parent - root if incoming >= 0 else _NONE
            copied.action[node] = tree.edges[incoming].action if incoming >= 0 else _NONE
            copied.player[node] = tree.nodes[there].player
            copied.value[node] = tree.nodes[there].value
            copied.terminal[node] = tree.nodes[there].status == TERMINAL
            copied.first_edge[node + g] = edge - before
            _copy_words(room.positions, there, copied.position, node)
            node += 1
            if tree.nodes[there].status == OPEN:
                first = tree.nodes[there].first_edge
                for own in range(first, first + tree.nodes[there].edge_count):
                    copied.edge_action[edge] = tree.edges[own].action
                    copied.prior[edge] = tree.edges[own].prior
                    edge += 1
        copied.first_edge[node + g] = edge - before
        for own in range(room.done[g]):
            copied.leaf[simulation] = room.leaf[g, own] - root
            copied.backed_up[simulation] = room.backed_up[g, own]
            copied.wave[simulation] = room.wave_of[g, own]
            simulation += 1

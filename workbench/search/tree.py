"""The compiled heart of a search: arrays of many trees, selection, expansion and backing up.

The search, the replay of a trace and its audit run the very same functions, so that what is replayed is what happened.
Everything is computed in float64 in a fixed order.

Axis legend:
    G  trees, side by side
    N  nodes of all trees (tree g owns the same number of places as every other), E  edges of all trees
    A  actions of the game
    K  actions that Gumbel's root considers, S  simulations
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.search.compiling import compiled_core, compiled_inline
from workbench.search.settings import Rules

PENDING, OPEN, TERMINAL = 0, 1, 2
"""What a node is: not evaluated yet, evaluated, or the end of a game."""
UNPROVEN, LOST, DRAWN, WON = 0, 1, 2, 3
"""What is proven of a node, for the player to move there; a proven outcome is this less 2."""

_PUCT, _UCT, _GUMBEL = 0, 1, 2
_ZERO, _LOSS, _VALUE, _REDUCED = 0, 1, 2, 3
_UNSCALED, _SIBLINGS, _TREE = 0, 1, 2
_SMALLEST_SPREAD = 1e-8
_LOWEST_LOGIT = -1e9


NODE = np.dtype(
    [
        ("value", np.float64),  # The evaluation, or the outcome, for the player to move there.
        ("reward", np.float64),  # What the action that leads here brought, for the player who took it.
        ("parent", np.int32),  # −1 for a root.
        ("incoming", np.int32),  # The edge that leads here; −1 for a root.
        ("first_edge", np.int32),
        ("edge_count", np.int32),
        ("visits", np.int32),
        ("passing", np.int32),  # Simulations on their way that will come back through here.
        ("player", np.int8),
        ("status", np.uint8),  # PENDING, OPEN or TERMINAL.
        ("proven", np.uint8),  # For the player to move there.
    ],
    align=True,
)
"""What is kept of a node. It lies in one line of the processor's cache: a search goes where nothing is cached."""

EDGE = np.dtype(
    [
        ("value_sum", np.float64),  # For the player who takes the edge.
        ("prior", np.float32),
        ("visits", np.int32),
        ("passing", np.int32),
        ("child", np.int32),  # −1 where nothing was tried yet.
        ("action", np.int16),
        ("proven", np.uint8),  # For the player who takes the edge.
    ],
    align=True,
)
"""What is kept of an edge, an action that may be taken at a node."""


class Tree(NamedTuple):
    """Trees as flat arrays of records; node and edge numbers are places in them."""

    nodes: npt.NDArray[np.void]
    """`[N]` of `NODE`"""
    edges: npt.NDArray[np.void]
    """`[E]` of `EDGE`"""
    bounds: npt.NDArray[np.float64]
    """`[G, 2]`, the smallest and largest Q met."""
    gumbel: npt.NDArray[np.float64]
    """`[G, A]`, the noise of the root's edges, in their order."""
    considered: npt.NDArray[np.int32]
    """`[K + 1, S]`, by number of considered actions and simulation: how many visits those have that are next."""


def allocate(
    trees: int, nodes: int, edges: int, actions: int, considered: npt.NDArray[np.int32], *, blank: bool = True
) -> Tree:
    """Make room for some trees of as many nodes and edges each.

    Args:
        trees: How many, G.
        nodes: Places for nodes of each.
        edges: Places for edges of each.
        actions: Of the game, A.
        considered: Gumbel's table.
        blank: Nodes and edges are marked as leading nowhere; False leaves memory untouched that `link` and `expand`
            write anyhow, and marks nothing.
    """
    tree = Tree(
        nodes=np.zeros(trees * nodes, NODE),
        edges=np.zeros(trees * edges, EDGE),
        bounds=np.tile(np.array([math.inf, -math.inf]), (trees, 1)),
        gumbel=np.zeros((trees, actions), np.float64),
        considered=considered,
    )
    if blank:
        tree.nodes["parent"] = tree.nodes["incoming"] = -1
        tree.edges["child"] = -1
    return tree


def considered_visits(most: int, simulations: int, length: int | None = None) -> npt.NDArray[np.int32]:
    """Sequential halving's table `[most + 1, length]`, as in mctx and Karnin et al. (2013).

    Row m says of m considered actions how many visits those have that simulation s of `simulations` may select.
    """
    length = simulations if length is None else length
    table = np.zeros((most + 1, length), np.int32)
    for m in range(most + 1):
        if m <= 1:
            table[m] = np.arange(length)
            continue
        halvings = math.ceil(math.log2(m))
        sequence: list[int] = []
        visits, left = [0] * m, m
        while len(sequence) < length:
            for _ in range(max(1, int(simulations / (halvings * left)))):
                sequence.extend(visits[:left])
                for i in range(left):
                    visits[i] += 1
            left = max(2, left // 2)
        table[m] = sequence[:length]
    return table


@compiled_inline
def view_of(tree: Tree, node: int, child: int) -> float:
    """1 where the player to move at a node is the one to move at its child, else −1."""
    return 1.0 if tree.nodes[node].player == tree.nodes[child].player else -1.0


@compiled_inline
def edge_value(tree: Tree, edge: int) -> float:
    """Q of an edge that has visits: its outcome where that is proven; a simulation on its way counts as lost."""
    if tree.edges[edge].proven != UNPROVEN:
        return float(tree.edges[edge].proven) - 2.0
    under_way = tree.edges[edge].passing
    return (tree.edges[edge].value_sum - under_way) / (tree.edges[edge].visits + under_way)  # type: ignore[no-any-return]


@compiled_core
def score_edges(tree: Tree, rules: Rules, g: int, node: int, at_root: bool, scores: npt.NDArray[np.float64]) -> None:
    """Write the number that selection takes the largest of, for each edge of an evaluated node, in their order."""
    first, count = tree.nodes[node].first_edge, tree.nodes[node].edge_count
    here = tree.nodes[node].visits + tree.nodes[node].passing
    if rules.rule == _GUMBEL:
        _score_gumbel(tree, rules, g, node, at_root, scores)
        return
    low, high = 0.0, 1.0
    if rules.value_scale == _SIBLINGS:
        total, tried = tree.nodes[node].value, 1
        for edge in range(first, first + count):
            total += tree.edges[edge].value_sum
            tried += tree.edges[edge].visits
        low = high = total / tried
        for edge in range(first, first + count):
            if tree.edges[edge].visits + tree.edges[edge].passing > 0:
                q = edge_value(tree, edge)
                low, high = min(low, q), max(high, q)
        high = max(high, low + _SMALLEST_SPREAD)
    elif rules.value_scale == _TREE and tree.bounds[g, 1] > tree.bounds[g, 0]:
        low, high = tree.bounds[g, 0], tree.bounds[g, 1]
    unvisited = 0.0
    if rules.value_scale != _SIBLINGS:
        if rules.first_play == _LOSS:
            unvisited = -1.0
        elif rules.first_play == _VALUE:
            unvisited = (tree.nodes[node].value - low) / (high - low)
        elif rules.first_play == _REDUCED:
            share = 0.0
            for edge in range(first, first + count):
                if tree.edges[edge].visits + tree.edges[edge].passing > 0:
                    share += tree.edges[edge].prior
            unvisited = (tree.nodes[node].value - rules.reduction * math.sqrt(share) - low) / (high - low)
    exploration = rules.exploration
    if rules.exploration_base > 0:
        exploration += math.log((here + rules.exploration_base + 1) / rules.exploration_base)
    root_of_visits = exploration * math.sqrt(here)
    log_of_visits = math.log(max(here, 1)) if rules.rule == _UCT else 0.0
    unscaled = rules.value_scale == _UNSCALED
    for offset in range(count):
        edge = first + offset
        tried_here = tree.edges[edge].visits + tree.edges[edge].passing
        if tree.edges[edge].proven == WON:
            scores[offset] = math.inf
            continue
        if tree.edges[edge].proven == LOST:
            scores[offset] = -math.inf
            continue
        q = unvisited
        if tried_here > 0:
            q = edge_value(tree, edge)
            if not unscaled:
                q = (q - low) / (high - low)
        if rules.rule == _UCT:
            bonus = math.sqrt(log_of_visits / tried_here) if tried_here > 0 else 1e18
            scores[offset] = q + rules.exploration * bonus if tried_here > 0 else bonus
        else:
            scores[offset] = q + root_of_visits * tree.edges[edge].prior / (1 + tried_here)


@compiled_core
def completed_scores(tree: Tree, rules: Rules, node: int, scores: npt.NDArray[np.float64]) -> None:
    """Write σ(completed Q) of each edge (Danihelka et al. 2022, with the mixed value of mctx), in their order."""
    first, count = tree.nodes[node].first_edge, tree.nodes[node].edge_count
    visits, most, tried, weighted = 0, 0, 0.0, 0.0
    for edge in range(first, first + count):
        n = tree.edges[edge].visits + tree.edges[edge].passing
        visits += n
        most = max(most, n)
        if n > 0:
            tried += tree.edges[edge].prior
            weighted += tree.edges[edge].prior * edge_value(tree, edge)
    mixed = tree.nodes[node].value
    if tried > 0:
        mixed = (tree.nodes[node].value + visits * weighted / tried) / (visits + 1)
    low, high = math.inf, -math.inf
    for offset in range(count):
        edge = first + offset
        q = edge_value(tree, edge) if tree.edges[edge].visits + tree.edges[edge].passing > 0 else mixed
        scores[offset] = q
        low, high = min(low, q), max(high, q)
    scale = (rules.visits_offset + most) * rules.completed_scale / max(high - low, _SMALLEST_SPREAD)
    for offset in range(count):
        scores[offset] = (scores[offset] - low) * scale


@compiled_core
def improved_policy(tree: Tree, rules: Rules, node: int, policy: npt.NDArray[np.float64]) -> None:
    """Write softmax(log P + σ(completed Q)) over a node's edges, in their order."""
    first, count = tree.nodes[node].first_edge, tree.nodes[node].edge_count
    completed_scores(tree, rules, node, policy)
    top = -math.inf
    for offset in range(count):
        if tree.edges[first + offset].prior > 0:
            top = max(top, policy[offset])
    total = 0.0
    for offset in range(count):
        policy[offset] = tree.edges[first + offset].prior * math.exp(min(policy[offset] - top, 0.0))
        total += policy[offset]
    for offset in range(count):
        policy[offset] /= total


@compiled_core
def _score_gumbel(tree: Tree, rules: Rules, g: int, node: int, at_root: bool, scores: npt.NDArray[np.float64]) -> None:
    first, count = tree.nodes[node].first_edge, tree.nodes[node].edge_count
    visits = 0
    for edge in range(first, first + count):
        visits += tree.edges[edge].visits + tree.edges[edge].passing
    if not at_root:
        improved_policy(tree, rules, node, scores)
        for offset in range(count):
            n = tree.edges[first + offset].visits + tree.edges[first + offset].passing
            scores[offset] -= n / (1.0 + visits)
            if tree.edges[first + offset].proven == LOST:
                scores[offset] = -math.inf
        return
    completed_scores(tree, rules, node, scores)
    top = 0.0
    for edge in range(first, first + count):
        top = max(top, tree.edges[edge].prior)
    table = tree.considered
    wanted = table[min(table.shape[0] - 1, count), min(visits, table.shape[1] - 1)]
    for offset in range(count):
        edge = first + offset
        if tree.edges[edge].visits + tree.edges[edge].passing != wanted:
            scores[offset] = -math.inf
            continue
        logit = math.log(tree.edges[edge].prior / top) if tree.edges[edge].prior > 0 else -math.inf
        scores[offset] = max(_LOWEST_LOGIT, tree.gumbel[g, offset] + logit + scores[offset])


@compiled_core
def choose_edge(tree: Tree, rules: Rules, g: int, node: int, at_root: bool, scores: npt.NDArray[np.float64]) -> int:
    """The edge that selection takes at an evaluated node: the first of those with the largest score."""
    first, count = tree.nodes[node].first_edge, tree.nodes[node].edge_count
    score_edges(tree, rules, g, node, at_root, scores)
    best = 0
    for offset in range(1, count):
        if scores[offset] > scores[best]:
            best = offset
    return first + best  # type: ignore[no-any-return]


@compiled_inline
def stops_at(tree: Tree, rules: Rules, node: int) -> bool:
    """Whether a simulation that comes to a node below the root ends there."""
    return tree.nodes[node].status != OPEN or (rules.prove and tree.nodes[node].proven != UNPROVEN)


@compiled_core
def pass_down(tree: Tree, node: int, amount: int) -> None:
    """Mark that a simulation is on its way to a node (1), or take the mark back (−1)."""
    while True:
        tree.nodes[node].passing += amount
        edge = tree.nodes[node].incoming
        if edge < 0:
            return
        tree.edges[edge].passing += amount
        node = tree.nodes[node].parent


@compiled_core
def link(tree: Tree, parent: int, edge: int, node: int) -> None:
    """Put a node at the end of an edge."""
    tree.nodes[node].parent = parent
    tree.nodes[node].incoming = edge
    tree.edges[edge].child = node


@compiled_core
def expand(
    tree: Tree, node: int, first_edge: int, legal: npt.NDArray[np.bool_], logits: npt.NDArray[np.float32]
) -> int:
    """Give a node its edges, the legal actions with the softmax of their logits as priors; gives the next free edge."""
    top, edge = -math.inf, first_edge
    for a in range(len(legal)):
        if legal[a]:
            top = max(top, float(logits[a]))
    total = 0.0
    for a in range(len(legal)):
        if legal[a]:
            tree.edges[edge].action = a
            # Its place until the sum of all is known.
            tree.edges[edge].value_sum = math.exp(logits[a] - top)
            total += tree.edges[edge].value_sum
            edge += 1
    for made in range(first_edge, edge):
        tree.edges[made].prior = np.float32(tree.edges[made].value_sum / total)
        tree.edges[made].visits = 0
        tree.edges[made].value_sum = 0.0
        tree.edges[made].passing = 0
        tree.edges[made].child = -1
        tree.edges[made].proven = UNPROVEN
    tree.nodes[node].first_edge = first_edge
    tree.nodes[node].edge_count = edge - first_edge
    tree.nodes[node].status = OPEN
    return edge


@compiled_core
def back_up(tree: Tree, rules: Rules, g: int, leaf: int) -> None:
    """Bring what is known of a leaf back to its root, and prove what follows from it."""
    if rules.prove and tree.nodes[leaf].status == TERMINAL and tree.nodes[leaf].proven == UNPROVEN:
        tree.nodes[leaf].proven = np.uint8(int(tree.nodes[leaf].value) + 2)
    node, value = leaf, leaf_value(tree, rules, leaf)
    while True:
        tree.nodes[node].visits += 1
        edge = tree.nodes[node].incoming
        if edge < 0:
            break
        above = tree.nodes[node].parent
        value = tree.nodes[node].reward + rules.discount * view_of(tree, above, node) * value
        tree.edges[edge].visits += 1
        tree.edges[edge].value_sum += value
        if rules.value_scale == _TREE:
            q = tree.edges[edge].value_sum / tree.edges[edge].visits
            tree.bounds[g, 0] = min(tree.bounds[g, 0], q)
            tree.bounds[g, 1] = max(tree.bounds[g, 1], q)
        node = above
    if rules.prove and tree.nodes[leaf].proven != UNPROVEN:
        _prove_above(tree, leaf)


@compiled_inline
def leaf_value(tree: Tree, rules: Rules, leaf: int) -> float:
    """What a simulation that ends at a node brings back, for the player to move there."""
    if rules.prove and tree.nodes[leaf].proven != UNPROVEN:
        return float(tree.nodes[leaf].proven) - 2.0
    return tree.nodes[leaf].value  # type: ignore[no-any-return]


@compiled_core
def _prove_above(tree: Tree, node: int) -> None:
    while tree.nodes[node].incoming >= 0:
        above, edge = tree.nodes[node].parent, tree.nodes[node].incoming
        outcome = int(view_of(tree, above, node)) * (int(tree.nodes[node].proven) - 2)
        tree.edges[edge].proven = np.uint8(outcome + 2)
        node = above
        if tree.nodes[node].proven != UNPROVEN:
            return
        best, all_known = LOST, True
        first = tree.nodes[node].first_edge
        for other in range(first, first + tree.nodes[node].edge_count):
            known = tree.edges[other].proven
            all_known = all_known and known != UNPROVEN
            best = max(best, known)
        if best != WON and not all_known:
            return
        tree.nodes[node].proven = best


@compiled_core
def descend(tree: Tree, rules: Rules, g: int, root: int, scores: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Select down from a root: the node where it ends, and the edge of it that is to be tried, or −1."""
    node = root
    while node == root or not stops_at(tree, rules, node):
        edge = choose_edge(tree, rules, g, node, node == root, scores)
        if tree.edges[edge].child < 0:
            return node, edge
        node = tree.edges[edge].child
    return node, -1

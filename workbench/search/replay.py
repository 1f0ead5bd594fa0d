"""Make the tree of a trace as it was after any number of simulations, and check that the trace follows its own rules.

Axis legend: that of `trace`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.compiling import compiled, compiled_core, compiled_inline
from workbench.search.settings import Rules
from workbench.search.trace import SearchTrace
from workbench.search.tree import (
    OPEN,
    PENDING,
    TERMINAL,
    UNPROVEN,
    Tree,
    allocate,
    back_up,
    choose_edge,
    considered_visits,
    improved_policy,
    leaf_value,
    link,
    pass_down,
    score_edges,
    stops_at,
)


@dataclass(frozen=True, kw_only=True)
class TreeState:
    """The statistics of a tree after some simulations."""

    simulations: int
    """How many have come back."""
    node_visits: npt.NDArray[np.int32]
    """`[N]`, 0: not made yet."""
    visits: npt.NDArray[np.int32]
    """`[E]`"""
    value_sum: npt.NDArray[np.float64]
    """`[E]`, for the player who takes the edge."""
    proven: npt.NDArray[np.uint8]
    """`[N]`, 0: not, 1: lost, 2: drawn, 3: won for the player to move."""
    edge_proven: npt.NDArray[np.uint8]
    """`[E]`, the same for the player who takes the edge."""
    child: npt.NDArray[np.int32]
    """`[E]`, −1: not tried; the newest of the outcomes where there are several."""

    @property
    def q(self) -> npt.NDArray[np.float64]:
        """`[E]`, the mean of what came back; NaN without a visit."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.visits > 0, self.value_sum / np.maximum(self.visits, 1), np.nan)


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """The first selection of a trace that its rules do not make."""

    simulation: int
    depth: int
    """How many selections of that simulation agreed."""
    node: int
    recorded: int
    """The action in the trace; −1: the trace ends there."""
    selected: int
    """What the rules select."""
    what: str
    """In a sentence."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Whether a trace is what its rules give, selection by selection."""

    selections: int
    """How many were repeated."""
    divergence: Divergence | None
    """None where all agree."""


def rebuild(trace: SearchTrace, simulations: int | None = None) -> TreeState:
    """Make the tree as it was after some simulations.

    Args:
        trace: With its simulations; of one that has only the final tree, nothing but that can be had.
        simulations: How many, 0 to S; None: all.

    Raises:
        WorkbenchError: The trace does not hold its simulations, or there are fewer.
    """
    if not trace.replayable:
        if trace.final_visits is not None and trace.final_value is not None and simulations is None:
            return _final(trace)
        raise WorkbenchError(
            f"This trace of {trace.game}, from {trace.source}, holds the final tree alone: what was there after "
            f"{simulations} simulations is not known. Ask for the final tree."
        )
    return _rebuilt(trace, simulations)[2]


def _rebuilt(trace: SearchTrace, simulations: int | None) -> tuple[Tree, Rules, TreeState]:
    most = trace.simulations
    wanted = most if simulations is None else simulations
    if not 0 <= wanted <= most:
        raise WorkbenchError(f"This search has {most} simulations; asked was for the tree after {wanted}.")
    tree, rules = replay_tree(trace), _rules(trace)
    assert trace.leaf is not None
    back_up_simulations(tree, rules, trace.leaf, trace.parent, trace.incoming(), 0, wanted)
    return tree, rules, state_of(tree, wanted)


def state_of(tree: Tree, simulations: int) -> TreeState:
    """The statistics of a single tree."""
    return TreeState(
        simulations=simulations,
        node_visits=tree.nodes["visits"].copy(),
        visits=tree.edges["visits"].copy(),
        value_sum=tree.edges["value_sum"].copy(),
        proven=tree.nodes["proven"].copy(),
        edge_proven=tree.edges["proven"].copy(),
        child=tree.edges["child"].copy(),
    )


def _final(trace: SearchTrace) -> TreeState:
    assert trace.final_visits is not None
    assert trace.final_value is not None
    child = np.full(len(trace.edge_action), -1, np.int32)
    incoming = trace.incoming()
    child[incoming[1:]] = np.arange(1, trace.nodes)
    visits = np.ones(trace.nodes, np.int32)
    np.add.at(visits, np.repeat(np.arange(trace.nodes), np.diff(trace.first_edge)), trace.final_visits)
    return TreeState(
        simulations=int(trace.final_visits[trace.edges_of(0)].sum()),
        node_visits=visits,
        visits=trace.final_visits,
        value_sum=trace.final_value * trace.final_visits,
        proven=np.zeros(trace.nodes, np.uint8),
        edge_proven=np.zeros(len(child), np.uint8),
        child=child,
    )


def _rules(trace: SearchTrace) -> Rules:
    assert trace.settings is not None
    return trace.settings.rules


def replay_tree(trace: SearchTrace) -> Tree:
    """An empty tree of a trace: all that does not change while it is searched is in it, nothing else."""
    N, E, R = trace.nodes, len(trace.edge_action), len(trace.root_prior)
    assert trace.settings is not None
    gumbel = trace.settings.rule == "gumbel"
    most = min(trace.settings.considered, R) if gumbel else 0
    considered = considered_visits(most, trace.settings.simulations, trace.simulations)
    tree = allocate(1, N, E, max(R, 1), considered)
    tree.nodes["first_edge"][:] = trace.first_edge[:-1]
    tree.nodes["edge_count"][:] = np.diff(trace.first_edge)
    tree.nodes["value"][:] = trace.value
    tree.nodes["player"][:] = trace.player
    tree.nodes["status"][:] = np.where(trace.terminal, TERMINAL, OPEN)
    tree.edges["action"][:] = trace.edge_action
    tree.edges["prior"][:] = trace.prior
    tree.nodes["visits"][0] = 1
    if trace.reward is not None:
        tree.nodes["reward"][:] = trace.reward
    if gumbel and trace.noise is not None:
        tree.gumbel[0, :R] = trace.noise
    return tree


@compiled_core
def back_up_simulations(
    tree: Tree,
    rules: Rules,
    leaf: npt.NDArray[np.int32],
    parent: npt.NDArray[np.int32],
    incoming: npt.NDArray[np.int32],
    begin: int,
    end: int,
) -> None:
    """Bring the simulations from `begin` to before `end` back, each from the leaf that it is recorded to end at."""
    # One type for all: the functions of the core are compiled for each type, and each constant, anew.
    tree_number: Any = np.int64(0)
    for simulation in range(begin, end):
        node: Any = np.int64(leaf[simulation])
        if tree.nodes[node].visits == 0:
            above: Any = np.int64(parent[node])
            edge: Any = np.int64(incoming[node])
            link(tree, above, edge, node)
        back_up(tree, rules, tree_number, node)


@compiled_core
def _back_all_up(
    tree: Tree,
    rules: Rules,
    leaf: npt.NDArray[np.int32],
    parent: npt.NDArray[np.int32],
    incoming: npt.NDArray[np.int32],
    backed_up: npt.NDArray[np.float64],
) -> None:
    for simulation in range(len(leaf)):
        back_up_simulations(tree, rules, leaf, parent, incoming, simulation, simulation + 1)
        backed_up[simulation] = leaf_value(tree, rules, leaf[simulation])


def backed_up_of(trace: SearchTrace) -> npt.NDArray[np.float64]:
    """`[S]`, what each simulation must have brought back by the rules, from all else in the trace."""
    assert trace.leaf is not None
    backed_up = np.zeros(trace.simulations, np.float64)
    _back_all_up(replay_tree(trace), _rules(trace), trace.leaf, trace.parent, trace.incoming(), backed_up)
    return backed_up


@compiled_inline
def _note(
    found: npt.NDArray[np.int64], kind: int, simulation: int, depth: int, node: int, recorded: int, selected: int
) -> None:
    found[0], found[1], found[2] = kind, simulation, depth
    found[3], found[4], found[5] = node, recorded, selected


@compiled
def _audit(
    tree: Tree,
    rules: Rules,
    leaf: npt.NDArray[np.int32],
    wave: npt.NDArray[np.int32],
    backed_up: npt.NDArray[np.float64],
    parent: npt.NDArray[np.int32],
    incoming: npt.NDArray[np.int32],
    status: npt.NDArray[np.uint8],
    scores: npt.NDArray[np.float64],
    found: npt.NDArray[np.int64],
) -> int:
    """Writes (kind, simulation, depth, node, recorded edge, selected edge); kind 0: all agrees. Gives their number."""
    S, selections = len(leaf), 0
    # One type for all: the functions of the core are compiled for each type, and each constant, anew.
    path = np.empty(len(parent), np.int64)
    node: Any = np.int64(0)
    root: Any = np.int64(0)
    down: Any = np.int64(1)
    begin = 0
    while begin < S:
        end = begin
        while end < S and wave[end] == wave[begin]:
            end += 1
        for simulation in range(begin, end):
            depth, node = 0, np.int64(leaf[simulation])
            while node >= 0:
                path[depth] = node
                node = np.int64(parent[node])
                depth += 1
            for step in range(depth - 1):
                node, taken = path[depth - 1 - step], np.int64(incoming[path[depth - 2 - step]])
                if step > 0 and (tree.nodes[node].visits == 0 or stops_at(tree, rules, node)):
                    _note(found, 1, simulation, step, node, taken, -1)  # type: ignore[arg-type]
                    return selections
                edge = choose_edge(tree, rules, root, node, step == 0, scores)
                selections += 1
                if edge != taken:
                    _note(found, 2, simulation, step, node, taken, edge)  # type: ignore[arg-type]
                    return selections
            node = np.int64(leaf[simulation])
            if tree.nodes[node].visits == 0 and tree.nodes[node].passing == 0:
                link(tree, np.int64(parent[node]), np.int64(incoming[node]), node)  # type: ignore[arg-type]
                # Its evaluation is not known before the wave comes back.
                tree.nodes[node].status = PENDING
            elif not stops_at(tree, rules, node):
                edge = choose_edge(tree, rules, root, node, node == root, scores)
                _note(found, 3, simulation, depth - 1, node, -1, edge)
                return selections
            if end - begin > 1:
                pass_down(tree, node, down)
        for simulation in range(begin, end):
            node = np.int64(leaf[simulation])
            tree.nodes[node].status = status[node]
            if end - begin > 1:
                pass_down(tree, node, -down)
            back_up(tree, rules, root, node)
            if leaf_value(tree, rules, node) != backed_up[simulation]:
                _note(found, 4, simulation, 0, node, -1, -1)
                return selections
        begin = end
    return selections


def audit(trace: SearchTrace) -> Audit:
    """Repeat every selection of a trace, and say where the first one differs.

    A search of outcomes of chance follows the recorded outcome after each selection.

    Raises:
        WorkbenchError: The trace holds the final tree alone.
    """
    if not trace.replayable:
        raise WorkbenchError(
            f"This trace of {trace.game}, from {trace.source}, cannot be audited: it does not hold its simulations "
            f"and the rules that they follow."
        )
    assert trace.leaf is not None
    assert trace.wave is not None
    assert trace.backed_up is not None
    tree = replay_tree(trace)
    status = tree.nodes["status"].copy()
    found = np.zeros(6, np.int64)
    selections = _audit(
        tree,
        _rules(trace),
        trace.leaf,
        trace.wave,
        trace.backed_up.astype(np.float64),
        trace.parent,
        trace.incoming(),
        status,
        np.empty(max(1, int(tree.nodes["edge_count"].max())), np.float64),
        found,
    )
    kind, simulation, depth, node, recorded, selected = (int(number) for number in found)
    if kind == 0:
        return Audit(selections=selections, divergence=None)
    taken = int(trace.edge_action[recorded]) if recorded >= 0 else -1
    right = int(trace.edge_action[selected]) if selected >= 0 else -1
    where = f"simulation {simulation + 1} of {trace.simulations}, depth {depth}, node {node}"
    sentences = {
        1: f"the trace goes on with action {taken} where the search ends ({where})",
        2: f"the trace takes action {taken} where its rules select {right} ({where})",
        3: f"the trace ends where its rules go on with action {right} ({where})",
        4: f"the value backed up is not that of the leaf ({where})",
    }
    return Audit(
        selections=selections,
        divergence=Divergence(
            simulation=simulation, depth=depth, node=node, recorded=taken, selected=right, what=sentences[kind]
        ),
    )


@dataclass(frozen=True, kw_only=True)
class NodeView:
    """The edges of one node, after some simulations, in the order of their actions."""

    action: npt.NDArray[np.int16]
    prior: npt.NDArray[np.float64]
    visits: npt.NDArray[np.int32]
    q: npt.NDArray[np.float64]
    """For the player to move; NaN without a visit."""
    score: npt.NDArray[np.float64]
    """What selection would take the largest of next."""
    bonus: npt.NDArray[np.float64]
    """The score less its Q, mapped as selection maps it: U. NaN where it has no such form (Gumbel, proven)."""
    improved: npt.NDArray[np.float64]
    """Gumbel's improved policy, from the completed Q (Danihelka et al. 2022), whatever the rule of the search."""
    proven: npt.NDArray[np.int8]
    """Outcome for the player to move: −1, 0, 1; −2: not proven."""
    child: npt.NDArray[np.int32]


def view_node(trace: SearchTrace, node: int = 0, simulations: int | None = None) -> NodeView:
    """Look at a node after some simulations.

    Raises:
        WorkbenchError: The trace does not hold its simulations, or there are fewer.
    """
    if not 0 <= node < trace.nodes:
        raise WorkbenchError(f"This search has nodes 0 to {trace.nodes - 1}; there is no node {node}.")
    edges = trace.edges_of(node)
    count = edges.stop - edges.start
    score, bonus, improved = (np.full(count, np.nan) for _ in range(3))
    if not trace.replayable:
        state = rebuild(trace, simulations)
        return _node_view(trace, state, edges, score, bonus, improved)
    tree, rules, state = _rebuilt(trace, simulations)
    if count and (node == 0 or state.node_visits[node]):
        score_edges(tree, rules, 0, node, node == 0, score)
        improved_policy(tree, rules, node, improved)
    q = state.q[edges]
    if rules.rule != 2 and rules.value_scale == 0:
        bonus = np.where(
            np.isfinite(score), score - np.where(np.isnan(q), _first_play(tree, rules, edges, node), q), np.nan
        )
    return _node_view(trace, state, edges, score, bonus, improved)


def _node_view(
    trace: SearchTrace,
    state: TreeState,
    edges: slice,
    score: npt.NDArray[np.float64],
    bonus: npt.NDArray[np.float64],
    improved: npt.NDArray[np.float64],
) -> NodeView:
    known = state.edge_proven[edges].astype(np.int8)
    return NodeView(
        action=trace.edge_action[edges],
        prior=trace.prior[edges].astype(np.float64),
        visits=state.visits[edges],
        q=state.q[edges],
        score=score,
        bonus=bonus,
        improved=improved,
        proven=np.where(known == UNPROVEN, np.int8(-2), known - np.int8(2)),
        child=state.child[edges],
    )


def _first_play(tree: Tree, rules: Rules, edges: slice, node: int) -> float:
    tried = tree.edges["visits"][edges] > 0
    choices: dict[int, Any] = {
        0: 0.0,
        1: -1.0,
        2: float(tree.nodes["value"][node]),
        3: float(tree.nodes["value"][node]) - rules.reduction * float(np.sqrt(tree.edges["prior"][edges][tried].sum())),
    }
    return float(choices[rules.first_play])

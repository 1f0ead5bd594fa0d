"""Change what an evaluator said in a search, and run the rest again: what would have become of it?

What the trace knows of a position is taken from the trace, bit for bit; only positions that the search did not meet are
asked of the evaluator. Without any change the result is the trace itself.

Axis legend: that of `trace`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.evaluators import Evaluator
from workbench.search.games import Game, play_line
from workbench.search.positions import positions_of
from workbench.search.rerun import Rerun
from workbench.search.trace import SearchTrace


@dataclass(frozen=True, kw_only=True)
class NodeChange:
    """Something else that the evaluator is to have said of a node."""

    node: int = 0
    """Of the trace; 0 is the root."""
    value: float | None = None
    """Its value, for the player to move there; None: as it was."""
    prior: npt.ArrayLike | None = None
    """`[edges of the node]`, what its priors are to be in proportion, in the order of its edges; of the root before any
    noise, which stays as it was. None: as they were."""


@dataclass(frozen=True, kw_only=True)
class Counterfactual:
    """A search as it would have been."""

    trace: SearchTrace
    """Valid, and with the same settings, seed and noise."""
    kept: int
    """How many simulations were held as they happened; the rest was selected anew. Up to there an audit may find that
    the changed rules would have selected something else."""
    parts_at: int | None
    """The first simulation (from 0) that ended elsewhere, or where one of the two searches was over; None: none did."""
    differs_at: int | None
    """The first simulation that ended elsewhere or brought back another value; None: none did."""
    reused: int
    """Positions that the trace knew."""
    asked: int
    """Positions that the evaluator, or the rules, had to be asked about; none in searches of environments."""
    stopped: str | None
    """Why the search ended before its budget, in a sentence: it came to a position, or a state of an environment, that
    nobody knows. None: it did not."""


def changed_prior(trace: SearchTrace, action: int, probability: float, node: int = 0) -> npt.NDArray[np.float64]:
    """The priors of a node with one of them set (see `changed_priors`)."""
    return changed_priors(trace, {action: probability}, node)


def changed_priors(trace: SearchTrace, given: Mapping[int, float], node: int = 0) -> npt.NDArray[np.float64]:
    """The priors of a node with some of them set, the others keeping their proportions: `[edges of the node]`.

    Args:
        trace: The search.
        given: By action, its probability, 0 to 1; of all actions of the node: in proportion.
        node: Of the trace.

    Raises:
        WorkbenchError: There is no such node or action, or these are no probabilities, or sum to more than 1.
    """
    _check_node(trace, node)
    edges = trace.edges_of(node)
    actions = trace.edge_action[edges]
    prior = (trace.root_prior if node == 0 else trace.prior[edges]).astype(np.float64)
    here = np.isin(actions, list(given))
    missing = [action for action in given if action not in actions]
    if missing:
        raise WorkbenchError(f"Node {node} has no action {missing[0]}; it has {actions.tolist()}.")
    for action, probability in given.items():
        if not 0 <= probability <= 1:
            raise WorkbenchError(f"A probability is 0 to 1; got {probability}.")
        prior[actions == action] = probability
    if here.all():
        if not prior.sum():
            raise WorkbenchError(f"The priors of all actions of node {node} are to be 0; leave one of them above.")
        return np.asarray(prior / prior.sum())
    left = 1 - prior[here].sum()
    if left < -1e-9:
        raise WorkbenchError(f"The priors that are set sum to {prior[here].sum():.4g}; together they are at most 1.")
    rest = prior[~here].sum()
    prior[~here] = max(0.0, left) * (prior[~here] / rest if rest > 0 else 1 / int((~here).sum()))
    return prior


def nodes_after(
    trace: SearchTrace, moves: Sequence[int], game: Game | None = None, root: npt.NDArray[np.uint64] | None = None
) -> list[int]:
    """The nodes of a trace at which the position after some moves lies.

    Args:
        trace: The search.
        moves: Actions from the root on; none: the root.
        game: Its rules: then also nodes that other orders of moves led to; None: the one node after just these.
        root: `[W]`, the position at the root, where a game is given.

    Raises:
        WorkbenchError: A move is not legal, or the search never came there.
    """
    found: list[int] = []
    if game is not None and root is not None:
        position = play_line(game, root, moves)
        positions = trace.position if trace.position is not None else positions_of(trace, game, root)
        found = [int(node) for node in np.flatnonzero((positions == position).all(axis=1))]
    else:
        node = 0
        for move in moves:
            below = np.flatnonzero((trace.parent == node) & (trace.action == move))
            node = int(below[0]) if len(below) else -1
            if node < 0:
                break
        found = [node] if node >= 0 else []
    if not found:
        names = " ".join(game.action_names[move] if game is not None else str(move) for move in moves)
        what = "position after"
        if trace.of_environment:
            what = "state after the action" if len(moves) == 1 else "state after the actions"
        raise WorkbenchError(
            f"This search never came to the {what} {names}: what is said of it made no difference. Choose one that is "
            f"in its tree."
        )
    return found


def counterfactual(
    trace: SearchTrace,
    changes: Sequence[NodeChange] = (),
    *,
    keep: int | None = None,
    game: Game | None = None,
    root: npt.NDArray[np.uint64] | None = None,
    evaluate: Evaluator | None = None,
) -> Counterfactual:
    """Run a search again with changes.

    The changed values and priors hold from when their node was made; what happened before cannot depend on them, and is
    kept. With `keep` more is: the first simulations go where they went, with the changed values brought back, and the
    rules select from there on. A wave is kept as a whole or not at all.

    Args:
        trace: A search that can be replayed, without outcomes of chance.
        changes: At most one a node; none runs the search as it was.
        keep: How many simulations are held as they happened, 0 to S; None: those before the first changed node's own.
        game: Its rules, for positions that the trace does not know; None, and in an environment: the search stops at
            the first of them.
        root: `[W]`, the position at the root, where the trace holds none.
        evaluate: Asked about new positions; should be what evaluated the trace (its fingerprint is compared).

    Raises:
        WorkbenchError: The trace cannot be replayed; a change is of no node, of an end, or no number; the evaluator has
            other weights; rules were given for a search of an environment.
    """
    if not trace.replayable:
        raise WorkbenchError(
            f"This trace of {trace.game}, from {trace.source}, holds the final tree alone, and cannot be run again."
        )
    incoming = trace.incoming()[1:]
    if len(np.unique(incoming)) != len(incoming):
        raise WorkbenchError(
            f"This search of {trace.game} met outcomes of chance, which cannot be drawn again; only searches in which "
            f"an action has one outcome can be run again."
        )
    said = str(getattr(evaluate, "fingerprint", "")) if evaluate is not None else ""
    if said and trace.fingerprint and said != trace.fingerprint:
        raise WorkbenchError(
            f"The evaluator at hand ({said}) is not the one that this trace was made with ({trace.fingerprint}): what "
            f"it says of new positions would not fit what is known. Take that network, or none."
        )
    if game is not None and trace.of_environment:
        raise WorkbenchError(
            f"This search is of the environment {trace.game}, which goes by no rules of a game, and cannot be run "
            f"again by those of {game.name}. Leave game=… out."
        )
    changed = _changed(trace, changes)
    kept = _kept(trace, changes, keep)
    positions = None
    if game is not None:
        start = trace.position[0] if trace.position is not None else root
        if start is None:
            raise WorkbenchError("This trace holds no positions; pass the one at its root as root=….")
        positions = trace.position if trace.position is not None else positions_of(trace, game, start)
    again = Rerun(changed, game, positions, evaluate)
    again.hold(kept)
    again.select()
    if not again.simulations:
        raise WorkbenchError(f"Nothing can be searched anew. {again.stopped}")
    made = replace(again.trace(), chosen=-1 if changes else trace.chosen)
    parts, differs = _first_differences(trace, made)
    return Counterfactual(
        trace=made,
        kept=kept,
        parts_at=parts,
        differs_at=differs,
        reused=again.reused,
        asked=again.asked,
        stopped=again.stopped,
    )


def _check_node(trace: SearchTrace, node: int) -> None:
    if not 0 <= node < trace.nodes:
        raise WorkbenchError(f"This search has nodes 0 to {trace.nodes - 1}; there is no node {node}.")


def _changed(trace: SearchTrace, changes: Sequence[NodeChange]) -> SearchTrace:
    """The tree with what was changed in it; its simulations are not yet those that follow."""
    if len({change.node for change in changes}) != len(changes):
        raise WorkbenchError("A node is changed twice; give its value and its priors in one change.")
    value, prior, root_prior = trace.value.copy(), trace.prior.copy(), trace.root_prior.copy()
    settings = trace.settings
    assert settings is not None
    for change in changes:
        _check_node(trace, change.node)
        if trace.terminal[change.node]:
            if trace.of_environment:
                raise WorkbenchError(
                    f"At node {change.node} an episode of {trace.game} is over: nothing is chosen there, and its value "
                    f"is not changed. Change a node before it."
                )
            raise WorkbenchError(
                f"Node {change.node} is the end of {trace.game}: its outcome is what the rules say, and is not changed."
            )
        if change.value is not None:
            if not np.isfinite(change.value):
                raise WorkbenchError(f"The value of node {change.node} must be a number; got {change.value}.")
            value[change.node] = change.value
        if change.prior is None:
            continue
        edges = trace.edges_of(change.node)
        given = np.asarray(change.prior, np.float64)
        fits = given.shape == (edges.stop - edges.start,) and np.isfinite(given).all()
        if not fits or given.min() < 0 or not given.sum():
            raise WorkbenchError(
                f"The priors of node {change.node} are {edges.stop - edges.start} numbers from 0 on, not all 0; got "
                f"{np.array2string(given, threshold=12)}."
            )
        share = (given / given.sum()).astype(np.float32)
        prior[edges] = share
        if change.node == 0:
            root_prior = share
            if settings.rule == "puct" and trace.noise is not None:
                prior[edges] = (1 - settings.noise) * share + settings.noise * trace.noise
    return replace(trace, value=value, prior=prior, root_prior=root_prior)


def _kept(trace: SearchTrace, changes: Sequence[NodeChange], keep: int | None) -> int:
    """How many simulations are held, rounded down to whole waves."""
    assert trace.leaf is not None
    assert trace.wave is not None
    S = trace.simulations
    if keep is None:
        made = [int(np.flatnonzero(trace.leaf == change.node)[0]) if change.node else 0 for change in changes]
        keep = min(made, default=S)
    if not 0 <= keep <= S:
        raise WorkbenchError(f"This search has {S} simulations; asked was to keep {keep}.")
    while 0 < keep < S and trace.wave[keep] == trace.wave[keep - 1]:
        keep -= 1
    return keep


def _first_differences(old: SearchTrace, new: SearchTrace) -> tuple[int | None, int | None]:
    """Where two searches of one root first end elsewhere, and where they first differ in any way.

    Nodes are numbered as they are made, so that the same number is the same node as long as nothing parted.
    """
    assert old.leaf is not None
    assert old.backed_up is not None
    assert new.leaf is not None
    assert new.backed_up is not None
    both = min(old.simulations, new.simulations)
    one, other = old.leaf[:both], new.leaf[:both]
    parted = one != other
    inside = np.minimum(np.maximum(one, other), min(old.nodes, new.nodes) - 1)
    parted |= (old.parent[inside] != new.parent[inside]) | (old.action[inside] != new.action[inside])
    parts = _first(parted, both, old.simulations != new.simulations)
    return parts, _first(
        parted | (old.backed_up[:both] != new.backed_up[:both]), both, old.simulations != new.simulations
    )


def _first(found: npt.NDArray[np.bool_], both: int, unequal: bool) -> int | None:
    places = np.flatnonzero(found)
    return int(places[0]) if len(places) else both if unequal else None

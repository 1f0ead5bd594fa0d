"""The trace of a search: what cannot be computed again from the rest, in arrays; checked whoever wrote it.

Axis legend:
    N  nodes, in the order in which they were made; node 0 is the root
    E  edges: the legal actions of the nodes that were evaluated, node after node
    S  simulations, in the order in which they came back
    R  edges of the root
    W  words of a packed position
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.settings import SearchSettings


@dataclass(frozen=True, kw_only=True)
class SearchTrace:
    """One search, complete: the tree after any number of simulations can be made of it, bit for bit.

    Values are for the player to move at the node that they are of. What the source of a trace did not keep is None.
    """

    game: str
    """Name of the game, or of the environment."""
    settings: SearchSettings | None
    """None where the source has rules of its own; the tree is kept, and cannot be replayed."""
    seed: int
    fingerprint: str
    """Which weights evaluated; empty where nobody said."""
    parent: npt.NDArray[np.int32]
    """`[N]`, −1 for the root, else a smaller number than the node's own."""
    action: npt.NDArray[np.int16]
    """`[N]`, what leads to the node from its parent; −1 for the root."""
    player: npt.NDArray[np.int8]
    """`[N]`, who is to move."""
    value: npt.NDArray[np.floating[Any]]
    """`[N]`, the evaluation, or the outcome where the game is over."""
    terminal: npt.NDArray[np.bool_]
    """`[N]`"""
    reward: npt.NDArray[np.floating[Any]] | None = None
    """`[N]`, what the action that leads here brought; None: nothing anywhere, as in games."""
    position: npt.NDArray[np.uint64] | None = None
    """`[N, W]`"""
    first_edge: npt.NDArray[np.int32]
    """`[N + 1]`, where a node's edges begin; those of node n end where those of n + 1 begin."""
    edge_action: npt.NDArray[np.int16]
    """`[E]`"""
    prior: npt.NDArray[np.float32]
    """`[E]`, as selection used them: those of the root hold its Dirichlet noise."""
    leaf: npt.NDArray[np.int32] | None
    """`[S]`, where each simulation ended; None where only the final tree is known."""
    backed_up: npt.NDArray[np.floating[Any]] | None
    """`[S]`, what it brought back, for the player to move at its leaf."""
    wave: npt.NDArray[np.int32] | None
    """`[S]`, which leaves were evaluated together, in this one tree."""
    root_prior: npt.NDArray[np.float32]
    """`[R]`, before any noise."""
    noise: npt.NDArray[np.floating[Any]] | None = None
    """`[R]`, Dirichlet noise (puct), or Gumbel noise (gumbel); None: there was none."""
    final_visits: npt.NDArray[np.int32] | None = None
    """`[E]`, of sources that keep the final tree alone."""
    final_value: npt.NDArray[np.float64] | None = None
    """`[E]`, Q of the same, for the player who takes the edge."""
    chosen: int = -1
    """The action that was taken on the strength of the search; −1 where none was."""
    source: str = "workbench"
    """What searched."""
    absent: tuple[str, ...] = ()
    """What the source did not keep, in words."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Further plain facts of the source."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            array = getattr(self, entry.name)
            if isinstance(array, np.ndarray) and array.flags.writeable:
                array = array.copy() if not array.flags.owndata else array
                array.setflags(write=False)
                object.__setattr__(self, entry.name, array)
        check_trace(self)

    @classmethod
    def made_here(cls, **given: Any) -> "SearchTrace":
        """A trace that the search itself has just made: nobody else writes its arrays; they are not checked again."""
        trace = object.__new__(cls)
        values = {**_DEFAULTS, "facts": {}, **given}
        assert len(values) == _FIELDS, f"a trace has other fields than {', '.join(values)}"
        for value in given.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        vars(trace).update(values)
        return trace

    @property
    def nodes(self) -> int:
        """How many nodes, N."""
        return len(self.parent)

    @property
    def simulations(self) -> int:
        """How many simulations came back, S; 0 where only the final tree is known."""
        return 0 if self.leaf is None else len(self.leaf)

    @property
    def replayable(self) -> bool:
        """Whether the tree after any number of simulations can be had."""
        return self.leaf is not None and self.settings is not None

    @property
    def of_environment(self) -> bool:
        """Whether states of an environment were searched, not positions of a game."""
        return self.facts.get("kind") == "environment"

    def edges_of(self, node: int) -> slice:
        """The places of a node's edges."""
        return slice(int(self.first_edge[node]), int(self.first_edge[node + 1]))

    def incoming(self) -> npt.NDArray[np.int32]:
        """`[N]`, the edge that leads to each node; −1 for the root."""
        return _incoming(self.parent, self.action, self.first_edge, self.edge_action)

    def path(self, node: int) -> list[int]:
        """The nodes from the root to a node, both among them."""
        nodes = [node]
        while self.parent[nodes[-1]] >= 0:
            nodes.append(int(self.parent[nodes[-1]]))
        return nodes[::-1]

    def moves(self, node: int) -> list[int]:
        """The actions from the root to a node."""
        return [int(self.action[one]) for one in self.path(node)[1:]]


_FIELDS = len(fields(SearchTrace))
_DEFAULTS = {entry.name: entry.default for entry in fields(SearchTrace) if entry.default is not MISSING}


def _incoming(
    parent: npt.NDArray[np.int32],
    action: npt.NDArray[np.int16],
    first_edge: npt.NDArray[np.int32],
    edge_action: npt.NDArray[np.int16],
) -> npt.NDArray[np.int32]:
    """Find each node's edge among its parent's; −1 where there is none of that action."""
    edges = np.full(len(parent), -1, np.int32)
    if len(parent) < 2 or not len(edge_action):
        return edges
    width = int(max(edge_action.max(), action.max())) + 2
    owner = np.repeat(np.arange(len(parent)), np.diff(first_edge))
    keys = owner.astype(np.int64) * width + edge_action
    order = np.argsort(keys, kind="stable")
    wanted = parent[1:].astype(np.int64) * width + action[1:]
    found = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    there = order[found]
    edges[1:] = np.where(keys[there] == wanted, there, -1)
    return edges


def check_trace(trace: SearchTrace) -> None:
    """See that the arrays of a trace belong together: compiled code trusts them afterwards.

    Raises:
        WorkbenchError: They do not; the message says which, where.
    """
    N, E = len(trace.parent), len(trace.edge_action)
    _need(N >= 1, trace, "holds no node")
    lengths = {"action": N, "player": N, "value": N, "terminal": N, "first_edge": N + 1, "prior": E}
    lengths |= {"reward": N, "position": N, "final_visits": E, "final_value": E}
    for name, length in lengths.items():
        array = getattr(trace, name)
        if array is not None:
            _need(len(array) == length, trace, f"has {len(array)} entries of {name} where {length} belong")
    first = trace.first_edge
    _need(first[0] == 0 and first[-1] == E and bool((np.diff(first) >= 0).all()), trace, "has edges out of order")
    number = np.arange(N)
    _need(trace.parent[0] == -1, trace, "has a root with a parent")
    wrong = np.flatnonzero((trace.parent[1:] < 0) | (trace.parent[1:] >= number[1:]))
    _need(not len(wrong), trace, "has node {} before its parent", wrong + 1)
    wrong = np.flatnonzero(trace.edge_action < 0)
    _need(not len(wrong), trace, "has a negative action at edge {}", wrong)
    incoming = trace.incoming()
    wrong = np.flatnonzero(incoming[1:] < 0) + 1
    _need(not len(wrong), trace, "has node {} whose action its parent does not have", wrong)
    # Outcomes of chance may share an edge; those of a game may not.
    wrong = np.flatnonzero(~np.isfinite(trace.prior) | (trace.prior < 0))
    _need(not len(wrong), trace, "has a prior at edge {} that is no number from 0 on", wrong)
    wrong = np.flatnonzero(~np.isfinite(trace.value))
    _need(not len(wrong) or not trace.replayable, trace, "has node {} whose value is not a number", wrong)
    R = int(first[1])
    _need(len(trace.root_prior) == R, trace, f"has {len(trace.root_prior)} priors of a root with {R} actions")
    _need(trace.noise is None or len(trace.noise) == R, trace, "has noise for another number of actions than the root")
    _need(R == 0 or len(np.unique(trace.edge_action[:R])) == R, trace, "has an action twice at its root")
    parts = [trace.leaf, trace.backed_up, trace.wave]
    if any(part is None for part in parts):
        _need(all(part is None for part in parts), trace, "has leaves, values backed up and waves only in part")
        return
    S = len(trace.leaf) if trace.leaf is not None else 0
    _need(all(part is not None and len(part) == S for part in parts), trace, "has simulations of unequal lengths")
    assert trace.leaf is not None
    assert trace.wave is not None
    assert trace.backed_up is not None
    wrong = np.flatnonzero((trace.leaf < 1) | (trace.leaf >= N))
    _need(not len(wrong), trace, "has simulation {} that ends at a node that is not there", wrong)
    wrong = np.flatnonzero(np.diff(trace.wave) < 0)
    _need(not len(wrong), trace, "has simulation {} in an earlier wave than the one before it", wrong + 1)
    if not trace.replayable:
        return
    # Every node was a leaf once, and its parent before it: or a replay would select through what is not there.
    first_visit = np.full(N, S, np.int64)
    np.minimum.at(first_visit, trace.leaf, np.arange(S))
    first_visit[0] = -1
    wrong = np.flatnonzero(first_visit >= S)
    _need(not len(wrong), trace, "has node {} that no simulation made", wrong)
    wrong = np.flatnonzero(first_visit[1:] <= first_visit[trace.parent[1:]]) + 1
    _need(not len(wrong), trace, "has node {} that came back before its parent", wrong)
    wrong = np.flatnonzero(~trace.terminal & (np.diff(first) == 0))
    _need(not len(wrong), trace, "has node {} without actions that is not an end", wrong)
    wrong = np.flatnonzero(trace.terminal & (np.diff(first) > 0))
    _need(not len(wrong), trace, "has node {} with actions after the end", wrong)
    assert trace.settings is not None
    if trace.settings.prove:
        wrong = np.flatnonzero(trace.terminal & ~np.isin(trace.value, (-1.0, 0.0, 1.0)))
        _need(not len(wrong), trace, "has node {} with an outcome that is not −1, 0 or 1", wrong)


def _need(right: bool, trace: SearchTrace, sentence: str, where: npt.NDArray[Any] | None = None) -> None:
    if not right:
        place = sentence if where is None else sentence.format(int(where[0]))
        raise WorkbenchError(
            f"This search trace of {trace.game} {place}: it is damaged, or was not written by what it says. "
            f"Record the search again."
        )

"""What happened at the root of a search, simulation by simulation, and where its simulations ended.

Axis legend: that of `trace`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.choosing import allowed_actions
from workbench.search.compiling import compiled, compiled_core
from workbench.search.replay import back_up_simulations, rebuild, replay_tree
from workbench.search.settings import Rules
from workbench.search.trace import SearchTrace
from workbench.search.tree import UNPROVEN, Tree


@dataclass(frozen=True, kw_only=True)
class RootHistory:
    """The statistics of the root's edges after 0, 1, … S simulations; values are for the player to move at the root."""

    action: npt.NDArray[np.int16]
    """`[R]`"""
    visits: npt.NDArray[np.int32]
    """`[S + 1, R]`"""
    value_sum: npt.NDArray[np.float64]
    """`[S + 1, R]`"""
    proven: npt.NDArray[np.int8]
    """`[S + 1, R]`, the outcome that is proven: −1, 0, 1; −2: none."""

    @property
    def q(self) -> npt.NDArray[np.float64]:
        """`[S + 1, R]`: the proven outcome, or the mean of what came back; NaN without a visit."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(self.visits > 0, self.value_sum / np.maximum(self.visits, 1), np.nan)
        return np.where(self.proven > -2, self.proven, mean)

    @property
    def allowed(self) -> npt.NDArray[np.bool_]:
        """`[S + 1, R]`, what may be played (`allowed_actions`)."""
        return allowed_actions(self.proven)


def root_history(trace: SearchTrace) -> RootHistory:
    """The root after every number of simulations, from one replay.

    Raises:
        WorkbenchError: The trace holds the final tree alone.
    """
    if not trace.replayable:
        raise WorkbenchError(
            f"This trace of {trace.game}, from {trace.source}, holds the final tree alone: what happened before is "
            f"not known."
        )
    assert trace.leaf is not None
    assert trace.settings is not None
    R, S = len(trace.root_prior), trace.simulations
    visits, value_sum = np.zeros((S + 1, R), np.int32), np.zeros((S + 1, R), np.float64)
    proven = np.zeros((S + 1, R), np.uint8)
    _follow(
        replay_tree(trace), trace.settings.rules, trace.leaf, trace.parent, trace.incoming(), visits, value_sum, proven
    )
    outcome = np.where(proven == UNPROVEN, np.int8(-2), proven.astype(np.int8) - np.int8(2))
    return RootHistory(action=trace.edge_action[:R], visits=visits, value_sum=value_sum, proven=outcome)


@compiled_core
def _follow(
    tree: Tree,
    rules: Rules,
    leaf: npt.NDArray[np.int32],
    parent: npt.NDArray[np.int32],
    incoming: npt.NDArray[np.int32],
    visits: npt.NDArray[np.int32],
    value_sum: npt.NDArray[np.float64],
    proven: npt.NDArray[np.uint8],
) -> None:
    for simulation in range(len(leaf)):
        back_up_simulations(tree, rules, leaf, parent, incoming, simulation, simulation + 1)
        for edge in range(visits.shape[1]):
            visits[simulation + 1, edge] = tree.edges[edge].visits
            value_sum[simulation + 1, edge] = tree.edges[edge].value_sum
            proven[simulation + 1, edge] = tree.edges[edge].proven


@compiled
def depths(parent: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """How many actions lead to each node, `[N]`."""
    depth = np.zeros(len(parent), np.int32)
    for node in range(1, len(parent)):
        depth[node] = depth[parent[node]] + 1
    return depth


def principal_variation(
    trace: SearchTrace, simulations: int | None = None, *, first: int | None = None
) -> tuple[int, ...]:
    """The actions that the search holds to be best play after some simulations.

    At each node: a proven win, never a proven loss where there is something else; then the most visited, the better Q
    and the larger prior deciding between equals. It ends where nothing has a visit.

    Args:
        trace: Any; of a final tree alone only `simulations=None`.
        simulations: After how many; None: all.
        first: The action at the root, where that was chosen otherwise.
    """
    state = rebuild(trace, simulations)
    line: list[int] = []
    node = 0
    while node >= 0:
        edges = trace.edges_of(node)
        visits = state.visits[edges]
        if not len(visits) or not visits.any():
            break
        allowed = allowed_actions(state.edge_proven[edges].astype(np.int8) - 2)
        quality = np.nan_to_num(state.q[edges], nan=-np.inf)
        best = int(np.lexsort((trace.prior[edges], quality, visits, allowed))[-1])
        if node == 0 and first is not None:
            best = int(np.flatnonzero(trace.edge_action[edges] == first)[0])
        if visits[best] == 0:
            line += [int(trace.edge_action[edges][best])] if node == 0 and first is not None else []
            break
        line.append(int(trace.edge_action[edges][best]))
        node = int(state.child[edges][best])
    return tuple(line)

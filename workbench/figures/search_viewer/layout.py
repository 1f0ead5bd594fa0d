"""Where the nodes of a search tree are drawn: the moves that were visited most, and the others as one.

The layout is that of the last simulation, so that nothing moves while the simulations are gone through: a node that is
not there yet is not drawn.

Axis legend:
    N  nodes of the trace
    M  drawn nodes, parents before their children
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.search.choosing import allowed_actions
from workbench.search.replay import TreeState
from workbench.search.trace import SearchTrace

MOST_DRAWN = 300
"""More than so many circles are a cloud."""


@dataclass(frozen=True, kw_only=True)
class TreeLayout:
    """The nodes that are drawn. Columns are depths; a node's first child is on its own row, each other one below."""

    node: npt.NDArray[np.int32]
    """`[M]`, number of the node in the trace; −1: the others of `above`."""
    above: npt.NDArray[np.int32]
    """`[M]`, place of the parent among the drawn; −1 for the root."""
    column: npt.NDArray[np.int32]
    """`[M]`, how many moves from the root."""
    row: npt.NDArray[np.int32]
    """`[M]`"""
    others: tuple[tuple[int, ...], ...]
    """`[M]`, of one that stands for others: the nodes that it stands for; else nothing."""
    variation: npt.NDArray[np.bool_]
    """`[M]`, whether it lies on the principal variation."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.row.max()) + 1


def children_of(trace: SearchTrace) -> list[list[int]]:
    """The children of each node, `[N]`, in the order in which they were made."""
    children: list[list[int]] = [[] for _ in range(trace.nodes)]
    for node in range(1, trace.nodes):
        children[int(trace.parent[node])].append(node)
    return children


def principal_variation(trace: SearchTrace, state: TreeState, node: int = 0) -> list[int]:
    """The nodes that follow where each player takes the best edge, from a node down: it is the first of them.

    The best is a proven win; else, proven losses left out, the most visited, then the one with the better Q, then the
    one with the larger prior. Of outcomes of chance the newest is followed.
    """
    line = [node]
    while True:
        edges = trace.edges_of(line[-1])
        best = _best_edge(trace, state, edges.start, edges.stop)
        following = -1 if best < 0 else int(state.child[best])
        if following < 0 or state.visits[best] == 0 or state.node_visits[following] == 0:
            return line
        line.append(following)


def _best_edge(trace: SearchTrace, state: TreeState, first: int, stop: int) -> int:
    if first == stop:
        return -1
    allowed = allowed_actions(state.edge_proven[first:stop].astype(np.int8) - 2)
    q = np.nan_to_num(state.q[first:stop], nan=-np.inf)
    order = np.lexsort((-np.arange(stop - first), trace.prior[first:stop], q, state.visits[first:stop], allowed))
    return int(first + order[-1])


def lay_out(
    trace: SearchTrace,
    state: TreeState,
    *,
    children: int = 3,
    threshold: float = 0.01,
    depth: int = 12,
    most: int = MOST_DRAWN,
) -> TreeLayout:
    """Choose what is drawn of a tree, and where.

    Args:
        trace: Whose tree.
        state: Its statistics, after all simulations.
        children: How many moves of a node are drawn for themselves, those with the most visits; the rest is one
            node of its own.
        threshold: A move with fewer visits than this share of the root's is one of the others; others that have
            fewer together are not drawn.
        depth: Nodes further from the root are left out, but for the principal variation.
        most: Most nodes drawn, at least 2; those with the most visits come first.

    Returns:
        The layout; the principal variation is all in it, unless it alone has more nodes than `most`.
    """
    own = children_of(trace)
    line = principal_variation(trace, state)[:most]
    on_line = set(line)
    following = dict(pairwise(line))
    visits = state.node_visits
    least = max(1.0, threshold * float(visits[0]))
    # The variation is drawn whatever comes: its nodes and their others have their room from the beginning.
    room = most - len(line)
    chosen: dict[int, list[int]] = {}
    others: dict[int, list[int]] = {}
    waiting: list[tuple[int, int, int]] = [(-int(visits[0]), 0, 0)]
    while waiting:
        _, node, level = heappop(waiting)
        ranked = sorted((one for one in own[node] if visits[one] > 0), key=lambda one: (-int(visits[one]), one))
        must = [following[node]] if node in following else []
        may = [one for one in ranked if one not in must and visits[one] >= least] if level < depth else []
        wanted = may[: max(0, children - len(must))]
        if level >= depth and not must:
            continue
        left = len(ranked) - len(must) - len(wanted)
        while wanted and len(wanted) + (left > 0) > room:
            wanted, left = wanted[:-1], left + 1
        shown = sorted([*must, *wanted], key=lambda one: (one not in on_line, -int(visits[one]), one))
        if not shown and left:
            # Nothing but others: one circle would stand for what its parent says already.
            continue
        chosen[node] = shown
        room -= len(wanted)
        rest = [one for one in ranked if one not in shown]
        if rest and room > 0 and sum(int(visits[one]) for one in rest) >= least:
            others[node] = rest
            room -= 1
        for one in shown:
            heappush(waiting, (-int(visits[one]) if one not in on_line else -(2**31), one, level + 1))
    return _placed(chosen, others, on_line)


def _placed(chosen: dict[int, list[int]], others: dict[int, list[int]], on_line: set[int]) -> TreeLayout:
    """Give each node its row: the first child its parent's, every other one the next that is free."""
    drawn: list[tuple[int, int, int, int, tuple[int, ...]]] = []
    free = 1
    # Node, place of the parent, column, row (−1: the next free one), what it stands for.
    stack: list[tuple[int, int, int, int, tuple[int, ...]]] = [(0, -1, 0, 0, ())]
    while stack:
        node, above, column, row, stands = stack.pop()
        if row < 0:
            row, free = free, free + 1
        place = len(drawn)
        drawn.append((node, above, column, row, stands))
        below: list[tuple[int, tuple[int, ...]]] = [(one, ()) for one in chosen.get(node, [])] if node >= 0 else []
        if node in others:
            below.append((-1, tuple(others[node])))
        for number in range(len(below) - 1, -1, -1):
            one, group = below[number]
            stack.append((one, place, column + 1, row if number == 0 else -1, group))
    return TreeLayout(
        node=np.array([one[0] for one in drawn], np.int32),
        above=np.array([one[1] for one in drawn], np.int32),
        column=np.array([one[2] for one in drawn], np.int32),
        row=np.array([one[3] for one in drawn], np.int32),
        others=tuple(one[4] for one in drawn),
        variation=np.array([one[0] in on_line for one in drawn], np.bool_),
    )


def layout_payload(layout: TreeLayout) -> dict[str, Any]:
    """The layout in plain JSON; lists, for it is small."""
    return {
        "node": layout.node.tolist(),
        "above": layout.above.tolist(),
        "column": layout.column.tolist(),
        "row": layout.row.tolist(),
        "others": _grouped(layout.others),
    }


def _grouped(others: Sequence[tuple[int, ...]]) -> dict[str, list[int]]:
    return {str(place): list(nodes) for place, nodes in enumerate(others) if nodes}

"""A single tree that is searched anew, as long as a trace knows what it needs, and then by asking.

Axis legend: that of `trace`, and B positions.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.evaluators import Evaluator, ask
from workbench.search.games import Game
from workbench.search.trace import SearchTrace
from workbench.search.tree import (
    OPEN,
    PENDING,
    TERMINAL,
    UNPROVEN,
    Tree,
    allocate,
    back_up,
    considered_visits,
    descend,
    expand,
    leaf_value,
    link,
    pass_down,
)


class Rerun:
    """A single tree that grows as that of a trace did, as long as the trace knows what it needs."""

    def __init__(
        self,
        known: SearchTrace,
        game: Game | None,
        positions: npt.NDArray[np.uint64] | None,
        evaluate: Evaluator | None,
    ) -> None:
        settings = known.settings
        assert settings is not None
        self._known, self._settings, self._rules = known, settings, settings.rules
        self._game, self._evaluate, self._positions = game, evaluate, positions
        R, most = len(known.root_prior), max(settings.simulations, known.simulations) + 1
        width = max(int(np.diff(known.first_edge).max()), game.actions if game is not None else 1)
        considered = min(settings.considered, R) if settings.rule == "gumbel" else 0
        table = considered_visits(considered, settings.simulations, most - 1)
        self._tree: Tree = allocate(1, most, most * width, max(R, 1), table)
        if settings.rule == "gumbel" and known.noise is not None:
            self._tree.gumbel[0, :R] = known.noise
        self._scores = np.zeros(max(width, R), np.float64)
        self._was = np.full(most, -1, np.int64)
        """The node of the trace that each new node is; −1 where the trace has none."""
        self._child = np.full(len(known.edge_action), -1, np.int64)
        self._child[known.incoming()[1:]] = np.arange(1, known.nodes)
        self._reached = np.zeros((most, game.words if game is not None else 0), np.uint64)
        self._leaves: list[int] = []
        self._waves: list[int] = []
        self._backed_up: list[float] = []
        self._nodes, self._edges = 1, 0
        self.reused = self.asked = 0
        self.stopped: str | None = None
        self._was[0] = 0
        self._take(0)
        self._tree.nodes["visits"][0] = 1

    def hold(self, kept: int) -> None:
        """Go where the first simulations of the trace went."""
        known = self._known
        assert known.leaf is not None
        assert known.wave is not None
        now = {0: 0}
        begin = 0
        while begin < kept:
            end = begin + int(np.argmax(np.append(known.wave[begin:kept] != known.wave[begin], True)))
            leaves = []
            for old in (int(node) for node in known.leaf[begin:end]):
                if old not in now:
                    above = int(known.parent[old])
                    place = int(np.flatnonzero(known.edge_action[known.edges_of(above)] == known.action[old])[0])
                    now[old] = self._make(now[above], int(self._tree.nodes["first_edge"][now[above]]) + place)
                leaves.append(now[old])
            self._answer(leaves)
            self._bring_back(leaves, int(known.wave[begin]))
            begin = end

    def select(self) -> None:
        """Search by the rules until the budget is spent, the root proven, or a leaf unknown."""
        size, budget = self._settings.wave, self._settings.simulations
        while len(self._leaves) < budget and not self._proven():
            leaves = []
            for _ in range(min(size, budget - len(self._leaves))):
                node, edge = descend(self._tree, self._rules, 0, 0, self._scores)
                node = self._make(int(node), int(edge)) if edge >= 0 else int(node)
                leaves.append(node)
                if size > 1:
                    pass_down(self._tree, node, 1)
            if not self._answer(leaves):
                return
            if size > 1:
                for node in leaves:
                    pass_down(self._tree, node, -1)
            self._bring_back(leaves, self._waves[-1] + 1 if self._waves else 0)

    @property
    def simulations(self) -> int:
        """How many came back."""
        return len(self._leaves)

    def _proven(self) -> bool:
        return bool(self._rules.prove and self._tree.nodes["proven"][0] != UNPROVEN)

    def _make(self, above: int, edge: int) -> int:
        """Put a new node at the end of an edge."""
        node = self._nodes
        self._nodes += 1
        link(self._tree, above, edge, node)
        self._tree.nodes["status"][node] = PENDING
        old = self._was[above]
        if old >= 0:
            offset = edge - int(self._tree.nodes["first_edge"][above])
            self._was[node] = self._child[self._known.first_edge[old] + offset]
        return node

    def _take(self, node: int) -> None:
        """Give a node what the trace knows of it."""
        known, old, nodes, edges = self._known, int(self._was[node]), self._tree.nodes, self._tree.edges
        there = known.edges_of(old)
        first, last = self._edges, self._edges + there.stop - there.start
        edges["action"][first:last] = known.edge_action[there]
        edges["prior"][first:last] = known.prior[there]
        nodes["first_edge"][node], nodes["edge_count"][node] = first, last - first
        nodes["value"][node], nodes["player"][node] = known.value[old], known.player[old]
        nodes["status"][node] = TERMINAL if known.terminal[old] else OPEN
        if known.reward is not None:
            nodes["reward"][node] = known.reward[old]
        if self._positions is not None:
            self._reached[node] = self._positions[old]
        self._edges = last

    def _answer(self, leaves: Sequence[int]) -> bool:
        """Evaluate the new leaves of a wave; False, and nothing done, where one of them is not known to anybody."""
        new = [node for node in dict.fromkeys(leaves) if self._tree.nodes["status"][node] == PENDING]
        unknown = [node for node in new if self._was[node] < 0]
        answers: dict[int, tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32] | None, float, int]] = {}
        if unknown and not self._ask(unknown, answers):
            self._nodes -= len(new)
            return False
        for node in new:
            if self._was[node] >= 0:
                self._take(node)
                self.reused += 1
                continue
            legal, logits, value, player = answers[node]
            self._tree.nodes["value"][node], self._tree.nodes["player"][node] = value, player
            if logits is None:
                self._tree.nodes["first_edge"][node] = self._edges
                self._tree.nodes["status"][node] = TERMINAL
            else:
                self._edges = int(expand(self._tree, node, self._edges, legal, logits))
        self.asked += len(unknown)
        return True

    def _ask(self, unknown: Sequence[int], answers: dict[int, Any]) -> bool:
        """Play to new positions and evaluate them."""
        game, B = self._game, len(unknown)
        if game is None:
            there = self._known.of_environment
            self._stop(
                unknown[0],
                "the environment is not stepped for a search that is run again"
                if there
                else "the rules of the game are not at hand",
            )
            return False
        above = self._tree.nodes["parent"][unknown]
        actions = self._tree.edges["action"][self._tree.nodes["incoming"][unknown]]
        after, legal = np.zeros((B, game.words), np.uint64), np.zeros((B, game.actions), np.bool_)
        ended, outcome, player = np.zeros(B, np.uint8), np.zeros(B, np.float32), np.zeros(B, np.int8)
        game.play(self._reached[above], actions, after, legal, ended, outcome, player)
        self._reached[unknown] = after
        open_rows = np.flatnonzero(ended == 0)
        logits, values = np.zeros((0, game.actions), np.float32), np.zeros(0, np.float32)
        if len(open_rows):
            if self._evaluate is None:
                self._stop(unknown[int(open_rows[0])], "there is no evaluator to ask about it")
                return False
            logits, values = ask(self._evaluate, game, after[open_rows])
            if not np.isfinite(values).all() or np.isnan(logits).any():
                raise WorkbenchError(
                    f"The evaluator gave something that is not a number for a new position of {game.name}; look at its "
                    f"weights."
                )
        place = {int(row): k for k, row in enumerate(open_rows)}
        for row, node in enumerate(unknown):
            k = place.get(row)
            value = float(outcome[row]) if k is None else float(values[k])
            answers[node] = legal[row], None if k is None else logits[k], value, int(player[row])
        return True

    def _stop(self, node: int, why: str) -> None:
        moves = []
        while self._tree.nodes["incoming"][node] >= 0:
            moves.append(int(self._tree.edges["action"][self._tree.nodes["incoming"][node]]))
            node = int(self._tree.nodes["parent"][node])
        moves.reverse()
        names = [self._game.action_names[move] if self._game is not None else str(move) for move in moves]
        what, after = "position", "after"
        if self._known.of_environment:
            what, after = "state", "after the action" if len(moves) == 1 else "after the actions"
        self.stopped = (
            f"After {len(self._leaves):,} simulations the search comes to a {what} that the trace does not know, "
            f"{after} {' '.join(names)}, and {why}."
        )

    def _bring_back(self, leaves: Sequence[int], wave: int) -> None:
        for node in leaves:
            back_up(self._tree, self._rules, 0, node)
            self._leaves.append(node)
            self._waves.append(wave)
            self._backed_up.append(leaf_value(self._tree, self._rules, node))

    def trace(self) -> SearchTrace:
        """What has grown, as a trace."""
        known, nodes, edges, N = self._known, self._tree.nodes[: self._nodes], self._tree.edges, self._nodes
        assert known.backed_up is not None
        counts = nodes["edge_count"].astype(np.int64)
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        places = np.repeat(nodes["first_edge"].astype(np.int64) - first[:-1], counts) + np.arange(first[-1])
        incoming = nodes["incoming"]
        position = None
        if known.position is not None:
            was = self._was[:N]
            position = self._reached[:N].copy() if self._game is not None else known.position[was]
        return replace(
            known,
            parent=nodes["parent"].copy(),
            action=np.where(incoming < 0, -1, edges["action"][incoming]).astype(np.int16),
            player=nodes["player"].copy(),
            value=nodes["value"].astype(known.value.dtype),
            terminal=nodes["status"] == TERMINAL,
            reward=None if known.reward is None else nodes["reward"].astype(known.reward.dtype),
            position=position,
            first_edge=first,
            edge_action=edges["action"][places],
            prior=edges["prior"][places],
            leaf=np.array(self._leaves, np.int32),
            backed_up=np.array(self._backed_up, np.float64).astype(known.backed_up.dtype),
            wave=np.array(self._waves, np.int32),
        )

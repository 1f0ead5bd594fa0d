"""All decisions of a recording: one row a step, means over episodes, what the truth says, and controls.

An agent that overturns its network often is not yet one that plans well. Beside the agent's own numbers stand:
- *chance*: how often a prior with its numbers dealt out anew among the legal actions would be overturned;
- the *network alone*: how often its favourite is right, by a solver;
- the *uniform search*: the same search from the same position with an evaluator that knows nothing: what the rules of
  the game and the budget give without the network;
- *any legal action*: how often one that is drawn evenly is right.

Axis legend: T decisions, in the order of the recording's steps; R legal actions, A actions of the game.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.search.decisions import Decision, measure_decision
from workbench.analyses.search.exact import TOLERANCE, UNKNOWN, VERDICTS, action_values, judge
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.searches import read_traces
from workbench.search.choosing import choose_action
from workbench.search.evaluators import UniformEvaluator
from workbench.search.games import Game
from workbench.search.searching import search
from workbench.search.settings import SearchSettings
from workbench.search.trace import SearchTrace

if TYPE_CHECKING:
    from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]
AT_ONCE = 64
"""Positions that are searched anew together."""
SOLVED_AT_ONCE = 8
"""Positions that are handed to the solver together: one may take it seconds."""


@dataclass(frozen=True, kw_only=True)
class DecisionMeasure:
    """A row of the table of what is measured at each step."""

    name: str
    words: str
    """What it is, for people."""
    unit: str
    function: Callable[[Decision], float | None]
    lowest: float = -np.inf
    highest: float = np.inf


MEASURES: tuple[DecisionMeasure, ...] = (
    DecisionMeasure(name="overturn", words="the search chose something else than the network's favourite", unit="share",
                    function=lambda d: d.overturn, lowest=0, highest=1),
    DecisionMeasure(name="chance_overturn", words="the same, had the prior's numbers been dealt out anew", unit="share",
                    function=lambda d: d.chance_overturn, lowest=0, highest=1),
    DecisionMeasure(name="surprise", words="policy surprise KL(visits ‖ prior)", unit="nat",
                    function=lambda d: d.surprise, lowest=0),
    DecisionMeasure(name="improved_surprise", words="KL(improved policy ‖ prior)", unit="nat",
                    function=lambda d: d.improved_surprise, lowest=0),
    DecisionMeasure(name="q_gain", words="Q of the choice less Q of the favourite", unit="value",
                    function=lambda d: d.q_gain),
    DecisionMeasure(name="net_value", words="the network's value of the position", unit="value",
                    function=lambda d: d.net_value),
    DecisionMeasure(name="search_value", words="the search's value of the position", unit="value",
                    function=lambda d: d.search_value),
    DecisionMeasure(name="disagreement", words="the network's value less the search's", unit="value",
                    function=lambda d: d.disagreement),
    DecisionMeasure(name="turned_at", words="simulations until the choice was behind nothing", unit="simulations",
                    function=lambda d: d.turned_at, lowest=0),
    DecisionMeasure(name="turned_share", words="the same as a part of the search", unit="share",
                    function=lambda d: d.turned_share, lowest=0, highest=1),
    DecisionMeasure(name="refuted_at", words="simulations until the favourite was behind for good, where it ever was",
                    unit="simulations", function=lambda d: d.refuted_at, lowest=0),
    DecisionMeasure(name="stability", words="visit shares that moved in the second half of the search", unit="share",
                    function=lambda d: d.stability, lowest=0, highest=1),
    DecisionMeasure(name="mean_depth", words="mean depth of the simulations' ends", unit="actions",
                    function=lambda d: d.mean_depth, lowest=0),
    DecisionMeasure(name="max_depth", words="greatest depth", unit="actions", function=lambda d: d.max_depth, lowest=0),
    DecisionMeasure(name="breadth", words="root actions that the visits are spread over (exp entropy)", unit="actions",
                    function=lambda d: d.breadth, lowest=1),
    DecisionMeasure(name="simulations", words="simulations", unit="simulations", function=lambda d: d.simulations,
                    lowest=0),
)  # fmt: skip
"""What is measured at each step, in the order in which it is told."""

TRUTH_MEASURES: dict[str, str] = {
    "search_right": "the search's choice is right",
    "net_right": "the network's favourite is right",
    "played_right": "the action that was played is right",
    "uniform_right": "the choice of the same search without the network is right",
    "chance_right": "any legal action, drawn evenly, is right",
    "choice_loss": "exact value that the search's choice gives away",
    "favourite_loss": "exact value that the network's favourite gives away",
    "net_error": "|the network's value − the exact one|",
    "search_error": "|the search's value − the exact one|",
}
"""What is measured beside it where a solver is there; means are over decisive decisions: something was wrong there."""


@dataclass(frozen=True, kw_only=True)
class RecordedDecisions:
    """The decisions of a recording."""

    path: str
    row: npt.NDArray[np.int64]
    """`[T]`, rows of the recording's steps at which something was searched."""
    episode: npt.NDArray[np.int64]
    """`[T]`, place of the episode in the recording."""
    step: npt.NDArray[np.int64]
    """`[T]`, in the episode."""
    favourite: npt.NDArray[np.int64]
    """`[T]`, the network's favourite action."""
    choice: npt.NDArray[np.int64]
    """`[T]`, the search's."""
    played: npt.NDArray[np.int64]
    """`[T]`, what was played."""
    uniform_choice: npt.NDArray[np.int64]
    """`[T]`, that of the same search without the network; −1 where that was not asked for."""
    columns: Mapping[str, FloatArray]
    """`[T]` each, by the name of a row of `MEASURES`; with a solver also of `TRUTH_MEASURES`, and `decisive`. NaN where
    a measure is not defined."""
    verdict: npt.NDArray[np.str_] | None
    """`[T]`, names of `VERDICTS`; None without a solver."""
    means: Mapping[str, Estimate]
    """Of every column, of `search_less_net`, `search_less_uniform` (paired differences of shares of right choices) and
    of `uniform_overturn` (the search without the network overturns the network's favourite); 95 % intervals over
    episodes. What the truth says is averaged over decisive decisions."""
    verdicts: Mapping[str, Estimate]
    """Share of each class among the decisive decisions; empty without a solver."""
    without_search: int
    """Steps at which nothing was searched."""
    damaged: int = 0
    """Steps whose search cannot be read, where those were to be passed over."""
    left_out: int = 0
    """Steps behind the first ones that were asked for."""

    def __len__(self) -> int:
        return len(self.row)

    def most_surprising(self, count: int) -> npt.NDArray[np.int64]:
        """Places `[count]` of the decisions with the largest policy surprise, the largest first."""
        return _first(np.nan_to_num(self.columns["surprise"], nan=-1.0), count, self.columns["surprise"] > 0)

    def wrong(self, count: int) -> npt.NDArray[np.int64]:
        """Places of the decisions whose choice gives most away, of equal ones the more surprising first.

        Raises:
            WorkbenchError: There was no solver.
        """
        if self.verdict is None:
            raise WorkbenchError("Which decisions are wrong is known from a solver alone; measure them with one.")
        loss = np.nan_to_num(self.columns["choice_loss"])
        surprise = np.nan_to_num(self.columns["surprise"], posinf=1e6)
        return _first(loss * 1e9 + surprise, count, loss > TOLERANCE)


def _first(score: FloatArray, count: int, kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    order = np.argsort(-score, kind="stable")
    return np.asarray(order[kept[order]][: max(0, count)], np.int64)


def measure_recording(
    recording: "Recording",
    *,
    solver: Any | None = None,
    game: Game | None = None,
    uniform: bool = False,
    most: int | None = None,
    pass_over_damaged: bool = False,
    progress: Progress | None = None,
) -> RecordedDecisions:
    """Measure every search of a recording, one after the other; only the rows of the result are kept.

    Args:
        recording: Of an agent that plans.
        solver: Knows exact values of actions (`workbench.analyses.search.exact`); the recording must hold positions.
        game: The rules of the recorded game, needed for `uniform`.
        uniform: Also search each position with the uniform evaluator, with the same settings and seed.
        most: Only so many steps, the first ones; None: all.
        pass_over_damaged: Count searches that cannot be read, in place of an error.
        progress: Is told how many steps are done, and may raise `Cancelled`.

    Raises:
        WorkbenchError: Nothing was searched; positions or the game are needed and not there; a search is damaged.
    """
    if not recording.searches:
        raise WorkbenchError(
            f"{recording.path} holds no searches: it was recorded of an agent that acts without. Record one with: "
            f"workbench record POLICY ENV --search-simulations N"
        )
    if uniform and (recording.attributes.get("search") or {}).get("environment"):
        raise WorkbenchError(
            f"The searches of {recording.path} are of an environment; positions of games alone are searched anew "
            f"without the network. Leave uniform=True out."
        )
    if uniform and game is None:
        raise WorkbenchError("To search the positions anew the rules of their game are needed: pass game=….")
    told = progress or SilentProgress()
    rows = _Rows(solver, game if uniform else None, actions_of(recording))
    total, empty = len(recording) if most is None else min(most, len(recording)), 0
    damaged: list[int] = []
    for row, trace, root in read_traces(recording, most=most, damaged=damaged if pass_over_damaged else None):
        told.update(row, total, "")
        if trace is None:
            empty += 1
            continue
        rows.add(row, trace, root)
        if rows.waiting >= AT_ONCE:
            rows.settle(told, row, total)
    rows.settle(told, total, total)
    told.update(total, total, "")
    if not rows.places:
        unread = f" The searches of {len(damaged):,} steps are damaged." if damaged else ""
        raise WorkbenchError(f"At none of the {total:,} steps of {recording.path} anything was searched.{unread}")
    places = np.array(rows.places, np.int64)
    columns = rows.table()
    # Rows that were searched are few columns; the whole of these two is read once.
    ids = np.asarray(recording.episodes["id"])
    order = np.argsort(ids)
    episode = order[np.searchsorted(ids, recording.steps["episode"][places], sorter=order)].astype(np.int64)
    step = recording.steps["t"][places].astype(np.int64)
    verdict = np.array(rows.verdicts) if solver is not None else None
    whole = {name: np.array(values, np.int64) for name, values in rows.actions.items()}
    return RecordedDecisions(
        path=recording.path,
        row=places,
        episode=episode,
        step=step,
        columns=columns,
        verdict=verdict,
        means=_means(columns, episode, whole, uniform=uniform),
        verdicts=_verdict_shares(verdict, columns, episode),
        without_search=empty,
        damaged=len(damaged),
        left_out=len(recording) - total,
        **whole,
    )


def actions_of(recording: "Recording") -> int:
    """How many actions the game of a recording has, A.

    Raises:
        WorkbenchError: The recording does not say.
    """
    room = (recording.attributes.get("search") or {}).get("room") or {}
    count = room.get("actions")
    if not isinstance(count, int):
        raise WorkbenchError(f"{recording.path} does not say how many actions its searches are over: it is damaged.")
    return count


class _Rows:
    """The rows of the result while they are made."""

    def __init__(self, solver: Any | None, game: Game | None, actions: int) -> None:
        self._solver, self._game, self._count = solver, game, actions
        self.places: list[int] = []
        self.actions: dict[str, list[int]] = {name: [] for name in ("favourite", "choice", "played", "uniform_choice")}
        self.columns: dict[str, list[float]] = {one.name: [] for one in MEASURES}
        self.verdicts: list[str] = []
        self._truths: dict[str, list[float]] = {name: [] for name in (*TRUTH_MEASURES, "decisive")}
        self._waiting: list[tuple[Decision, SearchTrace, npt.NDArray[np.uint64]]] = []

    def add(self, row: int, trace: SearchTrace, root: npt.NDArray[np.uint64] | None) -> None:
        """Measure a search."""
        decision = measure_decision(trace)
        self.places.append(row)
        self.actions["favourite"].append(decision.favourite)
        self.actions["choice"].append(decision.choice)
        self.actions["played"].append(decision.played)
        for one in MEASURES:
            value = one.function(decision)
            self.columns[one.name].append(np.nan if value is None else float(value))
        if self._solver is None and self._game is None:
            self.actions["uniform_choice"].append(-1)
            return
        if root is None:
            raise WorkbenchError(
                "This recording keeps no positions of its searches, so that no solver and no other search can be asked."
            )
        self._waiting.append((decision, trace, root))

    @property
    def waiting(self) -> int:
        """How many decisions wait for the solver, or the other search."""
        return len(self._waiting)

    def settle(self, told: Progress, row: int, total: int) -> None:
        """Ask the solver and the other search about what waits for them.

        Args:
            told: Is told how many were answered, and may raise `Cancelled`.
            row: Steps that are read so far …
            total: … of so many.
        """
        if not self._waiting:
            return
        roots = np.stack([np.asarray(root, np.uint64) for _, _, root in self._waiting])
        choices = self._searched_anew(roots)
        self.actions["uniform_choice"].extend(choices)
        if self._solver is not None:
            values: list[FloatArray] = []
            for start in range(0, len(roots), SOLVED_AT_ONCE):
                values.extend(action_values(self._solver, roots[start : start + SOLVED_AT_ONCE], self._count))
                told.update(row, total, f"solved {len(values)} of {len(roots)} positions")
            for (decision, _, _), exact, other in zip(self._waiting, values, choices, strict=True):
                self._judge(decision, exact, other)
        self._waiting = []

    def _searched_anew(self, roots: npt.NDArray[np.uint64]) -> list[int]:
        choices = [-1] * len(roots)
        if self._game is None:
            return choices
        groups: dict[SearchSettings, list[int]] = {}
        for place, (_, trace, _) in enumerate(self._waiting):
            if trace.settings is not None:
                groups.setdefault(trace.settings, []).append(place)
        for settings, members in groups.items():
            seeds = [self._waiting[place][1].seed for place in members]
            others = search(self._game, roots[members], UniformEvaluator(self._game.actions), settings, seed=seeds)
            for place, other in zip(members, others, strict=True):
                choices[place] = choose_action(other)
        return choices

    def _judge(self, decision: Decision, values: FloatArray, other: int) -> None:
        found = judge(values, decision.action, decision.favourite, decision.choice)
        self.verdicts.append(found.name)
        known = found.name != UNKNOWN
        best = float(np.nanmax(values[decision.action])) if known else np.nan

        def right(action: int) -> float:
            return float(values[action] >= best - TOLERANCE) if known and action >= 0 else np.nan

        truths = {
            "search_right": right(decision.choice),
            "net_right": right(decision.favourite),
            "played_right": right(decision.played),
            "uniform_right": right(other),
            "chance_right": found.right_share,
            "choice_loss": found.choice_loss,
            "favourite_loss": found.favourite_loss,
            "net_error": abs(decision.net_value - best),
            "search_error": abs(decision.search_value - best),
            "decisive": float(found.decisive) if known else np.nan,
        }
        for name, value in truths.items():
            self._truths[name].append(value)

    def table(self) -> dict[str, FloatArray]:
        """All columns, read-only."""
        columns = {**self.columns, **(self._truths if self._solver is not None else {})}
        made = {name: np.array(values, np.float64) for name, values in columns.items()}
        for array in made.values():
            array.setflags(write=False)
        return made


def _means(
    columns: Mapping[str, FloatArray],
    episode: npt.NDArray[np.int64],
    actions: Mapping[str, npt.NDArray[np.int64]],
    *,
    uniform: bool,
) -> dict[str, Estimate]:
    means = {one.name: estimate(columns[one.name], episode, lowest=one.lowest, highest=one.highest) for one in MEASURES}
    if uniform:
        other = np.where(actions["uniform_choice"] >= 0, actions["uniform_choice"] != actions["favourite"], np.nan)
        means["uniform_overturn"] = estimate(other, episode, lowest=0, highest=1)
    if "decisive" not in columns:
        return means
    means["decisive"] = estimate(columns["decisive"], episode, lowest=0, highest=1)
    decisive = columns["decisive"] == 1
    for name in TRUTH_MEASURES:
        values = np.where(decisive, columns[name], np.nan)
        means[name] = estimate(values, episode, lowest=0, highest=1 if name.endswith("_right") else np.inf)
    for name in ("net", "uniform"):
        difference = np.where(decisive, columns["search_right"] - columns[f"{name}_right"], np.nan)
        means[f"search_less_{name}"] = estimate(difference, episode, lowest=-1, highest=1)
    return means


def _verdict_shares(
    verdict: npt.NDArray[np.str_] | None, columns: Mapping[str, FloatArray], episode: npt.NDArray[np.int64]
) -> dict[str, Estimate]:
    if verdict is None:
        return {}
    decisive = columns["decisive"] == 1
    return {
        name: estimate((verdict[decisive] == name).astype(np.float64), episode[decisive], lowest=0, highest=1)
        for name in VERDICTS
        if name != UNKNOWN
    }


@dataclass(frozen=True, kw_only=True)
class DecisionGroup:
    """The decisions of one kind."""

    label: str
    decisions: int
    means: Mapping[str, Estimate]
    """As those of the whole, of the columns that were asked for."""


def by_group(
    found: RecordedDecisions, labels: npt.NDArray[Any], names: Sequence[str] = ("overturn", "surprise", "q_gain")
) -> list[DecisionGroup]:
    """Which kinds of states the search changes: means within groups.

    Args:
        found: The decisions.
        labels: `[T]`, the kind of each: a column or an expression of the recording at `found.row`, such as its `t`.
        names: Columns. Those of `TRUTH_MEASURES` are averaged over the decisive decisions.

    Returns:
        A group for each label, in their order.

    Raises:
        WorkbenchError: Labels of another length, or no such column.
    """
    kinds = np.asarray(labels)
    if kinds.shape != found.row.shape:
        raise WorkbenchError(
            f"A label is needed for each of {len(found)} decisions; got an array of shape {list(kinds.shape)}."
        )
    for name in names:
        if name not in found.columns:
            raise WorkbenchError(f"There is no measure {name!r} here; there are: {', '.join(found.columns)}.")
    groups = []
    for label in np.unique(kinds):
        chosen = kinds == label
        means = {}
        for name in names:
            values = found.columns[name]
            if name in TRUTH_MEASURES:
                values = np.where(found.columns["decisive"] == 1, values, np.nan)
            means[name] = estimate(values[chosen], found.episode[chosen])
        groups.append(DecisionGroup(label=str(label), decisions=int(chosen.sum()), means=means))
    return groups

"""How important a step is: a table of measures, and any expression over what was recorded.

HIGHLIGHTS (Amir and Amir 2018, "HIGHLIGHTS: Summarizing Agent Behavior to People", AAMAS) takes for it the difference
between the best and the worst action's expected return, max_a Q(s, a) − min_a Q(s, a) (Torrey and Taylor 2013,
"Teaching on a Budget", AAMAS): what is lost by the worst choice. An actor-critic has no Q of each action. Of a policy
that is a softmax of Q ÷ τ, log π(a|s) differs from Q(s, a) ÷ τ by a constant of the state, so that the spread of the
log-probabilities is the same measure in other units; that is taken for an actor whose actions are discrete. Of an actor
with continuous actions nothing is recorded of the actions that it did not take: there it is the change of the critic's
estimate from this step to the next.

Axis legend:
    n  rows of one block of steps
    A  discrete actions; of a MultiDiscrete space those of all its components, in their order
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.expressions import evaluate
from workbench.analyses.recorded import discount_of, is_normalised
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

FloatArray = npt.NDArray[np.float64]
ILLEGAL = -1e7
"""Logits below it are those of actions that were masked."""
MOST_SLOTS = 65_536
Columns = Mapping[str, npt.NDArray[Any]]
"""Of one block: by name `[n, ...]`; `next_value` `[n]` is that of the episode's next step."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A row of the table of importance measures."""

    name: str
    words: str
    """What it is, for people."""
    unit: str
    needs: tuple[str, ...]
    """Columns of the steps without which there is none."""
    function: Callable[["Recording", Columns], FloatArray]
    """`[n]`; NaN where it is not defined."""
    follows: bool = False
    """Whether it needs the value of the next step."""


def _gaps(recording: "Recording", columns: Columns) -> tuple[FloatArray, FloatArray, FloatArray]:
    """By component `[n, C]`: the best option's log-probability less the worst's, less the second's, and itself."""
    logits = np.asarray(columns["logits"], np.float64)
    logits = logits.reshape(len(logits), -1)
    space = (recording.attributes.get("environment") or {}).get("action_space") or {}
    if space.get("kind") == "MultiBinary":
        # Log-odds of each bit: the other value's log-probability is lower by just so much.
        size = np.abs(logits)
        return size, size, -np.log1p(np.exp(-size))
    sizes = np.asarray(space.get("nvec", ())).reshape(-1) if space.get("kind") == "MultiDiscrete" else [logits.shape[1]]
    if int(np.sum(sizes)) != logits.shape[1]:
        raise WorkbenchError(
            f"The logits have {logits.shape[1]} numbers a step, and the action space has {int(np.sum(sizes))} options."
        )
    spread, second, best = [], [], []
    for part in np.split(logits, np.cumsum(sizes)[:-1], axis=1):
        legal = part > ILLEGAL
        ordered = np.sort(np.where(legal, part, -np.inf), axis=1)
        lowest = np.where(legal, part, np.inf).min(axis=1)
        top = ordered[:, -1]
        runner = ordered[:, -2] if part.shape[1] > 1 else np.full(len(part), -np.inf)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread.append(top - lowest)
            second.append(top - runner)
            best.append(-np.log(np.exp(ordered - top[:, None]).sum(axis=1)))
    return np.stack(spread, axis=1), np.stack(second, axis=1), np.stack(best, axis=1)


def _q(columns: Columns) -> FloatArray:
    values = np.asarray(columns["q_values"], np.float64)
    return np.sort(values.reshape(len(values), -1), axis=1)


def _q_gap(recording: "Recording", columns: Columns) -> FloatArray:
    ordered = _q(columns)
    return np.asarray(ordered[:, -1] - ordered[:, 0])


def _q_second_gap(recording: "Recording", columns: Columns) -> FloatArray:
    ordered = _q(columns)
    return np.asarray(ordered[:, -1] - ordered[:, -2]) if ordered.shape[1] > 1 else np.zeros(len(ordered))


def _log_probability_spread(recording: "Recording", columns: Columns) -> FloatArray:
    return np.asarray(_gaps(recording, columns)[0].sum(axis=1))


def _probability_gap(recording: "Recording", columns: Columns) -> FloatArray:
    """The second choice differs from the first in the component where that costs least."""
    _, second, best = _gaps(recording, columns)
    return np.asarray(np.exp(best.sum(axis=1)) * -np.expm1(-second.min(axis=1)))


def _value_change(recording: "Recording", columns: Columns) -> FloatArray:
    return np.asarray(np.abs(columns["next_value"] - columns["value"].astype(np.float64)))


def _one_step_error(recording: "Recording", columns: Columns) -> FloatArray:
    if is_normalised(recording):
        raise WorkbenchError(
            "The critic was trained on rescaled rewards (VecNormalize), so that there is no one-step error in its "
            "unit; take value_change."
        )
    following = columns["reward"] + discount_of(recording) * columns["next_value"]
    return np.asarray(np.abs(following - columns["value"].astype(np.float64)))


MEASURES: tuple[Measure, ...] = (
    Measure(name="q_gap", words="Q of the best action less Q of the worst", unit="return", needs=("q_values",),
            function=_q_gap),
    Measure(name="q_second_gap", words="Q of the best action less Q of the second best", unit="return",
            needs=("q_values",), function=_q_second_gap),
    Measure(name="log_probability_spread", words="log-probability of the likeliest action less that of the unlikeliest",
            unit="nat", needs=("logits",), function=_log_probability_spread),
    Measure(name="probability_gap", words="probability of the likeliest action less that of the second", unit="",
            needs=("logits",), function=_probability_gap),
    Measure(name="value_change", words="change of the critic's estimate to the next step, up or down",
            unit="return", needs=("value",), function=_value_change, follows=True),
    Measure(name="one_step_error", words="error of the critic's estimate over one step, up or down",
            unit="return", needs=("value", "reward"), function=_one_step_error, follows=True),
)  # fmt: skip
"""The first that a recording has the columns for is taken where nobody chooses."""


def possible_measures(recording: "Recording") -> list[Measure]:
    """The measures that a recording has the columns for, in the order in which they are taken."""
    return [
        one
        for one in MEASURES
        if all(name in recording.steps for name in one.needs)
        and not (one.name == "one_step_error" and is_normalised(recording))
    ]


def find_measure(recording: "Recording", asked: str | None) -> Measure:
    """The measure of that name, or the expression as one.

    Args:
        recording: Holds the steps.
        asked: A name of the table, an expression that gives one number a step, or None for the first that can be had.

    Raises:
        WorkbenchError: It is neither, or the recording has not what it needs.
    """
    possible = possible_measures(recording)
    if asked is None:
        if possible:
            return possible[0]
        raise WorkbenchError(
            f"{recording.path} holds neither Q values, nor logits, nor a critic's values, from which importance could "
            f"be told; give an expression over what it holds: {', '.join(sorted(recording.steps))}."
        )
    row = next((one for one in MEASURES if one.name == asked.strip()), None)
    if row is not None:
        if row not in possible:
            missing = [name for name in row.needs if name not in recording.steps]
            why = f"{', '.join(missing)} was not recorded" if missing else "the critic was trained on rescaled rewards"
            raise WorkbenchError(
                f"Importance cannot be {row.name}: {why}. There are: "
                f"{', '.join([*(one.name for one in possible), 'any expression'])}."
            )
        return row
    values = evaluate(recording, asked)
    if values.shape != (len(recording),) or values.dtype.kind not in "biuf":
        raise WorkbenchError(
            f"The importance {asked!r} must be one number at each step; it gives {values.dtype} "
            f"{list(values.shape[1:])}. Take one by its place, or max(…), min(…) and sum(…) of them."
        )
    return Measure(
        name=asked.strip(), words=asked.strip(), unit="", needs=(),
        function=lambda _, columns: values[columns["row"]].astype(np.float64),
    )  # fmt: skip


def importance_of(recording: "Recording", measure: Measure, rows: slice) -> FloatArray:
    """How important some steps are, `[n]`; NaN where that is not defined.

    Args:
        recording: Holds the steps.
        measure: Of the table, or an expression's.
        rows: A stretch of them.
    """
    columns = {name: recording.steps[name][rows] for name in measure.needs}
    columns["row"] = np.arange(rows.start, rows.stop)
    if measure.follows:
        columns["next_value"] = _next_value(recording, rows)
    return np.asarray(measure.function(recording, columns), np.float64)


def _next_value(recording: "Recording", rows: slice) -> FloatArray:
    """The critic's estimate at each episode's next step, `[n]`: 0 after a terminal step, NaN where it is not known.

    The next step of an episode comes with the next row of its slot, which is not further off than two rounds.
    """
    slots = int(np.clip(int(recording.attributes.get("slots") or 1), 1, MOST_SLOTS))
    count = rows.stop - rows.start
    wide = slice(rows.start, min(len(recording), rows.stop + 2 * slots))
    episodes, values = recording.steps["episode"][wide], recording.steps["value"][wide].astype(np.float64)
    order = np.argsort(episodes, kind="stable")
    following = np.full(len(episodes), np.nan)
    same = episodes[order][1:] == episodes[order][:-1]
    following[order[:-1]] = np.where(same, values[order[1:]], np.nan)
    over = recording.steps["terminated"][wide]
    return np.asarray(np.where(over, 0.0, following)[:count])

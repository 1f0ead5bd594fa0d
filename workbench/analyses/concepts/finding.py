"""Concepts by name: derived ones, and any expression over what was recorded.

Axis legend: T steps of the recording, C classes.
"""

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.concepts.derived import DERIVED, DerivedConcept
from workbench.analyses.concepts.types import MISSING, Concept
from workbench.analyses.expressions import evaluate
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

MOST_CLASSES = 16
"""Whole numbers of more different values are taken for numbers."""
OFFERED_STEPS = 3
PLANNED_STEPS = 2
"""The move after next: one's own again, where two players alternate."""
LONGEST_NUMBER = 6
"""Digits of a number of steps."""
OF_ACTIONS = re.compile(r"(action|planned)(_in(:\d+)?)?|truth\.\w*action\w*")
"""Concepts whose values are actions."""
MOST_PARTS = 4
"""A truth label of more places is offered by expressions only."""


def read_concept(recording: "Recording", name: str, *, constant: bool = False) -> Concept:
    """A concept at every step of a recording.

    Args:
        recording: Holds the steps.
        name: A derived concept (`action_in:3`, `steps_to_end` …), or an expression over recorded columns
            (`truth.mouse[0]`, `truth.distance < 4`; see `workbench.analyses.expressions`). What is true or false, or
            a whole number of at most 16 different values, is a class; all else is a number.
        constant: Whether it may be the same everywhere, which leaves nothing to be probed for.

    Raises:
        WorkbenchError: There is no such concept, it gives several numbers a step, or it is the same everywhere.
    """
    kind, _, rest = name.strip().partition(":")
    row = next((row for row in DERIVED if row.name == kind), None)
    if row is not None:
        steps = _steps(row, rest, name)
        return _concept(
            recording, name.strip(), row.words.format(steps), row.function(recording, steps), row.classes,
            missing=True, constant=constant,
        )  # fmt: skip
    values = evaluate(recording, name)
    if values.shape != (len(recording),):
        raise WorkbenchError(
            f"The concept {name!r} has {list(values.shape[1:])} numbers at each step; take one by its place, such "
            f"as {name}[{', '.join('0' * (values.ndim - 1))}], or all(…) and sum(…) of them."
        )
    return _concept(recording, name.strip(), name.strip(), values, None, constant=constant)


def telling_concepts(recording: "Recording") -> list[Concept]:
    """The offered concepts that are not the same everywhere in this recording."""
    found = []
    for name in offered_concepts(recording):
        try:
            found.append(read_concept(recording, name))
        except WorkbenchError:
            # Asked for by name, it says why it cannot be had.
            continue
    return found


def offered_concepts(recording: "Recording") -> list[str]:
    """Names of the concepts that are worth asking of a recording: its truth, and what follows from its steps."""
    names = []
    for column in recording.steps:
        if not column.startswith("truth/"):
            continue
        shape, label = recording.steps[column].shape[1:], column.replace("/", ".")
        if not shape:
            names.append(label)
        elif len(shape) == 1 and shape[0] <= MOST_PARTS:
            names += [f"{label}[{place}]" for place in range(shape[0])]
    action = recording.steps["action"]
    for row in DERIVED:
        if row.name == "action_in" and (len(action.shape) > 1 or action.dtype.kind not in "iub"):
            continue
        if row.name == "planned_in":
            names += [f"planned_in:{PLANNED_STEPS}"] if recording.searches else []
            continue
        names.append(f"{row.name}:{OFFERED_STEPS}" if row.steps else row.name)
    return names


def _steps(row: DerivedConcept, rest: str, name: str) -> int:
    if not row.steps:
        if rest:
            raise WorkbenchError(f"The concept {row.name!r} takes nothing behind a colon; came {name!r}.")
        return 0
    if not rest:
        return 1
    if not rest.isdecimal() or len(rest) > LONGEST_NUMBER or int(rest) < 1:
        raise WorkbenchError(f"The concept {row.name!r} takes a number of steps from 1 on; came {name[:60]!r}.")
    return int(rest)


def _concept(
    recording: "Recording",
    name: str,
    words: str,
    values: npt.NDArray[Any],
    classes: tuple[str, ...] | None,
    *,
    missing: bool = False,
    constant: bool = False,
) -> Concept:
    """`missing`: whether whole numbers below 0 say that it is not defined; of labels they are values like any other."""
    if values.dtype == np.bool_:
        found = Concept(name=name, words=words, values=values.astype(np.int16), classes=("no", "yes"))
    elif classes is not None:
        found = Concept(name=name, words=words, values=values.astype(np.int16), classes=classes)
    else:
        found = _classes_or_number(recording, name, words, values, missing=missing)
    there = found.values[found.defined]
    if not len(there):
        raise WorkbenchError(f"The concept {name!r} is defined at none of the {len(recording):,} recorded steps.")
    if (there == there[0]).all() and not constant:
        shown = found.classes[int(there[0])] if found.classes is not None else f"{float(there[0]):g}"
        raise WorkbenchError(f"The concept {name!r} is the same everywhere ({shown}): there is nothing to tell apart.")
    return found


def _classes_or_number(
    recording: "Recording", name: str, words: str, values: npt.NDArray[Any], *, missing: bool
) -> Concept:
    if values.dtype.kind in "iu":
        # −1 says "none" in labels that are places or actions, and is then a class of its own only where it is common.
        there = values >= 0 if missing else np.ones(len(values), bool)
        different = np.unique(values[there])
        if len(different) <= MOST_CLASSES:
            places = np.where(there, np.searchsorted(different, values), MISSING).astype(np.int16)
            return Concept(name=name, words=words, values=places, classes=_names(recording, name, different))
    return Concept(name=name, words=words, values=values.astype(np.float32), classes=None)


def _names(recording: "Recording", name: str, different: npt.NDArray[Any]) -> tuple[str, ...]:
    actions = recording.action_names or []
    if OF_ACTIONS.fullmatch(name) and len(different) and different.min() >= -1 and different.max() < len(actions):
        return tuple("none" if one < 0 else actions[int(one)] for one in different)
    return tuple(str(int(one)).replace("-", "−") for one in different)

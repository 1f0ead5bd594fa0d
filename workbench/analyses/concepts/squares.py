"""Concepts of every square of a grid: where something is, and where the agent will go.

After what is asked of planning agents, square by square: whether one will be stepped on, and from which side (T. Bush
et al., "Interpreting Emergent Planning in Model-Free Reinforcement Learning", 2025).

Axis legend:
    S  steps that are asked for
    R, C  rows and columns of the grid
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from workbench.analyses.concepts.types import MISSING
from workbench.analyses.expressions import evaluate
from workbench.analyses.grids import are_places, grid_shape, is_grid
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

Labels = npt.NDArray[np.int8]

SIDES = ("never", "from below", "from the left", "from above", "from the right", "by a jump")
"""From which side a square is next entered; its order is that of the moves up, right, down and left."""
_MOVES = {(-1, 0): 1, (0, 1): 2, (1, 0): 3, (0, -1): 4}
MOST_SQUARE_CLASSES = 16


@dataclass(frozen=True, kw_only=True)
class SquareConcept:
    """What is true of each square at some steps."""

    name: str
    words: str
    rows: npt.NDArray[np.int64]
    """`[S]`, of `recording.steps`."""
    values: Labels
    """`[S, R, C]`, classes from 0; −1 where it is not defined."""
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        self.values.setflags(write=False)

    @property
    def grid(self) -> tuple[int, int]:
        """R and C."""
        return int(self.values.shape[1]), int(self.values.shape[2])


@dataclass(frozen=True, kw_only=True)
class SquareConceptKind:
    """A row of the table: a concept of squares that follows from a truth label of places."""

    name: str
    words: str
    classes: tuple[str, ...]
    function: Callable[[npt.NDArray[np.int64], tuple[int, int]], Labels]
    """Of an episode's places `[T, 2]`, row and column at each step: `[T, R, C]`."""
    future: bool
    """Whether it is about what comes, and so not known of an episode that was cut off by the recording's end."""


def _here(places: npt.NDArray[np.int64], grid: tuple[int, int]) -> Labels:
    found = np.zeros((len(places), *grid), np.int8)
    there = np.flatnonzero((places >= 0).all(axis=1))
    found[there, places[there, 0], places[there, 1]] = 1
    return found


def _will_cross(places: npt.NDArray[np.int64], grid: tuple[int, int]) -> Labels:
    """Whether the square is entered by a later step of the episode, or by the last action."""
    return (_enters(places, grid) > 0).astype(np.int8)


def _enters(places: npt.NDArray[np.int64], grid: tuple[int, int]) -> Labels:
    """From which side the square is entered next."""
    found = np.zeros((len(places), *grid), np.int8)
    for t in range(len(places) - 2, -1, -1):
        found[t] = found[t + 1]
        before, after = places[t], places[t + 1]
        if (after < 0).any() or (before == after).all():
            continue
        found[t, after[0], after[1]] = _MOVES.get((int(after[0] - before[0]), int(after[1] - before[1])), 5)
    return found


SQUARE_CONCEPTS: tuple[SquareConceptKind, ...] = (
    SquareConceptKind(name="here", words="{} is on this square", classes=("no", "yes"), function=_here, future=False),
    SquareConceptKind(name="will_cross", words="{} will step on this square later in the episode",
                      classes=("no", "yes"), function=_will_cross, future=True),
    SquareConceptKind(name="enters_from", words="from which side {} will step on this square next", classes=SIDES,
                      function=_enters, future=True),
)  # fmt: skip
"""What can be asked of every square."""


def offered_square_concepts(recording: "Recording") -> list[str]:
    """Names of the concepts of squares that a recording offers: of its truth labels of places, and its grids."""
    grid = _grid_of(recording)
    if grid is None:
        return []
    probe = np.arange(min(len(recording), 256))
    names = []
    for column in recording.steps:
        if not column.startswith("truth/"):
            continue
        values, label = np.asarray(recording.steps[column][probe]), column.replace("/", ".")
        if is_grid(values):
            names.append(label)
        elif values.ndim == 2 and are_places(values, grid):
            moves = len(np.unique(values, axis=0)) > 1 and _moves_within(recording, column, probe)
            names += [f"{kind.name}:{label}" for kind in SQUARE_CONCEPTS if moves or not kind.future]
    return names


def read_square_concept(
    recording: "Recording", name: str, rows: Sequence[int] | npt.NDArray[np.int64], *, constant: bool = False
) -> SquareConcept:
    """A concept of every square at some steps.

    Args:
        recording: Holds the steps, and a truth label `[R, C]` that says what grid there is (its walls, say).
        name: `here:LABEL`, `will_cross:LABEL`, `enters_from:LABEL` of a truth label of a row and a column, such as
            `will_cross:truth.mouse`; or an expression that gives a whole number, or true or false, of each square,
            such as `truth.walls`.
        rows: `[S]` rows of `recording.steps`.
        constant: Whether it may be the same everywhere, or nowhere defined, which leaves nothing to be probed for.

    Raises:
        WorkbenchError: There is no such concept, no grid is known, or it is the same on every square of every step.
    """
    chosen = np.asarray(rows, np.int64)
    kind, colon, label = name.strip().partition(":")
    row = next((row for row in SQUARE_CONCEPTS if row.name == kind and colon), None)
    if row is not None:
        found, classes, words = _of_places(recording, row, label.strip(), chosen), row.classes, row.words.format(label)
    else:
        found, classes = _of_expression(recording, name, chosen)
        words = name
    there = np.unique(found[found != MISSING])
    if not len(there) and not constant:
        raise WorkbenchError(f"The concept {name!r} is defined at none of the {len(chosen):,} steps that were drawn.")
    if len(there) == 1 and not constant:
        raise WorkbenchError(
            f"The concept {name!r} is the same on every square ({classes[int(there[0])]}): nothing is to be told apart."
        )
    return SquareConcept(name=name.strip(), words=words, rows=chosen, values=found, classes=classes)


def _of_places(recording: "Recording", kind: SquareConceptKind, label: str, rows: npt.NDArray[np.int64]) -> Labels:
    column = label.replace(".", "/")
    if column not in recording.steps:
        labels = [name.replace("/", ".") for name in recording.steps if name.startswith("truth/")]
        raise WorkbenchError(
            f"{kind.name}:{label} takes a recorded truth label of a row and a column; there are: "
            f"{', '.join(labels) or 'none'}."
        )
    grid = _grid_of(recording)
    if grid is None:
        raise WorkbenchError(
            f"{recording.path} has no truth label of squares (such as walls, [rows, columns]), so that it is not known "
            f"what grid {label} is on."
        )
    found = np.full((len(rows), *grid), MISSING, np.int8)
    ids = np.asarray(recording.steps["episode"][rows])
    for identity in np.unique(ids):
        number = int(np.flatnonzero(recording.episodes["id"] == identity)[0])
        if kind.future and not recording.episodes["complete"][number]:
            continue
        order = recording.episode(number).rows
        places = np.asarray(recording.steps[column][order])
        last = recording.final_truth(number, column.removeprefix("truth/"))
        if last is not None:
            # Where the last action led is stepped on, too.
            places = np.concatenate([places, last[None]])
        if places.ndim != 2 or not are_places(places, grid):
            raise WorkbenchError(
                f"The label {label} gives {list(places.shape[1:])} numbers a step, and not a row and a column of the "
                f"grid of {grid[0]} by {grid[1]}."
            )
        mine = np.flatnonzero(ids == identity)
        found[mine] = kind.function(places.astype(np.int64), grid)[np.searchsorted(order, rows[mine])]
    return found


def _of_expression(recording: "Recording", text: str, rows: npt.NDArray[np.int64]) -> tuple[Labels, tuple[str, ...]]:
    values = evaluate(recording, text)[rows]
    if not is_grid(values):
        kinds = ", ".join(f"{kind.name}:LABEL" for kind in SQUARE_CONCEPTS)
        raise WorkbenchError(
            f"{text!r} gives {list(values.shape[1:])} numbers a step; a concept of squares gives one for each row and "
            f"column. Or take {kinds}, of a label of a row and a column."
        )
    if values.dtype == np.bool_:
        return values.astype(np.int8), ("no", "yes")
    different = np.unique(values)
    if values.dtype.kind not in "iu" or len(different) > MOST_SQUARE_CLASSES:
        raise WorkbenchError(
            f"{text!r} has to be true or false, or one of at most {MOST_SQUARE_CLASSES} whole numbers, at each square; "
            f"compare it with something."
        )
    return np.searchsorted(different, values).astype(np.int8), tuple(str(int(one)) for one in different)


def _grid_of(recording: "Recording") -> tuple[int, int] | None:
    one = np.arange(min(1, len(recording)))
    labels = {name: np.asarray(recording.steps[name][one]) for name in recording.steps if name.startswith("truth/")}
    return grid_shape(labels)


def _moves_within(recording: "Recording", column: str, rows: npt.NDArray[np.int64]) -> bool:
    """Whether it changes in the course of an episode."""
    values, ids = np.asarray(recording.steps[column][rows]), np.asarray(recording.steps["episode"][rows])
    order = np.argsort(ids, kind="stable")
    same = ids[order][1:] == ids[order][:-1]
    return bool((values[order][1:] != values[order][:-1]).any(axis=1)[same].any())

"""Concepts that follow from the steps of any recording: what will be done, what will come, how far it is to the end.

Axis legend: T steps of the recording.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

FloatArray = npt.NDArray[np.float64]

PHASES = ("first third", "middle third", "last third")


@dataclass(frozen=True, kw_only=True)
class DerivedConcept:
    """A row of the table of derived concepts."""

    name: str
    steps: bool
    """Whether a number of steps may come behind the colon: `action_in:3`."""
    words: str
    """With `{}` for that number."""
    function: Callable[["Recording", int], Any]
    """Gives the values `[T]`; whole numbers below 0, or NaN, where it is not defined."""
    classes: tuple[str, ...] | None = None
    """Names of its classes, where they are always the same."""


def _episodes(recording: "Recording") -> Iterator[npt.NDArray[np.int64]]:
    """The rows of each episode, in the order of its steps."""
    return (recording.episode(number).rows for number in range(recording.number_of_episodes))


def _action_in(recording: "Recording", steps: int) -> npt.NDArray[np.int64]:
    actions = np.asarray(recording.steps["action"][:])
    if actions.ndim > 1 or actions.dtype.kind not in "iub":
        raise WorkbenchError(
            "The action in some steps is a class where actions are Discrete; of others take a component by an "
            "expression, such as `action[0] > 0`."
        )
    found = np.full(len(recording), -1, np.int64)
    for rows in _episodes(recording):
        if len(rows) > steps:
            found[rows[: len(rows) - steps]] = actions[rows[steps:]] - min(0, int(actions.min()))
    return found


def _planned_in(recording: "Recording", steps: int) -> npt.NDArray[np.int64]:
    """Not defined where nothing was searched, or the principal variation is shorter."""
    from workbench.recording.searches import read_traces

    if not recording.searches:
        raise WorkbenchError(
            f"What is planned is read off searches, and {recording.path} holds none; record an agent that searches."
        )
    from workbench.search.choosing import choose_action
    from workbench.search.history import principal_variation

    found = np.full(len(recording), -1, np.int64)
    for row, trace, _ in read_traces(recording):
        if trace is not None:
            line = principal_variation(trace, first=choose_action(trace))
            found[row] = line[steps] if len(line) > steps else -1
    return found


def _reward_within(recording: "Recording", steps: int) -> npt.NDArray[np.int64]:
    """1 where a reward above 0 comes with one of the next actions, this one counted; not defined where the end is near
    and none has come.
    """
    rewarded = np.asarray(recording.steps["reward"][:]) > 0
    found = np.full(len(recording), -1, np.int64)
    for number, rows in enumerate(_episodes(recording)):
        sums = np.concatenate([[0], np.cumsum(rewarded[rows])])
        ends = np.minimum(np.arange(len(rows)) + steps, len(rows))
        some = sums[ends] > sums[: len(rows)]
        # What would have come after a time limit, or after the recording, is not known.
        cut = (np.arange(len(rows)) + steps > len(rows)) & ~bool(recording.episodes["terminated"][number])
        found[rows] = np.where(some, 1, np.where(cut, -1, 0))
    return found


def _steps_to_end(recording: "Recording", steps: int) -> FloatArray:
    """NaN in an episode that did not end by itself."""
    found = np.full(len(recording), np.nan)
    for number, rows in enumerate(_episodes(recording)):
        if recording.episodes["terminated"][number]:
            found[rows] = np.arange(len(rows))[::-1]
    return found


def _return_to_go(recording: "Recording", steps: int) -> FloatArray:
    """Sum of the rewards from this action on; NaN in an episode that was not finished."""
    rewards = np.asarray(recording.steps["reward"][:], np.float64)
    found = np.full(len(recording), np.nan)
    for number, rows in enumerate(_episodes(recording)):
        if recording.episodes["complete"][number]:
            found[rows] = np.cumsum(rewards[rows][::-1])[::-1]
    return found


def _success(recording: "Recording", steps: int) -> npt.NDArray[np.int64]:
    """Whether the episode's return is above the recording's median return."""
    found = np.full(len(recording), -1, np.int64)
    returns = np.asarray(recording.episodes["return"], np.float64)
    complete = np.asarray(recording.episodes["complete"], bool)
    middle = float(np.median(returns[complete])) if complete.any() else np.nan
    for number, rows in enumerate(_episodes(recording)):
        if complete[number]:
            found[rows] = int(returns[number] > middle)
    return found


def _phase(recording: "Recording", steps: int) -> npt.NDArray[np.int64]:
    found = np.full(len(recording), -1, np.int64)
    for number, rows in enumerate(_episodes(recording)):
        if recording.episodes["complete"][number]:
            found[rows] = np.arange(len(rows)) * 3 // len(rows)
    return found


def _first_visit(recording: "Recording", steps: int) -> npt.NDArray[np.int64]:
    """Whether the very same observation was not seen before in the episode."""
    import zlib

    from workbench.analyses.reading_decisions import read_observations

    found = np.zeros(len(recording), np.int64)
    for rows in _episodes(recording):
        seen: set[bytes] = set()
        for row, key in zip(rows, _keys(read_observations(recording, rows), zlib.crc32), strict=True):
            found[row] = int(key not in seen)
            seen.add(key)
    return found


def _keys(observations: Any, hashed: Callable[[bytes], int]) -> list[bytes]:
    """Each step's observation as bytes that tell it from others."""
    if isinstance(observations, Mapping):
        parts = [_keys(part, hashed) for part in observations.values()]
        return [b"".join(one) for one in zip(*parts, strict=True)]
    array = np.ascontiguousarray(observations)
    return [row.tobytes() for row in array.reshape(len(array), -1)]


DERIVED: tuple[DerivedConcept, ...] = (
    DerivedConcept(name="action_in", steps=True, words="the action {} steps from now", function=_action_in),
    DerivedConcept(name="planned_in", steps=True, words="the action {} moves on in the search's principal variation",
                   function=_planned_in),
    DerivedConcept(name="reward_within", steps=True, words="a reward within {} steps", function=_reward_within,
                   classes=("none", "some")),
    DerivedConcept(name="steps_to_end", steps=False, words="steps to the end", function=_steps_to_end),
    DerivedConcept(name="return_to_go", steps=False, words="the return to go", function=_return_to_go),
    DerivedConcept(name="success", steps=False, words="a return above the median", function=_success,
                   classes=("no", "yes")),
    DerivedConcept(name="phase", steps=False, words="which third of the episode it is", function=_phase,
                   classes=PHASES),
    DerivedConcept(name="new_observation", steps=False, words="an observation not seen before in the episode",
                   function=_first_visit, classes=("seen before", "new")),
)  # fmt: skip
"""What can be asked of any recording."""

"""Showing a policy something else than there is: another value of a number, or any function of what is seen.

Axis legend:
    n  rows of one batch
    R  recorded steps drawn as a background
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervention.changes import ObservationChange, ObservationEdit, finite
from workbench.errors import WorkbenchError
from workbench.policies.types import Observations

MOST_PRESENT = 256
"""Present values from which a distance is averaged."""
FEWEST_VALUES = 20
"""Controls are drawn from at least so many recorded values, where there are so many."""


def change_observation(words: str, edit: ObservationEdit) -> ObservationChange:
    """Show the policy something else: any function of raw observations `[n, ...]`."""
    return ObservationChange(words=words, edit=edit)


def set_number(
    place: int, value: float, name: str | None = None, *, like: npt.NDArray[Any] | None = None
) -> ObservationChange:
    """Show the policy a fixed value in one number of a vector observation.

    Its control shows the same number at a value that it has at another recorded step. Values near the one shown (within
    half of its mean distance from the present ones) are left out; of the others those half (20 at least) are drawn
    from whose mean distance from the present ones is nearest to its own. No value is drawn twice.

    Args:
        place: Which number.
        value: In the observation's own unit.
        name: What it is called.
        like: `[R, n]`, observations of other steps, for the control; None makes a change without one.

    Raises:
        WorkbenchError: The value is not finite; or, when it is carried out, there is no such number.
    """
    called = name or f"number {place}"
    finite(value, f"What is shown as {called}")
    present: list[npt.NDArray[np.float64]] = []

    def edit(observations: Observations) -> Observations:
        if not isinstance(observations, np.ndarray) or observations.ndim != 2 or not 0 <= place < observations.shape[1]:
            came = list(observations.shape[1:]) if isinstance(observations, np.ndarray) else "a dict"
            raise WorkbenchError(f"A number {place} is set in vector observations; these are {came}.")
        here = observations[:: math.ceil(len(observations) / MOST_PRESENT) or 1, place]
        present[:] = [here.astype(np.float64)]
        changed: npt.NDArray[Any] = observations.copy()
        if changed.dtype.kind in "iu":
            limits = np.iinfo(changed.dtype)
            changed[:, place] = round(min(max(value, limits.min), limits.max))
        elif abs(value) > float(np.finfo(changed.dtype).max):
            raise WorkbenchError(f"{value:g} is more than {called} can hold, a number of type {changed.dtype}.")
        else:
            changed[:, place] = value
        return changed

    def another(random: np.random.Generator) -> ObservationChange | None:
        values = _as_far(value, recorded, present[0] if present else recorded)
        if not len(values):
            return None
        shown = float(random.choice(values))
        # The present values are those of the steps as they are: a control changes a copy.
        return ObservationChange(
            words=_shown(called, shown), edit=set_number(place, shown, name).edit, identity=(place, shown)
        )

    recorded = np.zeros(0)
    if like is not None and like.ndim == 2 and 0 <= place < like.shape[1]:
        recorded = like[:, place].astype(np.float64)
        recorded = recorded[np.isfinite(recorded)]
    return ObservationChange(words=_shown(called, value), edit=edit, control=another if len(recorded) else None)


def _as_far(
    value: float, recorded: npt.NDArray[np.float64], present: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Recorded values about as far from the present ones as a value is, and not near it."""
    values = np.unique(recorded)
    far = float(np.abs(value - present).mean())
    apart = np.abs(values - value)
    values = values[(apart > 0) & (apart >= far / 2)]
    distances = np.abs(values[:, None] - present[None]).mean(axis=1)
    count = max(FEWEST_VALUES, math.ceil(len(values) / 2))
    return np.asarray(values[np.argsort(np.abs(distances - far), kind="stable")[:count]])


def _shown(name: str, value: float) -> str:
    return f"{name} shown as {value:g}".replace("-", "−")

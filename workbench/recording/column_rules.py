"""What the columns of a recording may be, checked when they are opened: whoever reads them can rely on it."""

from collections.abc import Mapping

import numpy as np

from workbench.errors import WorkbenchError
from workbench.recording.lazy import LazyArray, LazyArrays

RULES: Mapping[str, tuple[str, str, range, str]] = {
    "episode": ("required", "iu", range(1, 2), "a whole number"),
    "t": ("required", "iu", range(1, 2), "a whole number"),
    "slot": ("required", "iu", range(1, 2), "a whole number"),
    "reward": ("required", "f", range(1, 2), "a number"),
    "terminated": ("required", "b", range(1, 2), "true or false"),
    "truncated": ("required", "b", range(1, 2), "true or false"),
    "action": ("optional", "biuf", range(1, 9), "numbers"),
    "value": ("optional", "f", range(1, 2), "a number"),
    "logits": ("optional", "f", range(2, 3), "a row of numbers"),
    "q_values": ("optional", "f", range(2, 3), "a row of numbers"),
    "mean": ("optional", "f", range(2, 3), "a row of numbers"),
    "log_std": ("optional", "f", range(2, 3), "a row of numbers"),
    "action_mask": ("optional", "b", range(2, 3), "a row of truth values"),
    "frame": ("optional", "u", range(3, 5), "a picture of bytes"),
}
"""By column of `steps/`: whether it must be there, kinds of its elements, how many axes it has, and that in words."""
_ALIKE = (("mean", "log_std"),)


def check_steps(steps: LazyArrays, path: str) -> None:
    """Check the columns of `steps/`; those that the format does not name are let through.

    Args:
        steps: The columns, of at least one step.
        path: Of the recording, for messages.

    Raises:
        WorkbenchError: One is missing, or of another type or number of axes.
    """
    for name, (needed, kinds, axes, words) in RULES.items():
        if name not in steps:
            if needed == "required":
                raise WorkbenchError(f"{path} is damaged: it lacks the column steps/{name}.")
            continue
        array = steps[name]
        if array.dtype.kind not in kinds or array.ndim not in axes or (array.ndim > 1 and 0 in array.shape[1:]):
            raise WorkbenchError(f"{path} is damaged: steps/{name} should be {words} a step, and is {_shape(array)}.")
    for one, other in _ALIKE:
        if one in steps and other in steps and steps[one].shape != steps[other].shape:
            raise WorkbenchError(
                f"{path} is damaged: steps/{one} is {_shape(steps[one])} and steps/{other} {_shape(steps[other])}."
            )


def check_final(final: LazyArray, steps: LazyArrays, column: str) -> None:
    """Check that what was kept of the end of each episode is what a column of the steps would hold.

    Args:
        final: `episodes/final_observation` or another of its kind.
        steps: The columns of `steps/`.
        column: The one that it belongs to.

    Raises:
        WorkbenchError: Its rows have another shape or type, or there is no such column.
    """
    if column not in steps or steps[column].shape[1:] != final.shape[1:] or steps[column].dtype != final.dtype:
        there = f"steps/{column} is {_shape(steps[column])}" if column in steps else f"there is no steps/{column}"
        raise WorkbenchError(f"The recording is damaged: {final.name} is {_shape(final)}, but {there}.")


def _shape(array: LazyArray) -> str:
    return f"{np.dtype(array.dtype)} {list(array.shape[1:])}"

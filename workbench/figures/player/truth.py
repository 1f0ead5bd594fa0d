"""Truth labels in the form in which the player shows them: in words, as small maps, and as marks over the pictures.

What a label is, is read off its values, since recordings hold no more than names and numbers:

- two axes of 3 to 64 rows and columns: a grid;
- a pair of whole numbers, or a list of pairs, that all lie inside the one grid that there is: squares [row, column];
- a whole number called `…action…` where the agent has one discrete action: an action, −1 none;
- three or more whole numbers a row that end in −1, and are −1 nowhere else: a list with padding.

Axis legend:
    T  steps of the window
    R, C  rows and columns of the grid
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.grids import PADDING, are_places, grid_shape, is_grid, place_grid
from workbench.figures.player.encoding import encode_array

MOST_LABEL_NUMBERS = 1024


def describe_truth(
    labels: Mapping[str, npt.NDArray[Any]], *, action_space: Mapping[str, Any], action_names: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Describe the truth labels of a window.

    Args:
        labels: By name `[T, ...]`, T > 0.
        action_space: In plain JSON.
        action_names: One an action, or None.

    Returns:
        By label `name`, `kind` (`grid`, `places`, `action`, `list`, `bool` or `number`), its `array`, and what the kind
        needs.
    """
    grid = grid_shape(labels)
    return [_describe(name, array, grid, action_space, action_names) for name, array in labels.items()]


def grid_margin(picture: npt.ArrayLike, labels: Mapping[str, npt.NDArray[Any]]) -> int | None:
    """How many squares a picture of the window's first step shows around the grid; None where it shows no such grid."""
    grids = [array[0] for array in labels.values() if is_grid(array)] if grid_shape(labels) else []
    found = [placed for placed in (place_grid(picture, grid) for grid in grids) if placed is not None]
    return max(found, key=lambda placed: placed.explained).margin if found else None


def _describe(
    name: str,
    array: npt.NDArray[Any],
    grid: tuple[int, int] | None,
    action_space: Mapping[str, Any],
    action_names: Sequence[str] | None,
) -> dict[str, Any]:
    values = array.reshape(len(array), -1)
    if is_grid(array):
        finite = np.nan_to_num(values.astype(np.float64))
        return {
            "name": name,
            "kind": "grid",
            "grid": list(array.shape[1:]),
            "low": float(finite.min()),
            "high": float(finite.max()),
            "array": encode_array(finite, "float32"),
        }
    if grid is not None and are_places(array, grid):
        return {"name": name, "kind": "places", "array": encode_array(values, "int32")}
    whole = values.dtype.kind in "iu"
    if whole and values.shape[1] == 1 and "action" in name.lower() and action_space.get("kind") == "Discrete":
        first, count = int(action_space.get("start") or 0), int(action_space.get("n") or 0)
        if _is_one_of(values, first, count):
            known = action_names if action_names and len(action_names) == count else None
            names = list(known) if known else [f"action {first + index}" for index in range(count)]
            return {
                "name": name,
                "kind": "action",
                "first": first,
                "names": names,
                "array": encode_array(values, "int32"),
            }
    shown = values[:, :MOST_LABEL_NUMBERS]
    if whole and _is_padded(shown):
        return {"name": name, "kind": "list", "array": encode_array(shown, "float64")}
    return {
        "name": name,
        "kind": "bool" if values.dtype.kind == "b" else "number",
        "array": encode_array(shown, "float64"),
    }


def _is_one_of(values: npt.NDArray[Any], first: int, count: int) -> bool:
    return bool((((values >= first) & (values < first + count)) | (values == PADDING)).all())


def _is_padded(values: npt.NDArray[Any]) -> bool:
    """Whether rows end in −1 and hold no other number below 0."""
    if values.shape[1] < 3 or (values < PADDING).any():
        return False
    padding = values == PADDING
    return bool(padding.any() and (padding == np.logical_or.accumulate(padding, axis=1)).all())

"""Which pixels of an observation belong to which object, read off the recorded truth.

An object is a truth label that names squares of a grid (`truth/mouse`, `truth/cheese`), where the observation is an
image that shows that grid; walls and other labels of every square are objects too, one for each label's True squares.

Axis legend: S decisions, R, C rows and columns of the grid, H, W of the image in pixels.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.grids import are_places, grid_shape, is_grid, place_grid
from workbench.analyses.saliency.question import Question
from workbench.analyses.saliency.regions import Regions

if TYPE_CHECKING:
    from workbench.recording import Recording

MOST_PLACES = 4
"""Squares of one label up to which it names an object; a longer one is a path."""


def find_objects(recording: "Recording", question: Question) -> Regions | None:
    """The objects that the truth names in an image observation; None where it names none, or there is no such image."""
    images = [key for key, tensor in question.values.items() if tensor.ndim == 4]
    labels = {
        name.removeprefix("truth/"): recording.steps[name][question.decisions.rows]
        for name in recording.steps
        if name.startswith("truth/")
    }
    grid = grid_shape(labels)
    if question.layer is not None or len(images) != 1 or grid is None:
        return None
    [key] = images
    picture = question.values[key][0].permute(1, 2, 0).cpu().numpy()
    placed = [place_grid(picture, array[0]) for array in labels.values() if is_grid(array)]
    found = [one for one in placed if one is not None]
    if not found:
        return None
    margin = max(found, key=lambda one: one.explained).margin
    height, width = question.values[key].shape[-2:]
    names, squares = list[str](), np.full((len(question), *grid), -1, np.int64)
    for name, array in labels.items():
        if is_grid(array) and array.dtype.kind == "b":
            squares[array] = len(names)
            names.append(name)
    for name, array in labels.items():
        if not is_grid(array) and are_places(array, grid) and array[0].size <= 2 * MOST_PLACES and _differs(array):
            _mark(squares, array.reshape(len(array), -1, 2), len(names))
            names.append(name)
    pixels = np.full((len(question), height, width), -1, np.int64)
    rows, columns = _squares_of(height, grid[0], margin), _squares_of(width, grid[1], margin)
    inside = (rows >= 0)[:, None] & (columns >= 0)[None]
    pixels[:, inside] = squares[:, np.maximum(rows, 0)[:, None], np.maximum(columns, 0)[None]][:, inside]
    present = [place for place in range(len(names)) if (pixels == place).any()]
    renumbered = np.full(len(names) + 1, -1, np.int64)
    renumbered[present] = np.arange(len(present))
    if not present:
        return None
    channels = question.values[key].shape[1]
    whole = torch.as_tensor(renumbered[pixels]).unsqueeze(1).expand(-1, channels, -1, -1)
    others = {
        other: torch.full((1, *tensor.shape[1:]), -1) for other, tensor in question.values.items() if other != key
    }
    return Regions(names=tuple(names[place] for place in present), labels={key: whole, **others}, kind="objects")


def _differs(array: npt.NDArray[np.int64]) -> bool:
    """Places that are computed (a corner, a square on the way) are not in the picture; objects are named first."""
    return bool((array >= 0).any())


def _mark(squares: npt.NDArray[np.int64], places: npt.NDArray[np.int64], number: int) -> None:
    for place in range(places.shape[1]):
        there = np.flatnonzero((places[:, place] >= 0).all(axis=1))
        squares[there, places[there, place, 0], places[there, place, 1]] = number


def _squares_of(size: int, squares: int, margin: int) -> npt.NDArray[np.int64]:
    """Which square each pixel lies in, −1 in the margin."""
    place = np.arange(size) * (squares + 2 * margin) // size - margin
    return np.where((place >= 0) & (place < squares), place, -1)

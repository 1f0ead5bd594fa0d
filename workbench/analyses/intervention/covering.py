"""Editing what an agent sees in a picture: a rectangle is filled, or shows what was there at another step.

Axis legend:
    n     rows of one batch
    H, W  rows and columns of pixels
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.decisions import CHANNELS_LAST, layout_of_shape
from workbench.analyses.intervention.changes import ObservationChange, finite
from workbench.errors import WorkbenchError
from workbench.policies.types import Observations


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """A part of a picture, in pixels of what the agent is given (before any preprocessing)."""

    top: int
    left: int
    height: int
    width: int

    def __str__(self) -> str:
        bottom, right = self.top + self.height - 1, self.left + self.width - 1
        return f"rows {self.top} to {bottom}, columns {self.left} to {right}"


def cover(
    rectangle: Rectangle, fill: float | npt.NDArray[Any], *, key: str = "", source: str = "another step"
) -> ObservationChange:
    """Show the policy something else in a rectangle of a picture; every channel of it is changed.

    Its control is a rectangle of the same size at a random other place that does not overlap it; there is none where
    the picture has no such place.

    Args:
        rectangle: Where.
        fill: A number in the picture's own unit, or a whole picture as the policy is given it (that of another step),
            from which the rectangle is taken.
        key: Of the picture, where observations are dicts; `parent/key` where they are nested.
        source: Where a whole picture comes from, in words.

    Raises:
        WorkbenchError: When it is carried out: there is no such picture, or the rectangle does not lie in it.
    """
    if rectangle.height < 1 or rectangle.width < 1 or min(rectangle.top, rectangle.left) < 0:
        raise WorkbenchError(f"A rectangle has at least one pixel and begins at 0 or later; came {rectangle}.")
    if not isinstance(fill, np.ndarray):
        finite(fill, "What a rectangle is filled with")
    elif not np.isfinite(fill).all():
        raise WorkbenchError(f"The picture to take from, {source}, holds numbers that are not finite.")
    limits: list[tuple[int, int]] = []

    def edit(observations: Observations) -> Observations:
        seen: Observations = _edited(observations, [part for part in key.split("/") if part], covered)
        return seen

    def covered(pictures: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if pictures.ndim not in (3, 4):
            raise WorkbenchError(f"A rectangle is covered in pictures; this observation is {list(pictures.shape[1:])}.")
        last = layout_of_shape(pictures.shape) == CHANNELS_LAST or pictures.ndim == 3
        height, width = pictures.shape[1:3] if last else pictures.shape[2:4]
        limits[:] = [(height, width)]
        rows = slice(rectangle.top, rectangle.top + rectangle.height)
        columns = slice(rectangle.left, rectangle.left + rectangle.width)
        if rows.stop > height or columns.stop > width:
            raise WorkbenchError(f"The picture has {height} rows and {width} columns; {rectangle} do not lie in it.")
        place = (slice(None), rows, columns) if last else (slice(None), slice(None), rows, columns)
        changed = pictures.copy()
        if isinstance(fill, np.ndarray):
            if fill.shape != pictures.shape[1:]:
                raise WorkbenchError(
                    f"The picture to take from is {list(fill.shape)}; the policy sees {list(pictures.shape[1:])}."
                )
            changed[place] = np.broadcast_to(fill, pictures.shape)[place]
        else:
            changed[place] = _within(fill, pictures.dtype)
        return changed

    def elsewhere(random: np.random.Generator) -> ObservationChange | None:
        assert limits, "a control is drawn after the change was carried out"
        height, width = limits[0]
        tops = np.arange(height - rectangle.height + 1)[:, None]
        lefts = np.arange(width - rectangle.width + 1)[None]
        apart = np.abs(tops - rectangle.top) >= rectangle.height
        free = np.argwhere(apart | (np.abs(lefts - rectangle.left) >= rectangle.width))
        if not len(free):
            return None
        top, left = (int(part) for part in free[int(random.integers(len(free)))])
        other = Rectangle(top=top, left=left, height=rectangle.height, width=rectangle.width)
        return replace(cover(other, fill, key=key, source=source), identity=(top, left))

    shown = f"{rectangle} as at {source}" if isinstance(fill, np.ndarray) else f"{rectangle} shown as {fill:g}"
    return ObservationChange(words=shown.replace("-", "−"), edit=edit, control=elsewhere)


def _edited(observations: Any, keys: list[str], change: Any) -> Any:
    if not keys:
        if isinstance(observations, Mapping):
            raise WorkbenchError(f"Observations are dicts; name the picture: {', '.join(map(str, observations))}.")
        return change(np.asarray(observations))
    if not isinstance(observations, Mapping) or keys[0] not in observations:
        there = ", ".join(map(str, observations)) if isinstance(observations, Mapping) else "no dict"
        raise WorkbenchError(f"The observation has no part {keys[0]!r}; there is: {there}.")
    return {**observations, keys[0]: _edited(observations[keys[0]], keys[1:], change)}


def _within(value: float, dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise WorkbenchError(f"The picture's numbers go from {limits.min} to {limits.max}; came {value:g}.")
    return np.asarray(value).astype(dtype)

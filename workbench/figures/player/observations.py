"""Observations as something to look at: pictures, named bars, or cells.

Axis legend:
    T  steps of the window, and the observation after the last action where it is there
    H, W  rows and columns;  K  channels
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.figures.player.encoding import encode_array, picture_url, quantise

LARGEST_NAMED_VECTOR = 24
"""A vector of more components is drawn as cells of one colour scale instead of named bars of their own scales."""
SYMBOLIC_SIZE, SYMBOLIC_VALUE = 16, 32
"""An integer grid this small with values this small holds symbols, not brightness; its channels are drawn apart."""


def describe_observation(
    name: str, values: npt.NDArray[Any], names: Sequence[str] | None, *, maximum_pixels: int
) -> dict[str, Any]:
    """One observation, or one key of a Dict observation, in the form in which the player draws it.

    Args:
        name: The key; empty for a plain observation.
        values: `[T, ...]` as the environment gave them.
        names: One a component of a vector, or None.
        maximum_pixels: Larger pictures are scaled down.
    """
    if is_picture(values):
        return _pictures(name, values, maximum_pixels)
    vector = values.reshape(len(values), -1)
    size = vector.shape[1]
    if size <= LARGEST_NAMED_VECTOR:
        return _named_bars(name, vector, list(names) if names and len(names) == size else None)
    shape = " × ".join(str(length) for length in values.shape[1:])
    return {
        "kind": "cells",
        "name": name,
        "label": f"{shape} numbers, one colour scale for all",
        "units": list(range(size)),
        "unit": "",
        **quantise(vector),
    }


def is_picture(values: npt.NDArray[Any]) -> bool:
    """Whether `[T, ...]` values are drawn as pictures: two large axes, with or without an axis of channels."""
    shape = values.shape[1:]
    if len(shape) == 2:
        return bool(min(shape) >= 8)
    return len(shape) == 3 and bool(min(shape[:2]) >= 3 if shape[-1] <= 16 else min(shape[1:]) >= 8)


def _named_bars(name: str, vector: npt.NDArray[Any], names: list[str] | None) -> dict[str, Any]:
    numbers = vector.astype(np.float64)
    finite = np.where(np.isfinite(numbers), numbers, 0.0)
    size = vector.shape[1]
    known = "" if names else " (the environment gives them no names)"
    return {
        "kind": "vector",
        "name": name,
        "label": f"{size} number{'s' if size != 1 else ''}; bars from 0, each on the scale of the steps loaded{known}",
        "names": names or ([name or "value"] if size == 1 else [f"{name or 'component'} {i}" for i in range(size)]),
        "array": encode_array(numbers),
        "low": finite.min(axis=0).tolist() if len(finite) else [0.0] * size,
        "high": finite.max(axis=0).tolist() if len(finite) else [1.0] * size,
    }


def _pictures(name: str, values: npt.NDArray[Any], maximum_pixels: int) -> dict[str, Any]:
    images = values[..., None] if values.ndim == 3 else values
    if images.shape[-1] > 16 or (images.shape[1] <= 16 < min(images.shape[2:])):
        images = np.moveaxis(images, 1, -1)
    channels = images.shape[-1]
    shape = " × ".join(str(length) for length in values.shape[1:])
    largest = float(np.nanmax(images)) if images.size else 1.0
    smallest = float(np.nanmin(images)) if images.size else 0.0
    symbolic = images.dtype.kind in "iu" and largest <= SYMBOLIC_VALUE and max(images.shape[1:3]) <= SYMBOLIC_SIZE
    if images.dtype == np.uint8 and not symbolic:
        pixels, scale = images, "brightness 0 to 255"
    else:
        low = min(0.0, smallest)
        pixels = ((np.nan_to_num(images.astype(np.float32)) - low) * (255 / ((largest - low) or 1))).clip(0, 255)
        pixels, scale = pixels.astype(np.uint8), f"black {low:.3g} to white {largest:.3g}"
    colour = channels % 3 == 0 and not symbolic
    panels = channels // 3 if colour else channels
    parts = f", {panels} {'channels' if symbolic else 'frames, oldest first'} side by side" if panels > 1 else ""
    mosaics = [_mosaic(one, colour) for one in pixels]
    return {
        "kind": "image",
        "name": name,
        "label": f"{shape}{parts}, {scale}",
        "panels": panels,
        "height": mosaics[0].shape[0] if mosaics else 1,
        "width": mosaics[0].shape[1] if mosaics else 1,
        "urls": [picture_url(mosaic, maximum_pixels=maximum_pixels, lossless=True) for mosaic in mosaics],
    }


def _mosaic(image: npt.NDArray[np.uint8], colour: bool) -> npt.NDArray[np.uint8]:
    """Put the frames of a stack `[H, W, K]` side by side, one pixel apart, in at most two rows."""
    width = 3 if colour else 1
    parts = [image[..., i : i + width] for i in range(0, image.shape[-1], width)]
    if len(parts) == 1:
        return parts[0] if colour else parts[0][..., 0]
    across = len(parts) if len(parts) <= 3 else -(-len(parts) // 2)
    height, breadth = image.shape[0] + 1, image.shape[1] + 1
    canvas = np.full((height * -(-len(parts) // across) - 1, breadth * across - 1, width), 128, dtype=np.uint8)
    for index, part in enumerate(parts):
        row, column = divmod(index, across)
        canvas[row * height : row * height + part.shape[0], column * breadth : column * breadth + part.shape[1]] = part
    return canvas if colour else canvas[..., 0]

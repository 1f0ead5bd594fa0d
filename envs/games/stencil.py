"""Pictures of coloured parts: what lies where is worked out once, a frame is then a look-up of colours.

Axis legend:
    H, W  frame in pixels
    S     samples of a pixel, a square number of them
    P     parts
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

OVERSAMPLING = 3
"""Samples of a pixel along each side."""


@dataclass(frozen=True)
class Stencil:
    """Which part of a picture each pixel belongs to; edges belong to several."""

    parts: npt.NDArray[np.int16]
    """`[H, W]`: a part, of a mixed pixel any of its parts."""
    mixed: npt.NDArray[np.intp]
    """`[M]`: places of mixed pixels in the flattened picture."""
    samples: npt.NDArray[np.int16]
    """`[M, S]`: the parts at their samples."""

    def paint(self, colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The frame `[H, W, 3]` in the colours `[P, 3]` of the parts."""
        frame = np.take(colours, self.parts, 0)
        blended = np.take(colours.astype(np.float32), self.samples, 0).mean(1)
        frame.reshape(-1, 3)[self.mixed] = (blended + 0.5).astype(np.uint8)
        return frame


def make_stencil(samples: npt.NDArray[np.int16]) -> Stencil:
    """Make a stencil of the parts at all samples, `[OVERSAMPLING · H, OVERSAMPLING · W]`."""
    H, W = samples.shape[0] // OVERSAMPLING, samples.shape[1] // OVERSAMPLING
    blocks = samples.reshape(H, OVERSAMPLING, W, OVERSAMPLING).swapaxes(1, 2).reshape(H * W, -1)
    mixed = np.flatnonzero((blocks != blocks[:, :1]).any(1))
    return Stencil(blocks[:, 0].reshape(H, W).copy(), mixed, blocks[mixed])


def sample_points(height: int, width: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """X and y in pixels of every sample of a frame, each `[OVERSAMPLING · height, OVERSAMPLING · width]`."""
    y, x = np.mgrid[0 : height * OVERSAMPLING, 0 : width * OVERSAMPLING]
    return (x + 0.5) / OVERSAMPLING, (y + 0.5) / OVERSAMPLING


def in_rounded_box(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    box: tuple[float, float, float, float],
    radius: float,
) -> npt.NDArray[np.bool_]:
    """Which points lie in a box (left, top, right, bottom) with rounded corners."""
    left, top, right, bottom = box
    across = np.maximum(np.abs(x - (left + right) / 2) - (right - left) / 2 + radius, 0)
    along = np.maximum(np.abs(y - (top + bottom) / 2) - (bottom - top) / 2 + radius, 0)
    inside: npt.NDArray[np.bool_] = across**2 + along**2 <= radius**2
    return inside

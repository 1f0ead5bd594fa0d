"""Figures of a layer's activations at one step.

Axis legend:
    K  channels;  H, W  rows and columns of a feature map;  U  units
"""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.figures.style import VALUE, colour_scale, literal, plain_axes

MOST_BARS = 128
MAPS_RATIO = 4.0
"""How much wider than high a grid of feature maps is made, to fill a row of a page."""


def draw_maps(axis: Axes, maps: npt.ArrayLike, *, low: float, high: float, title: str = "") -> None:
    """Draw feature maps `[K, H, W]` as a grid with one colour scale from `low` to `high`, and its colour bar."""
    array = np.asarray(maps, dtype=np.float64)
    count, height, width = array.shape
    across = min(count, max(1, round(np.sqrt(count * MAPS_RATIO * height / width))))
    down = -(-count // across)
    canvas = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan)
    for index, one in enumerate(array):
        row, column = divmod(index, across)
        canvas[row * (height + 1) :, column * (width + 1) :][:height, :width] = one
    image = axis.imshow(canvas, interpolation="nearest", **colour_scale(low, high))
    axis.set_axis_off()
    axis.set_anchor("W")
    axis.set_title(literal(title), fontsize=10, loc="left")
    if axis.figure is not None:
        bar = axis.figure.colorbar(image, ax=axis, shrink=0.8, pad=0.01)
        bar.set_label("activation", fontsize=9)
        bar.ax.tick_params(labelsize=8)


def draw_units(axis: Axes, units: npt.ArrayLike, *, low: float, high: float, title: str = "") -> None:
    """Draw units `[U]` as bars, or as a strip of cells where there are more than 128."""
    values = np.asarray(units, dtype=np.float64).reshape(-1)
    if len(values) > MOST_BARS:
        across = int(np.ceil(np.sqrt(len(values) * 4)))
        padded = np.full(-(-len(values) // across) * across, np.nan)
        padded[: len(values)] = values
        draw_maps(axis, padded.reshape(1, -1, across), low=low, high=high, title=title)
        return
    axis.bar(np.arange(len(values)), values, color=VALUE)
    axis.set_ylim(min(low, 0), max(high, 0) or 1)
    plain_axes(axis, xlabel="unit", ylabel="activation", title=title)


def draw_layer(axis: Axes, values: npt.ArrayLike, *, low: float, high: float, title: str = "") -> None:
    """Draw a layer's activations at one step: a grid for `[K, H, W]`, bars or cells for anything else."""
    array = np.asarray(values)
    if array.ndim == 3:
        draw_maps(axis, array, low=low, high=high, title=title)
    else:
        draw_units(axis, array, low=low, high=high, title=title)


def layer_figure(values: npt.ArrayLike, *, low: float, high: float, title: str = "") -> Figure:
    """A layer's activations at one step, as a figure of its own."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    draw_layer(figure.subplots(), values, low=low, high=high, title=title)
    return figure

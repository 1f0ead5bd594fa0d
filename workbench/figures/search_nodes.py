"""A node of a search: its layers beside the root's, and maps of saliency over its board.

Axis legend: C channels, H, W rows and columns of squares, U units.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from workbench.figures.style import DIVERGING, SEQUENTIAL, colour_scale, literal

STRIP = 32
"""Units in a row of a strip."""
MOST_CELLS = 4_096
"""Of a layer, drawn; of a larger one the first channels or units."""
FIRST, SECOND = "#e69f00", "#0072b2"
"""The two players' stones (Okabe and Ito 2008), as the viewer has them."""


def layer_grid(values: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], str]:
    """A layer at one position as one picture with NaN between its maps, and what is in it.

    Args:
        values: `[C, H, W]`: maps side by side; anything else: units in rows of 32.
    """
    array = np.asarray(values, np.float64)
    if array.ndim == 3:
        count, height, width = array.shape
        shown = max(1, min(count, MOST_CELLS // (height * width)))
        across = min(shown, max(1, round(np.sqrt(shown * 1.6 * height / width))))
        down = -(-shown // across)
        canvas = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan)
        for place, one in enumerate(array[:shown]):
            row, column = divmod(place, across)
            canvas[row * (height + 1) :, column * (width + 1) :][:height, :width] = one
        part = "" if shown == count else f", the first {shown}"
        return canvas, f"{count} map{'s' * (count != 1)} of {height} × {width}{part}"
    units = array.reshape(-1)
    shown = units[:MOST_CELLS]
    # Cells of one size, however few they are.
    canvas = np.full(max(1, -(-len(shown) // STRIP)) * STRIP, np.nan)
    canvas[: len(shown)] = shown
    part = "" if len(shown) == len(units) else f", the first {len(shown):,}"
    return canvas.reshape(-1, STRIP), f"{len(units):,} unit{'s' * (len(units) != 1)}{part}"


def node_layer_figure(name: str, here: npt.ArrayLike, root: npt.ArrayLike | None) -> Figure:
    """A layer at a node, at the root, and the difference of the two.

    Node and root share one scale; the difference has its own, with zero in the middle. Each scale stands beside it.

    Args:
        name: Of the layer.
        here: What it holds at the node, `[...]`.
        root: The same at the root; None: the node is the root, and stands alone.
    """
    grid, words = layer_grid(here)
    pictures = [("at this node" if root is not None else "at the root", grid)]
    if root is not None:
        other = layer_grid(root)[0]
        pictures += [("at the root", other), ("node − root", grid - other)]
    ratio = grid.shape[0] / grid.shape[1]
    figure = Figure(figsize=(3 * 3.9, 0.75 + min(4.2, max(0.5, 3.0 * ratio))), layout="constrained")
    # The root alone leaves the places of the two others free: a click changes no picture's size.
    axes = np.atleast_1d(figure.subplots(1, 3))
    for axis in axes[len(pictures) :]:
        axis.set_axis_off()
    axes = axes[: len(pictures)]
    both = np.concatenate([picture.ravel() for _, picture in pictures[:2]])
    for place, (axis, (title, picture)) in enumerate(zip(axes, pictures, strict=True)):
        if place < 2:
            scale = colour_scale(float(np.nanmin(both)), float(np.nanmax(both)))
        else:
            largest = float(np.nanmax(np.abs(picture))) or 1.0
            scale = {"cmap": DIVERGING, "vmin": -largest, "vmax": largest}
        image = axis.imshow(picture, interpolation="nearest", **scale)
        axis.set_axis_off()
        axis.set_anchor("N")
        axis.set_title(title, fontsize=9, loc="left")
        bar = figure.colorbar(image, ax=axis, location="bottom", shrink=0.7, pad=0.03, aspect=30)
        bar.ax.tick_params(labelsize=7)
        bar.set_label("activation" if place < 2 else "difference of activations", fontsize=7)
    figure.suptitle(literal(f"{name}: {words}"), fontsize=9, x=0.005, ha="left")
    return figure


def board_map_figure(
    heat: npt.ArrayLike, *, signed: bool, unit: str, cells: npt.ArrayLike | None, names: Sequence[str] = ()
) -> Figure:
    """A map of saliency over the board, with its scale.

    Args:
        heat: `[H, W]`, summed over the planes of the observation.
        signed: Whether its sign means something; then zero is in the middle of the scale.
        unit: Of the numbers.
        cells: `[H, W]`, whose stone lies there: 1 the first player's, −1 the second's; None: squares of the map are
            none of the board.
        names: What the two players are called.
    """
    array = np.asarray(heat, np.float64)
    largest = float(np.abs(array).max()) or 1.0
    rows, columns = array.shape
    figure = Figure(figsize=(4.3, 0.9 + 3.7 * min(1.3, rows / columns)), layout="constrained")
    axis = figure.subplots()
    shown = array if signed else np.abs(array)
    low = -largest if signed else 0.0
    image = axis.imshow(shown, cmap=DIVERGING if signed else SEQUENTIAL, vmin=low, vmax=largest)
    axis.set_xticks(np.arange(-0.5, columns), [])
    axis.set_yticks(np.arange(-0.5, rows), [])
    axis.tick_params(length=0)
    axis.grid(color="#00000033", linewidth=0.6)
    if cells is not None:
        _stones(axis, np.asarray(cells))
    bar = figure.colorbar(image, ax=axis, location="bottom", shrink=0.85, pad=0.02, aspect=30)
    bar.ax.tick_params(labelsize=8)
    bar.locator = MaxNLocator(5)
    bar.update_ticks()
    ends = "blue: against, red: for" if signed else "magnitude"
    bar.set_label(literal(f"attribution of a square{f' [{unit}]' if unit else ''}; {ends}"), fontsize=8)
    if cells is not None and names and np.any(cells):
        axis.set_title(literal(f"orange: {names[0]}, blue: {names[1]}"), fontsize=8, loc="left")
    return figure


def _stones(axis: Axes, cells: npt.NDArray[np.signedinteger]) -> None:
    """Rings, so that the map can be seen within them."""
    for row, column in np.argwhere(cells != 0):
        colour = FIRST if cells[row, column] > 0 else SECOND
        axis.add_patch(Circle((column, row), 0.36, fill=False, edgecolor="white", linewidth=5))
        axis.add_patch(Circle((column, row), 0.36, fill=False, edgecolor=colour, linewidth=3))

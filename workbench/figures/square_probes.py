"""Probes of each square: how well each place is decided, and what is said of each at one step.

Axis legend:
    P, Q  rows and columns of places
    H, W  rows and columns of a picture
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from workbench.analyses.probing.spatial import SquareProbeResult
from workbench.figures.style import SEQUENTIAL, literal


def square_scores_figure(found: SquareProbeResult) -> Figure:
    """Balanced accuracy at each place; grey where only one class occurs."""
    rows, columns = found.lattice.places
    figure = Figure(figsize=(2.2 + 0.34 * columns, 1.2 + 0.34 * rows), layout="constrained")
    axis = figure.subplots()
    axis.set_facecolor("#d0d0d0")
    image = axis.imshow(found.by_square, cmap=SEQUENTIAL, vmin=found.chance, vmax=1, interpolation="nearest")
    _squares(axis, found)
    figure.colorbar(image, ax=axis, shrink=0.9).set_label("balanced accuracy", fontsize=8)
    axis.set_title(f"held-out episodes, n = {found.steps:,} steps", fontsize=9, loc="left")
    return figure


def square_answer_figure(
    found: SquareProbeResult,
    said: npt.NDArray[np.float64],
    truth: npt.NDArray[np.int8],
    which: int,
    picture: npt.NDArray[np.uint8] | None = None,
) -> Figure:
    """What the probe says of every place at one step, beside what is true there.

    Args:
        found: The probe's result.
        said: `[P, Q, C]` probabilities of the classes.
        truth: `[P, Q]` classes; −1 where that is not known.
        which: The class that is shown.
        picture: `[H, W, 3]`, what was to be seen.
    """
    count = 2 + (picture is not None)
    rows, columns = found.lattice.places
    figure = Figure(figsize=(count * (1.2 + 0.3 * columns), 1.3 + 0.3 * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, count))
    if picture is not None:
        axes[0].imshow(picture, interpolation="nearest")
        axes[0].set_axis_off()
        axes[0].set_title("to be seen", fontsize=9, loc="left")
    name = found.classes[which]
    image = axes[-2].imshow(said[:, :, which], cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="nearest")
    axes[-2].set_title(literal(f"the probe: {name}"), fontsize=9, loc="left")
    shown = np.ma.masked_where(truth < 0, truth == which)
    axes[-1].set_facecolor("#d0d0d0")
    axes[-1].imshow(shown, cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="nearest")
    axes[-1].set_title(literal(f"true: {name}"), fontsize=9, loc="left")
    for axis in axes[-2:]:
        _squares(axis, found)
    figure.colorbar(image, ax=axes[-2:].tolist(), shrink=0.9).set_label("probability, or truth", fontsize=8)
    return figure


def _squares(axis: Any, found: SquareProbeResult) -> None:
    """Ticks in rows and columns of the grid."""
    for count, places, ticks in (
        (found.lattice.places[0], found.lattice.square_rows, axis.set_yticks),
        (found.lattice.places[1], found.lattice.square_columns, axis.set_xticks),
    ):
        every = max(1, count // 7)
        ticks(range(0, count, every), [str(int(place)) for place in places[::every]], fontsize=7)
    axis.set_xlabel("column", fontsize=8)
    axis.set_ylabel("row", fontsize=8)

"""An input that was made to activate a unit, beside recorded observations and noise.

Axis legend: C, H, W channels, rows and columns of the input.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.analyses.representation.examples import Example
from workbench.analyses.representation.visualisation import Visualisation
from workbench.figures.features import draw_example, number_limit
from workbench.figures.style import OTHER, TAKEN, VALUE, literal, plain_axes

MOST_CHANNELS = 16


def visualisation_figure(
    found: Visualisation, examples: Sequence[Example], *, number_names: Sequence[str] = ()
) -> Figure:
    """The made input, the recorded steps that reach most, and what all of them and noise reach."""
    figure = Figure(figsize=(9.2, 4.6), layout="constrained")
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=[1.25, 1]), dtype=object)
    made, others = np.asarray(upper.subfigures(1, 2, width_ratios=[1, 2.2]), dtype=object)
    _draw_made(made.subplots(), found, number_names)
    across = min(3, max(1, len(examples)))
    down = max(1, -(-len(examples) // across))
    limit = number_limit(examples)
    for place, axis in enumerate(np.asarray(others.subplots(down, across, squeeze=False)).flat):
        if place < len(examples):
            draw_example(axis, examples[place], limit, ())
        else:
            axis.set_axis_off()
    _draw_reached(lower.subplots(), found)
    return figure


def _draw_made(axis: Axes, found: Visualisation, names: Sequence[str]) -> None:
    axis.set_title(f"made: {found.reached:.3g}".replace("-", "−"), fontsize=9, loc="left")
    if found.image.ndim == 3:
        axis.imshow(_picture(found), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_axis_off()
        return
    values = found.image.reshape(-1)
    axis.barh(np.arange(len(values)), values, color=VALUE)
    axis.axvline(0, color="black", linewidth=0.6)
    plain_axes(axis, xlabel="as it enters the network")
    axis.set_title(f"made: {found.reached:.3g}".replace("-", "−"), fontsize=9, loc="left")
    if len(names) == len(values) <= 12:
        axis.set_yticks(range(len(values)), [literal(name)[:36] for name in names], fontsize=7)
    axis.invert_yaxis()


def _picture(found: Visualisation) -> npt.NDArray[Any]:
    """`[H, W, 3]` or `[H, W]` in shares of the range; channels that are no colours side by side."""
    shares = (found.image - found.low) / np.maximum(found.high - found.low, 1e-12)
    if len(shares) == 3:
        return np.moveaxis(shares, 0, -1)
    kept = shares[:MOST_CHANNELS]
    gap = np.full((kept.shape[1], 1), 1.0)
    parts = [part for one in kept for part in (one, gap)][:-1]
    return np.concatenate(parts, axis=1)


def _draw_reached(axis: Axes, found: Visualisation) -> None:
    everything = np.concatenate([found.recorded, found.noise, found.restarts])
    bins = np.linspace(everything.min(), max(everything.max(), everything.min() + 1e-9), 50).tolist()
    for numbers, colour, name in (
        (found.recorded, VALUE, f"{len(found.recorded):,} recorded observations"),
        (found.noise, OTHER, f"{len(found.noise):,} random inputs"),
    ):
        weights = np.full(len(numbers), 1 / len(numbers))
        axis.hist(numbers, bins=bins, weights=weights, histtype="stepfilled", alpha=0.65, color=colour, label=name)
    axis.axvline(found.reached, color=TAKEN, linewidth=2, label="the made input")
    for one in found.restarts:
        axis.axvline(float(one), color=TAKEN, linewidth=0.7, alpha=0.6)
    what = {"channel": "mean activation of channel", "place": "activation in the middle of channel"}[found.objective]
    words = what if found.is_map else "activation of unit"
    plain_axes(axis, xlabel=f"{words} {found.unit} of {found.layer}", ylabel="share of them")
    axis.legend(fontsize=8, facecolor="white", edgecolor="none", framealpha=0.9)

"""Single units: what they are tuned to, how selective and how redundant they are.

Axis legend: U units, C concepts.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from workbench.analyses.representation.tuning import Tuning
from workbench.analyses.representation.units import UnitReport
from workbench.figures.style import OTHER, SEQUENTIAL, TAKEN, VALUE, literal, plain_axes

MOST_UNITS = 24
MOST_CURVES = 12


def most_selective(tunings: Sequence[Tuning], count: int = MOST_UNITS) -> list[int]:
    """The units with the largest selectivity of any concept, the most selective first; dead ones last."""
    best = np.nan_to_num(np.stack([one.selectivity.mean for one in tunings])).max(axis=0)
    return [int(unit) for unit in np.argsort(-best, kind="stable")[:count]]


def selectivity_figure(tunings: Sequence[Tuning], *, count: int = MOST_UNITS) -> Figure:
    """η² of the most selective units with every concept; bold where it is more than chance."""
    units = most_selective(tunings, count)
    table = np.stack([one.selectivity.mean[units] for one in tunings])
    figure = Figure(figsize=(max(6.0, 3.0 + 0.4 * len(units)), 1.6 + 0.32 * len(tunings)), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(table, cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axis.set_xticks(range(len(units)), [str(unit) for unit in units], fontsize=8)
    axis.set_yticks(range(len(tunings)), [literal(one.concept) for one in tunings], fontsize=8)
    axis.set_xlabel("unit, the most selective first", fontsize=9)
    for row, one in enumerate(tunings):
        for column, unit in enumerate(units):
            value = table[row, column]
            if np.isfinite(value):
                sure = bool(one.selective[unit])
                axis.text(
                    column, row, f"{value:.2f}"[1:] if value < 0.995 else "1.0", ha="center", va="center", fontsize=6.5,
                    weight="bold" if sure else "normal", color="black" if value > 0.6 else "white",
                    alpha=1.0 if sure else 0.7,
                )  # fmt: skip
    figure.colorbar(image, ax=axis, pad=0.01).set_label("selectivity η²", fontsize=8)
    axis.set_title("bold: more than any concept reaches in shuffled episodes (p ≤ 0.05)", fontsize=9, loc="left")
    return figure


def tuning_figure(tuning: Tuning, units: Sequence[int]) -> Figure:
    """Mean activation by class of a concept, a small picture a unit."""
    shown = list(units)[:MOST_CURVES]
    across = min(4, len(shown))
    down = -(-len(shown) // across)
    figure = Figure(figsize=(2.35 * across + 0.4, 1.85 * down + 0.7), layout="constrained")
    axes = np.atleast_1d(np.asarray(figure.subplots(down, across, squeeze=False, sharex=True), dtype=object))
    places = tuning.centres if tuning.is_number else np.arange(len(tuning.classes))
    for place, axis in enumerate(axes.flat):
        if place >= len(shown):
            axis.set_axis_off()
            continue
        unit = shown[place]
        mean, low, high = (part[unit] for part in (tuning.curves.mean, tuning.curves.low, tuning.curves.high))
        known = np.isfinite(low)
        errors = np.stack([(mean - low)[known], (high - mean)[known]])
        axis.errorbar(places[known], mean[known], yerr=errors, fmt="none", ecolor="black", elinewidth=1)
        axis.plot(places, mean, "o-" if tuning.is_number else "o", color=VALUE, markersize=4, linewidth=1)
        value = tuning.selectivity.mean[unit]
        said = "does not vary" if not np.isfinite(value) else f"η² {value:.2f}, chance {tuning.control[unit]:.2f}"
        plain_axes(axis, title=f"unit {unit}")
        axis.set_title(f"unit {unit}: {said}", fontsize=7.5, loc="left")
        axis.tick_params(labelsize=7)
        if not tuning.is_number:
            names = [literal(name) for name in tuning.classes]
            axis.set_xticks(places, names, fontsize=7, rotation=40 if max(map(len, names)) > 4 else 0)
            axis.set_xlim(-0.5, len(places) - 0.5)
    figure.supxlabel(literal(tuning.words), fontsize=9)
    figure.supylabel("mean activation", fontsize=9)
    return figure


def redundancy_figure(report: UnitReport) -> Figure:
    """How well the others predict each unit, the best predicted first."""
    figure = Figure(figsize=(9.2, 2.7), layout="constrained")
    axis = figure.subplots()
    alive = np.flatnonzero(~report.dead)
    order = alive[np.argsort(-np.nan_to_num(report.redundancy[alive]), kind="stable")]
    places = np.arange(len(order))
    mean, low, high = (part[order] for part in (report.predicted.mean, report.predicted.low, report.predicted.high))
    floor = -0.1
    axis.plot(places, report.redundancy[order], color=OTHER, linewidth=1.5, label="episodes it was made from")
    known = np.isfinite(low)
    axis.vlines(
        places[known], np.maximum(low[known], floor), np.maximum(high[known], floor), color="black", linewidth=0.8
    )
    axis.plot(places, np.maximum(mean, floor), "o", color=VALUE, markersize=3, label="held-out episodes, 95 %")
    below = mean < floor
    axis.plot(places[below], np.full(int(below.sum()), floor), "v", color=TAKEN, markersize=4, label="below the axis")
    if len(order) <= 40:
        axis.set_xticks(places, [str(unit) for unit in order], fontsize=7)
    axis.axhline(0, color="black", linewidth=0.5)
    axis.set_ylim(floor - 0.03, 1.04)
    plain_axes(axis, xlabel="unit, the most redundant first", ylabel="R² from the others")
    axis.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3)
    return figure

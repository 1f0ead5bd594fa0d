"""A decision before and after a change, several scales of one, and where an agent is then.

Axis legend: A actions, or components of a continuous one; K scales.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from workbench.analyses.intervals import Estimate
from workbench.analyses.intervention import DecisionEffect, Visits
from workbench.figures.style import DIVERGING, OTHER, SEQUENTIAL, VALUE, literal, plain_axes

LABELS = {"probability": "probability", "q": "Q [return]", "mean": "mean of the action, before squashing"}


def before_and_after(before: npt.ArrayLike, after: npt.ArrayLike, *, names: Sequence[str], account: str) -> Figure:
    """Pairs of bars.

    Args:
        before: `[A]`.
        after: `[A]`.
        names: `[A]`.
        account: `probability`, `q` or `mean`.
    """
    old, new = np.asarray(before, np.float64), np.asarray(after, np.float64)
    figure = Figure(figsize=(6.5, 1.1 + 0.42 * len(old)), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(old))
    axis.barh(places - 0.2, old, height=0.36, color=OTHER, label="before")
    axis.barh(places + 0.2, new, height=0.36, color=VALUE, label="after")
    axis.set_yticks(places, [literal(name) for name in names], fontsize=8)
    axis.invert_yaxis()
    axis.axvline(0, color="black", linewidth=0.6)
    if account == "probability":
        axis.set_xlim(0, 1)
    plain_axes(axis, xlabel=LABELS[account])
    axis.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2)
    return figure


def sweep_figure(effects: Sequence[DecisionEffect], scales: Sequence[float]) -> Figure:
    """What several multiples of a vector do to a target: signed, and in magnitude beside random vectors.

    Args:
        effects: `[K]`, as `sweep_scales` gives them.
        scales: `[K]`.
    """
    order = np.argsort(scales)
    ordered, places = [effects[int(place)] for place in order], np.asarray(scales, np.float64)[order]
    unit = f" [{effects[0].unit}]" if effects[0].unit else ""
    figure = Figure(figsize=(9, 3.1), layout="constrained")
    signed, size = figure.subplots(1, 2)
    for axis, estimates, label in (
        (signed, [one.effect for one in ordered], f"change of the target{unit}"),
        (size, [one.size for one in ordered], f"|change|{unit}"),
    ):
        means = np.array([one.mean for one in estimates])
        ends = np.array([_interval(one) for one in estimates])
        axis.errorbar(
            places, means, yerr=np.abs(ends.T - means), color=VALUE, marker="o", markersize=4, linewidth=1.4, capsize=2,
            label="this direction",
        )  # fmt: skip
        axis.axhline(0, color="black", linewidth=0.6)
        axis.axvline(0, color="black", linewidth=0.3)
        plain_axes(axis, xlabel="times the direction", ylabel=label)
    if all(one.controls.size for one in ordered):
        drawn = [one.controls.mean(axis=1) for one in ordered]
        low, middle, high = np.quantile(np.array(drawn), (0.05, 0.5, 0.95), axis=1)
        size.fill_between(places, low, high, color="#c8c8c8", linewidth=0, label="random vectors, middle 90 %")
        size.plot(places, middle, color="#666666", linewidth=1)
    size.legend(fontsize=8, frameon=False)
    signed.set_title(literal(effects[0].target), fontsize=9, loc="left")
    return figure


def _interval(number: Estimate) -> tuple[float, float]:
    """Its ends; the mean twice where there is none."""
    return (number.mean, number.mean) if number.low is None or number.high is None else (number.low, number.high)


def visits_figure(visits: Visits) -> Figure:
    """Where an agent is without a change, with it, and the difference."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    axes = figure.subplots(1, 3)
    largest = 100 * float(max(visits.without.max(), visits.with_change.max(), 1e-12))
    difference = 100 * (visits.with_change - visits.without)
    furthest = max(float(np.abs(difference).max()), 1e-12)
    shown = (
        ("without", 100 * visits.without, SEQUENTIAL, 0.0, largest),
        ("with the change", 100 * visits.with_change, SEQUENTIAL, 0.0, largest),
        ("with − without", difference, DIVERGING, -furthest, furthest),
    )
    for axis, (title, grid, colours, low, high) in zip(axes, shown, strict=True):
        image = axis.imshow(grid, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_xticks([])
        axis.set_yticks([])
        unit = "percentage points" if low else "% of an episode's steps"
        figure.colorbar(image, ax=axis, shrink=0.8).set_label(unit, fontsize=8)
    return figure

"""A decision before and after a change, several scales of one, and where an agent is then.

Axis legend: A actions, or components of a continuous one; K scales.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.colors import FuncNorm, ListedColormap
from matplotlib.figure import Figure

from workbench.analyses.intervals import Estimate
from workbench.analyses.intervention import DecisionEffect, Visits
from workbench.figures.style import DIVERGING, OTHER, SEQUENTIAL, VALUE, literal, plain_axes

LABELS = {"probability": "probability", "q": "Q [return]", "mean": "mean, before squashing or clipping"}
WALL = "#b0b0b0"


def before_and_after(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    names: Sequence[str],
    account: str,
    beside: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
) -> Figure:
    """Pairs of bars.

    Args:
        before: `[A]`.
        after: `[A]`.
        names: `[A]`.
        account: `probability`, `q` or `mean`.
        beside: `[A]` before and after, drawn in a second part: log-odds of probabilities, which tell apart what is
            sure, and of means what is done.
    """
    parts = [(before, after, LABELS[account])]
    if beside is not None:
        parts.append((*beside, "log-odds [nats]" if account == "probability" else "as it is done"))
    count = len(np.asarray(before))
    figure = Figure(figsize=(6.5, 1.1 + 0.42 * count), layout="constrained")
    axes = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
    places = np.arange(count)
    for axis, (old, new, label) in zip(axes, parts, strict=True):
        axis.barh(places - 0.2, np.asarray(old, np.float64), height=0.36, color=OTHER, label="before")
        axis.barh(places + 0.2, np.asarray(new, np.float64), height=0.36, color=VALUE, label="after")
        axis.axvline(0, color="black", linewidth=0.6)
        if label == LABELS["probability"]:
            axis.set_xlim(0, 1)
        plain_axes(axis, xlabel=label)
    axes[0].set_yticks(places, [literal(name) for name in names], fontsize=8)
    axes[0].invert_yaxis()
    axes[-1].legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2)
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
    """Where an agent is without a change, with it, and the difference.

    The colours go by the square root, so that squares it passes through are seen beside those it stays on. Squares that
    are walls in every episode are grey.
    """
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
        scale = FuncNorm((_root, _square), vmin=low, vmax=high)
        image = axis.imshow(grid, cmap=colours, norm=scale, interpolation="nearest")
        if visits.walls is not None:
            walls = np.ma.masked_where(~visits.walls, np.ones(visits.walls.shape))
            axis.imshow(walls, cmap=ListedColormap([WALL]), interpolation="nearest")
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_xticks([])
        axis.set_yticks([])
        unit = "percentage points" if low else "% of an episode's steps"
        bar = figure.colorbar(image, ax=axis, shrink=0.8, ticks=_ticks(low, high))
        bar.ax.set_yticklabels([f"{tick:.3g}".replace("-", "−") for tick in _ticks(low, high)])
        bar.ax.tick_params(labelsize=8)
        bar.set_label(unit, fontsize=8)
    return figure


def _root(numbers: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Square root of the magnitude, with the sign."""
    array = np.asarray(numbers, np.float64)
    return np.asarray(np.sign(array) * np.sqrt(np.abs(array)))


def _square(numbers: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(numbers, np.float64)
    return np.asarray(np.sign(array) * array**2)


def _ticks(low: float, high: float) -> list[float]:
    """At equal distances on the bar: 0, 1/16, 1/4, 9/16 and all of the largest."""
    upward = [high * part for part in (0, 1 / 16, 1 / 4, 9 / 16, 1)]
    return [-tick for tick in upward[:0:-1] if low < 0] + upward

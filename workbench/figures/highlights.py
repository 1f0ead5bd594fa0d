"""Highlights: a sheet of the moments, and how their reel compares with others.

Axis legend:
    F  pictures of one moment, in the order of time
    n  steps of one moment's window
    H, W  rows and columns of pixels
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.analyses.highlights import Highlight, Highlights, Reel
from workbench.analyses.intervals import Estimate
from workbench.figures.style import TAKEN, VALUE, literal, plain_axes

PICTURES = 5
"""Pictures of a moment, at most."""
MOST_LINES = 8
"""Numbers of an observation that are drawn over time; of more, the first."""
REEL_WORDS = {
    "diverse": "HIGHLIGHTS-DIV",
    "important": "HIGHLIGHTS",
    "random": "at random",
    "first": "the first ones",
}
LINE_COLOURS = ("#0072b2", "#c25400", "#00805c", "#8a4f9e", "#56b4e9", "#e69f00", "#999999", "#000000")


@dataclass(frozen=True, kw_only=True)
class MomentView:
    """What is drawn of one moment."""

    moment: Highlight
    steps: npt.NDArray[np.int64]
    """`[F]` steps of the pictures, or `[n]` of the numbers."""
    pictures: npt.NDArray[np.uint8] | None = None
    """`[F, H, W, 3]`."""
    numbers: npt.NDArray[np.float64] | None = None
    """`[n, D]`, the observations, where there is no picture."""
    names: Sequence[str] = ()


def contact_sheet(found: Highlights, views: Sequence[MomentView]) -> Figure:
    """A row a moment: its pictures in the order of time, the moment framed, and why it is shown."""
    rows = len(views)
    figure = Figure(figsize=(11, 0.5 + _row_height(views) * rows), layout="constrained")
    figure.suptitle(literal(f"The {rows} most important moments: {found.measure_words}"), fontsize=11)
    parts = np.atleast_1d(np.asarray(figure.subfigures(rows, 1), dtype=object))
    for part, view in zip(parts, views, strict=True):
        left, right = part.subfigures(1, 2, width_ratios=[2.3, 8.7])
        left.text(0.02, 0.96, _words(view.moment, found), va="top", fontsize=8, linespacing=1.35)
        _draw(right, view)
    return figure


def moment_figure(view: MomentView) -> Figure:
    """One moment alone, without words."""
    figure = Figure(figsize=(8.7, _row_height([view])), layout="constrained")
    _draw(figure, view)
    return figure


def comparison_figure(found: Highlights) -> Figure:
    """The reels beside each other: importance of what is shown, how much is covered, and how alike the moments are."""
    figure = Figure(figsize=(10, 1.25 + 0.34 * len(found.reels)), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    unit = f" ({found.unit})" if found.unit else ""
    places = np.arange(len(found.reels))
    _dots(axes[0], [one.importance for one in found.reels])
    axes[0].axvline(found.any_step.mean, color="black", linewidth=0.8, linestyle=":")
    plain_axes(axes[0], xlabel=f"importance{unit}", title="mean importance; dotted: any step")
    _dots(axes[1], [one.coverage for one in found.reels])
    plain_axes(axes[1], xlabel="distance ÷ that of two random steps", title="to the nearest step shown")
    _spreads(axes[2], found.reels)
    plain_axes(axes[2], xlabel="distance ÷ that of two random steps", title="● between moments, ○ the two most alike")
    axes[0].set_yticks(places, [REEL_WORDS[one.name] for one in found.reels], fontsize=9)
    axes[0].set_ylim(len(places) - 0.5, -0.5)
    for axis in axes:
        axis.set_xlim(left=min(0.0, axis.get_xlim()[0]))
    return figure


def _row_height(views: Sequence[MomentView]) -> float:
    shown = [view.pictures for view in views if view.pictures is not None]
    if not shown:
        return 2.0
    height, width = shown[0].shape[1:3]
    return float(np.clip(8.7 / PICTURES * height / width + 0.35, 1.2, 2.4))


def _words(one: Highlight, found: Highlights) -> str:
    unit = f" {found.unit}" if found.unit else ""
    importance = f"{one.importance:.4g}{unit}, above {100 * one.share_below:.3g} % of steps".replace("-", "−")
    lines = [f"{one.rank}. episode {one.episode}, step {one.step}", *textwrap.wrap(importance, 34)]
    return literal("\n".join([*lines, *textwrap.wrap(one.why, 34)[:5]]))


def _draw(part: "Figure", view: MomentView) -> None:
    if view.pictures is not None:
        axes = np.atleast_1d(part.subplots(1, PICTURES))
        for axis in axes:
            axis.set_axis_off()
        for axis, picture, step in zip(axes, view.pictures, view.steps, strict=False):
            here = int(step) == view.moment.step
            axis.imshow(picture, interpolation="nearest")
            axis.set_title(f"step {step}", fontsize=8, color=TAKEN if here else "black", pad=3)
            if here:
                axis.set_axis_on()
                axis.set_xticks([])
                axis.set_yticks([])
                for spine in axis.spines.values():
                    spine.set_color(TAKEN)
                    spine.set_linewidth(2.5)
        return
    axis = part.subplots()
    if view.numbers is None:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "no picture was recorded", ha="center", va="center", fontsize=9)
        return
    width = view.numbers.shape[1]
    names = view.names if len(view.names) == width else [f"number {place}" for place in range(width)]
    for place in range(min(width, MOST_LINES)):
        axis.plot(view.steps, view.numbers[:, place], color=LINE_COLOURS[place], linewidth=1.2, marker=".",
                  markersize=3, label=literal(names[place]))  # fmt: skip
    axis.axvline(view.moment.step, color=TAKEN, linewidth=2)
    more = f"; {MOST_LINES} of {width} numbers" if width > MOST_LINES else ""
    plain_axes(axis, xlabel=f"step of the episode{more}", ylabel="observation")
    axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _dots(axis: Axes, estimates: Sequence[Estimate]) -> None:
    for place, one in enumerate(estimates):
        if one.low is not None and one.high is not None:
            axis.hlines(place, one.low, one.high, color=VALUE, linewidth=2, alpha=0.6)
        axis.plot(one.mean, place, "o", color=VALUE, markersize=6)


def _spreads(axis: Axes, reels: Sequence[Reel]) -> None:
    for place, one in enumerate(reels):
        if one.diversity is not None and one.nearest is not None:
            axis.hlines(place, one.nearest, one.diversity, color=VALUE, linewidth=1, alpha=0.4)
            axis.plot(one.diversity, place, "o", color=VALUE, markersize=6)
            axis.plot(one.nearest, place, "o", color=VALUE, markersize=6, markerfacecolor="white")

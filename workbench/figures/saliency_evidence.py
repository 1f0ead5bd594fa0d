"""Figures of how far a map can be believed: deletion and insertion curves, and the causal check.

Axis legend:
    K  points of a curve
    J  regions that were patched
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from workbench.analyses.saliency import SaliencyMaps
from workbench.analyses.saliency.causal import CausalCheck, in_words
from workbench.analyses.saliency.evidence import Evidence
from workbench.analyses.saliency.fidelity import Fidelity
from workbench.figures.style import REWARD, VALUE, plain_axes

ORDERS = ("input", "random", "map")
"""In the order in which they are drawn: the map's comes last and hides behind none."""
ORDER_COLOURS = {"map": VALUE, "random": "#6b6b6b", "input": REWARD}
ORDER_WORDS = {"map": "this map", "random": "random orders: mean, middle 90 %", "input": "the plain input"}
ORDER_STYLES = {"map": "-", "random": "--", "input": ":"}
ORDER_WIDTHS = {"map": 1.8, "random": 1.4, "input": 2.6}


def draw_curves(axes: Sequence[Axes], fidelity: Fidelity, place: int | None = None) -> None:
    """Deletion and insertion curves of the map and of its controls.

    Args:
        axes: Two.
        fidelity: What is drawn.
        place: Of one decision; None draws the mean over all of them.
    """
    shares = 100 * fidelity.shares
    for axis, name in zip(axes, ("deletion", "insertion"), strict=True):
        axis.fill_between(
            shares, *fidelity.random_band(name, place), color=ORDER_COLOURS["random"], alpha=0.18, linewidth=0
        )
        for order in ORDERS:
            heights = getattr(fidelity.curves[order], name)
            line = heights.mean(axis=0) if place is None else heights[place]
            axis.plot(
                shares, line, ORDER_STYLES[order], color=ORDER_COLOURS[order], label=ORDER_WORDS[order],
                linewidth=ORDER_WIDTHS[order],
            )  # fmt: skip
        what = "removed" if name == "deletion" else "present"
        better = "lower is better" if name == "deletion" else "higher is better"
        plain_axes(
            axis,
            xlabel=f"first regions {what} [%]",
            ylabel=f"change of the target{f' [{fidelity.unit}]' if fidelity.unit else ''}",
            title=f"{name} ({better})",
        )
        axis.axhline(0, color="black", linewidth=0.5)


def legend_outside(figure: FigureBase, axis: Axes) -> None:
    """What the curves are, below them, where it hides none."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=3, fontsize=8, frameon=False)


def draw_causal(axis: Axes, maps: SaliencyMaps, causal: CausalCheck, place: int) -> None:
    """What the map says of each patched region of one decision, against what patching it does."""
    there = causal.weights[place] > 0
    some = causal.patched[place][there]
    said, effects = np.abs(maps.regions[place][some]), causal.effects[place][there]
    axis.scatter(said, effects, s=16, color=VALUE, alpha=0.7, linewidths=0)
    rho, count = causal.correlations[place], f"{len(some)} of {int(maps.exists[place].sum())} regions"
    if np.isnan(rho):
        title = "causal check: undecided"
    else:
        known = f"ρ = {rho:.2f}" if causal.told_from_chance[place] else f"undecided, ρ = {rho:.2f}"
        title = f"causal check: {known} ({in_words(causal.chances[place])})".replace("-", "−")
    unit, effect_unit = (f" [{one}]" if one else "" for one in (maps.unit, causal.unit))
    plain_axes(
        axis,
        xlabel=f"|attribution| of a region{unit}\n({count})",
        ylabel=f"|effect| of patching it{effect_unit}\n(mean of {causal.donors} donors)",
        title=title,
    )


def curves_figure(fidelity: Fidelity, place: int | None = None) -> Figure:
    """Deletion and insertion curves as a figure of their own."""
    figure = Figure(figsize=(8.5, 3.1), layout="constrained")
    axes = figure.subplots(1, 2)
    draw_curves(list(axes), fidelity, place)
    legend_outside(figure, axes[0])
    return figure


def evidence_figure(maps: SaliencyMaps, evidence: Evidence, place: int) -> Figure:
    """Curves and causal check of one decision, for a narrow column."""
    figure = Figure(figsize=(5.2, 5.0), layout="constrained")
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1.15, 1)), dtype=object)
    axes = upper.subplots(1, 2)
    draw_curves(list(axes), evidence.fidelity, place)
    legend_outside(upper, axes[0])
    draw_causal(lower.subplots(), maps, evidence.causal, place)
    return figure

"""Features of a layer: the steps that activate them most, what they explain, and the return through them.

Axis legend: K features, N steps of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from workbench.analyses.probing.scores import Interval
from workbench.analyses.representation.examples import Example
from workbench.analyses.representation.feature_activity import FeatureReport
from workbench.analyses.representation.feature_concepts import FeatureConcept
from workbench.analyses.representation.substitution import Substitution
from workbench.figures.style import OTHER, TAKEN, VALUE, literal, plain_axes

MOST_NUMBERS = 64
CELL = 1.15
"""Inches of a picture's side."""


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """One feature of a contact sheet."""

    title: str
    """What it is called and what is known of it; lines are broken at `\\n`."""
    examples: Sequence[Example]


def share_words(share: float) -> str:
    """`12.3 %`; of a share that is there and rounds to nothing `< 0.1 %`."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{share:.1%}".replace("%", " %")


def sheet_title(report: FeatureReport, number: int, concept: FeatureConcept | None) -> str:
    """What is known of a feature, in a few short lines."""
    share = share_words(float(report.density.mean[number]))
    lines = [f"feature {number}", f"active at {share} of {report.steps:,} steps"]
    if concept is not None:
        name = f"{concept.concept} is {concept.which}" if concept.which else concept.concept
        lines.append(name if len(name) <= 34 else f"{name[:33]}…")
        lines.append(f"r = {concept.correlation.value:.2f}, chance {concept.control:.2f}".replace("-", "−"))
    return "\n".join(lines)


def contact_sheet(rows: Sequence[SheetRow], *, number_names: Sequence[str] = ()) -> Figure:
    """The steps that activate features most: a row a feature, the strongest first.

    Args:
        rows: Features with their examples.
        number_names: Names of a vector observation's numbers.
    """
    across = max([len(row.examples) for row in rows] + [1])
    shapes = [e.picture.shape for row in rows for e in row.examples if e.picture is not None]
    # A wide picture leaves no empty strip above and below it; four lines of text need some height.
    tall = max(0.62, CELL * min(1.3, max((shape[0] / shape[1] for shape in shapes), default=0.8)))
    count, gap, left = max(1, len(rows)), 0.27, 2.3
    high, wide = count * (tall + gap) + 0.1, left + across * CELL
    figure = Figure(figsize=(wide, high))
    grid = figure.add_gridspec(
        count, across, left=left / wide, right=0.995, top=1 - 0.05 / high, bottom=(gap - 0.05) / high, wspace=0.08,
        hspace=gap / tall,
    )  # fmt: skip
    limit = number_limit([example for row in rows for example in row.examples])
    for place, row in enumerate(rows):
        for column in range(across):
            axis = figure.add_subplot(grid[place, column])
            if column == 0:
                axis.text(
                    -0.06, 0.5, literal(row.title), transform=axis.transAxes, ha="right", va="center", fontsize=7.5,
                    linespacing=1.35,
                )  # fmt: skip
            if column >= len(row.examples):
                axis.set_axis_off()
                if not row.examples and column == 0:
                    axis.text(0.0, 0.5, "never active", fontsize=8, va="center", color="0.35")
                continue
            draw_example(axis, row.examples[column], limit, number_names if column == 0 else ())
    return figure


def number_limit(examples: Sequence[Example]) -> float:
    """The largest size of a number of observations that are no pictures: one axis for all."""
    sizes = [float(np.abs(one.numbers).max(initial=0)) for one in examples if one.numbers is not None]
    return max(sizes, default=1.0) or 1.0


def draw_example(axis: Axes, example: Example, limit: float, names: Sequence[str]) -> None:
    """What was seen at one step: a picture, or the observation's numbers as bars."""
    if example.picture is not None:
        axis.imshow(example.picture, cmap="gray", interpolation="nearest", aspect="equal")
    elif example.numbers is not None:
        shown = example.numbers[:MOST_NUMBERS]
        axis.barh(np.arange(len(shown)), shown, color=VALUE)
        axis.axvline(0, color="black", linewidth=0.5)
        axis.set_xlim(-limit, limit)
        axis.invert_yaxis()
        if names and len(names) == len(shown) <= 8:
            axis.set_yticks(range(len(shown)), [literal(name)[:10] for name in names], fontsize=5)
    axis.set_xticks([])
    if not names or example.picture is not None:
        axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_linewidth(0.5)
    said = f"{example.activation:.3g} · ep {example.episode}, t {example.step}"
    axis.set_xlabel(said, fontsize=6.5, labelpad=2)


def evidence_figure(report: FeatureReport, substitution: Substitution | None) -> Figure:
    """What always stands beside features: the variance they explain, and the return through them."""
    figure = Figure(figsize=(9.2, 2.3), layout=ConstrainedLayoutEngine(w_pad=0.14))
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    features = report.features
    bars: list[tuple[str, Interval, str]] = [
        (f"{features.count} features ({report.active_features:.3g} active)", report.explained, VALUE),
        (_components(report.pca_count, "as many"), report.pca, OTHER),
        (_components(report.pca_active_count, "as many as are active"), report.pca_active, OTHER),
        ("mean of the learned episodes", Interval(value=0.0, low=np.nan, high=np.nan), OTHER),
    ]
    _bars(left, bars)
    left.set_xlim(min(0.0, *(one.value for _, one, _ in bars)), 1.0)
    plain_axes(
        left, xlabel=f"share of variance explained, {report.held_out_episodes} held-out episodes",
        title="reconstruction",
    )  # fmt: skip
    if substitution is None:
        right.set_axis_off()
        right.text(0, 0.5, "return: the agent was not run", fontsize=9, va="center")
        return figure
    rows = []
    for name, words, colour in (
        ("unchanged", "agent as it is", TAKEN), ("substituted", "through the features", VALUE),
        ("ablated", "layer at its mean", OTHER),
    ):  # fmt: skip
        one = substitution.estimates[name]
        low, high = (np.nan if end is None else end for end in (one.low, one.high))
        rows.append((words, Interval(value=one.mean, low=low, high=high), colour))
    _bars(right, rows)
    plain_axes(right, xlabel=f"mean return, {len(substitution.seeds)} episodes of the same seeds", title="return")
    return figure


def _components(count: int, why: str) -> str:
    return f"{count} principal component{'s' * (count != 1)} ({why})"


def _bars(axis: Axes, rows: Sequence[tuple[str, Interval, str]]) -> None:
    for place, (_, one, colour) in enumerate(rows):
        axis.barh(place, one.value, color=colour, height=0.62)
        if np.isfinite(one.low):
            axis.plot([one.low, one.high], [place, place], color="black", linewidth=1.3, solid_capstyle="butt")
        inside = f" {one.value:.3g}".replace("-", "−")
        end = max(one.value, one.high if np.isfinite(one.high) else one.value, 0)
        axis.text(end, place, inside, va="center", fontsize=7.5, clip_on=False)
    axis.set_yticks(range(len(rows)), [literal(name) for name, _, _ in rows], fontsize=8)
    axis.invert_yaxis()
    axis.axvline(0, color="black", linewidth=0.6)

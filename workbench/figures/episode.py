"""Figures of one episode: its timelines, and the distribution over actions at a step."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.analyses.distributions import ActionDistribution, ActionInterval
from workbench.analyses.episode import EpisodeSummary
from workbench.figures.style import ENTROPY, OTHER, REWARD, TAKEN, VALUE, literal, plain_axes

_MARKS = {"value_drop": "v", "high_entropy": "D", "against_mode": "x"}


def draw_timeline(axes: Sequence[Axes], summary: EpisodeSummary, step: int | None = None) -> None:
    """Draw value, reward and entropy over the episode into as many axes as `timeline_rows` says."""
    of_row = {VALUE: "value_drop", ENTROPY: "high_entropy", REWARD: "against_mode"}
    for axis, (label, values, colour) in zip(axes, _rows(summary), strict=True):
        axis.plot(values, color=colour, linewidth=1.2, marker="." if len(values) == 1 else "")
        plain_axes(axis, ylabel=label)
        if step is not None:
            axis.axvline(step, color="black", linewidth=0.8)
        for moment in summary.moments:
            if moment.kind == of_row[colour]:
                axis.plot(moment.step, values[moment.step], _MARKS[moment.kind], color="black", markersize=4)
    axes[-1].set_xlabel("step of the episode", fontsize=9)


def timeline_rows(summary: EpisodeSummary) -> int:
    """How many axes `draw_timeline` needs."""
    return len(_rows(summary))


def episode_timeline(summary: EpisodeSummary, step: int | None = None, *, title: str = "") -> Figure:
    """Value, reward and entropy over an episode, with a line at a step and marks at its moments.

    Marks: triangles are value drops, diamonds high entropy, crosses actions against the mode.
    """
    rows = timeline_rows(summary)
    figure = Figure(figsize=(9, 0.6 + 1.4 * rows), layout="constrained")
    draw_timeline(list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]), summary, step)
    figure.suptitle(literal(title), fontsize=10)
    return figure


def _rows(summary: EpisodeSummary) -> list[tuple[str, np.ndarray, str]]:
    candidates = [
        ("Value (reward)" if summary.reward_in_value_units else "Value (rescaled)", summary.value, VALUE),
        ("Reward a step", summary.reward, REWARD),
        ("Entropy (nat)", summary.distribution.entropy, ENTROPY),
    ]
    return [(label, values, colour) for label, values, colour in candidates if values is not None]


def draw_action(
    axis: Axes,
    distribution: ActionDistribution,
    step: int,
    names: Sequence[str],
    taken: np.ndarray,
    interval: ActionInterval | None = None,
    *,
    bounds: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None,
) -> None:
    """Draw what the policy said about its actions at one step.

    Args:
        axis: Where to draw.
        distribution: Over the whole episode.
        step: Index in it.
        names: One an action `[A]`, or one a component of a continuous action `[D]`.
        taken: `[A]` bool, or the continuous action `[D]` as the environment took it.
        interval: Over the whole episode, for continuous actions.
        bounds: Lowest and highest continuous action `[D]`: the axis spans them.
    """
    scores = distribution.q_values if distribution.probabilities is None else distribution.probabilities
    places = np.arange(len(names))
    if scores is not None:
        axis.barh(places, scores[step], color=[TAKEN if t else OTHER for t in taken])
        unit = "Q (reward)" if distribution.kind == "q_values" else "probability"
        if distribution.kind != "q_values":
            axis.set_xlim(0, 1)
        plain_axes(axis, xlabel=f"{unit}; the coloured bar was taken")
    else:
        label = "the action taken"
        if interval is not None:
            centre, lower, upper = interval.centre[step], interval.lower, interval.upper
            label = "line: the actor's output; dot: taken"
            if lower is not None and upper is not None:
                label = "line and bar: centre and central 68 % of the policy's Gaussian; dot: taken"
                axis.hlines(places, lower[step], upper[step], color=VALUE, linewidth=5, alpha=0.5)
            axis.plot(centre, places, "|", color=VALUE, markersize=16)
        axis.plot(taken, places, "o", color=TAKEN)
        if bounds is not None:
            low, high = min(bounds[0].min(), taken.min()), max(bounds[1].max(), taken.max())
            axis.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
        plain_axes(axis, xlabel=label)
    axis.set_yticks(places, list(map(literal, names)), fontsize=8)
    axis.set_ylim(len(names) - 0.4, -0.6)


def action_figure(distribution: ActionDistribution, step: int, names: Sequence[str], taken: np.ndarray) -> Figure:
    """What the policy said about its actions at one step, as a figure of its own."""
    figure = Figure(figsize=(5, 0.8 + 0.35 * len(names)), layout="constrained")
    draw_action(figure.subplots(), distribution, step, names, taken)
    return figure

"""One step of an episode on one page: what was seen, what was done, the timelines, and a layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.analyses.distributions import ActionInterval
from workbench.analyses.episode import EpisodeSummary
from workbench.figures.activations import draw_layer
from workbench.figures.episode import draw_action, draw_timeline, timeline_rows
from workbench.figures.style import VALUE, literal, plain_axes


@dataclass(frozen=True, kw_only=True)
class StepView:
    """What is drawn of one step."""

    title: str
    step: int
    """From 0; the number of steps T for what was observed after the last action."""
    summary: EpisodeSummary
    action_names: Sequence[str]
    taken: npt.NDArray[Any]
    """`[A]` bool, or the continuous action `[D]`."""
    interval: ActionInterval | None = None
    """Where the continuous actions lie, over the episode."""
    action_bounds: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None
    """Lowest and highest continuous action `[D]`, where they are finite."""
    picture: npt.NDArray[np.uint8] | None = None
    """`[H, W, 3]` or `[H, W]`, the environment's picture or an image that was observed; else the numbers are drawn."""
    observation: npt.NDArray[Any] | None = None
    """`[n]`."""
    observation_names: Sequence[str] = ()
    layer_title: str = ""
    layer: npt.NDArray[Any] | None = None
    """`[...]` activations at the step."""
    layer_range: tuple[float, float] = (0.0, 1.0)
    """Lowest and highest activation over the episode."""


def step_figure(view: StepView) -> Figure:
    """Draw one step of an episode."""
    rows = timeline_rows(view.summary)
    figure = Figure(figsize=(10, 3.2 + 1.1 * rows + (2.4 if view.layer is not None else 0)), layout="constrained")
    figure.suptitle(literal(view.title), fontsize=11)
    heights = [2.6, 1.1 * rows] + ([2.4] if view.layer is not None else [])
    parts = np.atleast_1d(np.asarray(figure.subfigures(len(heights), 1, height_ratios=heights), dtype=object))
    left, right = parts[0].subplots(1, 2)
    _draw_seen(left, view)
    if view.step < len(view.summary.reward):
        draw_action(
            right,
            view.summary.distribution,
            view.step,
            view.action_names,
            view.taken,
            view.interval,
            bounds=view.action_bounds,
        )
    else:
        right.set_axis_off()
        right.text(0.5, 0.5, "The episode is over; no action follows.", ha="center", va="center", fontsize=10)
    draw_timeline(list(parts[1].subplots(rows, 1, sharex=True, squeeze=False)[:, 0]), view.summary, view.step)
    if view.layer is not None:
        low, high = view.layer_range
        draw_layer(parts[2].subplots(), view.layer, low=low, high=high, title=view.layer_title)
    return figure


def _draw_seen(axis: Axes, view: StepView) -> None:
    if view.picture is not None:
        axis.imshow(view.picture, cmap="gray", interpolation="nearest")
        axis.set_axis_off()
        axis.set_title("the scene", fontsize=10, loc="left")
        return
    values = np.zeros(0) if view.observation is None else np.asarray(view.observation, dtype=np.float64).reshape(-1)
    axis.barh(np.arange(len(values)), values, color=VALUE)
    axis.axvline(0, color="black", linewidth=0.6)
    plain_axes(axis, xlabel="value of each component, in its own unit", title="observation")
    if len(view.observation_names) == len(values):
        axis.set_yticks(np.arange(len(values)), list(map(literal, view.observation_names)), fontsize=8)
    axis.invert_yaxis()

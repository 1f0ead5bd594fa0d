"""Searches: one decision and how it came about, and the decisions of a recording.

Axis legend: R legal actions, K numbers of simulations, T decisions.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.analyses.intervals import Estimate
from workbench.analyses.search.decisions import Decision, DecisionCourse
from workbench.analyses.search.recorded_decisions import RecordedDecisions
from workbench.figures.style import OTHER, REWARD, SEQUENTIAL, TAKEN, VALUE, literal, plain_axes

MOST_LINES = 10
"""Actions that are drawn over the simulations: the most visited."""


def decision_figure(decision: Decision, course: DecisionCourse | None = None, names: Sequence[str] = ()) -> Figure:
    """A decision: what the network said beside what the search made of it, and visits and Q over the simulations.

    Args:
        decision: The decision.
        course: How it came about; None leaves these panels away.
        names: Of all actions of the game, for people.
    """
    panels = 1 if course is None else 3
    figure = Figure(figsize=(4.2 * panels, 3.4), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, panels))
    words = [_name(int(action), names) for action in decision.action]
    places = np.arange(len(words))
    axes[0].bar(places - 0.27, decision.prior, 0.27, color=OTHER, label="network (prior)")
    axes[0].bar(places, decision.share, 0.27, color=VALUE, label="search (visits)")
    axes[0].bar(places + 0.27, decision.improved, 0.27, color=REWARD, label="improved policy")
    axes[0].set_xticks(places, [literal(word) for word in words], rotation=90 if len(words) > 9 else 0)
    axes[0].legend(fontsize=7, frameon=False)
    told = "overturned" if decision.overturn else "kept"
    title = f"{_name(decision.favourite, names)} {told}; surprise {decision.surprise:.2f} nat"
    plain_axes(axes[0], ylabel="probability", xlabel="action", title=title)
    if course is None:
        return figure
    order = np.argsort(-course.visits[-1], kind="stable")[:MOST_LINES]
    colours = colormaps[SEQUENTIAL](np.linspace(0, 0.9, len(order)))
    for place, colour in zip(order, colours, strict=True):
        width = 2.2 if int(course.action[place]) == decision.choice else 1.1
        label = literal(_name(int(course.action[place]), names))
        axes[1].plot(course.simulations, course.visits[:, place], color=colour, linewidth=width, label=label)
        axes[2].plot(course.simulations, course.q[:, place], color=colour, linewidth=width, label=label)
    if decision.turned_at:
        for axis in axes[1:]:
            axis.axvline(decision.turned_at, color=TAKEN, linewidth=0.9, linestyle=":")
    plain_axes(axes[1], xlabel="simulations", ylabel="visits", title="dotted: ahead for good")
    plain_axes(axes[2], xlabel="simulations", ylabel="Q for the player to move", title="thick: the choice")
    axes[1].legend(fontsize=7, frameon=False)
    return figure


def recorded_decisions_figure(found: RecordedDecisions) -> Figure:
    """The decisions of a recording: overturns beside chance, what the truth says, and when the searches turned."""
    panels = 3 if found.verdicts else 2
    figure = Figure(figsize=(4.4 * panels, 3.4), layout="constrained")
    axes = figure.subplots(1, panels)
    rows = [("overturned", found.means["overturn"]), ("by chance", found.means["chance_overturn"])]
    if "uniform_overturn" in found.means:
        rows.append(("by a search\nwithout the network", found.means["uniform_overturn"]))
    if "search_right" in found.means:
        rows += [("search right", found.means["search_right"]), ("network right", found.means["net_right"])]
        rows += (
            [("without the\nnetwork right", found.means["uniform_right"])] if found.means["uniform_right"].steps else []
        )
        rows.append(("any action right", found.means["chance_right"]))
    _shares(axes[0], rows)
    plain_axes(axes[0], xlabel="share of decisions", title=f"{len(found):,} decisions; lines: 95 %")
    turned = found.columns["turned_share"]
    axes[1].hist(turned[np.isfinite(turned)], bins=np.linspace(0, 1, 21), color=VALUE)
    plain_axes(axes[1], xlabel="part of the search until the choice was ahead for good", ylabel="decisions")
    if found.verdicts:
        _shares(axes[2], list(found.verdicts.items()))
        plain_axes(axes[2], xlabel="share of decisive decisions", title="what the truth says")
    return figure


def _shares(axis: Axes, rows: Sequence[tuple[str, Estimate]]) -> None:
    places = np.arange(len(rows))
    axis.barh(places, [one.mean for _, one in rows], color=OTHER)
    for place, (_, one) in enumerate(rows):
        if one.low is not None and one.high is not None:
            axis.hlines(place, one.low, one.high, color=VALUE, linewidth=2)
    axis.set_yticks(places, [literal(name) for name, _ in rows], fontsize=8)
    axis.set_xlim(0, 1)
    axis.invert_yaxis()


def _name(action: int, names: Sequence[str]) -> str:
    return names[action] if 0 <= action < len(names) else str(action)

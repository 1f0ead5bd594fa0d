"""Searches: one decision and how it came about, the decisions of a recording, strength, and training runs.

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
from workbench.analyses.search.strength import OptimalCurve, StrengthCurve
from workbench.analyses.search.training_run import TrainingRun
from workbench.figures.style import OTHER, REWARD, SEQUENTIAL, TAKEN, VALUE, literal, plain_axes

MOST_LINES = 10
"""Actions that are drawn over the simulations: the most visited."""


def decision_figure(
    decision: Decision,
    course: DecisionCourse | None = None,
    names: Sequence[str] = (),
    *,
    value: str = "Q for the player to move",
) -> Figure:
    """A decision: what the network said beside what the search made of it, and visits and Q over the simulations.

    The bars are those after `decision.simulations`, K; the lines go on to the last simulation of the course, S, with a
    mark at K where that is another.

    Args:
        decision: The decision.
        course: How it came about; None leaves these panels away.
        names: Of all actions of the game, for people.
        value: What Q is called; of an environment it is a return.
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
    # Room for the legend above the bars; no probability is above 1.
    axes[0].margins(y=0.28)
    axes[0].set_yticks([float(tick) for tick in axes[0].get_yticks() if 0 <= tick <= min(1, axes[0].get_ylim()[1])])
    axes[0].legend(fontsize=7, frameon=False)
    told = "overturned" if decision.overturn else "kept"
    title = f"{_name(decision.favourite, names)} {told}; surprise {decision.surprise:.2f} nat"
    plain_axes(axes[0], ylabel="probability", xlabel="action", title=title)
    last = decision.simulations if course is None else int(course.simulations.max(initial=decision.simulations))
    figure.suptitle(_looked_at(decision.simulations, last), fontsize=10, x=0.01, ha="left")
    if course is None:
        return figure
    order = np.argsort(-course.visits[-1], kind="stable")[:MOST_LINES]
    colours = colormaps[SEQUENTIAL](np.linspace(0, 0.9, len(order)))
    for place, colour in zip(order, colours, strict=True):
        width = 2.2 if int(course.action[place]) == decision.choice else 1.1
        label = literal(_name(int(course.action[place]), names))
        axes[1].plot(course.simulations, course.visits[:, place], color=colour, linewidth=width, label=label)
        axes[2].plot(course.simulations, course.q[:, place], color=colour, linewidth=width, label=label)
    turned = ""
    if decision.turned_at:
        turned = "dotted: behind nothing from there on"
        for axis in axes[1:]:
            axis.axvline(decision.turned_at, color=TAKEN, linewidth=0.9, linestyle=":")
    if decision.simulations < last:
        for axis in axes[1:]:
            axis.axvline(decision.simulations, color="black", linewidth=1.2, label=f"K = {decision.simulations:,}")
    plain_axes(axes[1], xlabel="simulations", ylabel="visits", title=turned)
    plain_axes(axes[2], xlabel="simulations", ylabel=value, title="thick: the choice")
    axes[1].legend(fontsize=7, frameon=False)
    return figure


def _looked_at(simulations: int, last: int) -> str:
    if simulations == last:
        return f"after all {last:,} simulations"
    return f"bars and titles: after K = {simulations:,} of {last:,} simulations (black line); curves: all {last:,}"


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
    plain_axes(axes[1], xlabel="part of the search (0: from the beginning)", ylabel="decisions",
               title="until the choice was behind nothing")  # fmt: skip
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


def strength_figure(curve: StrengthCurve, optimal: OptimalCurve | None = None) -> Figure:
    """Score and share of right moves as functions of the number of simulations; the network alone as a line."""
    panels = 1 if optimal is None else 2
    figure = Figure(figsize=(4.6 * panels, 3.4), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, panels))
    scores = [(one.score, one.interval) for one in curve.scores]
    _curve(axes[0], curve.simulations, scores, (curve.raw.score, curve.raw.interval))
    title = f"against {curve.opponent}; {len(curve.raw.games)} openings, both colours"
    plain_axes(axes[0], xlabel="simulations", ylabel="score (1 win, ½ draw)", title=title)
    if optimal is not None:
        shares = [(float(share), optimal.interval(float(share))) for share in optimal.shares]
        _curve(axes[1], optimal.simulations, shares, (optimal.raw_share, optimal.interval(optimal.raw_share)))
        axes[1].axhline(optimal.chance, color="black", linewidth=0.8, linestyle=":")
        count = int(optimal.decisive.sum())
        title = f"right moves at {count:,} positions; dotted: drawn evenly"
        plain_axes(axes[1], xlabel="simulations", ylabel="share of right moves", title=title)
    return figure


def _curve(
    axis: Axes,
    simulations: Sequence[int],
    points: Sequence[tuple[float, tuple[float, float]]],
    raw: tuple[float, tuple[float, float]],
) -> None:
    axis.axhspan(*raw[1], color=OTHER, alpha=0.35)
    axis.axhline(raw[0], color=OTHER, linewidth=1.6, label="network alone")
    axis.vlines(simulations, [low for _, (low, _) in points], [high for _, (_, high) in points], color=VALUE)
    axis.plot(simulations, [mean for mean, _ in points], "o-", color=VALUE, markersize=4, label="with a search")
    axis.set_xscale("log", base=2)
    axis.set_xticks(list(simulations), [f"{count:,}" for count in simulations])
    axis.set_ylim(0, 1.02)
    axis.legend(fontsize=7, frameon=False)


def training_figure(run: TrainingRun) -> Figure:
    """A training run: scores of network and search, what search adds and what is taken in, and the gap between them."""
    panels = 3 if run.net_right is not None else 2
    figure = Figure(figsize=(4.4 * panels, 3.4), layout="constrained")
    axes = figure.subplots(1, panels)
    places = np.arange(len(run.iterations))
    for side, colour, name in (("net", OTHER, "network"), ("search", VALUE, "with search")):
        found = [getattr(one, side) for one in run.iterations]
        axes[0].vlines(places, [one.interval[0] for one in found], [one.interval[1] for one in found], color=colour)
        axes[0].plot(places, [one.score for one in found], "o-", color=colour, markersize=4, label=name)
    axes[0].set_ylim(0, 1.02)
    plain_axes(axes[0], xlabel="checkpoint", ylabel="score", title=f"against {run.opponent}")
    axes[0].legend(fontsize=7, frameon=False)
    gaps = [one.gap.mean for one in run.iterations if one.gap is not None]
    axes[1].plot(places, [one.gap_before.mean for one in run.iterations], "o-", color=OTHER, markersize=4,
                 label="KL(search ‖ its network)")  # fmt: skip
    axes[1].plot(places[: len(gaps)], gaps, "o-", color=VALUE, markersize=4, label="KL(search ‖ next network)")
    axes[1].set_ylim(bottom=0)
    plain_axes(axes[1], xlabel="checkpoint", ylabel="nat", title="what is to be taken in, and what is left")
    axes[1].legend(fontsize=7, frameon=False)
    if panels == 3:
        steps = [one for one in run.iterations if one.gained is not None and one.lost is not None]
        axes[2].bar(places[: len(steps)], [len(one.gained) for one in steps if one.gained is not None], color=VALUE)
        axes[2].bar(places[: len(steps)], [-len(one.lost) for one in steps if one.lost is not None], color=REWARD)
        axes[2].axhline(0, color="black", linewidth=0.8)
        plain_axes(
            axes[2], xlabel="checkpoint", ylabel="positions", title="right moves learnt ↑ and lost ↓ by the next"
        )
    for axis in axes:
        axis.set_xticks(places, [literal(one.name) for one in run.iterations])
    return figure

"""Maps of layers for files and pages: points, explained variance, clusters and their transitions, similarities.

Axis legend: N points, K components, C clusters, M examples, L layers.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.analyses.representation import LayerMap, PrincipalComponents
from workbench.analyses.representation.colouring import Colouring
from workbench.figures.class_colours import MISSING_COLOUR, class_colours, matplotlib_name, number_limits
from workbench.figures.style import OTHER, VALUE, literal, plain_axes

MOST_COMPONENTS = 20
MOST_LEGEND = 16


def map_figure(found: LayerMap, colouring: Colouring, *, path: int | None = None) -> Figure:
    """The map, coloured; with an episode's path where one is named."""
    figure = Figure(figsize=(7.6, 5.6), layout="constrained")
    axis = figure.subplots()
    x, y = found.positions.T
    size = float(np.clip(30_000 / len(x), 1.5, 14))
    missing = np.isnan(colouring.values)
    axis.scatter(x[missing], y[missing], s=size, c=MISSING_COLOUR, linewidths=0, rasterized=True)
    if colouring.classes is None:
        low, high, scale = number_limits(colouring.values[~missing])
        drawn = axis.scatter(
            x[~missing], y[~missing], s=size, c=colouring.values[~missing], cmap=matplotlib_name(scale), vmin=low,
            vmax=high, linewidths=0, alpha=0.85, rasterized=True,
        )  # fmt: skip
        figure.colorbar(drawn, ax=axis).set_label(literal(colouring.words), fontsize=9)
    else:
        for one, (name, colour) in enumerate(zip(colouring.classes, class_colours(colouring.classes), strict=True)):
            mine = colouring.values == one
            axis.scatter(x[mine], y[mine], s=size, c=colour, linewidths=0, alpha=0.85, rasterized=True,
                         label=f"{literal(name)} ({int(mine.sum()):,})")  # fmt: skip
        legend = axis.legend(
            title=literal(colouring.words), fontsize=7, title_fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5),
            frameon=False, ncols=1 + (len(colouring.classes) - 1) // MOST_LEGEND,
        )  # fmt: skip
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_sizes([30])  # type: ignore[attr-defined]
    if path is not None:
        _draw_path(axis, found, path)
    first, second = found.axes
    plain_axes(axis, xlabel=first, ylabel=second)
    if found.method == "umap":
        axis.set_aspect("equal", adjustable="datalim")
        axis.set_xticks([])
        axis.set_yticks([])
    axis.set_title(literal(f"{found.layer}: {found.points.words}"), fontsize=9, loc="left")
    return figure


def _draw_path(axis: Axes, found: LayerMap, episode: int) -> None:
    mine = np.flatnonzero(found.points.episodes == episode)
    mine = mine[np.argsort(found.points.times[mine], kind="stable")]
    if not len(mine):
        return
    x, y = found.positions[mine].T
    axis.plot(x, y, color="black", linewidth=0.9, alpha=0.9)
    axis.plot(x[:1], y[:1], "o", color="black", markerfacecolor="white", markersize=8)
    axis.plot(x[-1:], y[-1:], "x", color="black", markersize=9, markeredgewidth=2)


def variance_figure(found: PrincipalComponents) -> Figure:
    """The share of the variance that each component explains, with intervals, and of all up to it."""
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    axis = figure.subplots()
    shown = found.shares[:MOST_COMPONENTS]
    place = np.arange(1, len(shown) + 1)
    axis.bar(place, [100 * one.value for one in shown], color=OTHER, label="each")
    for at, one in zip(place, shown, strict=True):
        if one.low is not None and one.high is not None:
            axis.plot([at, at], [100 * one.low, 100 * one.high], color="#444444", linewidth=1.2)
    axis.plot(place, 100 * np.cumsum([one.value for one in shown]), "o-", color=VALUE, markersize=3, label="up to here")
    axis.set_ylim(0, 103)
    axis.set_xticks(place if len(place) <= 10 else place[:: 1 + len(place) // 10])
    axis.legend(fontsize=7, frameon=False, loc="center right")
    plain_axes(axis, xlabel="principal component", ylabel="variance [%]")
    return figure

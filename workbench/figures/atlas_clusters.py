"""Clusters of a layer: the frames of their medoids, and the ways between them.

Axis legend: C clusters, M examples, L layers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from workbench.analyses.representation import Clustering, Similarity, TransitionGraph
from workbench.figures.class_colours import class_colours
from workbench.figures.style import SEQUENTIAL, literal

LEAST_DRAWN = 0.05
"""Ways that are taken less often, of those that leave a cluster, are not drawn."""
MOST_CELLS = 400
ABREAST = 12
"""Clusters side by side on a sheet."""
BEND = 0.14
"""Of arrows, so that those there and back lie side by side."""
WIDE, LARGEST = 11.5, 1.8
"""Inches of a sheet, and of one picture at most."""


def cluster_names(count: int) -> tuple[str, ...]:
    """`cluster 0` and so on."""
    return tuple(f"cluster {number}" for number in range(count))


def contact_sheet(clustering: Clustering, pictures: Sequence[Sequence[npt.NDArray[np.uint8] | None]]) -> Figure:
    """A column a cluster: its medoid, and below it examples of other episodes; twelve clusters side by side.

    Args:
        clustering: The clusters.
        pictures: `[C][M]` frames `[H, W, 3]` or `[H, W]`; None where there is no example.
    """
    bands = [range(start, min(start + ABREAST, clustering.count)) for start in range(0, clustering.count, ABREAST)]
    depths = [max(max(_filled(pictures[cluster]) for cluster in band), 1) for band in bands]
    seen = next((one for row in pictures for one in row if one is not None), None)
    tall = 1.0 if seen is None else min(seen.shape[0] / seen.shape[1], 2.0)
    columns = min(ABREAST, clustering.count)
    width = max(WIDE / ABREAST, min(WIDE / columns, LARGEST))
    figure = Figure(
        figsize=(0.8 + width * columns, sum(0.45 + (width * tall + 0.05) * depth for depth in depths)),
        layout="constrained",
    )
    axes = figure.subplots(sum(depths), columns, squeeze=False)
    colours = class_colours(cluster_names(clustering.count))
    top = 0
    for band, depth in zip(bands, depths, strict=True):
        for place in range(depth):
            for column in range(columns):
                axis = axes[top + place, column]
                axis.set_xticks([])
                axis.set_yticks([])
                if column == 0:
                    axis.set_ylabel("medoid" if place == 0 else f"other\nepisode {place}", fontsize=8, rotation=0,
                                    ha="right", va="center")  # fmt: skip
                cluster = band.start + column
                row = pictures[cluster] if cluster in band else []
                _draw_example(axis, row[place] if place < len(row) else None, colours[cluster % len(colours)], place)
                if place == 0 and cluster in band:
                    axis.set_title(f"cluster {cluster}\n{clustering.steps[cluster]:,} steps", fontsize=8)
        top += depth
    return figure


def _filled(row: Sequence[npt.NDArray[np.uint8] | None]) -> int:
    """Up to where there are pictures."""
    return max((place + 1 for place, picture in enumerate(row) if picture is not None), default=0)


def _draw_example(axis: Axes, picture: npt.NDArray[np.uint8] | None, colour: str, place: int) -> None:
    for spine in axis.spines.values():
        spine.set_visible(picture is not None)
        spine.set_edgecolor(colour)
        spine.set_linewidth(2.5 if place == 0 else 0.8)
    if picture is not None:
        axis.imshow(picture, cmap="gray", interpolation="nearest")


def transition_figure(clustering: Clustering, graph: TransitionGraph) -> Figure:
    """The clusters as discs on a ring (area: share of the steps), and arrows of the ways that leave them."""
    count = clustering.count
    angles = np.pi / 2 - 2 * np.pi * np.arange(count) / count
    x, y = np.cos(angles), np.sin(angles)
    shares = clustering.steps / clustering.steps.sum()
    radii = 0.07 + 0.24 * np.sqrt(shares)
    bottom, top = float((y - radii).min()) - 0.1, float((y + radii).max()) + 0.05
    figure = Figure(figsize=(6.2, 0.5 + 2.05 * (top - bottom)), layout="constrained")
    axis = figure.subplots()
    for a in range(count):
        for b in range(count):
            probability = graph.probabilities[a, b]
            if a == b or not np.isfinite(probability) or probability < LEAST_DRAWN:
                continue
            gap = float(np.hypot(x[b] - x[a], y[b] - y[a]))
            start = (x[a] + (x[b] - x[a]) * radii[a] / gap, y[a] + (y[b] - y[a]) * radii[a] / gap)
            end = (x[b] + (x[a] - x[b]) * (radii[b] + 0.02) / gap, y[b] + (y[a] - y[b]) * (radii[b] + 0.02) / gap)
            axis.add_patch(
                FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, connectionstyle=f"arc3,rad={BEND}",
                                linewidth=0.4 + 2.6 * probability, color="#333333",
                                alpha=0.25 + 0.65 * float(probability), shrinkA=0, shrinkB=0)
            )  # fmt: skip
            # Not all at the same place of their arrows: around neighbours they would lie on each other. An arrow is a
            # quadratic Bézier curve whose middle point lies `BEND` of its length beside the line.
            at = 0.26 + 0.1 * ((a + 2 * b) % 3)
            along, beside = (end[0] - start[0], end[1] - start[1]), 2 * at * (1 - at) * BEND
            axis.annotate(
                f"{100 * probability:.0f} %\nn = {graph.counts[a, b]:,}",
                (start[0] + at * along[0] + beside * along[1], start[1] + at * along[1] - beside * along[0]),
                fontsize=7, ha="center", va="center", color="#222222", linespacing=0.95,
                bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
            )  # fmt: skip
    for cluster, colour in enumerate(class_colours(cluster_names(count))):
        axis.add_patch(_disc(x[cluster], y[cluster], float(radii[cluster]), colour))
        white = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
        axis.text(
            x[cluster], y[cluster], str(cluster), ha="center", va="center", fontsize=9, weight="bold", bbox=white
        )  # fmt: skip
    axis.set_xlim(-1.45, 1.45)
    axis.set_ylim(bottom, top)
    axis.set_aspect("equal")
    axis.set_axis_off()
    axis.set_title(
        f"where it goes on leaving a cluster, from {100 * LEAST_DRAWN:.0f} %; n: how often; area: share of the steps",
        fontsize=9, loc="left",
    )  # fmt: skip
    return figure


def _disc(x: float, y: float, radius: float, colour: str) -> Circle:
    return Circle((x, y), radius, facecolor=colour, edgecolor="black", linewidth=0.6, zorder=3)


def similarity_figure(found: Similarity) -> Figure:
    """CKA of each layer with each."""
    rows, columns = len(found.rows), len(found.columns)
    figure = Figure(figsize=(max(4.5, 2.8 + 0.42 * columns), max(3.0, 1.9 + 0.36 * rows)), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(found.value, cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="nearest")
    axis.set_xticks(range(columns), [literal(name) for name in found.columns], rotation=40, ha="right", fontsize=7)
    axis.set_yticks(range(rows), [literal(name) for name in found.rows], fontsize=7)
    if found.value.size <= MOST_CELLS:
        for row in range(rows):
            for column in range(columns):
                value = found.value[row, column]
                axis.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6,
                          color="black" if value > 0.6 else "white")  # fmt: skip
    figure.colorbar(image, ax=axis).set_label("linear CKA", fontsize=8)
    axis.set_title(f"{found.steps:,} steps of {found.episodes:,} episodes", fontsize=8, loc="left")
    return figure

"""What layers know: a map of concepts by layers, and what a probe takes for what.

Axis legend: L layers, Q concepts, C classes.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from workbench.analyses.probing import ProbeResult
from workbench.analyses.probing.results import COUNTS
from workbench.figures.style import DIVERGING, SEQUENTIAL, literal

REFERENCES = {
    "chance": "chance",
    "observation": "the raw observation",
    "random_network": "the same layer with random weights",
    "control": "random labels (selectivity)",
}
MOST_CELLS = 400
"""Up to so many, each cell's number stands in it."""


def differences(found: Sequence[ProbeResult], reference: str) -> tuple[list[str], list[str], npt.NDArray[np.float64]]:
    """Concepts, layers, and each score less its reference, `[Q, L]`; NaN where there is none.

    Args:
        found: Of the same concepts at each layer.
        reference: A key of `REFERENCES`.
    """
    concepts = list(dict.fromkeys(one.concept for one in found))
    layers = list(dict.fromkeys(one.layer for one in found))
    table = np.full((len(concepts), len(layers)), np.nan)
    for one in found:
        if reference == "chance":
            value = one.score.value - one.chance
        else:
            baseline = getattr(one, reference)
            value = np.nan if baseline is None else baseline.difference.value
        table[concepts.index(one.concept), layers.index(one.layer)] = value
    return concepts, layers, table


def probes_figure(found: Sequence[ProbeResult], reference: str) -> Figure:
    """The map: a row a concept, a column a layer; bold where it is above, by a difference that counts."""
    concepts, layers, table = differences(found, reference)
    figure = Figure(figsize=(max(6.0, 2.6 + 0.62 * len(layers)), 1.9 + 0.36 * len(concepts)), layout="constrained")
    axis = figure.subplots()
    largest = max(float(np.nanmax(np.abs(table), initial=0.0)), 0.05)
    image = axis.imshow(table, cmap=DIVERGING, vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest")
    axis.set_xticks(range(len(layers)), [literal(layer) for layer in layers], rotation=40, ha="right", fontsize=8)
    axis.set_yticks(range(len(concepts)), [literal(concept) for concept in concepts], fontsize=8)
    bar = figure.colorbar(image, ax=axis)
    bar.set_label(f"score less that of {REFERENCES[reference]}", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    if table.size <= MOST_CELLS:
        for one in found:
            row, column = concepts.index(one.concept), layers.index(one.layer)
            value = table[row, column]
            if np.isfinite(value):
                sure = _sure(one, reference)
                axis.text(
                    column, row, f"{round(value, 2) + 0.0:.2f}".replace("-", "−"), ha="center", va="center", fontsize=7,
                    weight="bold" if sure else "normal", color="white" if abs(value) > 0.6 * largest else "black",
                )  # fmt: skip
    axis.set_title(
        f"held-out episodes; bold: the 95 % interval lies above 0, and the difference is {COUNTS:g} or more",
        fontsize=9,
        loc="left",
    )
    return figure


def _sure(one: ProbeResult, reference: str) -> bool:
    if reference == "chance":
        return one.score.low > one.chance and one.score.value - one.chance >= COUNTS
    baseline = getattr(one, reference)
    return baseline is not None and baseline.surpassed


def confusion_figure(found: ProbeResult) -> Figure:
    """What the steps of each class were taken for, in shares of the class."""
    assert found.classes is not None, "a number has no classes"
    counts = found.tally.counts.sum(axis=0)
    sizes = counts.sum(axis=1)
    shares = counts / np.maximum(sizes, 1)[:, None]
    count = len(found.classes)
    figure = Figure(figsize=(2.8 + 0.5 * count, 1.9 + 0.42 * count), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="nearest")
    names = [literal(name) for name in found.classes]
    axis.set_xticks(range(count), names, rotation=40, ha="right", fontsize=8)
    axis.set_yticks(
        range(count), [f"{name} (n = {int(size):,})" for name, size in zip(names, sizes, strict=True)], fontsize=8
    )
    axis.set_xlabel("what the probe says", fontsize=9)
    axis.set_ylabel("what is true", fontsize=9)
    for row in range(count):
        for column in range(count):
            share = shares[row, column]
            colour = "black" if share > 0.6 else "white"
            axis.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(image, ax=axis).set_label("share of the class", fontsize=8)
    return figure

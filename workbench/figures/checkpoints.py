"""Since when a network knows: scores of layers over the checkpoints of a training.

Axis legend: K checkpoints, L layers.
"""

import numpy as np
from matplotlib.figure import Figure

from workbench.analyses.probing.checkpoints import Surface
from workbench.figures.probing import REFERENCES
from workbench.figures.style import DIVERGING, literal


def surface_figure(surface: Surface, reference: str = "chance") -> Figure:
    """The surface: a row a layer, a column a checkpoint; bold where the 95 % interval lies above 0.

    Args:
        surface: Of one concept.
        reference: A key of `REFERENCES`, whose score is taken away.
    """
    table = surface.less(reference).T
    layers, checkpoints = table.shape
    figure = Figure(figsize=(max(5.0, 3.0 + 0.75 * checkpoints), 1.9 + 0.36 * layers), layout="constrained")
    axis = figure.subplots()
    largest = max(float(np.nanmax(np.abs(table), initial=0.0)), 0.05)
    image = axis.imshow(table, cmap=DIVERGING, vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest")
    names = [
        name if np.isnan(steps) else f"{name}\n{steps:,.0f} steps"
        for name, steps in zip(surface.checkpoints, surface.trained, strict=True)
    ]
    axis.set_xticks(range(checkpoints), [literal(name) for name in names], rotation=40, ha="right", fontsize=8)
    axis.set_yticks(range(layers), [literal(name) for name in surface.layers], fontsize=8)
    for k in range(checkpoints):
        for place in range(layers):
            value = table[place, k]
            if not np.isfinite(value):
                continue
            one = surface.results[k][place]
            baseline = None if reference == "chance" else getattr(one, reference)
            sure = one.score.low > one.chance if baseline is None else baseline.difference.low > 0
            axis.text(
                k, place, f"{round(value, 2) + 0.0:.2f}".replace("-", "−"), ha="center", va="center", fontsize=7,
                weight="bold" if sure else "normal", color="white" if abs(value) > 0.6 * largest else "black",
            )  # fmt: skip
    figure.colorbar(image, ax=axis).set_label(f"{surface.metric} less that of {REFERENCES[reference]}", fontsize=8)
    axis.set_title(literal(f"{surface.words}; bold: the 95 % interval lies above 0"), fontsize=9, loc="left")
    return figure

"""A decision before and after a change.

Axis legend: A actions, or components of a continuous one.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from workbench.figures.style import OTHER, VALUE, literal, plain_axes

LABELS = {"probability": "probability", "q": "Q [return]", "mean": "mean of the action, before squashing"}


def before_and_after(before: npt.ArrayLike, after: npt.ArrayLike, *, names: Sequence[str], account: str) -> Figure:
    """Pairs of bars.

    Args:
        before: `[A]`.
        after: `[A]`.
        names: `[A]`.
        account: `probability`, `q` or `mean`.
    """
    old, new = np.asarray(before, np.float64), np.asarray(after, np.float64)
    figure = Figure(figsize=(6.5, 1.1 + 0.42 * len(old)), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(old))
    axis.barh(places - 0.2, old, height=0.36, color=OTHER, label="before")
    axis.barh(places + 0.2, new, height=0.36, color=VALUE, label="after")
    axis.set_yticks(places, [literal(name) for name in names], fontsize=8)
    axis.invert_yaxis()
    axis.axvline(0, color="black", linewidth=0.6)
    if account == "probability":
        axis.set_xlim(0, 1)
    plain_axes(axis, xlabel=LABELS[account])
    axis.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2)
    return figure

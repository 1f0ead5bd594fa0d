"""Colours and fonts that every figure shares; all colours are told apart by readers with colour-blindness."""

from typing import Any

from matplotlib.axes import Axes

VALUE, REWARD, ENTROPY, TAKEN, OTHER = "#0072b2", "#c25400", "#00805c", "#c25400", "#8fb8d6"
"""Okabe and Ito's palette (2008), darkened where it serves as a line on white."""
SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"
FOR, AGAINST, MAGNITUDE = "#b2182b", "#2166ac", "#31688e"
"""For bars: the colours that the two maps give to what speaks for a number, against it, and to magnitudes."""


def literal(text: str) -> str:
    """A text from a recording, of which matplotlib makes no formula."""
    return text.replace("$", r"\$")


def plain_axes(axes: Axes, **labels: str) -> Axes:
    """Take away the frame's upper and right side, and set `xlabel`, `ylabel`, `title`."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    if "title" in labels:
        axes.set_title(literal(labels["title"]), fontsize=10, loc="left")
    axes.set_xlabel(literal(labels.get("xlabel", "")), fontsize=9)
    axes.set_ylabel(literal(labels.get("ylabel", "")), fontsize=9)
    return axes


def colour_scale(low: float, high: float) -> dict[str, Any]:
    """Map and limits for values from `low` to `high`: symmetrical about zero and diverging where some are negative."""
    if low < 0:
        largest = max(-low, high, 1e-12)
        return {"cmap": DIVERGING, "vmin": -largest, "vmax": largest}
    return {"cmap": SEQUENTIAL, "vmin": 0.0, "vmax": max(high, 1e-12)}

"""Colours of classes and of numbers on maps: told apart by readers with colour-blindness, and even in lightness.

Axis legend: C classes, N points.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from workbench.figures.style import DIVERGING, SEQUENTIAL

FEW = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#5d5d5d")
"""Okabe and Ito's palette (2008), without black and with its yellow left out, which is too light on white."""
MISSING_COLOUR = "#c9c9c9"
RANGE = (1.0, 99.0)
"""Percentiles of a number that the colours span: one value far away must not take all of them."""


def class_colours(names: Sequence[str]) -> list[str]:
    """One colour a class, `[C]`: of a palette of eight and its lighter twins; of more classes, and of more than eight
    that are numbers and so have an order, evenly spaced ones of a sequential map.
    """
    count = len(names)
    if count <= len(FEW):
        return list(FEW[:count])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex, to_rgb

    if count > 2 * len(FEW) or all(name.lstrip("−").isdigit() for name in names):
        return [to_hex(colormaps[SEQUENTIAL](place / (count - 1))) for place in range(count)]
    rest = [to_rgb(colour) for colour in FEW]
    lighter = [to_hex((0.45 * red + 0.55, 0.45 * green + 0.55, 0.45 * blue + 0.55)) for red, green, blue in rest]
    return [*FEW, *lighter][:count]


def number_limits(values: npt.NDArray[np.float64]) -> tuple[float, float, str]:
    """The lowest and highest number that a colour is given to, and the map: diverging, and centred, where there are
    numbers on both sides of 0.
    """
    if not len(values):
        return 0.0, 1.0, "Viridis"
    low, high = (float(end) for end in np.percentile(values, RANGE))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if low < 0 < high:
        largest = max(-low, high)
        return -largest, largest, "RdBu_r"
    return low, high if high > low else low + 1.0, "Viridis"


def matplotlib_name(scale: str) -> str:
    """The same map as matplotlib calls it."""
    return {"Viridis": SEQUENTIAL, "RdBu_r": DIVERGING}[scale]

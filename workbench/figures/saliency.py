"""Figures of saliency maps, each with the evidence beside it.

Axis legend:
    H, W  rows and columns of pixels
    K  points of a curve
    G  regions
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workbench.analyses.saliency import SaliencyMaps
from workbench.analyses.saliency.evidence import Evidence
from workbench.figures.saliency_evidence import draw_causal, draw_curves, legend_outside
from workbench.figures.style import AGAINST, DIVERGING, FOR, MAGNITUDE, SEQUENTIAL, literal, plain_axes

SMALLEST_SIDE = 360
"""Pixels of an overlay's longer side, at least."""
MOST_BARS = 24
CARD_WIDTH = 5.2
"""Inches of a figure that stands beside another one: at 100 pixels an inch its text is read as it is drawn."""


@dataclass(frozen=True, kw_only=True)
class SeenStep:
    """What an agent saw at a step."""

    title: str
    picture: npt.NDArray[np.uint8] | None = None
    """`[H, W]` or `[H, W, 3]`; None for a vector."""
    numbers: npt.NDArray[np.float64] | None = None
    """`[n]`, the vector that was observed."""
    names: Sequence[str] = ()


def heat_colours(heat: npt.ArrayLike, *, signed: bool, largest: float | None = None) -> npt.NDArray[np.float64]:
    """Colours of a map `[H, W]`, `[H, W, 3]` from 0 to 1: diverging about zero where it is signed.

    Args:
        heat: The attributions.
        signed: Whether their sign means something.
        largest: Magnitude that gets the strongest colour; None takes the map's own.
    """
    array = np.asarray(heat, dtype=np.float64)
    most = largest or float(np.abs(array).max()) or 1.0
    if signed:
        return np.asarray(matplotlib.colormaps[DIVERGING](0.5 + 0.5 * np.clip(array / most, -1, 1))[..., :3])
    return np.asarray(matplotlib.colormaps[SEQUENTIAL](np.clip(np.abs(array) / most, 0, 1))[..., :3])


def overlay(
    picture: npt.ArrayLike,
    heat: npt.ArrayLike,
    *,
    signed: bool,
    blend: float = 0.75,
    threshold: float = 0.0,
    largest: float | None = None,
) -> npt.NDArray[np.uint8]:
    """A map over what was seen, which is shown in grey so that no colour of its own is mistaken for the map's.

    Args:
        picture: `[H, W]` or `[H, W, 3]`, bytes.
        heat: `[H, W]`.
        signed: Whether the map's sign means something.
        blend: Opacity of the strongest attribution, from 0 to 1; weaker ones are as much more transparent.
        threshold: Share of the strongest below which nothing is shown, from 0 to 1.
        largest: Magnitude that counts as the strongest; None takes the map's own.

    Returns:
        `[H', W', 3]`, enlarged by a whole number so that the longer side has at least 360 pixels.
    """
    seen = np.asarray(picture, dtype=np.float64)
    grey = seen if seen.ndim == 2 else seen[..., :3] @ np.array([0.299, 0.587, 0.114])
    array = np.asarray(heat, dtype=np.float64)
    most = largest or float(np.abs(array).max()) or 1.0
    strength = np.clip(np.abs(array) / most, 0, 1)
    alpha = np.where(strength >= threshold, blend * np.sqrt(strength), 0.0)[..., None]
    # A middle range of grey keeps both ends of the map's colours visible.
    ground = (0.25 + 0.65 * grey / 255.0)[..., None]
    mixed = (1 - alpha) * ground + alpha * heat_colours(array, signed=signed, largest=most)
    return enlarge((255 * mixed).round().astype(np.uint8))


def enlarge(picture: npt.NDArray[np.uint8], side: int = SMALLEST_SIDE) -> npt.NDArray[np.uint8]:
    """Repeat pixels so that the longer side has at least `side` of them."""
    times = max(1, -(-side // max(picture.shape[:2])))
    return np.asarray(np.repeat(np.repeat(picture, times, axis=0), times, axis=1))


def colour_bar(largest: float, unit: str, *, signed: bool) -> str:
    """The colours of a map and what they stand for, as a piece of HTML.

    Args:
        largest: The magnitude with the strongest colour.
        unit: Of the attributions.
        signed: Whether their sign means something.
    """
    places = np.linspace(-largest if signed else 0.0, largest, 9)[None]
    colours = heat_colours(places, signed=signed, largest=largest or 1.0)[0]
    stops = ", ".join(f"rgb({r:.0f} {g:.0f} {b:.0f})" for r, g, b in 255 * colours)
    ends = (f"−{largest:.3g} (against)", "0", f"+{largest:.3g} (for)") if signed else ("0", "", f"{largest:.3g}")
    texts = "".join(f"<span>{end}</span>" for end in ends)
    return (
        f'<div style="font-size:0.8rem"><div style="height:10px;border-radius:3px;background:linear-gradient(90deg, '
        f'{stops})"></div><div style="display:flex;justify-content:space-between">{texts}</div>'
        f"<div>attribution of a pixel{f' [{html.escape(unit)}]' if unit else ''}</div></div>"
    )


def draw_bars(axis: Axes, maps: SaliencyMaps, place: int, *, most: int = MOST_BARS) -> None:
    """Attribution of each region at one step, the strongest first; those that did not exist are left out."""
    there = np.flatnonzero(maps.exists[place])
    scores = maps.regions[place][there]
    order = np.argsort(-np.abs(scores), kind="stable")[:most]
    shown = scores[order]
    axis.barh(np.arange(len(order)), shown, color=bar_colours(shown, signed=maps.signed))
    axis.axvline(0, color="black", linewidth=0.6)
    axis.set_yticks(np.arange(len(order)), [literal(maps.region_names[there[one]]) for one in order], fontsize=8)
    axis.invert_yaxis()
    # Small numbers have long labels.
    axis.xaxis.set_major_locator(MaxNLocator(5))
    more = "" if len(order) == len(scores) else f", {len(order)} strongest of {len(scores)}"
    colours = " (red: for, blue: against)" if maps.signed else ""
    plain_axes(axis, xlabel=_unit("attribution", maps.unit), title=f"attribution{colours}{more}")


def bar_colours(numbers: npt.ArrayLike, *, signed: bool) -> list[str]:
    """The colours of a map, for bars: red for, blue against; one colour for magnitudes."""
    return [(FOR if one >= 0 else AGAINST) if signed else MAGNITUDE for one in np.asarray(numbers).tolist()]


def saliency_figure(seen: SeenStep, maps: SaliencyMaps, evidence: Evidence, place: int = 0) -> Figure:
    """One step's map with its evidence.

    Args:
        seen: What the agent saw.
        maps: One method's maps.
        evidence: For them.
        place: Which decision of `maps`.
    """
    figure = Figure(figsize=(12.5, 7.0), layout="constrained")
    figure.suptitle(literal(seen.title), fontsize=11)
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1.15, 1)), dtype=object)
    if seen.picture is not None and maps.layer is None:
        left, right, bars = upper.subplots(1, 3, width_ratios=(1, 1.15, 1.2))
        heat = maps.picture()[place]
        left.imshow(seen.picture, cmap="gray", interpolation="nearest")
        left.set_title("what it saw", fontsize=10, loc="left")
        right.imshow(overlay(seen.picture, heat, signed=maps.signed), interpolation="nearest")
        right.set_title(literal(f"{maps.method} of {maps.target}"), fontsize=10, loc="left")
        for axis in (left, right):
            axis.set_axis_off()
        most = float(np.abs(heat).max()) or 1.0
        limits = Normalize(-most, most) if maps.signed else Normalize(0, most)
        bar = upper.colorbar(
            ScalarMappable(limits, DIVERGING if maps.signed else SEQUENTIAL), ax=right, shrink=0.8, pad=0.02
        )
        bar.set_label(_unit("attribution of a pixel", maps.unit), fontsize=9)
        bar.ax.tick_params(labelsize=8)
        draw_bars(bars, maps, place, most=10)
    else:
        draw_bars(upper.subplots(), maps, place)
    axes = lower.subplots(1, 3)
    draw_curves(axes[:2], evidence.fidelity, place)
    draw_causal(axes[2], maps, evidence.causal, place)
    legend_outside(lower, axes[0])
    return figure


def bars_figure(maps: SaliencyMaps, place: int) -> Figure:
    """Attributions of the regions at one step as a figure of their own."""
    count = min(MOST_BARS, int(maps.exists[place].sum()))
    figure = Figure(figsize=(CARD_WIDTH, 1.0 + 0.24 * count), layout="constrained")
    draw_bars(figure.subplots(), maps, place)
    return figure


def _unit(text: str, unit: str) -> str:
    return f"{text} [{unit}]" if unit else text

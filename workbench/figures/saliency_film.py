"""Attribution back in time: what each of the last observations contributed, as a film strip.

Axis legend:
    P     observations, the oldest first and the decision's own last
    H, W  rows and columns of pixels
    n     numbers of a vector
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.figures.saliency import bar_colours, overlay
from workbench.figures.style import colour_scale, literal, plain_axes

MOST_NAMES = 32
"""Names of a vector's numbers that stand beside its rows."""


def film_figure(
    film: npt.ArrayLike,
    *,
    signed: bool,
    unit: str,
    pictures: Sequence[npt.NDArray[np.uint8]] | None = None,
    names: Sequence[str] | None = None,
    exists: npt.NDArray[np.bool_] | None = None,
) -> Figure:
    """One decision's film: a picture or a column for each observation, and below it how much each amounts to.

    Args:
        film: `[P, H, W]` of images, `[P, n]` of vectors (`SaliencyMaps.film` of one decision).
        signed: Whether the sign means something.
        unit: Of the attributions.
        pictures: `[P]` of what was seen, where that were images.
        names: Of a vector's numbers.
        exists: `[P]`, whether the episode had begun; None where it had.
    """
    array = np.asarray(film, np.float64)
    count = len(array)
    there = np.ones(count, bool) if exists is None else np.asarray(exists, bool)
    if array.ndim == 3:
        figure = Figure(figsize=(max(6.5, 1.35 * count), 3.2), layout="constrained")
        axes = figure.subplot_mosaic([list(map(str, range(count))), ["sum"] * count], height_ratios=[1.3, 1])
        _draw_pictures([axes[str(place)] for place in range(count)], array, pictures, there, signed=signed)
    else:
        height = 0.22 * min(MOST_NAMES, array.shape[1])
        figure = Figure(figsize=(max(6.5, 0.55 * count + 2.5), 2.6 + height), layout="constrained")
        axes = figure.subplot_mosaic([["map"], ["sum"]], height_ratios=[0.6 + height, 1.6])
        when = [_when(count - 1 - place) for place in range(count)]
        _draw_numbers(figure, axes["map"], array, names, unit, when, signed=signed)
        _mark_absent(axes["map"], there)
    flat = array.reshape(count, -1)
    _draw_sums(axes["sum"], flat.sum(axis=1) if signed else np.abs(flat).sum(axis=1), unit, there, signed=signed)
    return figure


def strip_figure(
    heat: npt.ArrayLike, *, first: int, here: int, signed: bool, unit: str, names: Sequence[str] | None = None
) -> Figure:
    """Attributions of a vector's numbers through an episode, as a heat map of number × step.

    Args:
        heat: `[T, n]`.
        first: The episode's step of the first column.
        here: The step that the page is about.
        signed: Whether the sign means something.
        unit: Of the attributions.
        names: Of the numbers.
    """
    array = np.asarray(heat, np.float64) if signed else np.abs(heat)
    count = len(array)
    rows = min(MOST_NAMES, array.shape[1])
    figure = Figure(figsize=(11, 1.2 + 0.24 * rows), layout="constrained")
    axis = figure.subplots()
    columns = [str(first + place) for place in range(count)]
    _draw_numbers(figure, axis, array, names, unit, columns, signed=signed)
    axis.set_xlabel("step of the episode; the frame is the one above", fontsize=9)
    axis.axvspan(here - first - 0.5, here - first + 0.5, fill=False, edgecolor="black", linewidth=1.6)
    return figure


def _mark_absent(axis: Axes, there: npt.NDArray[np.bool_]) -> None:
    """Hatch the columns of observations that did not exist, which come first."""
    absent = int((~there).sum())
    if not absent:
        return
    axis.axvspan(-0.5, absent - 0.5, facecolor="#e8e8e8", edgecolor="#9a9a9a", hatch="///", linewidth=0)
    low, high = axis.get_ylim()
    axis.text(
        absent / 2 - 0.5, (low + high) / 2, "before the\nepisode", ha="center", va="center", fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip


def _draw_pictures(
    axes: Sequence[Axes],
    film: npt.NDArray[np.float64],
    pictures: Sequence[npt.NDArray[np.uint8]] | None,
    there: npt.NDArray[np.bool_],
    *,
    signed: bool,
) -> None:
    largest = float(np.abs(film).max()) or 1.0
    for place, axis in enumerate(axes):
        if not there[place]:
            axis.set_facecolor("#e8e8e8")
            axis.text(0.5, 0.5, "before the\nepisode", ha="center", va="center", fontsize=8, transform=axis.transAxes)
            axis.set_title(_when(len(axes) - 1 - place), fontsize=8)
            axis.set_xticks([])
            axis.set_yticks([])
            continue
        seen = np.full(film.shape[1:], 255, np.uint8) if pictures is None else pictures[place]
        axis.imshow(overlay(seen, film[place], signed=signed, largest=largest))
        axis.set_title(_when(len(axes) - 1 - place), fontsize=8)
        axis.set_xticks([])
        axis.set_yticks([])


def _draw_numbers(
    figure: Figure,
    axis: Axes,
    film: npt.NDArray[np.float64],
    names: Sequence[str] | None,
    unit: str,
    columns: Sequence[str],
    *,
    signed: bool,
) -> None:
    # What has a sign is coloured by it, whether or not both signs occur.
    low = -float(np.abs(film).max()) if signed else 0.0
    image = axis.imshow(film.T, aspect="auto", interpolation="nearest", **colour_scale(low, film.max()))
    figure.colorbar(image, ax=axis).set_label(literal(f"attribution [{unit}]" if unit else "attribution"), fontsize=8)
    count = film.shape[1]
    known = list(names) if names is not None and len(names) == count else [f"number {place}" for place in range(count)]
    places = np.unique(np.linspace(0, count - 1, min(count, MOST_NAMES)).round().astype(int))
    axis.set_yticks(places, [literal(known[place]) for place in places], fontsize=8)
    axis.set_xticks(range(len(film)), list(columns), fontsize=8)


def _draw_sums(
    axis: Axes, sums: npt.NDArray[np.float64], unit: str, there: npt.NDArray[np.bool_], *, signed: bool
) -> None:
    shown = np.where(there, sums, 0.0)
    axis.bar(range(len(sums)), shown, color=bar_colours(shown, signed=signed), width=0.7)
    _mark_absent(axis, there)
    axis.axhline(0, color="black", linewidth=0.6)
    axis.set_xticks(range(len(sums)), [_when(len(sums) - 1 - place) for place in range(len(sums))], fontsize=8)
    axis.set_xlim(-0.5, len(sums) - 0.5)
    plain_axes(axis, xlabel="steps before the decision", ylabel=f"sum [{unit}]" if unit else "sum")


def _when(lag: int) -> str:
    return "now" if lag == 0 else f"−{lag}"

"""A map of a layer as a Plotly figure, whose points can be clicked and circled.

Axis legend: N points, C classes.
"""

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.analyses.representation.colouring import Colouring
from workbench.analyses.representation.maps import LayerMap
from workbench.errors import MissingExtraError
from workbench.figures.class_colours import MISSING_COLOUR, class_colours, number_limits

Tool: TypeAlias = Literal["pan", "select", "lasso"]
PATH = "#111111"


def traces_of(colouring: Colouring) -> list[npt.NDArray[np.int64]]:
    """The points of each of the figure's traces, in their order: those without a colour, then class by class.

    A number has one trace of all that have one.
    """
    missing = np.flatnonzero(np.isnan(colouring.values))
    if colouring.classes is None:
        return [missing, np.flatnonzero(~np.isnan(colouring.values))]
    return [missing, *(np.flatnonzero(colouring.values == one) for one in range(len(colouring.classes)))]


def import_plotly() -> Any:
    """Plotly's figures.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import plotly.graph_objects
    except ImportError as error:
        raise MissingExtraError("plotly", "app", "A map that can be clicked") from error
    return plotly.graph_objects


def map_plot(
    found: LayerMap, colouring: Colouring, *, path: int | None = None, tool: Tool = "pan", height: int = 600
) -> Any:
    """Draw a map to be clicked and circled.

    Args:
        found: The map.
        colouring: Of its points.
        path: Episode whose points are joined in time order; None draws none.
        tool: What dragging does: move the map, or circle a region.
        height: Of the figure in pixels.
    """
    objects = import_plotly()
    x, y = found.positions[:, 0], found.positions[:, 1]
    size = 7 if len(x) <= 3_000 else 5 if len(x) <= 15_000 else 3
    figure = objects.Figure()
    places = traces_of(colouring)
    dim = {"selected": {"marker": {"opacity": 1.0}}, "unselected": {"marker": {"opacity": 0.35}}}
    hover = "episode %{customdata[0]}, step %{customdata[1]}<extra></extra>"

    def scatter(place: npt.NDArray[np.int64], name: str, marker: dict[str, Any], shown: bool) -> None:
        where = np.stack([found.points.episodes[place], found.points.times[place]], axis=1).astype(np.int32)
        figure.add_trace(
            objects.Scattergl(
                x=x[place],
                y=y[place],
                mode="markers",
                name=name,
                showlegend=shown,
                customdata=where,
                hovertemplate=hover,
                marker={"size": size, "opacity": 0.8, "line": {"width": 0}} | marker,
                **dim,
            )
        )  # fmt: skip

    scatter(places[0], "not defined", {"color": MISSING_COLOUR}, len(places[0]) > 0)
    if colouring.classes is None:
        values = colouring.values[places[1]]
        low, high, colours = number_limits(values)
        bar = {"title": {"text": colouring.words, "side": "right"}, "thickness": 14, "outlinewidth": 0}
        marker = {"color": values.astype(np.float32), "colorscale": colours, "cmin": low, "cmax": high,
                  "showscale": True, "colorbar": bar}  # fmt: skip
        scatter(places[1], colouring.words, marker, False)
    else:
        for place, name, colour in zip(places[1:], colouring.classes, class_colours(colouring.classes), strict=True):
            scatter(place, f"{name} ({len(place):,})", {"color": colour}, True)
    if path is not None:
        _add_path(objects, figure, found, path)
    figure.update_layout(
        height=height, margin={"l": 10, "r": 10, "t": 34, "b": 10}, dragmode=tool, clickmode="event",
        modebar={"uirevision": tool},
        uirevision="kept", hovermode="closest", template="plotly_white",
        legend={"title": {"text": colouring.words}, "itemsizing": "constant", "font": {"size": 11}},
    )  # fmt: skip
    for axis, title in zip((figure.update_xaxes, figure.update_yaxes), found.axes, strict=True):
        axis(title={"text": title, "font": {"size": 12}}, zeroline=False, ticks="outside", showgrid=True)
    if found.method == "umap":
        # A distance is the same in every direction; what it is in units says nothing.
        figure.update_yaxes(scaleanchor="x", showticklabels=False)
        figure.update_xaxes(showticklabels=False)
    return figure


def _add_path(objects: Any, figure: Any, found: LayerMap, episode: int) -> None:
    mine = np.flatnonzero(found.points.episodes == episode)
    mine = mine[np.argsort(found.points.times[mine], kind="stable")]
    if not len(mine):
        return
    x, y = found.positions[mine, 0], found.positions[mine, 1]
    figure.add_trace(
        objects.Scattergl(x=x, y=y, mode="lines", name=f"path of episode {episode}", hoverinfo="skip",
                          line={"color": PATH, "width": 1.5})
    )  # fmt: skip
    for at, name, symbol in ((0, "its first", "circle-open"), (-1, "its last", "x")):
        figure.add_trace(
            objects.Scattergl(x=x[[at]], y=y[[at]], mode="markers", name=f"{name} point", hoverinfo="skip",
                              marker={"color": PATH, "size": 12, "symbol": symbol, "line": {"width": 2}})
        )  # fmt: skip

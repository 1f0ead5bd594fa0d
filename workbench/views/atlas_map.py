"""The map of a layer: click a point to see its step, circle a region to see its episodes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.analyses.representation import Clustering, LayerMap
from workbench.analyses.representation.colouring import CLUSTER, Colouring
from workbench.analyses.representation.maps import NEIGHBOURS, MapMethod
from workbench.figures.atlas import variance_figure
from workbench.figures.atlas_interactive import Tool, traces_of
from workbench.figures.atlas_picker import picker_script
from workbench.figures.png import png_bytes
from workbench.progress import Cancelled
from workbench.recording import Recording
from workbench.views.atlas_caching import (
    cached_clusters,
    cached_colouring,
    cached_colours,
    cached_map,
    cached_plot,
)
from workbench.views.atlas_region import region_panel
from workbench.views.atlas_step import step_panel
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.progress_bar import ProgressBar

METHODS: dict[MapMethod, str] = {"pca": "PCA", "umap": "UMAP"}
TOOLS: dict[Tool, str] = {"pan": "Move", "select": "Box", "lasso": "Lasso"}
"""What dragging on the map does."""
SIZES = (2_000, 5_000, 10_000, 20_000, 50_000)
FIRST_SIZE = 20_000
PLOT_HEIGHT = 600
PLOT = "atlas-plot"
"""Class of the element that holds the plot is this behind `st-key-`."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The map that is shown, and its colours."""

    path: str
    stamp: int | str
    found: LayerMap
    colouring: Colouring
    key: tuple[Any, ...]
    """What tells it from other maps."""

    @property
    def base(self) -> tuple[Any, ...]:
        """What tells its points from those of other maps, whatever their colour and place."""
        return (self.path, self.stamp, len(self.found.points), self.found.seed)


def map_part(path: str, recording: Recording, layer: str) -> None:
    """Draw the part of the page."""
    moment = stamp(path)
    method, points, neighbours, distance, colour = _choose(path, moment, recording)
    with errors_in_a_box():
        found = _compute(path, moment, layer, method, points, neighbours, distance)
        if found is None:
            return
        clustering = _clusters(path, moment, layer, points) if colour == CLUSTER else None
        colouring = cached_colouring(path, moment, found, colour, clustering)
        key = (path, moment, layer, method, len(found.points), neighbours, distance, colour)
        _explore(Shown(path=path, stamp=moment, found=found, colouring=colouring, key=key), recording)
        _evidence(found)
    with st.expander("How to read this page", icon=":material/help:"):
        st.markdown(HOW_TO_READ)


def _choose(path: str, moment: int | str, recording: Recording) -> tuple[MapMethod, int, int, float, str]:
    how, what, more, count, near, apart = st.columns([1.25, 1.4, 1.5, 1, 0.95, 0.95], vertical_alignment="bottom")
    method: MapMethod = how.segmented_control(
        "Method", list(METHODS), default="pca", format_func=METHODS.__getitem__, key="atlas.method", required=True
    )
    offered = [*cached_colours(path, moment), CLUSTER]
    first = offered.index("value") if "value" in offered else 0
    chosen = what.selectbox("Colour", offered, index=first, key=f"atlas.colour.{path}")
    typed = more.text_input(
        "or an expression", key="atlas.expression", placeholder="truth.distance < 4",
        help="A Python expression over the recorded columns: `observation[2] > 0.1`, `truth.mouse[0]`, `action == 2`.",
    ).strip()  # fmt: skip
    most = len(recording)
    sizes = [size for size in SIZES if size < most] + ([most] if most <= SIZES[-1] else [])
    sizes = sizes or [most]
    points = count.selectbox(
        "Points", sizes, index=max(place for place, size in enumerate(sizes) if size <= FIRST_SIZE or place == 0),
        key=f"atlas.points.{path}", format_func=lambda size: f"{size:,}" + (" (all)" if size == most else ""),
        help="Drawn evenly over the episodes.",
    )  # fmt: skip
    neighbours = near.number_input("Neighbours", 2, 200, NEIGHBOURS, key="atlas.neighbours",
                                   help="That UMAP keeps together, and that the figures below are of.")  # fmt: skip
    distance = apart.number_input("Min. distance", 0.0, 0.99, 0.1, 0.05, key="atlas.distance",
                                  disabled=method == "pca", help="Of UMAP, in units of the map.")  # fmt: skip
    return method, int(points), int(neighbours), float(distance), typed or chosen


def _compute(
    path: str, moment: int | str, layer: str, method: MapMethod, points: int, neighbours: int, distance: float
) -> LayerMap | None:
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, "reading the layer")
        # Whatever is pressed ends this run of the page at the next report of progress; this says what is wanted then.
        st.button("Cancel", key="atlas.cancel", icon=":material/stop:", on_click=_cancel)
    try:
        return cached_map(
            path, moment, layer, method, points, neighbours, distance, ProgressBar(bar, f"map by {METHODS[method]}")
        )
    except Cancelled:
        st.info("The map was cancelled.", icon=":material/info:")
        return None
    finally:
        place.empty()


def _cancel() -> None:
    st.session_state["atlas.method"] = "pca"


def _clusters(path: str, moment: int | str, layer: str, points: int) -> Clustering:
    bar = st.progress(0.0, "finding clusters")
    try:
        return cached_clusters(path, moment, layer, None, points, ProgressBar(bar, "finding clusters"))[0]
    finally:
        bar.empty()


def _explore(shown: Shown, recording: Recording) -> None:
    """The plot, and beside it what was picked on it."""
    left, right = st.columns([1.75, 1])
    with left:
        tool, episode = _choose_tool(shown)
        with st.container(key=PLOT):
            # Without a selection of Streamlit's own, which draws the whole plot again at a click: the picker below
            # reports what is picked. Streamlit then takes the plot's buttons for box and lasso away.
            st.plotly_chart(
                cached_plot(shown.key, shown.found, shown.colouring, episode, tool),
                key="atlas.plot",
                config={"scrollZoom": True, "displayModeBar": True, "displaylogo": False},
                height=PLOT_HEIGHT,
            )
    with right:
        _panel(shown, recording)


def _choose_tool(shown: Shown) -> tuple[Tool, int | None]:
    """What dragging does, and the episode whose path is drawn."""
    episodes = np.unique(shown.found.points.episodes).tolist()
    what, on, which = st.columns([1.5, 1, 1.2], vertical_alignment="center")
    tool: Tool = what.segmented_control(
        "Dragging", list(TOOLS), default="pan", format_func=TOOLS.__getitem__, key="atlas.tool", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    if not on.toggle("Draw a path", key="atlas.path", help="Joins an episode's points in time order."):
        return tool, None
    if st.session_state.get("atlas.path_of") not in episodes:
        st.session_state["atlas.path_of"] = episodes[0]
    chosen: int = which.selectbox(
        "Episode", episodes, key="atlas.path_of", label_visibility="collapsed", format_func=lambda k: f"episode {k}"
    )
    return tool, chosen


@st.fragment
def _panel(shown: Shown, recording: Recording) -> None:
    """What was picked: this alone is drawn again at a click, and not the plot."""
    with errors_in_a_box():
        points, picked = shown.found.points, _picked(shown)
        if not len(picked):
            st.markdown(
                "**Click a point** to see its step. **Circle a region** (Box or Lasso, above the map) to see its "
                "episodes and what sets it apart."
            )
            return
        if len(picked) > 1:
            region_panel(shown.path, shown.stamp, recording, points, picked)
            return
        episode, step = int(points.episodes[picked[0]]), int(points.times[picked[0]])
        step_panel(shown.path, recording, int(points.rows[picked[0]]), episode, step)

        def draw_path() -> None:
            st.session_state["atlas.path"], st.session_state["atlas.path_of"] = True, episode

        if st.button("Draw its episode's path", key="atlas.draw_path", on_click=draw_path, icon=":material/timeline:"):
            st.rerun()


def _picked(shown: Shown) -> npt.NDArray[np.int64]:
    """Places of the points that are picked, `[n]`; kept apart from the colours, which number the points anew."""
    figure = hashlib.sha256(repr(shown.key).encode()).hexdigest()[:16]

    def changed() -> None:
        report = (st.session_state.get("atlas.picker") or {}).get("picked")
        if isinstance(report, dict) and report.get("figure") == figure:
            places = places_of(report.get("points"), traces_of(shown.colouring))
            st.session_state["atlas.picked"] = {"map": shown.base, "places": places}

    component = st.components.v2.component(
        "workbench_atlas_picker", html='<div class="rlw-picker"></div>', js=picker_script()
    )
    component(key="atlas.picker", data={"plot": f"st-key-{PLOT}", "figure": figure}, on_picked_change=changed)
    kept = st.session_state.get("atlas.picked", {})
    if kept.get("map") != shown.base:
        return np.zeros(0, np.int64)
    found: npt.NDArray[np.int64] = kept["places"]
    return found


def places_of(reported: Any, traces: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Places of reported points among all, in order; what is no point of these traces is left out.

    Args:
        reported: By the number of a trace (as text), the numbers of its points; it comes from a browser.
        traces: The points of each trace.
    """
    found: set[int] = set()
    for name, numbers in reported.items() if isinstance(reported, dict) else ():
        trace = int(name) if str(name).isdecimal() and len(str(name)) < 6 else len(traces)
        if trace < len(traces) and isinstance(numbers, list):
            own = traces[trace]
            found.update(int(own[one]) for one in numbers if isinstance(one, int) and 0 <= one < len(own))
    return np.array(sorted(found), np.int64)


def _evidence(found: LayerMap) -> None:
    left, right = st.columns([1.2, 1])
    left.image(png_bytes(variance_figure(found.components), dots_per_inch=110))
    components = found.components
    left.caption(
        plain(
            f"Explained variance of {components.layer}: {components.method}; bars with 95 % intervals over "
            f"{components.episodes} episodes (the same directions with groups of episodes left out). "
            f"{len(components.variance)} components explain {100 * components.covered.value:.3g} %."
        )
    )
    rows = [
        ("this map", found.trust),
        ("the plane of PCA", found.trust_of_pca),
        ("a random plane", found.trust_of_chance),
    ]
    there = [(name, one) for name, one in rows if one is not None]
    if not there:
        right.caption("There are too few points to say how far the map keeps neighbours.")
        return
    right.table(
        {
            "trustworthiness": [name for name, _ in there],
            f"{there[0][1].neighbours} neighbours [95 %]": [_interval(one.value) for _, one in there],
        }
    )
    right.caption(
        plain(
            f"How far neighbours on the map are neighbours in the layer (Venna and Kaski 2001): 1 where all are. "
            f"On {found.trust_points:,} points; intervals over episodes. Drawn: {found.points.words}."
            + (f" UMAP read {found.read} principal components." if found.method == "umap" else "")
        )
    )


def _interval(one: Any) -> str:
    if one.low is None:
        return f"{one.mean:.3f} [no interval]"
    return f"{one.mean:.3f} [{one.low:.3f}, {min(one.high, 1.0):.3f}]"


HOW_TO_READ = """
- **Each point is a step.** PCA draws the plane in which the layer varies most: distances are those of the layer, as far
  as two components go. UMAP keeps neighbours together: distances between groups, sizes and densities mean nothing.
- **Trustworthiness** says how far neighbours on the map are neighbours in the layer, beside a plane of PCA and a random
  one. A group on a map that is no better than these is not to be believed.
- **A region** is set beside the rest by each concept: the distance between the two distributions (0 the same, 1 apart),
  beside what regions of the same shape in time, laid over other episodes, give. That something differs does not say
  that the layer holds it: ask a [probe](probes).
"""

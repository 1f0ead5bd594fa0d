"""What the page of maps keeps between reruns and between visits."""

from typing import Any

import streamlit as st

from workbench.analyses.representation import (
    Clustering,
    IntrinsicDimension,
    LayerMap,
    Similarity,
    TransitionGraph,
    cluster_layer,
    compare_layers,
    intrinsic_dimension,
    map_layer,
    transition_graph,
)
from workbench.analyses.representation.colouring import Colouring, colour_points, offered_colours
from workbench.analyses.representation.maps import MapMethod
from workbench.figures.atlas_interactive import Tool, map_plot
from workbench.progress import Progress
from workbench.views.caching import cached_recording
from workbench.views.kept_results import once
from workbench.views.probes_caching import policy_or_none


@st.cache_data(max_entries=32, show_spinner=False)
def cached_colours(path: str, stamp: int | str) -> list[str]:
    """Names of what the points of a recording's maps can be coloured by."""
    return offered_colours(cached_recording(path, stamp))


def cached_map(
    path: str,
    stamp: int | str,
    layer: str,
    method: MapMethod,
    points: int,
    neighbours: int,
    minimum_distance: float,
    progress: Progress,
) -> LayerMap:
    """A map of a layer; of PCA, what UMAP is told makes no difference but to how it is measured."""
    distance = 0.1 if method == "pca" else minimum_distance
    return once(
        ("atlas", path, stamp, layer, method, points, neighbours, distance),
        lambda: map_layer(
            cached_recording(path, stamp),
            layer,
            method=method,
            points=points,
            neighbours=neighbours,
            minimum_distance=distance,
            progress=progress,
        ),
    )


def cached_clusters(
    path: str, stamp: int | str, layer: str, clusters: int | None, points: int, progress: Progress
) -> tuple[Clustering, TransitionGraph]:
    """Clusters of a layer, and how the agent goes from one to the next."""

    def compute() -> tuple[Clustering, TransitionGraph]:
        recording = cached_recording(path, stamp)
        found = cluster_layer(recording, layer, clusters, points=points, progress=progress)
        return found, transition_graph(recording, found)

    return once(("atlas clusters", path, stamp, layer, clusters, points), compute)


def cached_dimension(path: str, stamp: int | str, layer: str, progress: Progress) -> IntrinsicDimension:
    """How many directions a layer uses."""
    return once(
        ("atlas dimension", path, stamp, layer),
        lambda: intrinsic_dimension(cached_recording(path, stamp), layer, progress=progress),
    )


def cached_similarity(path: str, stamp: int | str, random: bool, progress: Progress) -> Similarity:
    """How alike the layers of a recording are; with random weights beside it where that is asked for and can be had."""
    return once(
        ("atlas similarity", path, stamp, random),
        lambda: compare_layers(
            cached_recording(path, stamp), policy=policy_or_none(path, stamp) if random else None, progress=progress
        ),
    )


def cached_colouring(
    path: str, stamp: int | str, found: LayerMap, colour: str, clustering: Clustering | None
) -> Colouring:
    """The colours of a map's points."""
    count = None if clustering is None else clustering.count
    return once(
        ("atlas colours", path, stamp, found.layer, len(found.points), colour, count),
        lambda: colour_points(cached_recording(path, stamp), found.points, colour, clustering=clustering),
    )


def cached_plot(key: tuple[Any, ...], found: LayerMap, colouring: Colouring, path: int | None, tool: Tool) -> Any:
    """The figure of a map; it is drawn again at each click, and made once."""
    return once(("atlas plot", *key, path, tool), lambda: map_plot(found, colouring, path=path, tool=tool))

"""What the page of searches keeps of a network's inside: layers at a node, and maps of what answers rest on there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.analyses.saliency import METHODS, Case, SaliencyMaps, possible_methods, saliency
from workbench.analyses.saliency.evidence import Evidence, evidence
from workbench.analyses.saliency.seen import seen_at
from workbench.analyses.search.nodes import PlaceActivations, activations_at, place_case
from workbench.analyses.search.places import Place, position_place, visited_place
from workbench.errors import WorkbenchError
from workbench.figures.png import png_bytes
from workbench.figures.search_nodes import node_layer_figure
from workbench.views.caching import cached_recording
from workbench.views.saliency_caching import cached_mean
from workbench.views.search_caching import cached_game
from workbench.views.search_frames import cached_visit
from workbench.views.search_play_caching import searching_network

PIXELS_AN_INCH = 95
"""Of a layer's picture on the page."""


@dataclass(frozen=True, kw_only=True)
class AskedPlace:
    """A place that a recorded network is asked about: a packed position, or a node of a recorded search."""

    path: str
    """Of the recording whose network it is."""
    stamp: int | str
    words: tuple[int, ...] = ()
    """The packed position of a game."""
    row: int = -1
    """In an environment, the step whose search it is."""
    node: int = -1
    """Of that search."""


@dataclass(frozen=True, kw_only=True)
class NodeMap:
    """What an answer rests on at a node."""

    maps: SaliencyMaps
    evidence: Evidence
    picture: npt.NDArray[np.uint8] | None
    """What was seen, where it is an image: `[H, W]` or `[H, W, 3]`."""


@st.cache_data(max_entries=128, show_spinner=False)
def cached_place(asked: AskedPlace) -> Place:
    """What the network is asked by.

    Raises:
        WorkbenchError: The game or the episode is over there; it cannot be visited.
    """
    if asked.words:
        game = cached_game(asked.path, asked.stamp).game
        assert game is not None, "whoever asks about a position has its game"
        return position_place(game, np.array(asked.words, np.uint64))
    visited = cached_visit(asked.path, asked.stamp, asked.row)
    if visited.step is None:
        raise WorkbenchError(visited.why_not)
    # The environment is one, and goes from node to node.
    with visited.lock:
        return visited_place(visited.step, searching_network(asked.path, asked.stamp), asked.node)


@st.cache_data(max_entries=64, show_spinner=False)
def cached_activations(asked: AskedPlace) -> PlaceActivations:
    """What all layers hold there, `[1, ...]` each."""
    return activations_at(searching_network(asked.path, asked.stamp), [cached_place(asked)])


@st.cache_data(max_entries=256, show_spinner=False)
def cached_layer_picture(asked: AskedPlace, root: AskedPlace | None, name: str) -> tuple[bytes, int]:
    """A layer at a node, at the root of the search and the difference, as a PNG, and how wide it is to be drawn.

    Args:
        asked: The node.
        root: The root; None: the node is the root itself.
        name: Of the layer.
    """
    found = cached_activations(asked)
    other = None if root is None else cached_activations(root).layers[name][0]
    figure = node_layer_figure(f"{name} ({found.modules.get(name, '')})", found.layers[name][0], other)
    # As wide as it was made: panels of different layers are of one size.
    return png_bytes(figure, dots_per_inch=160), int(PIXELS_AN_INCH * figure.get_size_inches()[0])


@st.cache_data(max_entries=16, show_spinner=False)
def cached_methods(asked: AskedPlace) -> tuple[str, ...]:
    """Names of the methods that can explain the network's value or logits."""
    valued = cached_activations(asked).value is not None
    action = None if valued else int(np.flatnonzero(cached_place(asked).legal)[0])
    possible = possible_methods(_case(asked, action, "mean"))
    return tuple(row.name for row in METHODS if possible[row.name] is None)


@st.cache_data(max_entries=64, show_spinner="Explaining")
def cached_node_map(asked: AskedPlace, action: int | None, method: str, baseline: str) -> NodeMap:
    """One method's map at one node, of the value (None) or of an action's logit, with all its evidence."""
    case = _case(asked, action, baseline)
    maps = saliency(case, method)
    return NodeMap(maps=maps, evidence=evidence(case, maps), picture=seen_at(case.question.decisions, 0).picture)


def _case(asked: AskedPlace, action: int | None, baseline: str) -> Case:
    path, moment = asked.path, asked.stamp
    return place_case(
        cached_recording(path, moment), searching_network(path, moment), cached_place(asked), action,
        baseline=baseline, mean=cached_mean(path, moment),
    )  # fmt: skip

"""What the page of searches keeps of a network's inside: layers at a position, and maps of what answers rest on."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from workbench.analyses.saliency import METHODS, SaliencyMaps, possible_methods, saliency
from workbench.analyses.saliency.evidence import Evidence, evidence
from workbench.analyses.search.nodes import PositionActivations, activations_at, position_case
from workbench.figures.png import png_bytes
from workbench.figures.search_nodes import node_layer_figure
from workbench.policies.types import Policy
from workbench.search.games import Game
from workbench.views.caching import cached_recording
from workbench.views.saliency_caching import cached_mean
from workbench.views.search_caching import cached_game
from workbench.views.search_play_caching import cached_adviser

PIXELS_AN_INCH = 95
"""Of a layer's picture on the page."""


@dataclass(frozen=True, kw_only=True)
class AskedPosition:
    """A position that was only searched, and the recording whose network is asked about it."""

    path: str
    stamp: int | str
    words: tuple[int, ...]
    """The packed position."""

    @property
    def packed(self) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        """`[W]`"""
        return np.array(self.words, np.uint64)

    def at_hand(self) -> tuple[Game, Policy]:
        """The game and the network; whoever asks has seen that they are there."""
        game = cached_game(self.path, self.stamp).game
        assert game is not None
        policy = cached_adviser(self.path, self.stamp, game.actions).policy
        assert policy is not None
        return game, policy


@st.cache_data(max_entries=64, show_spinner=False)
def cached_activations(asked: AskedPosition) -> PositionActivations:
    """What all layers hold at a position, `[1, ...]` each."""
    game, policy = asked.at_hand()
    return activations_at(policy, game, asked.packed[None])


@st.cache_data(max_entries=256, show_spinner=False)
def cached_layer_picture(asked: AskedPosition, root: AskedPosition | None, name: str) -> tuple[bytes, int]:
    """A layer at a position, at the root of the search and the difference, as a PNG, and how wide it is to be drawn.

    Args:
        asked: The position.
        root: That at the root; None: it is the root itself.
        name: Of the layer.
    """
    found = cached_activations(asked)
    other = None if root is None else cached_activations(root).layers[name][0]
    figure = node_layer_figure(f"{name} ({found.modules.get(name, '')})", found.layers[name][0], other)
    # As wide as it was made: panels of different layers are of one size.
    return png_bytes(figure, dots_per_inch=160), int(PIXELS_AN_INCH * figure.get_size_inches()[0])


@st.cache_data(max_entries=16, show_spinner=False)
def cached_methods(asked: AskedPosition) -> tuple[str, ...]:
    """Names of the methods that can explain the network's value or logits."""
    game, policy = asked.at_hand()
    told = cached_activations(asked)
    action = None if told.value is not None else 0
    case = position_case(
        cached_recording(asked.path, asked.stamp), policy, game, asked.packed, action,
        mean=cached_mean(asked.path, asked.stamp),
    )  # fmt: skip
    possible = possible_methods(case)
    return tuple(row.name for row in METHODS if possible[row.name] is None)


@st.cache_data(max_entries=64, show_spinner="Explaining")
def cached_position_map(
    asked: AskedPosition, action: int | None, method: str, baseline: str
) -> tuple[SaliencyMaps, Evidence]:
    """One method's map of one position, of the value (None) or of an action's logit, with all its evidence."""
    game, policy = asked.at_hand()
    case = position_case(
        cached_recording(asked.path, asked.stamp), policy, game, asked.packed, action, baseline=baseline,
        mean=cached_mean(asked.path, asked.stamp),
    )  # fmt: skip
    maps = saliency(case, method)
    return maps, evidence(case, maps)

"""The inside of the network at a node of a search: its layers beside the root's, and what its answers rest on there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.analyses.saliency.baselines import BASELINES
from workbench.analyses.saliency.methods import find_method
from workbench.analyses.search.nodes import board_under_map, preferred_action, told_then
from workbench.analyses.search.places import Place, check_network, node_position
from workbench.errors import WorkbenchError
from workbench.figures.png import png_bytes
from workbench.figures.saliency import bars_figure, colour_bar, overlay
from workbench.figures.saliency_evidence import evidence_figure
from workbench.figures.saliency_words import step_rows
from workbench.figures.search_nodes import board_map_figure
from workbench.search import SearchTrace
from workbench.search.games import Game
from workbench.search.replay import view_node
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.evidence_table import evidence_table
from workbench.views.search_inside_caching import (
    AskedPlace,
    NodeMap,
    cached_activations,
    cached_layer_picture,
    cached_methods,
    cached_node_map,
    cached_place,
)
from workbench.views.search_play_caching import searching_network

LAYERS, SALIENCY = "Activations", "Saliency"
FIRST_LAYERS = 6
"""Layers that are shown where nobody chose any."""
CARD_WIDTH = 640
"""Pixels of one map with its evidence: two of them on a wide screen, one on a narrow one."""
MAP_WIDTH = 380
AGREES = 1e-4
"""Values that differ by no more are the same but for rounding: a batch of another size adds in another order."""
PLAYERS = ("first player", "second player")


@dataclass(frozen=True, kw_only=True)
class SearchedNode:
    """A node that is looked into."""

    path: str
    """Of the recording whose network was asked."""
    trace: SearchTrace
    node: int
    action_names: Sequence[str]
    """Of the trace's actions."""
    game: Game | None = None
    """None: an environment was searched."""
    root: npt.NDArray[np.uint64] | None = None
    """`[W]`, the packed position at the root of a game's search."""
    row: int = -1
    """The step whose search it is of, in an environment."""

    def at(self, node: int) -> AskedPlace:
        """A node of the same search, as what is kept goes by."""
        if self.game is None:
            return AskedPlace(path=self.path, stamp=stamp(self.path), row=self.row, node=node)
        words = tuple(int(word) for word in self.position(node))
        return AskedPlace(path=self.path, stamp=stamp(self.path), words=words)

    def position(self, node: int) -> npt.NDArray[np.uint64]:
        """The packed position at a node of a game's search, `[W]`."""
        assert self.game is not None, "only games have positions"
        assert self.root is not None, "a game's search begins from one"
        return node_position(self.trace, self.game, self.root, node)

    @property
    def asked(self) -> AskedPlace:
        """The node itself."""
        return self.at(self.node)

    @property
    def words(self) -> str:
        """What leads to it."""
        names = [self.action_names[move] for move in self.trace.moves(self.node)]
        return f"after {' '.join(names)}" if names else "the root"


def inside_part(searched: SearchedNode) -> None:
    """Draw what the network makes of a node, asked anew."""
    path, trace, node = searched.path, searched.trace, searched.node
    try:
        network = searching_network(path, stamp(path))
    except WorkbenchError as error:
        st.info(f"The recorded network is not at hand, so that no layer can be read. {plain(str(error))}",
                icon=":material/info:")  # fmt: skip
        return
    try:
        check_network(trace, network)
    except WorkbenchError as error:
        st.info(plain(str(error)), icon=":material/fingerprint:")
        return
    with errors_in_a_box():
        if trace.terminal[node]:
            st.info(plain(_end_in_words(searched)), icon=":material/info:")
            return
        place = cached_place(searched.asked)
        _facts(searched, place)
        what = st.segmented_control(
            "What", [LAYERS, SALIENCY], default=LAYERS, key="search.inside.what", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        if what == SALIENCY:
            _maps(searched, place)
        else:
            _layers(searched)


def _end_in_words(searched: SearchedNode) -> str:
    if searched.game is not None:
        return (
            f"The game is over {searched.words}: what that is worth the rules say, and the network was not asked. "
            f"Click a node above it."
        )
    return (
        f"The episode ends {searched.words}, by itself or by its step limit: nothing is chosen there. Click a node "
        f"above it."
    )


def _facts(searched: SearchedNode, place: Place) -> None:
    """Which node it is, and that it is the network that answered then."""
    trace, node = searched.trace, searched.node
    then = told_then(trace, node, cached_activations(searched.asked))
    mover = f" · to move: the {PLAYERS[int(trace.player[node])]}" if searched.game is not None else ""
    st.markdown(f"**Node {node}, {plain(searched.words)}**{mover}")
    source = "the packed position" if searched.game is not None else "the environment, brought there again,"
    facts = [f"Recomputed from {source} by the network that searched (fingerprint {trace.fingerprint[:12]})"]
    if then.value_now is None:
        facts.append("it gives no value")
    else:
        facts.append(f"its value here is {then.value_now:+.4f}")
        if then.value is None:
            facts.append(f"the search had its values from {trace.facts.get('values')}")
    agrees = not then.largest_difference > AGREES
    compared = [*(["value"] * (then.value is not None)), *(["priors"] * (then.priors_now is not None))]
    if compared and agrees:
        facts.append(f"{' and '.join(compared)} as the search was told")
    if not place.exact:
        facts.append("chance was met on the way: a state with the same observation, whose hidden part may be another")
    st.caption(plain("; ".join(facts).replace("-", "−") + "."))
    if not agrees:
        st.warning(
            plain(
                f"What the search was told here is not what the network says now: {' and '.join(compared)} differ by "
                f"up to {then.largest_difference:.3g}. Its weights are those of then, so that something before them "
                f"differs (what it sees, or a part outside of them)."
            ),
            icon=":material/rule:",
        )


def _layers(searched: SearchedNode) -> None:
    found = cached_activations(searched.asked)
    names = list(found.layers)
    if not names:
        st.info("No layer of this network can be read.", icon=":material/info:")
        return
    chosen = st.multiselect("Layers", names, default=names[:FIRST_LAYERS], key=f"search.inside.layers.{searched.path}")
    asked, root = searched.asked, searched.at(0) if searched.node else None
    for name in chosen:
        picture, width = cached_layer_picture(asked, root, name)
        st.image(picture, width=width)
    notes = []
    if searched.node:
        notes.append("Node and root share one scale; the difference has its own, with zero in its middle.")
    if len(names) > len(chosen):
        notes.append(f"{len(names) - len(chosen)} further layers can be chosen.")
    notes += [f"{name} is left out: {why}." for name, why in list(found.skipped.items())[:3]]
    notes.append("One node (n = 1): what a layer holds here says nothing of what it holds elsewhere.")
    st.caption(" ".join(plain(note) for note in notes))


def _maps(searched: SearchedNode, place: Place) -> None:
    asked, told = searched.asked, cached_activations(searched.asked)
    legal = [int(action) for action in np.flatnonzero(place.legal)]
    how, against, which = st.columns([1.6, 1.1, 1.3])
    methods = cached_methods(asked)
    usual = methods.index("integrated_gradients") if "integrated_gradients" in methods else 0
    method = how.selectbox(
        "How", methods, usual, format_func=lambda name: find_method(name).title, key="search.inside.method"
    )
    baseline = against.selectbox(
        "Against", [row.name for row in BASELINES], [row.name for row in BASELINES].index("mean"),
        format_func=lambda name: name.replace("_", " "), key="search.inside.baseline",
    )  # fmt: skip
    preferred, why = preferred_action(searched.trace, searched.node), _why_preferred(searched)
    action = which.selectbox(
        "Move" if searched.game is not None else "Action", legal, legal.index(preferred),
        format_func=lambda one: f"{place.action_names[one]} ({why})" if one == preferred else place.action_names[one],
        key=f"search.inside.move.{asked.words or (asked.row, asked.node)}",
    )  # fmt: skip
    questions: list[tuple[str, int | None]] = [*([("The value", None)] if told.value is not None else [])]
    questions += [(f"The {told.scores} of {place.action_names[action]}", action)] if told.logits is not None else []
    side_by_side = st.container(horizontal=True, horizontal_alignment="left", gap="small")
    for title, of in questions:
        with side_by_side.container(width=CARD_WIDTH), errors_in_a_box():
            st.subheader(plain(title), anchor=False)
            found = cached_node_map(asked, of, method, baseline)
            _map(searched, found)
            evidence_table(step_rows(found.maps, found.evidence))
            st.image(png_bytes(evidence_figure(found.maps, found.evidence, 0), dots_per_inch=160), width=CARD_WIDTH)
    game = searched.game is not None
    st.caption(
        f"{'Value and logits are for the player to move here. ' if game else ''}"
        f"{'A square is summed over the planes of the observation; what' if game else 'What'} stands for nothing "
        "there, and the donors of the causal check, are the recording's own steps. A logit alone does not decide: the "
        f"other {'moves' if game else 'actions'} have theirs. n = 1 node; what the controls mean is told on the page "
        "Saliency."
    )


def _map(searched: SearchedNode, found: NodeMap) -> None:
    maps = found.maps
    if not any(array.ndim == 4 for array in maps.values.values()):
        st.image(png_bytes(bars_figure(maps, 0), dots_per_inch=160), width=CARD_WIDTH)
        return
    heat = maps.picture()[0]
    if searched.game is None:
        assert found.picture is not None, "a map of an image has one below it"
        st.image(overlay(found.picture, heat, signed=maps.signed), width=MAP_WIDTH)
        st.html(colour_bar(float(abs(heat).max()), maps.unit, signed=maps.signed))
        return
    cells = board_under_map(searched.game, searched.position(searched.node))
    figure = board_map_figure(heat, signed=maps.signed, unit=maps.unit, cells=cells, names=PLAYERS)
    st.image(png_bytes(figure, dots_per_inch=160), width=MAP_WIDTH)


def _why_preferred(searched: SearchedNode) -> str:
    """Why an action stands first: the search went on from here, or has only the priors."""
    if view_node(searched.trace, searched.node).visits.any():
        return "what the search prefers"
    return "the largest prior; the search did not go on from here"

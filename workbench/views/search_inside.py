"""The inside of the network at a node of a search: its layers beside the root's, and what its answers rest on there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.analyses.saliency.baselines import BASELINES
from workbench.analyses.saliency.methods import find_method
from workbench.analyses.search.nodes import board_under_map, check_network, node_position, preferred_action
from workbench.errors import WorkbenchError
from workbench.figures.png import png_bytes
from workbench.figures.saliency import bars_figure
from workbench.figures.saliency_evidence import evidence_figure
from workbench.figures.saliency_words import step_rows
from workbench.figures.search_nodes import board_map_figure
from workbench.search import SearchTrace
from workbench.search.games import Game, describe
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.evidence_table import evidence_table
from workbench.views.search_inside_caching import (
    AskedPosition,
    cached_activations,
    cached_layer_picture,
    cached_methods,
    cached_position_map,
)
from workbench.views.search_play_caching import cached_adviser

LAYERS, SALIENCY = "Activations", "Saliency"
FIRST_LAYERS = 6
"""Layers that are shown where nobody chose any."""
CARD_WIDTH = 520
"""Pixels of one map with its evidence: two of them on a wide screen, below 1000 pixels one."""
MAP_WIDTH = 380
AGREES = 1e-4
"""Values that differ by no more are the same but for rounding: a batch of another size adds in another order."""
PLAYERS = ("first player", "second player")


@dataclass(frozen=True, kw_only=True)
class SearchedNode:
    """A node that is looked into."""

    path: str
    """Of the recording whose network was asked."""
    game: Game
    root: npt.NDArray[np.uint64]
    """`[W]`, the position at the root."""
    trace: SearchTrace
    node: int

    @property
    def moves(self) -> str:
        """What leads to it, in words."""
        names = [self.game.action_names[move] for move in self.trace.moves(self.node)]
        return f"after {' '.join(names)}" if names else "the root"


def inside_part(searched: SearchedNode) -> None:
    """Draw what the network makes of a node, recomputed from its packed position."""
    path, game, trace, node = searched.path, searched.game, searched.trace, searched.node
    adviser = cached_adviser(path, stamp(path), game.actions)
    if adviser.policy is None:
        st.info(f"The recorded network is not at hand, so that no layer can be read. {plain(adviser.why_not)}",
                icon=":material/info:")  # fmt: skip
        return
    try:
        check_network(trace, adviser.policy)
    except WorkbenchError as error:
        st.info(plain(str(error)), icon=":material/fingerprint:")
        return
    with errors_in_a_box():
        if trace.terminal[node]:
            st.info(
                f"The game is over {plain(searched.moves)}: what that is worth the rules say, and the network was not "
                f"asked.",
                icon=":material/info:",
            )
            return
        here = _asked(searched, node)
        _facts(searched, here, trace.fingerprint)
        what = st.segmented_control(
            "What", [LAYERS, SALIENCY], default=LAYERS, key="search.inside.what", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        if what == SALIENCY:
            _maps(searched, here)
        else:
            _layers(searched, here)


def _asked(searched: SearchedNode, node: int) -> AskedPosition:
    position = node_position(searched.trace, searched.game, searched.root, node)
    return AskedPosition(path=searched.path, stamp=stamp(searched.path), words=tuple(int(word) for word in position))


def _facts(searched: SearchedNode, here: AskedPosition, fingerprint: str) -> None:
    """Which node it is, and that it is the network that answered then."""
    told, node = cached_activations(here), searched.node
    player = PLAYERS[int(describe(searched.game, here.packed[None])["player"][0])]
    st.markdown(f"**Node {node}, {plain(searched.moves)}** · to move: the {player}")
    facts = [f"Recomputed from the packed position by the network that searched (fingerprint {fingerprint[:12]})"]
    recorded = float(searched.trace.value[node])
    if told.value is None:
        st.caption(plain(f"{facts[0]}; it gives no value."))
        return
    off = abs(recorded - float(told.value[0]))
    agrees = off <= AGREES * max(1.0, abs(recorded))
    facts.append(f"its value here is {told.value[0]:+.4f}, as the search was told" if agrees else "")
    st.caption(plain("; ".join(fact for fact in facts if fact).replace("-", "−") + "."))
    if not agrees:
        st.warning(
            plain(
                f"The search was told {recorded:+.4f} here, and the network says {told.value[0]:+.4f} now: its weights "
                f"are those of then, so that something before them differs (what it sees, or a part outside of them)."
            ),
            icon=":material/rule:",
        )


def _layers(searched: SearchedNode, here: AskedPosition) -> None:
    found = cached_activations(here)
    root = _asked(searched, 0) if searched.node else None
    names = list(found.layers)
    if not names:
        st.info("No layer of this network can be read.", icon=":material/info:")
        return
    chosen = st.multiselect("Layers", names, default=names[:FIRST_LAYERS], key=f"search.inside.layers.{searched.path}")
    for name in chosen:
        picture, width = cached_layer_picture(here, root, name)
        st.image(picture, width=width)
    notes = []
    if searched.node:
        notes.append("Node and root share one scale; the difference has its own, with zero in its middle.")
    if len(names) > len(chosen):
        notes.append(f"{len(names) - len(chosen)} further layers can be chosen.")
    notes += [f"{name} is left out: {why}." for name, why in list(found.skipped.items())[:3]]
    notes.append("One position (n = 1): what a layer holds here says nothing of what it holds elsewhere.")
    st.caption(" ".join(plain(note) for note in notes))


def _maps(searched: SearchedNode, here: AskedPosition) -> None:
    game, told = searched.game, cached_activations(here)
    legal = [int(action) for action in np.flatnonzero(describe(game, here.packed[None])["legal"][0])]
    how, against, which = st.columns([1.6, 1.1, 1.3])
    methods = cached_methods(here)
    usual = methods.index("integrated_gradients") if "integrated_gradients" in methods else 0
    method = how.selectbox(
        "How", methods, usual, format_func=lambda name: find_method(name).title, key="search.inside.method"
    )
    baseline = against.selectbox(
        "Against", [row.name for row in BASELINES], [row.name for row in BASELINES].index("mean"),
        format_func=lambda name: name.replace("_", " "), key="search.inside.baseline",
    )  # fmt: skip
    preferred = preferred_action(searched.trace, searched.node)
    action = which.selectbox(
        "Move", legal, legal.index(preferred), format_func=lambda one: _move(game, one, preferred),
        key=f"search.inside.move.{here.words}",
    )  # fmt: skip
    questions: list[tuple[str, int | None]] = [*([("The value", None)] if told.value is not None else [])]
    questions += [(f"The {told.scores} of {game.action_names[action]}", action)] if told.logits is not None else []
    side_by_side = st.container(horizontal=True, horizontal_alignment="left", gap="small")
    for title, of in questions:
        with side_by_side.container(width=CARD_WIDTH), errors_in_a_box():
            st.subheader(plain(title), anchor=False)
            maps, known = cached_position_map(here, of, method, baseline)
            images = [array for array in maps.values.values() if array.ndim == 4]
            if images:
                figure = board_map_figure(
                    maps.picture()[0], signed=maps.signed, unit=maps.unit, cells=board_under_map(game, here.packed),
                    names=PLAYERS,
                )  # fmt: skip
                st.image(png_bytes(figure, dots_per_inch=160), width=MAP_WIDTH)
            else:
                st.image(png_bytes(bars_figure(maps, 0), dots_per_inch=160), width=CARD_WIDTH)
            evidence_table(step_rows(maps, known))
            st.image(png_bytes(evidence_figure(maps, known, 0), dots_per_inch=160), width=CARD_WIDTH)
    st.caption(
        "Value and logits are for the player to move here. A square's number is the sum over the planes of the "
        "observation; what stands for nothing there, and the donors of the causal check, are the recording's own "
        "steps. A logit alone does not decide: the other moves have theirs. n = 1 position; what the controls mean is "
        "told on the page Saliency."
    )


def _move(game: Game, action: int, preferred: int) -> str:
    return (
        f"{game.action_names[action]} (what the search prefers)" if action == preferred else game.action_names[action]
    )

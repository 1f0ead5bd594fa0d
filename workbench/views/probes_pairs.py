"""The part of the page of probes that reads two places of a network together."""

from typing import Any

import streamlit as st

from workbench.analyses.probing.bilinear import PairResult
from workbench.analyses.probing.places import Place
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.probes_caching import cached_concepts
from workbench.views.probes_parts_caching import cached_pair
from workbench.views.short_facts import unbroken
from workbench.views.stoppable import stoppable

MOST_SINGULAR_VALUES = 5
SQUARE_HELP = (
    "One square of the convolution's output, by numbers or expressions that give its row and column at each step, such "
    "as `truth.mouse[0], truth.mouse[1]`. Empty: all of the layer."
)


def pairs_part(path: str, recording: Recording) -> None:
    """Draw the part."""
    with errors_in_a_box():
        what, typed = st.columns([2, 2])
        offered = cached_concepts(path, stamp(path))
        concept = what.selectbox("Concept", offered, key=f"pairs.concept.{path}")
        expression = typed.text_input(
            "or an expression", key="pairs.expression", placeholder="truth.mouse[0] == truth.cheese[0]",
            help="A Python expression over the recorded columns; it takes the place of the concept.",
        ).strip()  # fmt: skip
        layers = list(recording.layers)
        first = _choose(recording, "First place", "first", layers, max(0, len(layers) - 2))
        second = _choose(recording, "Second place", "second", layers, len(layers) - 1)
        if not expression and not offered:
            st.info("This recording offers no concept; give an expression.", icon=":material/info:")
            return
        if not st.toggle("Probe the two together", key="pairs.run"):
            return
        with stoppable("probing two places", "pairs.run") as progress:
            found = cached_pair(path, stamp(path), expression or concept, first, second, progress)
        _show(found)


def _choose(recording: Recording, words: str, key: str, layers: list[str], place: int) -> Place:
    """A layer, and of a convolution's output one square where that is asked for."""
    where, row, column = st.columns([2, 1, 1])
    layer = where.selectbox(words, layers, index=place, key=f"pairs.{key}.{recording.path}")
    flat = len(recording.layers[layer]["shape"]) != 3
    texts = [
        part.text_input(
            name, key=f"pairs.{key}.{name}", disabled=flat, help=SQUARE_HELP, placeholder="not a convolution" if flat
            else "all",
        ).strip()
        for part, name in ((row, "Row"), (column, "Column"))
    ]  # fmt: skip
    if flat or not any(texts):
        return Place(layer=layer)
    at_row, at_column = (int(text) if text.isdecimal() else (text or None) for text in texts)
    return Place(layer=layer, row=at_row, column=at_column)


def _show(found: PairResult) -> None:
    st.markdown(f"**{plain(found.words)}**: {plain(found.verdict)}.")
    rows: list[tuple[str, Any, Any]] = [
        ("the two together", found.score, None),
        ("side by side, without products", found.additive.score, found.additive.difference),
        (f"the first alone: {found.first.words}", found.first_alone.score, found.first_alone.difference),
        (f"the second alone: {found.second.words}", found.second_alone.score, found.second_alone.difference),
        ("random labels (control task)", found.control.score, found.control.difference),
    ]
    st.table(
        {
            found.metric: [plain(name) for name, _, _ in rows] + ["chance"],
            "score [95 %]": [unbroken(score) for _, score, _ in rows] + [f"{found.chance:.2f}"],
            "the two together less it [95 %]": ["" if less is None else unbroken(less) for _, _, less in rows] + [""],
        }
    )
    shown = ", ".join(f"{value:.2g}" for value in found.shares_of_singular_values[:MOST_SINGULAR_VALUES])
    st.caption(
        plain(
            f"{found.steps:,} steps of {found.episodes} episodes at which both places are there; {found.parts[0]} and "
            f"{found.parts[1]} main parts. Largest singular values of the products' weights, in shares of the largest: "
            f"{shown}; as many as are not small is how many directions of the one go together with one of the other. "
            + " ".join(f"{note}." for note in found.notes)
        )
    )

"""The part of the page of probes that asks every square of a grid: where things are, and where the agent will go."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from workbench.analyses.concepts.squares import read_square_concept
from workbench.analyses.probing.spatial import SquareProbeResult
from workbench.figures.png import png_bytes
from workbench.figures.square_probes import square_answer_figure, square_scores_figure
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.probes_parts_caching import cached_square_concepts, cached_square_probes, spatial_layers
from workbench.views.short_facts import unbroken
from workbench.views.stoppable import stoppable

FIRST_LAYERS = 3


def squares_part(path: str, recording: Recording) -> None:
    """Draw the part."""
    with errors_in_a_box():
        offered, layers = cached_square_concepts(path, stamp(path)), spatial_layers(recording)
        if not offered or not layers:
            missing = "no truth label of squares (such as walls)" if not offered else "no convolutional layer"
            st.info(f"This recording holds {missing}, so that there are no squares to probe.", icon=":material/info:")
            return
        what, where, how = st.columns([2.2, 2.2, 1])
        concepts = what.multiselect(
            "Concepts of squares", offered, default=_first(offered), key=f"squares.concepts.{path}", wrap=True
        )
        first = layers[:: max(1, len(layers) // FIRST_LAYERS)][:FIRST_LAYERS]
        chosen = where.multiselect("Layers", layers, default=first, key=f"squares.layers.{path}", wrap=True)
        reach = how.segmented_control(
            "Reads", [1, 3], default=1, format_func=lambda size: f"{size}×{size}", key="squares.reach",
            help="The layer's own place alone, or with its eight neighbours.",
        ) or 1  # fmt: skip
        if not concepts or not chosen:
            st.info("Choose at least one concept and one layer.", icon=":material/info:")
            return
        if not st.toggle(f"Probe the squares of {len(chosen)} layers for {len(concepts)} concepts", key="squares.run"):
            return
        with stoppable("probing squares", "squares.run") as progress:
            found = cached_square_probes(path, stamp(path), tuple(concepts), tuple(chosen), reach, progress)
        st.table(_rows(found))
        st.markdown("\n".join(f"- **{plain(o.concept)}** in {plain(o.layer)}: {plain(o.verdict)}" for o in found))
        st.caption(
            f"Balanced accuracy over all squares of {found[0].steps:,} steps of {found[0].episodes} episodes, each "
            f"decided by a probe that was not made from its episode; 95 % intervals by bootstrap over episodes. "
            f"{_absent(found)}"
        )
        _one(path, recording, found)


def _absent(found: Sequence[SquareProbeResult]) -> str:
    """Why there are no random weights, where there are none."""
    if all(one.random_network is not None for one in found):
        return ""
    return (
        "No random weights (–): the agent has a memory, or could not be made; one that its own code makes needs a "
        "dashboard that is started with --script."
    )


def _first(offered: Sequence[str]) -> list[str]:
    """What is asked where nobody has chosen: where it will go, and where something is."""
    ahead = [name for name in offered if name.startswith("will_cross:")][:1]
    return [*ahead, *[name for name in offered if name not in ahead][: 2 - len(ahead)]]


def _rows(found: Sequence[SquareProbeResult]) -> dict[str, list[str]]:
    return {
        "concept": [plain(one.concept) for one in found],
        "layer": [plain(one.layer) for one in found],
        "score [95\u00a0%]": [unbroken(one.score) for one in found],
        "macro F1": [unbroken(one.macro_f1) for one in found],
        "square alone": [unbroken(one.place.score) for one in found],
        "picture there": ["–" if one.picture is None else unbroken(one.picture.score) for one in found],
        "random weights": ["–" if one.random_network is None else unbroken(one.random_network.score) for one in found],
        "random labels": [unbroken(one.control.score) for one in found],
    }


def _one(path: str, recording: Recording, found: Sequence[SquareProbeResult]) -> None:
    """One probe: where it is right, and what it says at a step."""
    left, middle, right, last = st.columns([2, 2, 1, 1])
    names = {f"{one.concept} in {one.layer}": one for one in found}
    one = names[left.selectbox("Shown", list(names), key="squares.shown")]
    which = middle.selectbox(
        "Class", range(len(one.classes)), index=len(one.classes) - 1 if len(one.classes) == 2 else 1,
        format_func=one.classes.__getitem__, key=f"squares.class.{one.concept}",
    )  # fmt: skip
    number = right.number_input("Episode", 0, recording.number_of_episodes - 1, key="squares.episode")
    episode = recording.episode(int(number))
    step = last.number_input(f"Step (0 to {episode.length - 1})", 0, episode.length - 1, key="squares.step")
    row = int(episode.rows[int(step)])
    lattice = one.lattice
    said = one.probe.of_values(recording.activations[one.layer][row : row + 1])[0]
    said = said[lattice.cell_rows][:, lattice.cell_columns]
    truth = read_square_concept(recording, one.concept, np.array([row]), constant=True).values[0]
    truth = truth[lattice.square_rows][:, lattice.square_columns]
    picture = recording.steps["frame"][row] if "frame" in recording.steps else None
    scores, words = st.columns([1, 1.6], vertical_alignment="center")
    scores.image(png_bytes(square_scores_figure(one), dots_per_inch=110))
    words.caption(
        "How well each square is decided, over all steps; grey: only one class occurs there. Below: what the probe "
        "that is made from all episodes says at the step, beside what is true."
    )
    st.image(png_bytes(square_answer_figure(one, said, truth, which, picture), dots_per_inch=110))
    st.caption(plain(f"{one.steps:,} steps of {one.episodes} episodes. " + " ".join(f"{note}." for note in one.notes)))

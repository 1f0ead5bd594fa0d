"""The page that says what layers know: a map of concepts by layers, each beside its baselines."""

from collections.abc import Callable, Sequence

import streamlit as st

from workbench.analyses.probing import KINDS, ProbeResult
from workbench.analyses.probing.kinds import find_kind
from workbench.figures.png import png_bytes
from workbench.figures.probing import REFERENCES, confusion_figure, probes_figure
from workbench.recording import Recording
from workbench.views.addresses import find_recording
from workbench.views.caching import cached_listing, cached_recording, stamp
from workbench.views.choosing import choose_recording
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.probes_caching import cached_concepts, cached_numbers, cached_probes
from workbench.views.probes_mistakes import list_mistakes
from workbench.views.probes_pairs import pairs_part
from workbench.views.probes_pushes import pushes_part
from workbench.views.probes_squares import squares_part
from workbench.views.probes_training import training_part
from workbench.views.root import name_below_root
from workbench.views.selection import read_selection
from workbench.views.short_facts import unbroken
from workbench.views.stoppable import stoppable

FIRST_CONCEPTS, FIRST_LAYERS = 6, 12
"""How many are chosen where nobody has chosen."""


def page() -> None:
    """Draw the page."""
    with errors_in_a_box():
        names = [name_below_root(entry["path"]) for entry in cached_listing() if isinstance(entry, dict)]
        if not names:
            st.title("Probes")
            st.info("There is nothing to probe yet. Make a recording on the page *Recordings*.", icon=":material/info:")
            return
        left, _ = st.columns([2, 3])
        choose_recording("probes", left, names, read_selection().recording)
        path = find_recording(read_selection().recording or names[0], names)
        recording = cached_recording(path, stamp(path))
        if not recording.layers:
            st.info("No layer was recorded; record with layers to probe them.", icon=":material/info:")
            return
        part = st.segmented_control(
            "Part", list(PARTS), default="Layers", key="probes.part", label_visibility="collapsed"
        )
        PARTS[part or "Layers"](path, recording)
        with st.expander("How to read this page", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _layers_part(path: str, recording: Recording) -> None:
    concepts, layers = _choose(path, recording)
    kind, concepts = _choose_kind(path, concepts)
    _probes(path, recording, concepts, layers, kind)


def _choose(path: str, recording: Recording) -> tuple[tuple[str, ...], tuple[str, ...]]:
    offered, every = cached_concepts(path, stamp(path)), list(recording.layers)
    what, more = st.columns([2.6, 1])
    chosen = what.multiselect(
        "Concepts", offered, default=offered[:FIRST_CONCEPTS], key=f"probes.concepts.{path}", wrap=True
    )
    typed = more.text_input(
        "Another, as an expression", key="probes.expression", placeholder="truth.distance < 4",
        help="A Python expression over the recorded columns: `observation[2] > 0.1`, `truth.mouse[0]`, `action == 2`.",
    ).strip()  # fmt: skip
    layers = st.multiselect("Layers", every, default=every[:FIRST_LAYERS], key=f"probes.layers.{path}", wrap=True)
    return tuple(dict.fromkeys([*chosen, *([typed] if typed else [])])), tuple(layers)


def _choose_kind(path: str, concepts: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The kind of probe, and the concepts that it is for."""
    names = [kind.name for kind in KINDS]
    kind = find_kind(st.segmented_control("Kind of probe", names, default="linear", key="probes.kind") or "linear")
    told = f"**{kind.name}**: {kind.words}."
    if kind.of == "classes":
        numbers = cached_numbers(path, stamp(path))
        left_out = [name for name in concepts if name in numbers]
        concepts = tuple(name for name in concepts if name not in numbers)
        told += " For classes alone" + (f"; left out: {', '.join(map(plain, left_out))}." if left_out else ".")
    st.caption(told)
    return kind.name, concepts


def _probes(path: str, recording: Recording, concepts: tuple[str, ...], layers: tuple[str, ...], kind: str) -> None:
    with errors_in_a_box():
        if not concepts or not layers:
            st.info("Choose at least one concept and one layer.", icon=":material/info:")
            return
        if not st.toggle(
            f"Probe {len(layers)} layers for {len(concepts)} concepts",
            key="probes.run",
            help=f"Goes over the recording's {recording.number_of_steps:,} steps {1 + 2 * len(layers)} times: the "
            "observation, and each layer as it is and with random weights. The bar says how long it will take at the "
            "pace so far; what is finished is kept.",
        ):
            return
        with stoppable("probing", "probes.run") as progress:
            found = cached_probes(path, stamp(path), concepts, layers, kind, progress)
        there = [name for name in REFERENCES if name != "random_network" or found[0].random_network is not None]
        reference = st.segmented_control(
            "Score less that of",
            there,
            default="observation",
            format_func=REFERENCES.__getitem__,
            key="probes.reference",
        )
        st.image(png_bytes(probes_figure(found, reference or "chance"), dots_per_inch=110))
        first = found[0]
        st.caption(
            f"Probes of kind {kind}, each tested on episodes that it was not made from ({first.episodes} episodes). "
            f"{SCORES[first.tally.is_code]} Intervals are by bootstrap over episodes."
        )
        _one(path, found)


def _one(path: str, found: Sequence[ProbeResult]) -> None:
    """One probe in full."""
    concepts = list(dict.fromkeys(one.concept for one in found))
    layers = list(dict.fromkeys(one.layer for one in found))
    left, right = st.columns(2)
    concept = left.selectbox("Concept", concepts, key="probes.concept")
    best = max((one for one in found if one.concept == concept), key=lambda one: one.score.value)
    layer = right.selectbox("Layer", layers, index=layers.index(best.layer), key=f"probes.layer.{concept}")
    one = next(one for one in found if (one.concept, one.layer) == (concept, layer))
    st.markdown(f"**{plain(one.concept)}** in **{plain(one.layer)}**: {plain(one.verdict)}.")
    numbers, picture = st.columns([1.2, 1])
    rows = [("this layer", one.score, None), ("the raw observation", one.observation.score, one.observation.difference)]
    if one.random_network is not None:
        rows.append(("the same layer with random weights", one.random_network.score, one.random_network.difference))
    rows.append(("random labels (control task)", one.control.score, one.control.difference))
    numbers.table(
        {
            one.metric: [name for name, _, _ in rows] + ["chance"],
            "score [95 %]": [unbroken(score) for _, score, _ in rows] + [f"{one.chance:.2f}"],
            "this layer less it [95 %]": ["" if less is None else unbroken(less) for _, _, less in rows] + [""],
        }
    )
    if one.bits_per_step is not None:
        numbers.caption(plain(f"{one.bits_per_step} bits a step, {one.compression} times shorter than even chances."))
    numbers.caption(plain(f"{one.steps:,} steps of {one.episodes} episodes. " + " ".join(f"{n}." for n in one.notes)))
    if one.classes is not None and not one.tally.is_code:
        picture.image(png_bytes(confusion_figure(one), dots_per_inch=110))
    list_mistakes(path, stamp(path), one)


PARTS: dict[str, Callable[[str, Recording], None]] = {
    "Layers": _layers_part,
    "Pairs": pairs_part,
    "Squares": squares_part,
    "Pushes": pushes_part,
    "Through training": training_part,
}
"""What the page can show of a recording."""
SCORES = {
    False: "Classes: balanced accuracy; numbers: R².",
    True: "The score is the share of a code's length that the layer saves.",
}
HOW_TO_READ = """
- A **probe** reads a concept from a layer. That it can says that the information is there, not that the agent uses it.
- Every score is of **episodes that the probe was not made from**. Classes are scored by balanced accuracy (each class
  counts alike, chance is 1/C), numbers by R² (chance is 0).
- **Beside it**: the same probe of the raw observation; of the same layer with random weights; and of random labels, a
  fixed random function of the observation. The score less the last is the probe's *selectivity*.
- **Kinds**: *linear*, *logistic* and *sparse* read along directions that are fitted, *mass-mean* along the difference
  of the classes' means. *mlp* finds what is there, but not along a direction; it may also work something out itself,
  which the random labels show. *mdl* counts how short the labels become for somebody who learns them from the layer,
  episode by episode: few episodes that suffice count as well as a high score. Kinds that go over steps (logistic, mlp,
  mdl) are made from 10,000 of them at most.
- **Pairs** reads two places together: what neither of them says alone, a bilinear probe finds in their products.
  **Squares** asks every square of a grid with one probe, which reads a convolutional layer at that place. **Pushes**
  changes a probe's direction in the live agent: do decisions change more than with random directions, and how often
  does behaviour follow? **Through training** puts recordings of several checkpoints side by side.
- The map shows the score less the reference that is chosen: red is more, blue is less, **bold** where the 95 % interval
  lies above 0 and the difference is 0.01 or more (less is what a penalty or rounding makes).
- **"Linearly" of classes means by a linear discriminant** with equal priors. Where a class is a threshold of a number
  (`observation[2] > 0`), it misses steps that a logistic probe finds, in the input as in the layers: try that kind.
"""

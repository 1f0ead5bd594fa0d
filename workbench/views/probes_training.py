"""The part of the page of probes that follows a network through its training, from recordings of its checkpoints."""

import streamlit as st

from workbench.figures.checkpoints import surface_figure
from workbench.figures.png import png_bytes
from workbench.figures.probing import REFERENCES
from workbench.recording import Recording
from workbench.views.addresses import find_recording
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.probes_caching import cached_concepts
from workbench.views.probes_parts_caching import alike, cached_surface
from workbench.views.root import name_below_root
from workbench.views.stoppable import stoppable

FIRST_LAYERS = 8


def training_part(path: str, recording: Recording) -> None:
    """Draw the part."""
    with errors_in_a_box():
        there = alike(path, stamp(path))
        own = name_below_root(path)
        if len(there) < 2:
            st.info(
                "There is no other recording with the same layers. Record several checkpoints of a training, with the "
                "same seeds, and they can be put side by side here.",
                icon=":material/info:",
            )
            return
        left, middle, right = st.columns([2.4, 1.6, 2])
        chosen = left.multiselect(
            "Checkpoints, in their order", there, key=f"training.recordings.{own}", wrap=True,
            help="Recordings of one training's checkpoints, the earliest first. What is offered has the same layers; "
            "whether it comes from one training you must know.",
        )  # fmt: skip
        concept = middle.selectbox("Concept", ["action", *cached_concepts(path, stamp(path))], key="training.concept")
        every = list(recording.layers)
        layers = right.multiselect(
            "Layers", every, default=every[:FIRST_LAYERS], key=f"training.layers.{own}", wrap=True
        )
        if len(chosen) < 2 or not layers:
            st.info("Choose at least two checkpoints and one layer.", icon=":material/info:")
            return
        if not st.toggle(f"Probe {len(layers)} layers at {len(chosen)} checkpoints", key="training.run"):
            return
        paths = tuple(find_recording(name, there) for name in chosen)
        with stoppable("probing checkpoints", "training.run") as progress:
            surface = cached_surface(
                paths, tuple(stamp(one) for one in paths), tuple(chosen), concept, tuple(layers), progress
            )
        reference = st.segmented_control(
            "Score less that of", ["chance", "observation", "control"], default="observation",
            format_func=REFERENCES.__getitem__, key="training.reference",
        )  # fmt: skip
        st.image(png_bytes(surface_figure(surface, reference or "chance"), dots_per_inch=110))
        since = [
            f"{layer} from {name} on" for layer, name in zip(surface.layers, surface.first_known, strict=True) if name
        ]
        st.caption(
            plain(
                f"{surface.metric} on episodes that the probes were not made from. Decodable: "
                f"{', '.join(since) or 'in no layer at the last checkpoint'}."
            )
        )

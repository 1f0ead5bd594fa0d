"""Targets from inside the network on a page: a unit, or what a probe of this recording reads."""

from dataclasses import replace

import streamlit as st

from workbench.analyses.probing import Probe, probe_layers
from workbench.analyses.readings import probe_target
from workbench.analyses.targets import NamedTarget
from workbench.errors import WorkbenchError
from workbench.recording import Recording
from workbench.views.caching import cached_recording
from workbench.views.kept_results import once
from workbench.views.selection import change_selection

READS = "reads:"
"""`reads:CONCEPT@LAYER`, or `reads:CONCEPT@LAYER:CLASS`: what a probe says that is made from the recording itself."""


def choose_inner_target(path: str, moment: int | str, recording: Recording) -> None:
    """A small form that puts a target from inside the network into the address."""
    from workbench.views.probes_caching import cached_concepts

    layers = list(recording.layers)
    if not layers:
        return
    with st.popover("Explain something inside", icon=":material/psychology:"):
        kind = st.segmented_control("What", ["a unit", "what a probe reads"], default="a unit", key="inner.kind")
        layer = st.selectbox("Of the layer", layers, index=max(0, len(layers) - 3), key="inner.layer")
        if kind == "what a probe reads":
            concept = st.selectbox("Concept", ["action", *cached_concepts(path, moment)], key="inner.concept")
            which = st.text_input("Class", key="inner.class", placeholder="the last").strip()
            wanted = f"{READS}{concept}@{layer}" + (f":{which}" if which else "")
        else:
            size = int(recording.layers[layer]["shape"][0]) if recording.layers[layer]["shape"] else 1
            unit = st.number_input(f"Unit or channel (0 to {size - 1})", 0, size - 1, key=f"inner.unit.{layer}")
            wanted = f"unit:{layer}:{int(unit)}"
        if st.button("Explain it", key="inner.explain", type="primary"):
            change_selection(target=wanted)
            st.rerun()


def kept_probe(path: str, moment: int | str, concept: str, layer: str) -> Probe:
    """The probe of a concept in a layer, made from all episodes of a recording."""
    return once(
        ("push probe", path, moment, concept, layer),
        lambda: probe_layers(cached_recording(path, moment), [concept], [layer])[0].probe,
    )


def find_inner_target(path: str, moment: int | str, text: str) -> NamedTarget | None:
    """The target that such a name means; None where it is no such name.

    Raises:
        WorkbenchError: There is no such concept, layer or class.
    """
    from workbench.views.saliency_caching import cached_policy

    if not text.startswith(READS):
        return None
    concept, at, rest = text.removeprefix(READS).rpartition("@")
    layer, _, which = rest.partition(":")
    recording = cached_recording(path, moment)
    if not at or layer not in recording.layers:
        raise WorkbenchError(
            f"What a probe reads is {READS}CONCEPT@LAYER or {READS}CONCEPT@LAYER:CLASS; came {text!r}."
        )
    found = probe_target(cached_policy(path, moment), kept_probe(path, moment, concept, layer), which or None)
    return replace(found, name=text)

"""What the page of probes keeps between reruns."""

import streamlit as st

from workbench.analyses.concepts import read_concept, telling_concepts
from workbench.analyses.probing import Mistakes, ProbeResult, mistakes, probe_layers
from workbench.analyses.probing.readouts import HeldOutProbes, ProbeReadout, held_out_probes, read_out
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress
from workbench.recording.object_storage import StorageError
from workbench.views.caching import cached_recording
from workbench.views.kept_results import once
from workbench.views.saliency_caching import cached_policy

MOST_MISTAKES = 12


@st.cache_data(max_entries=32, show_spinner=False)
def cached_classes(path: str, stamp: int | str) -> dict[str, tuple[str, ...] | None]:
    """By concept that a recording offers and that is not the same everywhere, its classes; None of a number."""
    return {one.name: one.classes for one in telling_concepts(cached_recording(path, stamp))}


def cached_concepts(path: str, stamp: int | str) -> list[str]:
    """The names of these."""
    return list(cached_classes(path, stamp))


def cached_numbers(path: str, stamp: int | str) -> frozenset[str]:
    """The names of those that are numbers."""
    return frozenset(name for name, classes in cached_classes(path, stamp).items() if classes is None)


@st.cache_data(max_entries=32, show_spinner=False)
def cached_actions(path: str, stamp: int | str) -> tuple[str, ...] | None:
    """The actions that were taken, where there are several and they are classes; else None."""
    recording = cached_recording(path, stamp)
    try:
        return read_concept(recording, "action").classes
    except WorkbenchError:
        # They have several components, or are always the same.
        return None


def cached_mistakes(path: str, stamp: int | str, result: ProbeResult, progress: Progress) -> Mistakes:
    """The surest mistakes of one of the probes."""
    return once(
        ("mistakes", path, stamp, result.concept, result.layer, result.kind),
        lambda: mistakes(cached_recording(path, stamp), result, most=MOST_MISTAKES, progress=progress),
    )


def cached_probes(
    path: str, stamp: int | str, concepts: tuple[str, ...], layers: tuple[str, ...], kind: str, progress: Progress
) -> tuple[ProbeResult, ...]:
    """Probes of some layers for some concepts, with all their baselines that can be had."""
    return once(
        ("probes", path, stamp, concepts, layers, kind),
        lambda: probe_layers(
            cached_recording(path, stamp),
            concepts,
            layers,
            kind=kind,
            policy=policy_or_none(path, stamp),
            progress=progress,
        ),
    )


def cached_held_out(path: str, stamp: int | str, concept: str, layer: str, progress: Progress) -> HeldOutProbes:
    """The probes that a recording's own episodes are shown with."""
    return once(
        ("held out", path, stamp, concept, layer),
        lambda: held_out_probes(cached_recording(path, stamp), concept, layer, progress=progress),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def cached_readout(
    _probes: HeldOutProbes, path: str, stamp: int | str, concept: str, layer: str, episode: int
) -> ProbeReadout:
    """What they say over an episode."""
    return read_out(cached_recording(path, stamp), _probes, episode)


def policy_or_none(path: str, stamp: int | str) -> Policy | None:
    """The agent; None where it cannot be built, which leaves one baseline out."""
    try:
        return cached_policy(path, stamp)
    except StorageError:
        raise
    except WorkbenchError:
        return None

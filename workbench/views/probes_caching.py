"""What the page of probes keeps between reruns."""

import streamlit as st

from workbench.analyses.concepts import telling_concepts
from workbench.analyses.probing import ProbeResult, probe_layers
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress
from workbench.recording.object_storage import StorageError
from workbench.views.caching import cached_recording
from workbench.views.kept_results import once
from workbench.views.saliency_caching import cached_policy


@st.cache_data(max_entries=32, show_spinner=False)
def cached_concepts(path: str, stamp: int | str) -> list[str]:
    """Names of the concepts that a recording offers, but for those that are the same everywhere in it."""
    return [concept.name for concept in telling_concepts(cached_recording(path, stamp))]


def cached_probes(
    path: str, stamp: int | str, concepts: tuple[str, ...], layers: tuple[str, ...], progress: Progress
) -> tuple[ProbeResult, ...]:
    """Probes of some layers for some concepts, with all their baselines that can be had."""
    return once(
        ("probes", path, stamp, concepts, layers),
        lambda: probe_layers(
            cached_recording(path, stamp), concepts, layers, policy=policy_or_none(path, stamp), progress=progress
        ),
    )


def policy_or_none(path: str, stamp: int | str) -> Policy | None:
    """The agent; None where it cannot be built, which leaves one baseline out."""
    try:
        return cached_policy(path, stamp)
    except StorageError:
        raise
    except WorkbenchError:
        return None

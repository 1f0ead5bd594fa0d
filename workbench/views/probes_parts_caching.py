"""What the further parts of the page of probes keep between reruns."""

from dataclasses import dataclass

import streamlit as st

from workbench.analyses.concepts.squares import offered_square_concepts
from workbench.analyses.probing.bilinear import PairResult, probe_pair
from workbench.analyses.probing.checkpoints import Surface, probe_checkpoints
from workbench.analyses.probing.following import MOST_STEPS, Followed, following
from workbench.analyses.probing.places import Place
from workbench.analyses.probing.spatial import SquareProbeResult, probe_squares
from workbench.analyses.probing.use import Use, use_of
from workbench.analyses.reading_decisions import draw_rows
from workbench.progress import Progress
from workbench.recording import Recording
from workbench.views.caching import cached_listing, cached_recording, stamp
from workbench.views.inner_targets import kept_probe
from workbench.views.kept_results import once
from workbench.views.probes_caching import policy_or_none
from workbench.views.root import name_below_root
from workbench.views.saliency_caching import cached_policy


@dataclass(frozen=True, kw_only=True)
class PushAsked:
    """What a push is asked for."""

    path: str
    stamp: int | str
    concept: str
    layer: str
    which: str
    follows: str | None
    """An expression; None takes the concept itself."""


@st.cache_data(max_entries=32, show_spinner=False)
def cached_square_concepts(path: str, stamp: int | str) -> list[str]:
    """Names of the concepts of squares that a recording offers."""
    return offered_square_concepts(cached_recording(path, stamp))


def spatial_layers(recording: Recording) -> list[str]:
    """Names of the layers that have rows and columns."""
    return [
        name for name, facts in recording.layers.items() if len(facts["shape"]) == 3 and min(facts["shape"][1:]) > 1
    ]


def alike(path: str, moment: int | str) -> list[str]:
    """Names of the recordings below the root whose layers have the shapes of this one's, this one among them."""
    others = tuple(str(entry["path"]) for entry in cached_listing() if isinstance(entry, dict))
    return _cached_alike(path, moment, others)


@st.cache_data(max_entries=32, show_spinner=False)
def _cached_alike(path: str, moment: int | str, others: tuple[str, ...]) -> list[str]:
    own = {name: facts["shape"] for name, facts in cached_recording(path, moment).layers.items()}
    found = []
    for other in others:
        layers = cached_recording(other, stamp(other)).layers
        if own and {name: facts["shape"] for name, facts in layers.items()} == own:
            found.append(name_below_root(other))
    return found


def cached_square_probes(
    path: str, stamp: int | str, concepts: tuple[str, ...], layers: tuple[str, ...], reach: int, progress: Progress
) -> tuple[SquareProbeResult, ...]:
    """Probes of the squares of some layers."""
    return once(
        ("squares", path, stamp, concepts, layers, reach),
        lambda: probe_squares(
            cached_recording(path, stamp), concepts, layers, reach=reach, policy=policy_or_none(path, stamp),
            progress=progress,
        ),
    )  # fmt: skip


def cached_pair(
    path: str, stamp: int | str, concept: str, first: Place, second: Place, progress: Progress
) -> PairResult:
    """A probe of two places together."""
    return once(
        ("pair", path, stamp, concept, first, second),
        lambda: probe_pair(cached_recording(path, stamp), concept, first, second, progress=progress),
    )


def cached_surface(
    paths: tuple[str, ...],
    stamps: tuple[int | str, ...],
    names: tuple[str, ...],
    concept: str,
    layers: tuple[str, ...],
    progress: Progress,
) -> Surface:
    """One concept over layers and checkpoints; without random weights, which take each agent to be built."""
    recordings = [cached_recording(path, moment) for path, moment in zip(paths, stamps, strict=True)]
    return once(
        ("training", paths, stamps, concept, layers),
        lambda: probe_checkpoints(recordings, [concept], layers, names=names, random_network=False, progress=progress)[
            0
        ],
    )


def cached_use(asked: PushAsked) -> Use:
    """What becomes of decisions when a class's direction is changed."""
    recording, policy = cached_recording(asked.path, asked.stamp), cached_policy(asked.path, asked.stamp)

    def compute() -> Use:
        probe = kept_probe(asked.path, asked.stamp, asked.concept, asked.layer)
        return use_of(recording, policy, probe, draw_rows(recording, MOST_STEPS), which=asked.which)

    return once(("use", asked), compute)


def cached_following(asked: PushAsked, scales: tuple[float, ...], progress: Progress) -> tuple[Followed, ...]:
    """How often the agent does as a pushed class says."""
    recording, policy = cached_recording(asked.path, asked.stamp), cached_policy(asked.path, asked.stamp)

    def compute() -> tuple[Followed, ...]:
        probe = kept_probe(asked.path, asked.stamp, asked.concept, asked.layer)
        return following(recording, policy, probe, asked.which, follows=asked.follows, scales=scales, progress=progress)

    return once(("following", asked, scales), compute)

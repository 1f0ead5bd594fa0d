"""What the page of saliency keeps between reruns: live policies as resources, explanations as bounded data."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st
import torch

from workbench.analyses.exclusive import exclusively
from workbench.analyses.reading_decisions import draw_rows
from workbench.analyses.saliency import Case, SaliencyMaps, possible_methods, prepare, saliency
from workbench.analyses.saliency.evidence import Evidence, evidence
from workbench.analyses.saliency.question import split_key
from workbench.analyses.saliency.seen import seen_at, seen_before
from workbench.analyses.targets import offered_targets
from workbench.policies.types import Policy
from workbench.progress import Progress
from workbench.recording import Recording
from workbench.views.caching import cached_recording
from workbench.views.kept_results import once

SAMPLE_STEPS = 24
STRIP_CHUNK = 8
"""Steps that are explained at a time, so that the page tells how far it is."""
MOST_NUMBERS = 40
FEW_STEPS = 64
"""Recorded steps that stand for all of them."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of the page."""

    path: str
    stamp: int | str
    row: int
    target: str
    methods: tuple[str, ...]
    baseline: str
    layer: str | None

    def for_method(self, method: str) -> "Asked":
        """The same, of one method alone: what the others are makes no difference to it."""
        return replace(self, methods=(method,))


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What can be asked of a recording's agent."""

    targets: tuple[tuple[str, str], ...]
    """Names and words."""
    methods: dict[str, str | None]
    """By method why it cannot be used, None where it can."""
    sees_images: bool
    remembers: bool
    """Whether it has a memory, through which earlier observations reach a decision."""
    frames: int
    """How many frames its picture's channels hold side by side; 1 for none."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One method's map of one step, with what was seen."""

    maps: SaliencyMaps
    evidence: Evidence
    picture: npt.NDArray[np.uint8] | None
    """What was seen, where that was an image."""
    numbers: dict[str, float] | None
    """The observation's numbers by name as they enter the network, where it is none; at most `MOST_NUMBERS`."""


# The network is changed by nobody for longer than `exclusively` lasts.
@st.cache_resource(max_entries=4, show_spinner="Building the agent")
def cached_policy(path: str, stamp: int | str) -> Policy:
    """The agent that is kept in a recording; nothing in its file is run."""
    return cached_recording(path, stamp).policy()


@st.cache_data(max_entries=32, show_spinner=False)
def cached_offer(path: str, stamp: int | str) -> Offer:
    """The targets and methods that a recording's agent has."""
    recording, policy = cached_recording(path, stamp), cached_policy(path, stamp)
    case = prepare(recording, 0, policy=policy, background_steps=2)
    with exclusively(policy), torch.no_grad():
        answer = case.question.output(case.question.values, torch.zeros(1, dtype=torch.int64))
    targets = offered_targets(answer, policy.action_space, recording.action_names)
    return Offer(
        targets=tuple((target.name, target.words) for target in targets),
        methods=possible_methods(case),
        sees_images=any(tensor.ndim == 4 for tensor in case.question.values.values()),
        remembers=case.question.decisions.state is not None,
        frames=_frames(recording, case),
    )


def _frames(recording: Recording, case: Case) -> int:
    """How many frames a picture's channels are, as the recorded wrappers say (`frame_stack:4`)."""
    channels = next((tensor.shape[1] for tensor in case.question.values.values() if tensor.ndim == 4), 1)
    wrappers = (recording.attributes.get("environment") or {}).get("wrappers") or []
    for wrapper in wrappers:
        kind, _, number = str(wrapper).partition(":")
        if kind == "frame_stack" and number.isdecimal() and int(number) > 0 and channels % int(number) == 0:
            return int(number)
    return 1


@st.cache_data(max_entries=128, show_spinner="Explaining")
def cached_explanation(asked: Asked) -> Explanation:
    """One method's map of one step, with the evidence that one step can have."""
    case = _case(asked, np.array([asked.row]))
    maps = saliency(case, asked.methods[0])
    seen = seen_at(case.question.decisions, 0)
    return Explanation(
        maps=maps,
        evidence=evidence(case, maps, thorough=False),
        picture=seen.picture,
        numbers=None if seen.numbers is None else _named(recording_names(asked), seen.numbers),
    )


def recording_names(asked: Asked) -> list[str]:
    """Names of a vector observation's numbers; empty where they are not known."""
    return cached_recording(asked.path, asked.stamp).observation_names or []


def _named(names: list[str], numbers: npt.NDArray[np.float64]) -> dict[str, float]:
    known = names if len(names) == len(numbers) else [f"number {place}" for place in range(len(numbers))]
    return dict(zip(known[:MOST_NUMBERS], map(float, numbers[:MOST_NUMBERS]), strict=True))


def cached_sample(asked: Asked, progress: Progress) -> tuple[SaliencyMaps, Evidence]:
    """Maps and evidence over steps of the whole recording: the same whichever step is looked at."""
    of_all = replace(asked, row=0)

    def compute() -> tuple[SaliencyMaps, Evidence]:
        recording = cached_recording(asked.path, asked.stamp)
        case = _case(of_all, draw_rows(recording, SAMPLE_STEPS))
        maps = saliency(case, asked.methods[0])
        return maps, evidence(case, maps, progress=progress)

    return once(("sample", of_all), compute)


@st.cache_data(max_entries=64, show_spinner=False)
def _cached_strip(asked: Asked, rows: tuple[int, ...]) -> list[tuple[Any, Any]]:
    case = _case(asked, np.array(rows))
    maps = saliency(case, asked.methods[0])
    seen = [seen_at(case.question.decisions, place).picture for place in range(len(rows))]
    if seen[0] is None:
        return [(None, None)]
    return list(zip(seen, maps.picture(), strict=True))


def cached_strip(asked: Asked, rows: tuple[int, ...]) -> list[tuple[Any, Any]]:
    """Pictures and maps of some steps."""
    return _cached_strip(replace(asked, row=0), rows)


@dataclass(frozen=True, kw_only=True)
class Film:
    """One method's attribution back in time."""

    maps: SaliencyMaps
    film: npt.NDArray[np.float32]
    """`[P, H, W]` or `[P, n]`."""
    pictures: list[npt.NDArray[np.uint8]] | None
    evidence: Evidence


@st.cache_data(max_entries=32, show_spinner="Explaining the last observations")
def cached_film(asked: Asked, window: int, stack: int) -> Film:
    """What each of the last observations contributed to one decision, with the evidence that one step can have."""
    case = _case(asked, np.array([asked.row]), window=window)
    maps = saliency(case, asked.methods[0])
    key = next(split_key(name)[0] for name, tensor in case.question.values.items() if stack == 1 or tensor.ndim == 4)
    return Film(
        maps=maps,
        film=maps.film(key, stack=stack)[0],
        pictures=seen_before(case.question, 0, stack=stack),
        evidence=evidence(case, maps, thorough=False),
    )


def _case(asked: Asked, rows: npt.NDArray[np.int64], window: int = 1) -> Case:
    return prepare(
        cached_recording(asked.path, asked.stamp),
        rows,
        policy=cached_policy(asked.path, asked.stamp),
        target=asked.target,
        layer=asked.layer,
        baseline=asked.baseline,
        background_steps=FEW_STEPS,
        window=window,
    )

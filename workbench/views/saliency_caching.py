"""What the page of saliency keeps between reruns: live policies as resources, explanations as bounded data."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import streamlit as st
import torch

from workbench.analyses.exclusive import exclusively
from workbench.analyses.reading_decisions import draw_rows
from workbench.analyses.saliency import Case, SaliencyMaps, possible_methods, prepare, saliency
from workbench.analyses.saliency.evidence import Evidence, evidence
from workbench.analyses.saliency.question import split_key
from workbench.analyses.saliency.recorded_mean import RecordedMean
from workbench.analyses.saliency.seen import seen_at, seen_before
from workbench.analyses.targets import NamedTarget, offered_targets
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress
from workbench.recording import Recording
from workbench.recording.spaces_only import environment_or_spaces
from workbench.views.caching import cached_recording
from workbench.views.inner_targets import find_inner_target
from workbench.views.kept_results import once

SAMPLE_STEPS = 24
STRIP_CHUNK = 8
"""Steps that are explained at a time, so that the page tells how far it is."""
MOST_NUMBERS = 40


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
    recording = cached_recording(path, stamp)
    return recording.policy(environment_or_spaces(recording))


@st.cache_resource(max_entries=4, show_spinner=False)
def cached_mean(path: str, stamp: int | str) -> RecordedMean:
    """The mean of a recording, which is read once for all that is explained of it."""
    return RecordedMean(cached_recording(path, stamp), cached_policy(path, stamp))


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


@st.cache_data(max_entries=64, show_spinner=False)
def cached_target(path: str, stamp: int | str, text: str) -> tuple[str, str] | str:
    """The name and the words of a target that an address names; else why there is none."""
    # What lies in a file is read where the command line names it; an address may come from a stranger.
    if text.startswith("probe:"):
        return "What a probe in a file says can be explained on the command line only."
    try:
        inner = find_inner_target(path, stamp, text)
        if inner is not None:
            return inner.name, inner.words
        policy = cached_policy(path, stamp)
        found = prepare(cached_recording(path, stamp), 0, policy=policy, target=text, background_steps=2)
    except WorkbenchError as error:
        return str(error)
    assert isinstance(found.question.target, NamedTarget), "it was found by its name"
    return found.question.target.name, found.question.target.words


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


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One method's maps of some steps in a row."""

    pictures: tuple[npt.NDArray[np.uint8], ...] | None
    """What was seen at each; None where that were no images."""
    heat: npt.NDArray[np.float64]
    """`[T, H, W]` over pictures, else the regions' attributions `[T, G]`."""
    names: tuple[str, ...]
    """`[G]`."""
    unit: str


@st.cache_data(max_entries=64, show_spinner=False)
def _cached_strip(asked: Asked, rows: tuple[int, ...]) -> Strip:
    case = _case(asked, np.array(rows))
    maps = saliency(case, asked.methods[0])
    seen = [seen_at(case.question.decisions, place).picture for place in range(len(rows))]
    pictures = tuple(picture for picture in seen if picture is not None)
    return Strip(
        pictures=pictures or None,
        heat=maps.picture().astype(np.float64) if pictures else maps.regions,
        names=maps.region_names,
        unit=maps.unit,
    )


def cached_strip(asked: Asked, rows: tuple[int, ...]) -> Strip:
    """Pictures and maps of some steps."""
    return _cached_strip(replace(asked, row=0), rows)


@dataclass(frozen=True, kw_only=True)
class Film:
    """One method's attribution back in time."""

    maps: SaliencyMaps
    film: npt.NDArray[np.float32]
    """`[P, H, W]` or `[P, n]`."""
    exists: npt.NDArray[np.bool_]
    """`[P]`, whether the episode had begun."""
    pictures: list[npt.NDArray[np.uint8]] | None
    evidence: Evidence


@st.cache_data(max_entries=32, show_spinner="Explaining the last observations")
def cached_film(asked: Asked, window: int, stack: int) -> Film:
    """What each of the last observations contributed to one decision, with the evidence that one step can have."""
    case = _case(asked, np.array([asked.row]), window=window)
    maps = saliency(case, asked.methods[0])
    key = next(split_key(name)[0] for name, tensor in case.question.values.items() if stack == 1 or tensor.ndim == 4)
    film, history = maps.film(key, stack=stack)[0], case.question.decisions.history
    before = [] if history is None else history.exists[0].tolist()
    return Film(
        maps=maps,
        film=film,
        exists=np.repeat(np.array([*before, True]), stack),
        pictures=seen_before(case.question, 0, stack=stack),
        evidence=evidence(case, maps, thorough=False),
    )


def _case(asked: Asked, rows: npt.NDArray[np.int64], window: int = 1) -> Case:
    return prepare(
        cached_recording(asked.path, asked.stamp),
        rows,
        policy=cached_policy(asked.path, asked.stamp),
        target=find_inner_target(asked.path, asked.stamp, asked.target) or asked.target,
        layer=asked.layer,
        baseline=asked.baseline,
        mean=cached_mean(asked.path, asked.stamp),
        window=window,
    )

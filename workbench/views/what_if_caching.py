"""Changes as plain data, so that they can be kept, taken back and cached; and what they do."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from torch import Tensor

from workbench.analyses.intervention import (
    BehaviourEffect,
    Change,
    DecisionEffect,
    ablate,
    behaviour_effect,
    clamp,
    decision_effect,
    layer_values,
    patch,
    set_number,
)
from workbench.analyses.intervention.state_edits import StateEffect, state_effect
from workbench.errors import WorkbenchError
from workbench.progress import Progress
from workbench.views.caching import cached_recording
from workbench.views.saliency_caching import cached_policy

BACKGROUND_STEPS = 128
EPISODES = 50
SAMPLE_STEPS = 24


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One change that somebody has put together."""

    kind: str
    """`ablate`, `clamp`, `patch` or `show`."""
    words: str
    layer: str | None = None
    units: tuple[int, ...] = ()
    """Empty for all."""
    how: str = "mean"
    value: float = 0.0
    place: int = 0
    """Of `show`: which number of the observation."""
    row: int = 0
    """Of `patch`: the row of the step that is patched from."""


def units_of(path: str, stamp: int | str, layer: str) -> int:
    """How many channels or units a layer has."""
    return int(_usual(path, stamp, layer).shape[1])


@st.cache_resource(max_entries=16, show_spinner=False)
def _usual(path: str, stamp: int | str, layer: str) -> Tensor:
    recording = cached_recording(path, stamp)
    count = min(BACKGROUND_STEPS, len(recording))
    rows = np.sort(np.random.default_rng(0).choice(len(recording), count, replace=False))
    return layer_values(recording, cached_policy(path, stamp), layer, rows)


def changes_of(path: str, stamp: int | str, planned: tuple[Planned, ...]) -> list[Change]:
    """The changes themselves.

    Raises:
        WorkbenchError: One does not fit the agent.
    """
    found: list[Change] = []
    for one in planned:
        if one.kind == "show":
            found.append(set_number(one.place, one.value))
            continue
        if one.layer is None:
            raise WorkbenchError("Choose a layer.")
        usual = _usual(path, stamp, one.layer)
        units = one.units or tuple(range(usual.shape[1]))
        if one.kind == "ablate":
            found.append(ablate(one.layer, one.units or None, usual, how=one.how))
        elif one.kind == "clamp":
            found.append(clamp(one.layer, units, one.value, usual))
        else:
            donor = layer_values(cached_recording(path, stamp), cached_policy(path, stamp), one.layer, [one.row])
            found.append(patch(one.layer, one.units or None, donor[0], usual))
    return found


@st.cache_data(max_entries=64, show_spinner="Asking the agent again")
def cached_effect(path: str, stamp: int | str, row: int, planned: tuple[Planned, ...]) -> DecisionEffect:
    """What the changes do to one decision."""
    changes = changes_of(path, stamp, planned)
    return decision_effect(cached_recording(path, stamp), cached_policy(path, stamp), [row], changes)


@st.cache_data(max_entries=32, show_spinner="Asking about other steps")
def cached_sample_effect(path: str, stamp: int | str, planned: tuple[Planned, ...]) -> DecisionEffect:
    """What they do to decisions of the whole recording."""
    recording = cached_recording(path, stamp)
    count = min(SAMPLE_STEPS, len(recording))
    rows = np.sort(np.random.default_rng(0).choice(len(recording), count, replace=False))
    changes = changes_of(path, stamp, planned)
    return decision_effect(recording, cached_policy(path, stamp), rows, changes)


@st.cache_data(max_entries=32, show_spinner="Editing the world")
def cached_state_effect(
    path: str, stamp: int | str, row: int, edit: str, arguments: tuple[tuple[str, int], ...]
) -> StateEffect:
    """What an edit of the environment's state does to one decision."""
    recording = cached_recording(path, stamp)
    return state_effect(recording, cached_policy(path, stamp), row, [(edit, dict(arguments))])


@st.cache_data(max_entries=16, show_spinner=False)
def cached_behaviour(path: str, stamp: int | str, planned: tuple[Planned, ...], _progress: Progress) -> BehaviourEffect:
    """Episodes with the changes held on, and without."""
    recording = cached_recording(path, stamp)
    changes = changes_of(path, stamp, planned)
    return behaviour_effect(
        cached_policy(path, stamp), changes, recording.make_environment, episodes=EPISODES, seed=0, progress=_progress
    )


@st.cache_data(max_entries=16, show_spinner=False)
def cached_edits(path: str, stamp: int | str) -> list[tuple[str, tuple[str, ...], str]]:
    """Name, arguments and description of the edits of the recorded environment's state; empty where it has none."""
    from workbench.analyses.intervention.state_edits import find_editor

    try:
        editor: Any = find_editor(cached_recording(path, stamp).make_environment())
    except WorkbenchError:
        return []
    return [
        (edit.name, tuple(edit.parameters), edit.description)
        for edit in editor.edits()
        if all(kind is int for kind in edit.parameters.values())
    ]

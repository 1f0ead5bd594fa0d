"""Changes as plain data, so that they can be kept, taken back and cached; and what they do."""

from dataclasses import dataclass
from typing import Any

import streamlit as st
from torch import Tensor

from workbench.analyses.intervention import (
    BehaviourEffect,
    Change,
    ChangedPolicy,
    DecisionEffect,
    Direction,
    PolicyField,
    Rectangle,
    StateEffect,
    ablate,
    behaviour_effect,
    clamp,
    cover,
    decision_effect,
    direction_between,
    find_mover,
    layer_values,
    patch,
    policy_field,
    set_number,
    state_effect,
    steer,
    sweep_scales,
)
from workbench.analyses.intervention.state_edits import find_editor, replay_exactly
from workbench.analyses.reading_decisions import draw_rows
from workbench.errors import WorkbenchError
from workbench.progress import Progress
from workbench.recording import Recording
from workbench.views.caching import cached_recording
from workbench.views.caching import stamp as stamp_of
from workbench.views.kept_results import once
from workbench.views.saliency_caching import cached_policy

BACKGROUND_STEPS = 128
EPISODES = 50
SAMPLE_STEPS = 24
SCALES = (-4.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One change that somebody has put together."""

    kind: str
    """A key of `KINDS` of the page: `ablate`, `clamp`, `cover`, `patch`, `show` or `steer`."""
    words: str
    layer: str | None = None
    units: tuple[int, ...] = ()
    """Empty for all."""
    how: str = "mean"
    name: str = ""
    """Of `show`: what that number is called."""
    place: int = 0
    """Of `show`: which number of the observation."""
    value: float = 0.0
    """Of `clamp` and `show` what is held or shown, of `steer` how much of the direction."""
    row: int | None = None
    """Of `patch` and `cover`: the row of the step that is taken from."""
    donor: str | None = None
    donor_stamp: int | str = 0
    """Of that recording: what was made from it as it was is not of it as it is."""
    """Of `patch`: the recording that holds that step, and the agent that is patched from; None for this one."""
    key: str = ""
    """Of `cover`: which picture of the observation."""
    rectangle: tuple[int, ...] = ()
    """Of `cover`: top, left, height, width."""
    toward: str = ""
    """Of `steer`: an expression that holds at the steps the direction leads to."""
    away: str = ""
    """And from; empty for all others."""


def units_of(path: str, stamp: int | str, layer: str) -> int:
    """How many channels or units a layer has."""
    return int(_usual(path, stamp, layer).shape[1])


@st.cache_resource(max_entries=16, show_spinner=False)
def _usual(path: str, stamp: int | str, layer: str) -> Tensor:
    recording = cached_recording(path, stamp)
    rows = draw_rows(recording, BACKGROUND_STEPS)
    return layer_values(recording, cached_policy(path, stamp), layer, rows)


def changes_of(path: str, stamp: int | str, planned: tuple[Planned, ...]) -> list[Change]:
    """The changes themselves.

    Raises:
        WorkbenchError: One does not fit the agent.
    """
    return [_change(path, stamp, one) for one in planned]


def _change(path: str, stamp: int | str, one: Planned) -> Change:
    recording = cached_recording(path, stamp)
    if one.kind == "show":
        rows = draw_rows(recording, BACKGROUND_STEPS)
        return set_number(one.place, one.value, one.name or None, like=recording.steps["observation"][rows])
    if one.kind == "cover":
        return _covered(recording, one)
    if one.layer is None:
        raise WorkbenchError("Choose a layer.")
    if one.kind == "steer":
        direction = cached_direction(path, stamp, one.layer, one.toward, one.away or None)
        return steer(one.layer, direction.vector, one.value)
    usual = _usual(path, stamp, one.layer)
    if one.kind == "ablate":
        return ablate(one.layer, one.units or None, usual, how=one.how)
    if one.kind == "clamp":
        return clamp(one.layer, one.units or tuple(range(usual.shape[1])), one.value, usual)
    assert one.row is not None, "what is patched comes from a step"
    there = one.donor or path
    moment = stamp_of(there)
    donor = layer_values(cached_recording(there, moment), cached_policy(there, moment), one.layer, [one.row])
    return patch(one.layer, one.units or None, donor[0], usual)


def _covered(recording: Recording, one: Planned) -> Change:
    top, left, height, width = one.rectangle
    rectangle = Rectangle(top=top, left=left, height=height, width=width)
    if one.row is None:
        return cover(rectangle, one.value, key=one.key)
    column = f"observation/{one.key}" if one.key else "observation"
    return cover(rectangle, recording.steps[column][one.row], key=one.key, source=f"row {one.row}")


@st.cache_resource(max_entries=32, show_spinner="Comparing steps")
def cached_direction(path: str, stamp: int | str, layer: str, toward: str, away: str | None) -> Direction:
    """The direction between two sets of steps."""
    return direction_between(cached_recording(path, stamp), cached_policy(path, stamp), layer, toward, away)


@st.cache_data(max_entries=16, show_spinner="Steering by several scales")
def cached_sweep(path: str, stamp: int | str, planned: Planned) -> tuple[DecisionEffect, ...]:
    """What several multiples of a direction do to decisions of the whole recording."""
    assert planned.layer is not None, "a direction has a layer"
    recording = cached_recording(path, stamp)
    vector = cached_direction(path, stamp, planned.layer, planned.toward, planned.away or None).vector
    rows = draw_rows(recording, SAMPLE_STEPS)
    return sweep_scales(recording, cached_policy(path, stamp), rows, planned.layer, vector, SCALES)


@st.cache_data(max_entries=64, show_spinner="Asking the agent again")
def cached_effect(path: str, stamp: int | str, row: int, planned: tuple[Planned, ...]) -> DecisionEffect:
    """What the changes do to one decision."""
    changes = changes_of(path, stamp, planned)
    return decision_effect(cached_recording(path, stamp), cached_policy(path, stamp), [row], changes)


@st.cache_data(max_entries=32, show_spinner="Asking about other steps")
def cached_sample_effect(path: str, stamp: int | str, planned: tuple[Planned, ...]) -> DecisionEffect:
    """What they do to decisions of the whole recording."""
    recording = cached_recording(path, stamp)
    rows = draw_rows(recording, SAMPLE_STEPS)
    changes = changes_of(path, stamp, planned)
    return decision_effect(recording, cached_policy(path, stamp), rows, changes)


@st.cache_data(max_entries=32, show_spinner="Editing the world")
def cached_state_effect(
    path: str, stamp: int | str, row: int, edit: str, arguments: tuple[tuple[str, int], ...]
) -> StateEffect:
    """What an edit of the environment's state does to one decision."""
    recording = cached_recording(path, stamp)
    return state_effect(recording, cached_policy(path, stamp), row, [(edit, dict(arguments))])


def cached_behaviour(path: str, stamp: int | str, planned: tuple[Planned, ...], progress: Progress) -> BehaviourEffect:
    """Episodes with the changes held on, and without."""

    def compute() -> BehaviourEffect:
        return behaviour_effect(
            cached_policy(path, stamp),
            changes_of(path, stamp, planned),
            cached_recording(path, stamp).make_environment,
            episodes=EPISODES,
            seed=0,
            visits=cached_place(path, stamp),
            progress=progress,
        )

    return once(("behaviour", path, stamp, planned, EPISODES), compute)


@st.cache_data(max_entries=16, show_spinner=False)
def cached_edits(path: str, stamp: int | str) -> list[tuple[str, tuple[str, ...], str]]:
    """Name, arguments and description of the edits of the recorded environment's state; empty where it has none."""
    try:
        editor: Any = find_editor(cached_recording(path, stamp).make_environment())
    except WorkbenchError:
        return []
    return [
        (edit.name, tuple(edit.parameters), edit.description)
        for edit in editor.edits()
        if all(kind is int for kind in edit.parameters.values())
    ]


@st.cache_data(max_entries=16, show_spinner=False)
def cached_place(path: str, stamp: int | str) -> str | None:
    """The truth label that says on which square the agent is, and can be put; None where the world is no such grid."""
    recording = cached_recording(path, stamp)
    try:
        found = find_mover(recording.replay(0).environment)
    except WorkbenchError:
        return None
    return None if found is None else found[1]


@st.cache_data(max_entries=32, show_spinner="Putting the agent on every square")
def cached_fields(
    path: str, stamp: int | str, row: int, planned: tuple[Planned, ...]
) -> tuple[PolicyField, PolicyField]:
    """Where the agent would go from every square of one step's world, without the changes and with them."""
    policy = cached_policy(path, stamp)
    environment = replay_exactly(cached_recording(path, stamp), row).environment
    changed = ChangedPolicy(policy, changes_of(path, stamp, planned))
    return policy_field(policy, environment), policy_field(changed, environment)

"""What the page "What if" keeps between reruns: what planned changes do."""

from typing import Any

import streamlit as st
from torch import Tensor

from workbench.analyses.intervention import (
    BehaviourEffect,
    Change,
    ChangedPolicy,
    DecisionEffect,
    Direction,
    PatchSearch,
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
    search_patches,
    set_number,
    state_effect,
    steer,
    sweep_scales,
    target_toward,
)
from workbench.analyses.intervention.state_edits import find_editor, replay_exactly
from workbench.analyses.reading_decisions import draw_rows, read_decisions
from workbench.analyses.saliency.seen import seen_at
from workbench.analyses.targets import NamedTarget, find_target
from workbench.errors import WorkbenchError
from workbench.progress import Progress
from workbench.recording import Recording
from workbench.views.caching import cached_recording
from workbench.views.caching import stamp as stamp_of
from workbench.views.kept_results import once
from workbench.views.saliency_caching import cached_policy
from workbench.views.what_if_plans import Planned

BACKGROUND_STEPS = 128
EPISODES = 50
SAMPLE_STEPS = 24
SCALES = (-4.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 4.0)


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
        return clamp(one.layer, one.units or None, one.value, usual)
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
def cached_sweep(path: str, stamp: int | str, planned: Planned, target: str) -> tuple[DecisionEffect, ...]:
    """What several multiples of a direction do to decisions of the whole recording."""
    assert planned.layer is not None, "a direction has a layer"
    recording = cached_recording(path, stamp)
    vector = cached_direction(path, stamp, planned.layer, planned.toward, planned.away or None).vector
    rows = draw_rows(recording, SAMPLE_STEPS)
    explained = _target(path, stamp, target, (planned,))
    return sweep_scales(recording, cached_policy(path, stamp), rows, planned.layer, vector, SCALES, target=explained)


@st.cache_data(max_entries=64, show_spinner="Asking the agent again")
def cached_effect(path: str, stamp: int | str, row: int, planned: tuple[Planned, ...], target: str) -> DecisionEffect:
    """What the changes do to one decision."""
    changes = changes_of(path, stamp, planned)
    explained = _target(path, stamp, target, planned)
    # What it is compared with is drawn for the steps of the whole recording.
    return decision_effect(
        cached_recording(path, stamp), cached_policy(path, stamp), [row], changes, target=explained, controls=0
    )


@st.cache_data(max_entries=32, show_spinner="Asking about other steps")
def cached_sample_effect(path: str, stamp: int | str, planned: tuple[Planned, ...], target: str) -> DecisionEffect:
    """What they do to decisions of the whole recording."""
    recording = cached_recording(path, stamp)
    rows = draw_rows(recording, SAMPLE_STEPS)
    changes = changes_of(path, stamp, planned)
    explained = _target(path, stamp, target, planned)
    return decision_effect(recording, cached_policy(path, stamp), rows, changes, target=explained)


def _target(path: str, stamp: int | str, name: str, planned: tuple[Planned, ...]) -> NamedTarget | None:
    """The number whose change is measured: by its name; else that of the action that is steered toward, if one is."""
    recording, policy = cached_recording(path, stamp), cached_policy(path, stamp)
    if name:
        answer = read_decisions(recording, policy, [0]).answer()
        return find_target(name, answer, policy.action_space, recording.action_names)
    steering = [one for one in planned if one.kind == "steer"]
    return target_toward(recording, policy, steering[-1].toward) if steering else None


@st.cache_data(max_entries=64, show_spinner=False)
def cached_target_words(path: str, stamp: int | str, name: str) -> str:
    """What a target is, in words.

    Raises:
        WorkbenchError: There is no such target.
    """
    found = _target(path, stamp, name, ())
    assert found is not None, "a name was given"
    return found.words


@st.cache_data(max_entries=32, show_spinner=False)
def cached_seen(path: str, stamp: int | str, row: int, planned: tuple[Planned, ...]) -> tuple[Any, Any]:
    """The picture that the agent sees at a step, and with the changes; None twice where it sees none."""
    recording, policy = cached_recording(path, stamp), cached_policy(path, stamp)
    changed = ChangedPolicy(policy, changes_of(path, stamp, planned))
    before, after = (seen_at(read_decisions(recording, one, [row]), 0).picture for one in (policy, changed))
    return before, after


def cached_search(path: str, stamp: int | str, row: int, donor: int, target: str, progress: Progress) -> PatchSearch:
    """Every unit of every layer, patched from one step into another."""

    def compute() -> PatchSearch:
        recording, policy = cached_recording(path, stamp), cached_policy(path, stamp)
        explained = _target(path, stamp, target, ())
        return search_patches(recording, policy, donor, row, target=explained, progress=progress)

    return once(("search", path, stamp, row, donor, target), compute)


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

"""Editing the world of a step on the page "What if", and the policy as arrows over its squares."""

from typing import Any

import numpy as np
import streamlit as st

from workbench.analyses.intervention import DecisionEffect, StateEffect
from workbench.figures.png import png_bytes
from workbench.figures.policy_field import fields_figure
from workbench.figures.saliency import enlarge
from workbench.figures.what_if import before_and_after
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.what_if_caching import (
    cached_edits,
    cached_fields,
    cached_place,
    cached_state_effect,
)
from workbench.views.what_if_plans import Planned


def decision_picture(effect: DecisionEffect) -> bytes:
    """The first of some decisions before and after, as a picture."""
    beside = None
    if effect.log_odds_before is not None and effect.log_odds_after is not None:
        beside = effect.log_odds_before[0], effect.log_odds_after[0]
    elif effect.actions_before is not None and effect.actions_after is not None:
        beside = effect.actions_before[0], effect.actions_after[0]
    drawn = before_and_after(
        effect.account_before[0], effect.account_after[0], names=effect.options, account=effect.account, beside=beside
    )
    return png_bytes(drawn, dots_per_inch=110)


def _edited_picture(found: StateEffect) -> bytes:
    odds = None
    if found.log_odds_before is not None and found.log_odds_after is not None:
        odds = found.log_odds_before, found.log_odds_after
    drawn = before_and_after(found.before, found.after, names=found.options, account=found.account, beside=odds)
    return png_bytes(drawn, dots_per_inch=110)


def seen_before_and_after(before: Any, after: Any) -> None:
    """What the agent sees, and what it is shown instead, side by side; nothing where it sees no picture."""
    if before is None or after is None:
        return
    sides = st.columns([1, 1, 1.5])
    for side, picture, title in zip(sides, (before, after), ("what it sees", "what it is shown"), strict=False):
        side.image(enlarge(picture), caption=title, width="stretch")


@st.fragment
def another_world(path: str, row: int) -> None:
    """Draw the part that edits the state of the environment; nothing where it cannot be edited."""
    with errors_in_a_box():
        edits = cached_edits(path, stamp(path))
        if not edits:
            return
        st.subheader("Another world", anchor=False)
        st.caption("The environment is put into the state of this step and edited; the agent is not changed.")
        columns = st.columns([1.6, *(0.7,) * max(len(arguments) for _, arguments, _ in edits), 1.2])
        described = {name: description for name, _, description in edits}
        name = columns[0].selectbox("Edit", list(described), format_func=lambda one: described[one], key="what_if.edit")
        arguments = next(arguments for one, arguments, _ in edits if one == name)
        given = tuple(
            (argument, int(place.number_input(argument, 0, 1000, key=f"what_if.edit.{argument}")))
            for argument, place in zip(arguments, columns[1:], strict=False)
        )
        if not st.toggle("Ask the agent there", key="what_if.ask"):
            return
        found = cached_state_effect(path, stamp(path), row, name, given)
        pictures = [_shown(one) for one in (found.observation_before, found.observation_after)]
        seen, decided = st.columns([1, 1.6])
        if all(one is not None for one in pictures):
            sides = seen.columns(2)
            for side, picture, title in zip(sides, pictures, ("before", "after"), strict=True):
                side.image(enlarge(picture), caption=title, width="stretch")
        decided.image(_edited_picture(found))
        facts = []
        if found.value_before is not None and found.value_after is not None:
            facts.append(f"value: {found.value_before:.4g} before, {found.value_after:.4g} after")
        facts.append(_beside_random_edits(found))
        st.caption(plain(" · ".join(facts).replace("-", "−")))


def _shown(observation: Any) -> Any:
    """An observation as a picture; None where it is none."""
    array: Any = np.asarray(observation) if not isinstance(observation, dict) else np.zeros(0)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3)):
        return None
    return array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array


def _beside_random_edits(found: Any) -> str:
    measure = "total variation" if found.account == "probability" else "largest difference"
    if found.chance is None:
        return f"shift ({measure}): {found.shift:.3g}; no control for such an edit"
    return (
        f"shift ({measure}): {found.shift:.3g}; the same edit at {len(found.controls)} different random places: "
        f"{found.controls.mean():.3g} on average, as large in {100 * found.chance:.3g} % of them, this one counted "
        f"(n = 1 step)"
    )


@st.fragment
def fields(path: str, row: int, planned: tuple[Planned, ...]) -> None:
    """Draw the policy over all squares; nothing where the world is no grid on which the agent can be put."""
    with errors_in_a_box():
        if cached_place(path, stamp(path)) is None:
            return
        st.subheader("From every square", anchor=False)
        if not st.toggle("Draw where it would go", key="what_if.field"):
            return
        before, after = cached_fields(path, stamp(path), row, planned)
        titles = ("as it is", "with the changes" if planned else "with no change yet")
        st.image(png_bytes(fields_figure(before, after, titles=titles), dots_per_inch=110))
        turned = float(np.abs(after.probabilities - before.probabilities).sum(axis=1).mean() / 2)
        st.caption(
            plain(
                f"The world of this step, with the agent put on each of its {len(before.squares)} squares. An arrow is "
                f"the mean movement Σ p(a) · step(a); it is as long as a square where the agent is sure. Mean total "
                f"variation between the two: {turned:.2g} of 1."
            )
        )

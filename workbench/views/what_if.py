"""The page that asks "what if": changes of the agent or of what it sees, and what becomes of decision and behaviour."""

from typing import Any

import streamlit as st

from workbench.analyses.intervention import BehaviourEffect, DecisionEffect
from workbench.figures.png import png_bytes
from workbench.figures.what_if import sweep_figure, visits_figure
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.choosing import choose_place
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.progress_bar import ProgressBar
from workbench.views.what_if_caching import (
    EPISODES,
    SCALES,
    Planned,
    cached_behaviour,
    cached_effect,
    cached_sample_effect,
    cached_sweep,
)
from workbench.views.what_if_planning import KINDS, plan_change, possible_kinds
from workbench.views.what_if_world import another_world, decision_picture, fields


def page() -> None:
    """Draw the page."""
    with errors_in_a_box():
        chosen = choose_place("what_if", title="What if", empty="There is nothing to change yet.")
        if chosen is None:
            return
        path, recording, row = chosen.path, chosen.recording, chosen.row
        planned = _plan(path, recording)
        _decision(path, recording, row, planned)
        _behaviour(path, planned)
        another_world(path, recording, row)
        fields(path, row, planned)
        with st.expander("How to read this page", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _plan(path: str, recording: Recording) -> tuple[Planned, ...]:
    """The changes that are held on: a list that grows, and can be taken back."""
    # Of one recording they mean nothing for another.
    key = f"what_if.changes.{path}"
    held: tuple[Planned, ...] = st.session_state.get(key, ())
    with st.container(border=True):
        st.markdown("**Add a change**")
        what, where = st.columns([1.3, 2], vertical_alignment="bottom")
        kind = what.selectbox("What", possible_kinds(recording), format_func=KINDS.__getitem__, key="what_if.kind")
        # What is typed may be wrong: the list of changes stays where it is.
        new, place = None, None
        with errors_in_a_box():
            new, place = plan_change(path, recording, kind, where)
        place = place or st.container()
        if place.button("Add", icon=":material/add:", key="what_if.add", disabled=new is None) and new is not None:
            held = (*held, new)
        for one in held:
            st.markdown(f"- {plain(one.words)}")
        undo, clear, _ = st.columns([1, 1, 4])
        if undo.button("Undo", icon=":material/undo:", key="what_if.undo", disabled=not held):
            held = held[:-1]
        if clear.button("Take all back", key="what_if.clear", disabled=not held):
            held = ()
    if held != st.session_state.get(key, ()):
        st.session_state[key] = held
        st.rerun()
    return held


def _decision(path: str, recording: Recording, row: int, planned: tuple[Planned, ...]) -> None:
    st.subheader("This decision", anchor=False)
    effect = cached_effect(path, stamp(path), row, planned)
    left, right = st.columns([1.6, 1])
    left.image(decision_picture(recording, effect.account, effect.account_before[0], effect.account_after[0]))
    with right:
        facts = [f"{effect.target}: {_number(effect.before[0])} before, {_number(effect.after[0])} after"]
        if effect.value_before is not None and effect.value_after is not None:
            facts.append(f"value: {_number(effect.value_before[0])} before, {_number(effect.value_after[0])} after")
        facts.append("the likeliest action is another one" if effect.flipped[0] else "the likeliest action is the same")
        st.markdown("\n".join(f"- {plain(fact)}" for fact in facts))
        if planned:
            _beside_controls(cached_sample_effect(path, stamp(path), planned))
    steering = [one for one in planned if one.kind == "steer"]
    if steering and st.toggle("Compare scales of the last direction", key="what_if.sweep"):
        _sweep(path, steering[-1])


def _sweep(path: str, steering: Planned) -> None:
    effects = cached_sweep(path, stamp(path), steering)
    st.image(png_bytes(sweep_figure(effects, SCALES), dots_per_inch=110))
    st.caption(
        plain(
            f"The direction alone, over {len(effects[0].rows)} steps of {effects[0].effect.episodes} episodes of the "
            f"recording. Bars: 95 % intervals over episodes. Grey: |change| by {len(effects[0].controls)} random "
            f"vectors of the same length, the middle 90 % of them."
        )
    )


def _beside_controls(effect: DecisionEffect) -> None:
    unit = f" {effect.unit}" if effect.unit else ""
    lines = [f"Over {len(effect.rows)} steps drawn from the recording: |change| {effect.size}{unit}."]
    if len(effect.controls):
        lines.append(
            f"{len(effect.controls)} random changes of the same size: {effect.controls.mean():.3g}{unit} on average; "
            f"as large in {100 * (effect.chance or 0):.2g} % of them, this one counted."
        )
    lines.append(f"It {effect.verdict}." if effect.verdict.startswith("changes") else f"{effect.verdict.capitalize()}.")
    st.caption(" ".join(plain(line) for line in lines))


@st.fragment
def _behaviour(path: str, planned: tuple[Planned, ...]) -> None:
    with errors_in_a_box():
        st.subheader("What it does then", anchor=False)
        if not planned:
            st.caption("Add a change first.")
            return
        if not st.toggle(
            f"Run {EPISODES} episodes with this, and the same without", key=f"what_if.run.{hash(planned)}"
        ):
            return
        bar = st.progress(0.0, "acting")
        found = cached_behaviour(path, stamp(path), planned, ProgressBar(bar, "acting", "episodes"))
        bar.empty()
        _table(found)
        if found.visits is not None:
            st.image(png_bytes(visits_figure(found.visits), dots_per_inch=110))
            st.caption(
                plain(
                    f"Where {found.visits.label} is: the share of an episode's steps on each square, mean over the "
                    f"{len(found.seeds)} episodes. Right: with − without."
                )
            )


def _table(found: BehaviourEffect) -> None:
    st.table(
        {
            "measure": list(found.estimates),
            "without": [_short(one[0]) for one in found.estimates.values()],
            "with": [_short(one[1]) for one in found.estimates.values()],
            "with − without": [_short(one[2]) for one in found.estimates.values()],
        }
    )
    st.caption(
        f"{len(found.seeds)} episodes of the same seeds; 95 % intervals by Student's t. Measured as the environment "
        f"tells it; *terminated* is the share of episodes that reached an end of their own."
    )


def _number(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def _short(number: Any) -> str:
    text = f"{number.mean:.4g}" if number.low is None else f"{number.mean:.4g} [{number.low:.4g}, {number.high:.4g}]"
    return text.replace("-", "−")


HOW_TO_READ = """
- Changes are held on **together**, in their order; *Undo* takes the last one back. Units are channels where a layer is
  convolutional.
- **Before and after** are the policy's own answers to the same recorded observation and memory; nothing is sampled.
- An effect on one step shows little. The caption gives it over steps of the whole recording, beside **random changes of
  the same size** in the same layer: a layer that is touched at all changes something.
- **Episodes** are run twice with the same seeds, with the changes and without; the last column is their paired
  difference with its 95 % interval. An interval that holds 0 says that no effect was shown.
- **Steering** adds a multiple of the difference between the layer's means over two sets of recorded steps. *Compare
  scales* shows whether more of it does more, beside random vectors of the same length.
- *Another world* and *From every square* are there where the environment can be edited. An edit is compared with the
  same edit at random other places; an arrow is the mean movement, as long as the policy is sure of it.
"""

"""The page that asks "what if": changes of the agent or of what it sees, and what becomes of decision and behaviour."""

from typing import Any

import streamlit as st

from workbench.analyses.intervention import BehaviourEffect, DecisionEffect
from workbench.errors import WorkbenchError
from workbench.figures.png import png_bytes
from workbench.figures.what_if import sweep_figure, visits_figure
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.choosing import choose_place
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.progress_bar import ProgressBar
from workbench.views.saliency_caching import cached_offer
from workbench.views.selection import change_selection, read_selection
from workbench.views.what_if_address import read_address, write_address
from workbench.views.what_if_caching import (
    EPISODES,
    SCALES,
    cached_behaviour,
    cached_effect,
    cached_sample_effect,
    cached_seen,
    cached_sweep,
    cached_target_words,
)
from workbench.views.what_if_planning import KINDS, plan_change, possible_kinds
from workbench.views.what_if_plans import Planned
from workbench.views.what_if_search import search
from workbench.views.what_if_world import another_world, decision_picture, fields, seen_before_and_after

ADDRESS_OF = "what_if.address_of"
"""Where the session keeps of which recording the changes in the address are."""


def page() -> None:
    """Draw the page."""
    with errors_in_a_box():
        chosen = choose_place("what_if", title="What if", empty="There is nothing to change yet.")
        if chosen is None:
            return
        path, recording, row = chosen.path, chosen.recording, chosen.row
        planned = _plan(path, recording)
        target = _choose_target(path)
        _decision(path, recording, row, planned, target)
        _behaviour(path, planned)
        search(path, recording, row, target)
        another_world(path, row)
        fields(path, row, planned)
        with st.expander("How to read this page", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _plan(path: str, recording: Recording) -> tuple[Planned, ...]:
    """The changes that are held on: a list that grows, and can be taken back."""
    # Of one recording they mean nothing for another.
    key = f"what_if.changes.{path}"
    held = _held(key, path, recording)
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
    if held != st.session_state[key]:
        st.session_state[key] = held
        st.rerun()
    write_address(held, path)
    st.session_state[ADDRESS_OF] = path
    return held


def _held(key: str, path: str, recording: Recording) -> tuple[Planned, ...]:
    """What is held on so far; at first what the address asks for."""
    if key not in st.session_state:
        # An address that was written for another recording, which has been left, is not meant.
        own = st.session_state.get(ADDRESS_OF, path) == path
        kinds = {kind: KINDS[kind] for kind in possible_kinds(recording)}
        st.session_state[key], notices = read_address(path, recording, kinds) if own else ((), [])
        if notices:
            st.warning("\n\n".join(map(plain, notices)), icon=":material/link_off:")
    held: tuple[Planned, ...] = st.session_state[key]
    return held


def _choose_target(path: str) -> str:
    """The number whose change is measured; the address holds its name."""
    offered = dict(cached_offer(path, stamp(path)).targets)
    usual, *rest = offered
    asked, shown = read_selection().target, ""
    words = {"": f"{offered[usual]}, or of the one steered toward" if len(rest) > 1 else offered[usual]}
    words |= {name: offered[name] for name in rest}
    if asked and asked != usual:
        try:
            said = cached_target_words(path, stamp(path), asked)
            # Written with an action's name it may be one of those that are offered.
            shown = next((name for name in rest if offered[name] == said), asked)
            words.setdefault(shown, said)
        except WorkbenchError as error:
            st.warning(plain(f"The address asks for a target. {error} {offered[usual]} is shown instead."))
    key = "what_if.target"
    st.session_state[key] = shown

    def changed() -> None:
        change_selection(target=st.session_state[key] or None)

    left, _ = st.columns([2, 2])
    chosen: str = left.selectbox(
        "What is measured", list(words), format_func=words.__getitem__, key=key, on_change=changed
    )
    return chosen


def _decision(path: str, recording: Recording, row: int, planned: tuple[Planned, ...], target: str) -> None:
    st.subheader("This decision", anchor=False)
    effect = cached_effect(path, stamp(path), row, planned, target)
    left, right = st.columns([1.6, 1])
    left.image(decision_picture(effect))
    if any(one.kind == "cover" for one in planned):
        with left:
            seen_before_and_after(*cached_seen(path, stamp(path), row, planned))
    with right:
        unit = f" [{effect.unit}]" if effect.unit not in ("", "action") else ""
        facts = [f"{effect.target}{unit}: {_number(effect.before[0])} before, {_number(effect.after[0])} after"]
        if effect.value_before is not None and effect.value_after is not None:
            facts.append(f"value: {_number(effect.value_before[0])} before, {_number(effect.value_after[0])} after")
        facts.append(_what_is_done(effect))
        st.markdown("\n".join(f"- {plain(fact)}" for fact in facts))
        if planned:
            _beside_controls(cached_sample_effect(path, stamp(path), planned, target))
    steering = [one for one in planned if one.kind == "steer"]
    if steering and st.toggle("Compare scales of the last direction", key="what_if.sweep"):
        _sweep(path, steering[-1], target)


def _what_is_done(effect: DecisionEffect) -> str:
    """What the decision comes to, before and after."""
    if effect.actions_before is not None and effect.actions_after is not None:
        done = [
            f"{name}, as it is done: {_number(old)} before, {_number(new)} after"
            for name, old, new in zip(effect.options, effect.actions_before[0], effect.actions_after[0], strict=True)
        ]
        return "; ".join(done)
    best = "best" if effect.account == "q" else "likeliest"
    return f"the {best} action is another one" if effect.flipped[0] else f"the {best} action is the same"


def _sweep(path: str, steering: Planned, target: str) -> None:
    effects = cached_sweep(path, stamp(path), steering, target)
    st.image(png_bytes(sweep_figure(effects, SCALES), dots_per_inch=110))
    st.caption(
        plain(
            f"The direction alone, over {len(effects[0].rows)} steps of {effects[0].effect.episodes} episodes of the "
            f"recording. Bars: 95 % intervals over episodes. Grey: |change| by {len(effects[0].controls)} random "
            f"vectors of the same length, the middle 90 % of them."
        )
    )


def _beside_controls(effect: DecisionEffect) -> None:
    unit, shown = (f" {effect.unit}", f" [{effect.unit}]") if effect.unit else ("", "")
    lines = [f"{effect.target}, over {len(effect.rows)} steps drawn from the recording: |change|{shown} {effect.size}."]
    if len(effect.controls):
        reached = (
            "" if effect.chance is None else f"; as large in {100 * effect.chance:.3g} % of them, this one counted"
        )
        count = len(effect.controls)
        lines.append(
            f"{count} different random change{'s' * (count != 1)} of the same size: {effect.controls.mean():.3g}{unit} "
            f"on average{reached}."
        )
    verdict = effect.verdict
    lines.append(f"It {verdict}." if verdict.startswith("changes") else f"{verdict[0].upper()}{verdict[1:]}.")
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
                    f"{len(found.seeds)} episodes. Right: with − without. The colours go by the square root; squares "
                    f"that are walls in every episode are grey."
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
        f"{len(found.seeds)} episodes of the same seeds. 95 % intervals over episodes: of measures of two values "
        f"Clopper–Pearson, and Newcombe's for the difference of paired shares; of others Student's t. Measured as the "
        f"environment tells it; *terminated* is the share of episodes that reached an end of their own."
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
  Log-odds, ln p/(1 − p), still move where a probability has come to 0 or 1. Of continuous actions the mean is shown
  before it is squashed or clipped into its bounds, and beside it what is done.
- An effect on one step shows little. The caption gives it over steps of the whole recording, beside **random changes of
  the same size**: as many other units of the layer (where fewer are left, the units moved as far toward what random
  steps give), random directions as long, the same number at other recorded values about as far from its present ones,
  rectangles that do not overlap. None is counted twice. *Not shown to be larger* is no proof of being as small.
- **Episodes** are run twice with the same seeds, with the changes and without; the last column is their paired
  difference with its 95 % interval. An interval that holds 0 says that no effect was shown.
- **What is measured** is the number whose change is compared. Steering toward `action == K` is measured by that
  action's number, unless another is chosen: that of the action taken rises at some steps and falls at others.
- *Which units carry it* patches every unit from another step, exactly, and lists those that move the number most.
- **Steering** adds a multiple of the difference between the layer's means over two sets of recorded steps. *Compare
  scales* shows whether more of it does more, beside random vectors of the same length.
- *Another world* and *From every square* are there where the environment can be edited. An edit is compared with the
  same edit at random other places; an arrow is the mean movement, as long as the policy is sure of it.
"""

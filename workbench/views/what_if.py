"""The page that asks "what if": changes of the agent or of what it sees, and what becomes of decision and behaviour."""

from typing import Any

import streamlit as st

from workbench.analyses.intervention import BehaviourEffect, DecisionEffect
from workbench.figures.png import png_bytes
from workbench.figures.what_if import before_and_after
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.choosing import choose_place
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.what_if_caching import (
    EPISODES,
    Planned,
    cached_behaviour,
    cached_edits,
    cached_effect,
    cached_sample_effect,
    cached_state_effect,
    units_of,
)

KINDS = {
    "show": "Show another value",
    "ablate": "Take units out",
    "clamp": "Hold units at a value",
    "patch": "Patch from a step",
}
WAYS = ("mean", "zero", "resample")
MOST_UNITS = 512


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
        _world(path, recording, row)
        with st.expander("How to read this page", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _plan(path: str, recording: Recording) -> tuple[Planned, ...]:
    """The changes that are held on: a list that grows, and can be taken back."""
    # Of one recording they mean nothing for another.
    key = f"what_if.changes.{path}"
    held: tuple[Planned, ...] = st.session_state.get(key, ())
    with st.container(border=True):
        st.markdown("**Add a change**")
        kinds = [kind for kind in KINDS if kind != "show" or recording.observation_names or _is_vector(recording)]
        what, where, how, value, add = st.columns([1.5, 1.7, 1.3, 1.0, 0.6], vertical_alignment="bottom")
        kind = what.selectbox("What", kinds, format_func=KINDS.__getitem__, key="what_if.kind")
        new = _show(recording, where, value) if kind == "show" else _layer(path, recording, kind, where, how, value)
        if add.button("Add", icon=":material/add:", key="what_if.add", disabled=new is None) and new is not None:
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


def _is_vector(recording: Recording) -> bool:
    return "observation" in recording.steps and len(recording.steps["observation"].shape) == 2


def _show(recording: Recording, where: Any, value: Any) -> Planned | None:
    width = int(recording.steps["observation"].shape[1])
    known = recording.observation_names or []
    names = known if len(known) == width else [f"number {place}" for place in range(width)]
    place = where.selectbox("Number", range(width), format_func=names.__getitem__, key="what_if.number")
    shown = value.number_input("Value", value=0.0, key="what_if.value", format="%.4g")
    return Planned(kind="show", words=f"{names[place]} shown as {shown:.4g}", place=int(place), value=float(shown))


def _layer(path: str, recording: Recording, kind: str, where: Any, how: Any, value: Any) -> Planned | None:
    layers = list(recording.layers)
    if not layers:
        where.selectbox("Layer", ["no layer was recorded"], disabled=True)
        return None
    layer = where.selectbox("Layer", layers, key="what_if.layer")
    count = min(MOST_UNITS, units_of(path, stamp(path), layer))
    units = tuple(how.multiselect("Units or channels (none: all)", range(count), key=f"what_if.units.{layer}"))
    named = f"{'all units' if not units else 'units ' + ', '.join(map(str, units))} of {layer}"
    if kind == "ablate":
        way = value.selectbox("To", WAYS, key="what_if.way")
        return Planned(kind=kind, words=f"{named} ablated ({way})", layer=layer, units=units, how=way)
    if kind == "clamp":
        level = float(value.number_input("Value", value=0.0, key="what_if.level", format="%.4g"))
        return Planned(kind=kind, words=f"{named} held at {level:.4g}", layer=layer, units=units, value=level)
    row = int(value.number_input("From row", 0, len(recording) - 1, key="what_if.row"))
    return Planned(kind=kind, words=f"{named} patched from row {row}", layer=layer, units=units, row=row)


def _decision(path: str, recording: Recording, row: int, planned: tuple[Planned, ...]) -> None:
    st.subheader("This decision", anchor=False)
    effect = cached_effect(path, stamp(path), row, planned)
    left, right = st.columns([1.6, 1])
    left.image(_picture(recording, effect.account, effect.account_before[0], effect.account_after[0]))
    with right:
        facts = [f"{effect.target}: {_number(effect.before[0])} before, {_number(effect.after[0])} after"]
        if effect.value_before is not None and effect.value_after is not None:
            facts.append(f"value: {_number(effect.value_before[0])} before, {_number(effect.value_after[0])} after")
        facts.append("the likeliest action is another one" if effect.flipped[0] else "the likeliest action is the same")
        st.markdown("\n".join(f"- {plain(fact)}" for fact in facts))
        if planned:
            _beside_controls(cached_sample_effect(path, stamp(path), planned))


def _beside_controls(effect: DecisionEffect) -> None:
    unit = f" {effect.unit}" if effect.unit else ""
    lines = [f"Over {len(effect.rows)} steps drawn from the recording: |change| {effect.size}{unit}."]
    if len(effect.controls):
        lines.append(
            f"{len(effect.controls)} random changes of as many units: {effect.controls.mean():.3g}{unit} on average; "
            f"as large in {100 * (effect.chance or 0):.2g} % of them, this one counted."
        )
    lines.append(f"It {effect.verdict}." if effect.verdict.startswith("changes") else f"{effect.verdict.capitalize()}.")
    st.caption(" ".join(plain(line) for line in lines))


def _picture(recording: Recording, account: str, before: Any, after: Any) -> bytes:
    known = recording.action_names or []
    names = known if len(known) == len(before) else [f"option {place}" for place in range(len(before))]
    return png_bytes(before_and_after(before, after, names=names, account=account), dots_per_inch=110)


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
        found = cached_behaviour(path, stamp(path), planned, _Bar(bar))
        bar.empty()
        _table(found)


class _Bar:
    """A progress bar of the page, as the library takes it."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def update(self, done: int, total: int, message: str = "") -> None:
        self._bar.progress(min(1.0, done / max(1, total)), f"{done} of {total} episodes")

    def close(self) -> None:
        """Nothing to do."""


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


@st.fragment
def _world(path: str, recording: Recording, row: int) -> None:
    with errors_in_a_box():
        edits = cached_edits(path, stamp(path))
        if not edits:
            return
        st.subheader("Another world", anchor=False)
        st.caption("The environment is put into the state of this step and edited; nothing else is changed.")
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
        st.image(_picture(recording, found.account, found.before, found.after))
        if found.value_before is not None and found.value_after is not None:
            st.caption(
                plain(f"value: {found.value_before:.4g} before, {found.value_after:.4g} after".replace("-", "−"))
            )


HOW_TO_READ = """
- Changes are held on **together**, in their order; *Undo* takes the last one back. Units are channels where a layer is
  convolutional.
- **Before and after** are the policy's own answers to the same recorded observation and memory; nothing is sampled.
- An effect on one step shows little. The caption gives it over steps of the whole recording, beside **random changes of
  as many units** in the same layer: a layer that is touched at all changes something.
- **Episodes** are run twice with the same seeds, with the changes and without; the last column is their paired
  difference with its 95 % interval. An interval that holds 0 says that no effect was shown.
- *Another world* is there where the environment can be edited.
"""

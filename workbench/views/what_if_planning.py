"""The form of the page "What if": putting one change together."""

from typing import Any

import streamlit as st

from workbench.recording import Recording
from workbench.views.caching import cached_listing, cached_recording, stamp
from workbench.views.root import below_root, name_below_root
from workbench.views.what_if_address import with_words
from workbench.views.what_if_caching import units_of
from workbench.views.what_if_plans import WAYS, Planned

KINDS = {
    "show": "Show another value",
    "cover": "Cover part of the picture",
    "ablate": "Take units out",
    "clamp": "Hold units at a value",
    "patch": "Patch from a step",
    "steer": "Steer along a direction",
}
MOST_UNITS = 512


def possible_kinds(recording: Recording) -> list[str]:
    """The kinds of change that a recording's agent can have."""
    lacking = set()
    if not _is_vector(recording):
        lacking.add("show")
    if not pictures_of(recording):
        lacking.add("cover")
    return [kind for kind in KINDS if kind not in lacking]


def pictures_of(recording: Recording) -> dict[str, tuple[int, ...]]:
    """Shapes of the pictures that the agent sees, by key of the observation (`""` for a plain one)."""
    found = {}
    for name in recording.steps:
        shape = recording.steps[name].shape[1:]
        if (name == "observation" or name.startswith("observation/")) and len(shape) in (2, 3) and min(shape[:2]) > 1:
            found[name.removeprefix("observation").removeprefix("/")] = shape
    return found


def plan_change(path: str, recording: Recording, kind: str, where: Any) -> tuple[Planned | None, Any]:
    """Draw the widgets of one kind of change.

    Args:
        path: Of the recording.
        recording: The recording.
        kind: A key of `KINDS`.
        where: The place of the widget that says what is changed.

    Returns:
        The change as it stands, None where it is not complete; and the place of the button that adds it.
    """
    planned, place = _plan(path, recording, kind, where)
    return None if planned is None else with_words(path, recording, planned), place


def _plan(path: str, recording: Recording, kind: str, where: Any) -> tuple[Planned | None, Any]:
    if kind == "show":
        return _show(recording, where)
    if kind == "cover":
        return _cover(recording, where)
    layers = list(recording.layers)
    if not layers:
        where.selectbox("Layer", ["no layer was recorded"], disabled=True)
        return None, st.columns([1])[0]
    layer = where.selectbox("Layer", layers, key="what_if.layer")
    if kind == "steer":
        return _steer(layer)
    return _units(path, recording, kind, layer)


def _is_vector(recording: Recording) -> bool:
    return "observation" in recording.steps and len(recording.steps["observation"].shape) == 2


def _row(*widths: float) -> Any:
    return st.columns([*widths, 0.7], vertical_alignment="bottom")


def _show(recording: Recording, where: Any) -> tuple[Planned, Any]:
    width = int(recording.steps["observation"].shape[1])
    known = recording.observation_names or []
    names = known if len(known) == width else [f"number {place}" for place in range(width)]
    place = where.selectbox("Number", range(width), format_func=names.__getitem__, key="what_if.number")
    value, _, add = _row(1, 3)
    shown = float(value.number_input("Value", value=0.0, key="what_if.value", format="%.4g"))
    return Planned(kind="show", place=int(place), value=shown), add


def _cover(recording: Recording, where: Any) -> tuple[Planned, Any]:
    pictures = pictures_of(recording)
    names = {key: key or "the observation" for key in pictures}
    key = where.selectbox("Picture", list(pictures), format_func=names.__getitem__, key="what_if.key")
    shape = pictures[key]
    last = len(shape) == 2 or shape[2] < min(shape[:2])
    height, width = shape[:2] if last else shape[1:]
    *sides, fill, how, add = _row(1, 1, 1, 1, 1.2, 1.4)
    limits = (("Top", 0, height - 1, 0), ("Left", 0, width - 1, 0), ("Height", 1, height, 1), ("Width", 1, width, 1))
    numbers = tuple(
        int(place.number_input(f"{title} [pixels]", low, high, start, key=f"what_if.cover.{title}"))
        for place, (title, low, high, start) in zip(sides, limits, strict=True)
    )
    filled = fill.selectbox("Fill with", ("a value", "another step"), key="what_if.fill")
    if filled == "a value":
        value = float(how.number_input("Value", value=0.0, key="what_if.fill_value", format="%.4g"))
        return Planned(kind="cover", key=key, rectangle=numbers, value=value), add
    row = int(how.number_input("Row of the step", 0, len(recording) - 1, key="what_if.fill_row"))
    return Planned(kind="cover", key=key, rectangle=numbers, row=row), add


def _steer(layer: str) -> tuple[Planned | None, Any]:
    toward_place, away_place, scale_place, add = _row(2, 2, 0.8)
    toward = toward_place.text_input(
        "Toward steps where", key="what_if.toward", placeholder="action == 2", help=EXPRESSIONS
    ).strip()
    away = away_place.text_input("Away from steps where", key="what_if.away", placeholder="all others").strip()
    scale = float(scale_place.number_input("Times", value=1.0, step=0.5, key="what_if.scale", format="%.4g"))
    if not toward:
        return None, add
    return Planned(kind="steer", layer=layer, value=scale, toward=toward, away=away), add


def _units(path: str, recording: Recording, kind: str, layer: str) -> tuple[Planned | None, Any]:
    count = min(MOST_UNITS, units_of(path, stamp(path), layer))
    if kind == "patch":
        some, source, episode, step, add = _row(2, 2, 0.9, 0.9)
    else:
        some, value, add = _row(3, 1.2)
    units = tuple(some.multiselect("Units or channels (none: all)", range(count), key=f"what_if.units.{layer}"))
    if kind == "ablate":
        way = value.selectbox("To", WAYS, key="what_if.way")
        return Planned(kind=kind, layer=layer, units=units, how=way), add
    if kind == "clamp":
        level = float(value.number_input("Value", value=0.0, key="what_if.level", format="%.4g"))
        return Planned(kind=kind, layer=layer, units=units, value=level), add
    own = name_below_root(path)
    names = [own, *(name for name in _other_names() if name != own)]
    donor = source.selectbox("From the agent of", names, key="what_if.donor")
    # `names` come from the listing below the root.
    there = path if donor == own else str(below_root(donor))
    other = recording if donor == own else cached_recording(there, stamp(there))
    number = int(episode.number_input("Episode", 0, max(0, other.number_of_episodes - 1), key="what_if.episode_from"))
    length = other.episode(number).length
    time = int(step.number_input("Step", 0, max(0, length - 1), key="what_if.step_from"))
    row = int(other.episode(number).rows[time])
    return Planned(kind=kind, layer=layer, units=units, row=row, donor=there), add


def _other_names() -> list[str]:
    return [name_below_root(entry["path"]) for entry in cached_listing() if isinstance(entry, dict)]


EXPRESSIONS = (
    "A Python expression over the recorded columns: `action == 2 and truth.distance < 4`, `episode_return > 0.5`, "
    "`observation[2] > 0.1`, `all(truth.mouse == truth.corner)`."
)

"""The changes of the page "What if" in its address: short JSON objects, read as what a stranger may have written."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import streamlit as st

from workbench.errors import WorkbenchError
from workbench.recording import Recording
from workbench.views.caching import cached_recording, stamp
from workbench.views.root import below_root, name_below_root
from workbench.views.what_if_caching import cached_direction, units_of
from workbench.views.what_if_plans import WAYS, Planned, words_of

NAME = "change"
"""Of the part of the address; it stands there once for each change."""
MOST_CHANGES = 16
LONGEST = 2_000
"""Characters of one."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    "show": ("place", "value"), "cover": ("rectangle",), "ablate": ("layer", "how"), "clamp": ("layer", "value"),
    "patch": ("layer", "row"), "steer": ("layer", "toward", "value"),
}  # fmt: skip
"""By kind what must be said."""
USUAL = {one.name: one.default for one in fields(Planned)}


def to_address(one: Planned, path: str) -> str:
    """A change as it stands in an address: what differs from the usual, and the donor by its name below the root."""
    left_out = ("words", "name", "donor_stamp", "donor")
    said = {
        name: value
        for name, value in vars(one).items()
        if name not in left_out and (value != USUAL[name] or name in NEEDED[one.kind])
    }
    if one.donor is not None and one.donor != path:
        said["donor"] = name_below_root(one.donor)
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


def from_address(text: str, path: str, recording: Recording, kinds: Mapping[str, Any]) -> Planned:
    """The change that an address asks for.

    Args:
        text: As `to_address` writes it.
        path: Of the recording.
        recording: The recording.
        kinds: The kinds of change that its agent can have.

    Raises:
        WorkbenchError: It is not of that form, or does not fit the recording.
    """
    if len(text) > LONGEST:
        raise WorkbenchError(f"it has more than {LONGEST:,} characters")
    try:
        said = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise WorkbenchError("it is no JSON") from error
    if not isinstance(said, dict) or said.get("kind") not in kinds:
        raise WorkbenchError(f"it must be an object whose kind is one of {', '.join(kinds)}")
    missing = [name for name in NEEDED[said["kind"]] if name not in said]
    wrong = [name for name, value in said.items() if name not in _READ or not _READ[name](value)]
    if missing or wrong:
        raise WorkbenchError(f"{', '.join(map(str, missing or wrong))} {'is missing' if missing else 'cannot be so'}")
    donor = str(below_root(said.pop("donor"))) if "donor" in said else None
    said |= {name: tuple(said[name]) for name in ("units", "rectangle") if name in said}
    one = Planned(**said, donor=donor or (path if said["kind"] == "patch" else None))
    _check(one, path, recording)
    return with_words(path, recording, one)


def with_words(path: str, recording: Recording, one: Planned) -> Planned:
    """The change with its words, and with the stamp of what it is taken from.

    Raises:
        WorkbenchError: A direction's expressions hold nowhere.
    """
    if one.kind == "show":
        names = recording.observation_names or []
        width = int(recording.steps["observation"].shape[1])
        one = replace(one, name=names[one.place] if len(names) == width else f"number {one.place}")
        return replace(one, words=words_of(one))
    if one.kind == "steer":
        assert one.layer is not None, "a direction has a layer"
        found = cached_direction(path, stamp(path), one.layer, one.toward, one.away or None)
        return replace(one, words=words_of(one, source=found.words))
    if one.row is None:
        return replace(one, words=words_of(one))
    there = one.donor or path
    other = cached_recording(there, stamp(there))
    source = step_in_words(other, one.row) + ("" if there == path else f" of {name_below_root(there)}")
    one = replace(one, donor_stamp=stamp(there) if one.kind == "patch" else 0)
    return replace(one, words=words_of(one, source=source))


def step_in_words(recording: Recording, row: int) -> str:
    """Which step of which episode a row is."""
    identity, time = int(recording.steps["episode"][row]), int(recording.steps["t"][row])
    number = [int(one) for one in recording.episodes["id"]].index(identity)
    return f"step {time} of episode {number}"


def read_address(path: str, recording: Recording, kinds: Mapping[str, Any]) -> tuple[tuple[Planned, ...], list[str]]:
    """The changes that the address asks for, and a sentence for each that cannot be had."""
    found, notices = list[Planned](), list[str]()
    texts = st.query_params.get_all(NAME)
    for number, text in enumerate(texts[:MOST_CHANGES], start=1):
        try:
            found.append(from_address(text, path, recording, kinds))
        except WorkbenchError as error:
            notices.append(f"Change {number} of the address is left out: {str(error).rstrip('.')}.")
    if len(texts) > MOST_CHANGES:
        notices.append(f"The address asks for {len(texts)} changes; the first {MOST_CHANGES} are held on.")
    return tuple(found), notices


def write_address(held: tuple[Planned, ...], path: str) -> None:
    """Write the changes that are held on to the address."""
    texts = [to_address(one, path) for one in held]
    if st.query_params.get_all(NAME) == texts:
        return
    if texts:
        st.query_params[NAME] = texts
    else:
        st.query_params.pop(NAME, None)


def _check(one: Planned, path: str, recording: Recording) -> None:
    if one.kind == "show" and one.place >= recording.steps["observation"].shape[1]:
        raise WorkbenchError(f"the observation has no number {one.place}")
    if one.layer is not None and one.layer not in recording.layers:
        raise WorkbenchError(f"no layer {one.layer!r} was recorded")
    if one.units and one.layer is not None and max(one.units) >= (count := units_of(path, stamp(path), one.layer)):
        raise WorkbenchError(f"the layer {one.layer!r} has {count:,} units")
    there = one.donor or path
    if one.row is not None and one.row >= len(cached_recording(there, stamp(there))):
        raise WorkbenchError(f"there is no row {one.row}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)
    )


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


_READ: Mapping[str, Callable[[Any], bool]] = {
    "kind": _is_text, "layer": _is_text, "units": _are_counts, "how": lambda value: value in WAYS, "place": _is_count,
    "value": _is_number, "row": _is_count, "donor": _is_text, "key": _is_text,
    "rectangle": lambda value: _are_counts(value) and len(value) == 4 and min(value[2:]) > 0, "toward": _is_text,
    "away": _is_text,
}  # fmt: skip
"""What may stand in an address, and of which form."""

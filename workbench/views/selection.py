"""What is selected, shared by all pages; the address bar holds it, so that any state can be linked to."""

from dataclasses import dataclass

import streamlit as st

NAMES = ("recording", "episode", "step", "layer", "method", "target", "baseline", "site")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What the address bar asks for, as it stands there; None where it says nothing."""

    recording: str | None = None
    """Its name below the root."""
    episode: str | None = None
    step: str | None = None
    layer: str | None = None
    method: str | None = None
    """Of saliency; several are parted by commas."""
    target: str | None = None
    baseline: str | None = None
    site: str | None = None
    """The layer that a map attributes to; None for the observation."""


def read_selection() -> Selection:
    """The selection in the address bar; whether there is such a thing, `addresses.resolve` says."""
    return Selection(**{name: st.query_params.get(name) or None for name in NAMES})


def change_selection(**changes: str | int | None) -> None:
    """Write some of a selection's fields to the address bar; None takes one out."""
    for name, value in changes.items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)

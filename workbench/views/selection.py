"""What is selected, shared by all pages; the address bar holds it, so that any state can be linked to."""

from dataclasses import dataclass

import streamlit as st

NAMES = ("recording", "episode", "step", "layer")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The recording (its name below the root), episode, step and layer that the address bar names."""

    recording: str | None
    episode: int
    step: int
    layer: str | None


def read_selection() -> Selection:
    """The selection in the address bar; what is not a number there counts as 0."""
    parameters = st.query_params
    return Selection(
        recording=parameters.get("recording") or None,
        episode=_whole_number(parameters.get("episode")),
        step=_whole_number(parameters.get("step")),
        layer=parameters.get("layer") or None,
    )


def change_selection(**changes: str | int | None) -> None:
    """Write some of `recording`, `episode`, `step`, `layer` to the address bar; None takes one out."""
    for name, value in changes.items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)


def _whole_number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else 0

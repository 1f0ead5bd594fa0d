"""The selectors that several pages share: which recording, and which of its episodes."""

from typing import Any

import streamlit as st

from workbench.recording import Recording
from workbench.views.selection import change_selection


def choose_recording(page: str, place: Any, names: list[str], current: str | None) -> None:
    """A list of the recordings; choosing one changes the address.

    Args:
        page: Whose selector it is: widgets of two pages have different keys.
        place: Where it is drawn.
        names: Of all recordings.
        current: What the address asks for.
    """
    key = f"{page}.recording"
    # What the address asks for in vain is no choice: the page says so.
    st.session_state[key] = current if current is not None and current in names else (None if current else names[0])

    def changed() -> None:
        change_selection(recording=st.session_state[key], episode=None, step=None, layer=None, target=None, site=None)

    place.selectbox("Recording", names, key=key, on_change=changed, placeholder="choose a recording")


def choose_episode(page: str, place: Any, recording: Recording, shown: int) -> int:
    """A list of the episodes; choosing one changes the address, to its first step."""
    episodes, count, key = recording.episodes, recording.number_of_episodes, f"{page}.episode"
    st.session_state[key] = shown

    def label(k: int) -> str:
        unfinished = "" if episodes["complete"][k] else ", not finished"
        steps = "1 step" if episodes["length"][k] == 1 else f"{episodes['length'][k]:,} steps"
        return f"{k}: return {episodes['return'][k]:.5g}, {steps}{unfinished}".replace("-", "−")

    def changed() -> None:
        change_selection(episode=st.session_state[key], step=0)

    episode: int = place.selectbox("Episode", range(count), format_func=label, key=key, on_change=changed)
    return episode


def choose_step(page: str, place: Any, length: int, shown: int) -> int:
    """A number from 0 to T − 1; choosing one changes the address."""
    key = f"{page}.step"
    # What was observed after the last action was decided by nobody.
    st.session_state[key] = min(shown, length - 1)

    def changed() -> None:
        change_selection(step=st.session_state[key])

    step: int = place.number_input(f"Step (0 to {length - 1})", 0, length - 1, key=key, on_change=changed, step=1)
    return step

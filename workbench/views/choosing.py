"""The selectors that several pages share: which recording, which of its episodes, which step."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from workbench.recording import Recording
from workbench.views.addresses import find_recording, resolve
from workbench.views.caching import cached_listing, cached_opening, cached_recording, stamp
from workbench.views.errors import plain
from workbench.views.root import name_below_root
from workbench.views.selection import change_selection, read_selection


@dataclass(frozen=True, kw_only=True)
class ChosenStep:
    """The step that a page is about."""

    path: str
    recording: Recording
    episode: int
    step: int
    row: int
    """Of `recording.steps`."""


def choose_place(page: str, *, title: str, empty: str, names: list[str] | None = None) -> ChosenStep | None:
    """The top of a page about one step: its selectors, and what the address asks for in vain.

    Args:
        page: Whose selectors they are.
        title: Of the page, shown where there is nothing to choose from.
        empty: What to say then.
        names: Of the recordings that are offered; None: all.

    Returns:
        The step; None where there is none, which has been said.

    Raises:
        WorkbenchError: The address names no recording below the root.
    """
    if names is None:
        names = [name_below_root(entry["path"]) for entry in cached_listing() if isinstance(entry, dict)]
    if not names:
        st.title(title)
        st.info(f"{empty} Make a recording on the page *Recordings*.", icon=":material/info:")
        return None
    left, middle, right = st.columns([2, 2, 1.2])
    choose_recording(page, left, names, read_selection().recording)
    path = find_recording(read_selection().recording or names[0], names)
    recording = cached_recording(path, stamp(path))
    if not recording.number_of_episodes:
        st.info("This recording holds no step: it ended before the first was committed.", icon=":material/info:")
        return None
    asked = read_selection()
    opening = cached_opening(path, stamp(path)).number if asked.episode is None else 0
    place = resolve(recording, asked, opening=opening, decisions_only=True)
    if place.notices:
        st.warning("\n\n".join(map(plain, place.notices)), icon=":material/link_off:")
    episode = choose_episode(page, middle, recording, place.episode)
    shown = recording.episode(episode)
    step = choose_step(page, right, shown.length, place.step)
    return ChosenStep(path=path, recording=recording, episode=episode, step=step, row=int(shown.rows[step]))


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
    st.session_state[key] = shown

    def changed() -> None:
        change_selection(step=st.session_state[key])

    step: int = place.number_input(f"Step (0 to {length - 1})", 0, length - 1, key=key, on_change=changed, step=1)
    return step

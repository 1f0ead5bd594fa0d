"""The decisions of a recording in which the search left the network furthest, worst first."""

from typing import Any

import numpy as np
import streamlit as st

from workbench.analyses.search_surprises import Surprises
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.errors import plain
from workbench.views.progress_bar import ProgressBar
from workbench.views.search_caching import cached_game, cached_surprises
from workbench.views.selection import change_selection

MOST_SHOWN = 200
SURPRISE, GAIN = "surprise", "Q gained"
ORDERS = {SURPRISE: "the most surprising", GAIN: "the most gained over the network's favourite"}
PART, CHOICE = "search.part", "search.surprises.table"
DECISION = "This decision"
"""The part of the page that a choice in the table leads to."""


def surprises_part(path: str, recording: Recording) -> None:
    """Draw the part of the page."""
    bar = st.progress(0.0, "reading searches")
    try:
        found = cached_surprises(path, stamp(path), ProgressBar(bar, "reading searches"))
    finally:
        bar.empty()
    if not found.found:
        st.info("No step of this recording holds a search.", icon=":material/info:")
        return
    overturned = np.array([one.overturned for one in found.found])
    values = np.array([one.surprise for one in found.found])
    count = len(values)
    st.markdown(
        f"The search overturned the network in **{overturned.sum()} of {count}** decisions "
        f"({100 * overturned.mean():.0f} %). Mean surprise {values.mean():.3f} nat, largest {values.max():.3f}."
    )
    left, right = st.columns([1.4, 1.6], vertical_alignment="bottom")
    order = left.segmented_control(
        "Worst first by", list(ORDERS), default=SURPRISE, key="search.surprises.order", required=True
    )
    only = right.toggle("Only where the search overturned the network", key="search.surprises.only")
    places = ranked(found, order or SURPRISE, only=only)[:MOST_SHOWN]
    if not len(places):
        st.info("The search overturned the network nowhere.", icon=":material/info:")
        return
    game = cached_game(path, stamp(path)).game
    names = list(game.action_names) if game is not None else list(recording.action_names or [])

    def jump() -> None:
        picked = (st.session_state.get(CHOICE) or {}).get("selection", {}).get("rows") or []
        if picked and 0 <= picked[0] < len(places):
            place = places[picked[0]]
            change_selection(episode=int(found.episode[place]), step=int(found.step[place]))
            st.session_state[PART] = DECISION

    st.dataframe(
        _table(found, places, names), key=CHOICE, on_select=jump, selection_mode="single-row", hide_index=True,
        column_config={
            "surprise": st.column_config.NumberColumn("surprise (nat)", format="%.3f"),
            "Q gained": st.column_config.NumberColumn("Q gained", format="%.3f"),
        },
    )  # fmt: skip
    notes = ["Choose a row (the box at its left) to look at its search."]
    if len(places) == MOST_SHOWN:
        notes.append(f"The first {MOST_SHOWN} are shown.")
    if found.left_out:
        notes.append(f"{found.left_out:,} further steps of this recording were not looked at.")
    if found.damaged:
        notes.append(f"The searches of {found.damaged:,} steps are damaged and left out.")
    notes.append(
        "Surprise is KL(visits ‖ prior before noise): 0 where the search agrees with the network. Q gained is Q of the "
        "search's choice less Q of the network's favourite, for the player to move."
    )
    st.caption(" ".join(plain(note) for note in notes))


def ranked(found: Surprises, order: str, *, only: bool) -> list[int]:
    """Places of decisions, worst first.

    Args:
        found: All of them.
        order: `surprise` or `Q gained`; where the favourite was never tried, the gain is unknown and comes last.
        only: Leave out those in which search and network agree.
    """
    keys = [one.surprise if order == SURPRISE else one.q_gain for one in found.found]
    places = [place for place, one in enumerate(found.found) if one.overturned or not only]
    return sorted(places, key=lambda place: (np.isnan(keys[place]), -np.nan_to_num(keys[place]), place))


def _table(found: Surprises, places: list[int], names: list[str]) -> dict[str, list[Any]]:
    def name(action: int) -> str:
        return names[action] if action < len(names) else str(action)

    chosen = [found.found[place] for place in places]
    return {
        "episode": [int(found.episode[place]) for place in places],
        "step": [int(found.step[place]) for place in places],
        "network": [name(one.favourite) for one in chosen],
        "search": [name(one.choice) for one in chosen],
        "overturned": [one.overturned for one in chosen],
        "surprise": [one.surprise for one in chosen],
        "Q gained": [None if np.isnan(one.q_gain) else one.q_gain for one in chosen],
    }

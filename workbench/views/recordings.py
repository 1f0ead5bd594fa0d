"""The page of recordings: what there is, what is wrong with what is broken, and a form for a new one."""

from typing import Any

import pandas as pd
import streamlit as st

from workbench.recording import BrokenRecording
from workbench.recording.mean_in_words import METHODS_IN_WORDS, interval_cell
from workbench.views.caching import cached_listing
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.recording_form import recording_form
from workbench.views.recording_progress import recording_progress
from workbench.views.root import name_below_root, root_folder

ROW_PIXELS = 36
COLUMNS = {
    "name": st.column_config.TextColumn("Recording"),
    "algorithm": st.column_config.TextColumn("Agent"),
    "environment": st.column_config.TextColumn("Environment"),
    "mean": st.column_config.NumberColumn("Mean return", format="%.2f", help="Over complete episodes, in reward units"),
    "interval": st.column_config.TextColumn("95 % interval", help=METHODS_IN_WORDS),
    "n": st.column_config.NumberColumn("n", help="Complete episodes: what the mean and its interval stand on"),
    "steps": st.column_config.NumberColumn("Steps", format="localized"),
    "episodes": st.column_config.NumberColumn("Episodes", help="Those cut off included"),
    "megabytes": st.column_config.NumberColumn("Size (MB)", format="%.1f"),
    "state": st.column_config.TextColumn("State", help="finished, or how the recording ended before it was complete"),
    "created": st.column_config.DatetimeColumn("Created", format="YYYY-MM-DD HH:mm"),
}


def page() -> None:
    """Draw the page."""
    st.title("Recordings")
    with errors_in_a_box():
        recording_progress()
        listing = cached_listing(root_folder())
        usable = [entry for entry in listing if isinstance(entry, dict)]
        broken = [entry for entry in listing if isinstance(entry, BrokenRecording)]
        if usable:
            _table(usable)
        elif not broken:
            st.info(
                f"There are no recordings in `{root_folder()}` yet. Record one of the agents below, or on the command "
                "line: `workbench record ppo:AGENT.zip CartPole-v1 --episodes 10 --out runs/first.zarr`",
                icon=":material/info:",
            )
        for entry in broken:
            st.warning(f"**{plain(name_below_root(entry.path))}** cannot be opened. {plain(entry.reason)}")
        with st.expander("Record a new one", expanded=not listing, icon=":material/fiber_manual_record:"):
            recording_form()


def _table(usable: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame([_row(entry) for entry in usable]).sort_values("created", ascending=False, na_position="last")
    chosen = st.dataframe(
        frame,
        column_config=COLUMNS,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="recordings.table",
        row_height=ROW_PIXELS,
        height=min(ROW_PIXELS * (len(frame) + 1), 480),
        placeholder="–",
    )
    st.caption(
        "One row a recording. The mean return is over its n complete episodes; the 95 % interval (Student's t, or "
        "Clopper and Pearson's of two values: see its heading) says how far it might be off. Click a heading to sort; "
        "tick a row to open it."
    )
    rows = chosen["selection"]["rows"] if chosen else []
    name = str(frame.iloc[rows[0]]["name"]) if rows and rows[0] < len(frame) else None
    from workbench.views.pages import pages

    label = f"Replay {name}" if name else "Tick a row to replay it"
    if st.button(plain(label), type="primary", disabled=name is None, icon=":material/play_arrow:"):
        st.switch_page(pages()["replay"], query_params={"recording": str(name), "episode": "0", "step": "0"})


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name_below_root(entry["path"]),
        "algorithm": entry["algorithm"] or "unknown",
        "environment": entry["environment"] or "unknown",
        "mean": entry["mean_return"],
        "interval": interval_cell(entry),
        "n": entry["complete_episodes"],
        "steps": entry["steps"],
        "episodes": entry["episodes"],
        "megabytes": entry["bytes_on_disk"] / 1e6,
        "state": entry["ended"] if not entry["complete"] else "complete",
        "created": pd.to_datetime(entry["created"], errors="coerce", utc=True),
    }

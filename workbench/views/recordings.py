"""The page of recordings: what there is, what is wrong with what is broken, and a form for a new one."""

from typing import Any

import streamlit as st

from workbench.recording import BrokenRecording
from workbench.recording.mean_in_words import METHODS_IN_WORDS
from workbench.views.caching import cached_listing
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.recording_form import recording_form
from workbench.views.recording_progress import recording_progress
from workbench.views.recordings_table import recordings_table
from workbench.views.root import name_below_root, root_in_words


def page() -> None:
    """Draw the page."""
    st.title("Recordings")
    with errors_in_a_box():
        recording_progress()
        listing = cached_listing()
        usable = [entry for entry in listing if isinstance(entry, dict)]
        broken = [entry for entry in listing if isinstance(entry, BrokenRecording)]
        if usable:
            _table(usable)
        elif not broken:
            st.info(
                f"There are no recordings in `{root_in_words()}` yet. Record one of the agents below, or on the "
                "command line: `workbench record ppo:AGENT.zip CartPole-v1 --episodes 10 --out runs/first.zarr`",
                icon=":material/info:",
            )
        for entry in broken:
            st.warning(f"**{plain(name_below_root(entry.path))}** cannot be opened. {plain(entry.reason)}")
        with st.expander("Record a new one", expanded=not listing, icon=":material/fiber_manual_record:"):
            recording_form()


def _table(usable: list[dict[str, Any]]) -> None:
    opened = recordings_table(usable)
    st.caption(
        "Click a name to replay the recording, a heading to sort. The mean return is over the n complete episodes; the "
        f"95 % interval says how far it might be off. {METHODS_IN_WORDS}"
    )
    if opened is not None:
        from workbench.views.pages import pages

        st.switch_page(pages()["replay"], query_params={"recording": opened})

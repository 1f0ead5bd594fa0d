"""The table of pages: their functions, titles and addresses."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from workbench.views import recordings, replay


def pages() -> dict[str, StreamlitPage]:
    """All pages by name; `url_path` is explicit, for two functions called `page` would share one."""
    return {
        "recordings": st.Page(
            recordings.page, title="Recordings", icon=":material/database:", url_path="recordings", default=True
        ),
        "replay": st.Page(replay.page, title="Replay", icon=":material/play_circle:", url_path="replay"),
    }

"""The dashboard's frame: its pages, in their order."""

from collections.abc import Sequence

import streamlit as st

from workbench.views.catalogue import AgentChoice
from workbench.views.pages import pages


def run(agents: Sequence[AgentChoice] = ()) -> None:
    """Show the page that the address names.

    Args:
        agents: What the recording form offers.
    """
    st.set_page_config(page_title="RL workbench", page_icon="🧠", layout="wide")
    st.html("<style>.stMainBlockContainer { padding: 3.6rem clamp(1rem, 2.2vw, 3rem) 2rem; }</style>")
    st.session_state["agents"] = tuple(agents)
    st.navigation(list(pages().values()), position="top").run()

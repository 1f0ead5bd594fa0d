"""The table of pages: their functions, titles and addresses."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from workbench.views import recordings, replay


def _saliency() -> None:
    # It needs torch, which whoever only looks at recordings does not wait for.
    from workbench.views import saliency

    saliency.page()


def _what_if() -> None:
    from workbench.views import what_if

    what_if.page()


def _probes() -> None:
    from workbench.views import probes

    probes.page()


def _atlas() -> None:
    from workbench.views import atlas

    atlas.page()


def _highlights() -> None:
    from workbench.views import highlights

    highlights.page()


def _search() -> None:
    from workbench.views import search

    search.page()


def pages() -> dict[str, StreamlitPage]:
    """All pages by name; `url_path` is explicit, for two functions called `page` would share one."""
    return {
        "recordings": st.Page(
            recordings.page, title="Recordings", icon=":material/database:", url_path="recordings", default=True
        ),
        "replay": st.Page(replay.page, title="Replay", icon=":material/play_circle:", url_path="replay"),
        "highlights": st.Page(_highlights, title="Highlights", icon=":material/movie:", url_path="highlights"),
        "search": st.Page(_search, title="Search", icon=":material/account_tree:", url_path="search"),
        "saliency": st.Page(_saliency, title="Saliency", icon=":material/center_focus_strong:", url_path="saliency"),
        "what_if": st.Page(_what_if, title="What if", icon=":material/alt_route:", url_path="what-if"),
        "probes": st.Page(_probes, title="Probes", icon=":material/psychology:", url_path="probes"),
        "atlas": st.Page(_atlas, title="Atlas", icon=":material/map:", url_path="atlas"),
    }

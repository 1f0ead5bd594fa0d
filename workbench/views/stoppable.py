"""A piece of work on a page, with its progress and a button that stops it."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from workbench.progress import Progress
from workbench.views.progress_bar import ProgressBar


@contextmanager
def stoppable(title: str, switch: str) -> Iterator[Progress]:
    """While this lasts, a bar shows how far it is, and a button ends it.

    Whoever clicks makes Streamlit run the page again, which ends the work at its next word of progress; the switch that
    had it done is off then. Finished results are kept as always.

    Args:
        title: What is being done.
        switch: The key of the toggle that had it done.
    """
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, title)
        st.button(
            "Cancel", key=f"{switch}.cancel", on_click=_off, args=(switch,), icon=":material/stop:", width="content"
        )
    try:
        yield ProgressBar(bar, title)
    finally:
        place.empty()


def _off(switch: str) -> None:
    st.session_state[switch] = False

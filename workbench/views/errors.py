"""What a page shows when something goes wrong: a box that says what, never a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from workbench.errors import WorkbenchError

logger = logging.getLogger(__name__)


@contextmanager
def errors_in_a_box() -> Iterator[None]:
    """Turn what is raised inside into a box on the page; Streamlit's own control flow passes through."""
    try:
        yield
    except WorkbenchError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except OSError as error:
        st.error(plain(f"A file cannot be read: {error}. It may have been moved or removed; reload the page."))
    except Exception as error:
        logger.exception("A page of the dashboard failed")
        text = " ".join(str(error).split())[:200]
        st.error(
            plain(f"This did not work, and it should have ({type(error).__name__}: {text}). The log has the details.")
        )


def plain(text: str) -> str:
    """Text for a Streamlit element that reads Markdown: its signs are escaped, for recordings come from strangers."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()<>#+-.!|~$:&" else sign for sign in " ".join(text.split()))

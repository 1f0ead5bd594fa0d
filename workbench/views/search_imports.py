"""Searches of other programs on the page of searches: a file with a plain record is shown as far as it goes."""

import hashlib
from typing import Any

import streamlit as st

from workbench.bounded_json import read_json
from workbench.errors import WorkbenchError
from workbench.figures.search_viewer import search_payload
from workbench.search.imports import from_record
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.search_viewer import search_viewer

MOST_BYTES = 20_000_000


def imported_part() -> None:
    """Draw the part of the page."""
    with errors_in_a_box():
        st.markdown(
            "The search of another program (mctx, OpenSpiel, your own), as a file that "
            "`workbench.search.imports.to_record` or a program of yours has written. It stays in this session."
        )
        file = st.file_uploader("Record of a search (JSON)", type=["json"], key="search.imported", max_upload_size=20)
        if file is not None:
            show_record(file.getvalue())


def show_record(content: bytes) -> None:
    """Show what a file holds.

    Raises:
        WorkbenchError: It is no such record; the message names the place.
    """
    try:
        record: Any = read_json(content, maximum_bytes=MOST_BYTES)
    except ValueError as error:
        raise WorkbenchError(f"This file cannot be read as the record of a search: {error}.") from error
    trace = from_record(record)
    facts = [f"a search by {trace.source}, in {trace.game}", f"{trace.nodes:,} nodes"]
    if trace.absent:
        facts.append(f"not kept by {trace.source}: {'; '.join(trace.absent)}")
    st.caption(" · ".join(plain(fact) for fact in facts))
    payload = search_payload(trace, key=hashlib.sha256(content).hexdigest())
    search_viewer(payload, key="search.imported.viewer")

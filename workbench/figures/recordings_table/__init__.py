"""The table of recordings: its script and its style, for a page that mounts it as a component."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, kw_only=True)
class TableSource:
    """What a page needs to hold the table; the head of `script` says what data it takes."""

    script: str
    """An ES module with a default export for Streamlit."""
    style: str
    """CSS for everything inside an element of class `rlw-recordings`."""


@cache
def table_source() -> TableSource:
    """The table's script and style, which are files beside this module."""
    here = files("workbench.figures.recordings_table")
    return TableSource(
        script=(here / "table.js").read_text(encoding="utf-8"), style=(here / "table.css").read_text(encoding="utf-8")
    )

"""The script that reports which points of a map are clicked or circled, for a page that mounts it as a component."""

from functools import cache
from importlib.resources import files


@cache
def picker_script() -> str:
    """An ES module with a default export for Streamlit; its head says what data it takes and what it reports."""
    return (files("workbench.figures.atlas_picker") / "picker.js").read_text(encoding="utf-8")

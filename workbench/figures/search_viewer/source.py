"""The viewer's own files."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PARTS = ("replay.js", "board.js", "frames.js", "lines.js", "tree.js", "charts.js", "priors.js", "viewer.js")
"""The files that make up the viewer, in their order, after the player's `pieces.js`; what uses it comes last."""


@dataclass(frozen=True, kw_only=True)
class SearchSource:
    """What a page needs to hold the viewer; the head of viewer.js says how to start it."""

    script: str
    """One ES module: default export for Streamlit, `mountSearch` on `globalThis` for a static page."""
    style: str
    """CSS for everything inside an element of the classes `rlw-player` and `rlw-search`."""


@cache
def search_source() -> SearchSource:
    """The script and style of the viewer of a search."""
    return _source((*PARTS, "component.js"))


@cache
def board_source() -> SearchSource:
    """The same for a board alone, on which one clicks to move."""
    return _source(("board.js", "board_component.js"))


def _source(scripts: tuple[str, ...]) -> SearchSource:
    here, player = files("workbench.figures.search_viewer"), files("workbench.figures.player")
    script = [(player / "pieces.js").read_text(encoding="utf-8")]
    script += [(here / part).read_text(encoding="utf-8") for part in scripts]
    style = [(player / "player.css").read_text(encoding="utf-8"), (here / "search.css").read_text(encoding="utf-8")]
    return SearchSource(script="\n".join(script), style="\n".join(style))

"""The player's own files."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PARTS = (
    "pieces.js",
    "controls.js",
    "truth_panels.js",
    "step_panels.js",
    "time_panels.js",
    "layer_panels.js",
    "player.js",
)
"""The files that make up the player's one module, in their order."""


@dataclass(frozen=True, kw_only=True)
class PlayerSource:
    """What a page needs to hold a player; the head of `script` says how to start it."""

    script: str
    """One ES module: default export for Streamlit, `mountPlayer` on `globalThis` for a static page."""
    style: str
    """CSS for everything inside an element of class `rlw-player`."""


@cache
def player_source() -> PlayerSource:
    """The player's script and style, which are files beside this module."""
    here = files("workbench.figures.player")
    return PlayerSource(
        script="\n".join((here / part).read_text(encoding="utf-8") for part in PARTS),
        style=(here / "player.css").read_text(encoding="utf-8"),
    )

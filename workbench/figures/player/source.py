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
"""The files that make up the player, in their order; what uses it comes last."""


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
    return _source((*PARTS, "component.js"), ("player.css",))


@cache
def reel_source() -> PlayerSource:
    """The same for a reel: `mountReel` plays excerpts of episodes one after another; the head of reel.js says how."""
    return _source((*PARTS, "reel.js"), ("player.css", "reel.css"))


def _source(scripts: tuple[str, ...], styles: tuple[str, ...]) -> PlayerSource:
    here = files("workbench.figures.player")
    return PlayerSource(
        script="\n".join((here / part).read_text(encoding="utf-8") for part in scripts),
        style="\n".join((here / part).read_text(encoding="utf-8") for part in styles),
    )

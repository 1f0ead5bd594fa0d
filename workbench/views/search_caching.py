"""What the page of searches keeps between reruns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.analyses.search import RecordedDecisions, measure_recording
from workbench.analyses.search.exact import solver_of
from workbench.errors import WorkbenchError
from workbench.figures.player.encoding import picture_url
from workbench.figures.search_viewer import search_payload
from workbench.progress import Progress
from workbench.recording import Recording
from workbench.search.games import Game
from workbench.search.replay import Audit, audit
from workbench.search.trace import SearchTrace
from workbench.views.atlas_step import step_picture
from workbench.views.caching import cached_recording
from workbench.views.kept_results import once
from workbench.views.root import name_below_root
from workbench.views.search_frames import cached_visit

MOST_PICTURE_PIXELS = 160_000
MOST_DECISIONS = 5_000
"""Steps of a recording whose searches are measured on the page, the first ones."""


@dataclass(frozen=True, kw_only=True)
class GameAtHand:
    """The game that a recording's environment plays, or why it cannot be had."""

    game: Game | None
    why_not: str = ""


@st.cache_data(max_entries=512, show_spinner=False)
def cached_has_searches(path: str, stamp: int | str) -> bool:
    """Whether a recording's agent searched; False of one that cannot be opened."""
    try:
        return cached_recording(path, stamp).searches
    except (WorkbenchError, OSError):
        return False


@st.cache_resource(max_entries=16, show_spinner=False)
def cached_game(path: str, stamp: int | str) -> GameAtHand:
    """The game of a recording's searches: its environment is made again by name."""
    recording = cached_recording(path, stamp)
    wanted = str((recording.attributes.get("search") or {}).get("game") or "")
    if is_of_environment(recording):
        return GameAtHand(game=None, why_not=f"the searches are of {wanted}, an environment that nobody plays against")
    if "position" not in recording.search:
        return GameAtHand(game=None, why_not="its searches are of an environment, whose nodes have no positions")
    try:
        found = getattr(recording.make_environment().unwrapped, "game", None)
    except WorkbenchError as error:
        return GameAtHand(game=None, why_not=str(error))
    if not isinstance(found, Game):
        return GameAtHand(game=None, why_not="the recorded environment plays no game that can be drawn")
    if found.name != wanted:
        return GameAtHand(game=None, why_not=f"the searches are of {wanted}; the environment plays {found.name}")
    return GameAtHand(game=found)


def is_of_environment(recording: Recording) -> bool:
    """Whether what was searched is an environment, and no game."""
    return bool((recording.attributes.get("search") or {}).get("environment"))


def outcomes_of_chance(trace: SearchTrace) -> int:
    """How many edges of a search led to more than one node."""
    _, often = np.unique(trace.incoming()[1:], return_counts=True)
    return int((often > 1).sum())


@st.cache_resource(max_entries=64, show_spinner=False)
def cached_trace(path: str, stamp: int | str, row: int) -> SearchTrace | None:
    """The search of a step; None where nothing was searched."""
    return cached_recording(path, stamp).search_trace(row)


@st.cache_data(max_entries=256, show_spinner=False)
def cached_audit(path: str, stamp: int | str, row: int) -> Audit | None:
    """Whether a step's search follows its own rules; None where it cannot be said."""
    trace = cached_trace(path, stamp, row)
    return audit(trace) if trace is not None and trace.replayable else None


@st.cache_data(max_entries=24, show_spinner=False)
def cached_view(
    path: str, stamp: int | str, row: int, children: int, threshold: float, depth: int
) -> dict[str, Any] | None:
    """What the viewer shows of a step's search; None where nothing was searched."""
    recording, trace = cached_recording(path, stamp), cached_trace(path, stamp, row)
    if trace is None:
        return None
    game = cached_game(path, stamp).game
    picture, words = (None, "") if game is not None else seen_at(recording, row)
    environment = None
    if is_of_environment(recording):
        visited = cached_visit(path, stamp, row)
        environment = {"on_demand": visited.step is not None, "why_not": visited.why_not}
    return search_payload(
        trace,
        key=f"{name_below_root(path)}|{stamp}|{row}|{children}|{threshold}|{depth}",
        game=game,
        root=root_position(recording, row) if game is not None else None,
        action_names=None if game is not None else recording.action_names,
        picture=picture,
        picture_words=words,
        players=("the agent",) if game is None and not trace.player.any() else ("first player", "second player"),
        environment=environment,
        children=children,
        threshold=threshold,
        depth=depth,
    )


def root_position(recording: Recording, row: int) -> npt.NDArray[np.uint64]:
    """The packed position at the root of a step's search, `[W]`."""
    return np.asarray(recording.search["position"][row], np.uint64)


def seen_at(recording: Recording, row: int) -> tuple[str | None, str]:
    """The picture of a step, as a data URL, and what it shows."""
    pixels = step_picture(recording, row)
    if pixels is None:
        return None, ""
    url = picture_url(pixels.astype(np.uint8), maximum_pixels=MOST_PICTURE_PIXELS, lossless=True)
    return url, "what was there at the root; the positions further down have no picture"


def cached_decisions(path: str, stamp: int | str, judged: bool, progress: Progress) -> RecordedDecisions:
    """The decisions of a recording, the first `MOST_DECISIONS` of them.

    Args:
        path: Of the recording.
        stamp: Of the same.
        judged: Ask the environment's exact solver.
        progress: Is told how many steps are done.

    Raises:
        WorkbenchError: There is no solver, or no search that can be read.
    """

    def compute() -> RecordedDecisions:
        recording = cached_recording(path, stamp)
        solver = solver_of(recording.make_environment()) if judged else None
        return measure_recording(
            recording, solver=solver, most=MOST_DECISIONS, pass_over_damaged=True, progress=progress
        )

    return once(("decisions of searches", path, stamp, judged), compute)

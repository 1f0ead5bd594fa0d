"""Pictures of the nodes of a search in an environment: the episode is done again, and the search's own actions.

What is visited is kept for the page: the environment at the step, and the pictures that were drawn.
"""

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st

from workbench.errors import WorkbenchError
from workbench.figures.player.encoding import picture_url
from workbench.figures.search_viewer.layout import principal_variation
from workbench.recording.searched import SearchedStep
from workbench.search.replay import rebuild
from workbench.search.trace import SearchTrace
from workbench.views.caching import cached_recording

MOST_PIXELS = 160_000
MOST_KEPT = 2_000
FIRST_PICTURES = 24
SECONDS = 1.5
"""After which no further picture is drawn at once; the first that was asked for is drawn always."""


@dataclass(kw_only=True)
class Visited:
    """A step whose search can be visited, or why it cannot."""

    step: SearchedStep | None = None
    why_not: str = ""
    pictures: dict[int, str] = field(default_factory=dict)
    """Data URLs by node."""
    drawn: set[int] = field(default_factory=set)
    """Nodes whose picture is of a state that looks the same to the agent, and may not be the very one."""
    words: dict[int, str] = field(default_factory=dict)
    """Why a node has no picture."""
    lock: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(max_entries=6, show_spinner="Doing the episode again")
def cached_visit(path: str, stamp: int | str, row: int) -> Visited:
    """The environment where a step's search began."""
    try:
        return Visited(step=SearchedStep(cached_recording(path, stamp), row, render=True))
    except WorkbenchError as error:
        return Visited(why_not=str(error))


def frames_of(visited: Visited, key: str, nodes: Sequence[int] | None) -> dict[str, Any]:
    """Pictures of nodes, as the viewer takes them.

    Args:
        visited: The step.
        key: Of the viewer's payload.
        nodes: Which, those that matter first; None: the lines of the root's actions.
    """
    if visited.step is None:
        return {"key": key, "urls": [], "of": [], "words": [], "drawn": []}
    trace = visited.step.trace
    wanted = first_nodes(trace) if nodes is None else [node for node in nodes if 0 <= node < trace.nodes]
    with visited.lock:
        missing = [node for node in wanted if node not in visited.pictures and node not in visited.words]
        if missing:
            _draw(visited, visited.step, missing)
        urls: dict[str, int] = {}
        of = [[node, urls.setdefault(visited.pictures[node], len(urls))] for node in wanted if node in visited.pictures]
        words = [[node, visited.words[node]] for node in wanted if node in visited.words]
        drawn = [node for node in wanted if node in visited.drawn]
    return {"key": key, "urls": list(urls), "of": of, "words": words, "drawn": drawn}


def first_nodes(trace: SearchTrace) -> list[int]:
    """The root, and the lines of its actions, the most visited first."""
    state, children = rebuild(trace), np.flatnonzero(trace.parent == 0)
    lines = [
        principal_variation(trace, state, int(child)) for child in children[np.argsort(-state.node_visits[children])]
    ]
    # The beginnings of all lines come before the ends of the long ones.
    deep = max((len(line) for line in lines), default=0)
    nodes = [0, *(line[place] for place in range(deep) for line in lines if place < len(line))]
    return nodes[:FIRST_PICTURES]


def _draw(visited: Visited, step: SearchedStep, nodes: Sequence[int]) -> None:
    if len(visited.pictures) + len(visited.words) > MOST_KEPT:
        visited.pictures.clear()
        visited.words.clear()
        visited.drawn.clear()
    began = time.monotonic()
    try:
        with contextlib.closing(step.frames(nodes)) as frames:
            for node, found in frames:
                if isinstance(found, str):
                    visited.words[node] = found
                    continue
                visited.pictures[node] = picture_url(found.pixels, maximum_pixels=MOST_PIXELS, lossless=True)
                if not found.exact:
                    visited.drawn.add(node)
                if time.monotonic() - began > SECONDS:
                    break
    except WorkbenchError as error:
        visited.words |= {node: str(error) for node in nodes if node not in visited.pictures}

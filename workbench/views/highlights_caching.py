"""What the page of highlights keeps between reruns."""

from typing import Any

import streamlit as st

from workbench.analyses.highlights import Highlights, Measure, highlights, possible_measures
from workbench.exports.reel import moment_views, reel_payload
from workbench.figures.highlights import moment_figure
from workbench.figures.png import png_bytes
from workbench.progress import Progress
from workbench.views.caching import cached_recording
from workbench.views.kept_results import once


@st.cache_resource(max_entries=32, show_spinner=False)
def cached_measures(path: str, stamp: int | str) -> list[Measure]:
    """The importance measures that a recording has the columns for."""
    return possible_measures(cached_recording(path, stamp))


def cached_highlights(
    path: str,
    stamp: int | str,
    *,
    count: int,
    length: int,
    measure: str | None,
    diverse: bool,
    layer: str | None,
    progress: Progress,
) -> Highlights:
    """The highlights of a recording."""
    return once(
        ("highlights", path, stamp, count, length, measure, diverse, layer),
        lambda: highlights(
            cached_recording(path, stamp),
            count=count,
            length=length,
            measure=measure,
            diverse=diverse,
            layer=layer,
            progress=progress,
        ),
    )


def cached_pictures(path: str, stamp: int | str, found: Highlights) -> list[bytes]:
    """A picture of each moment, as PNG."""
    return once(
        ("pictures of highlights", path, stamp, _key(found)),
        lambda: [
            png_bytes(moment_figure(view), dots_per_inch=100)
            for view in moment_views(cached_recording(path, stamp), found)
        ],
    )


def cached_reel(path: str, stamp: int | str, found: Highlights) -> dict[str, Any]:
    """What the browser plays."""
    key = _key(found)
    return once(
        ("reel of highlights", path, stamp, key),
        lambda: {"key": f"{path}|{stamp}|{key}", **reel_payload(cached_recording(path, stamp), found)},
    )


def _key(found: Highlights) -> str:
    return "|".join([found.measure, *(f"{one.row}:{one.start}:{one.stop}" for one in found.moments)])

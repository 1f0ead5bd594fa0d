"""Everything that the pages keep between reruns: recordings as resources, results as bounded data."""

from pathlib import Path
from typing import Any

import streamlit as st

from workbench.analyses.episode import EpisodeSummary
from workbench.analyses.opening import OpeningEpisode, opening_episode
from workbench.analyses.recorded import summarise_recorded_episode
from workbench.errors import WorkbenchError
from workbench.figures.player import episode_payload
from workbench.recording import BrokenRecording, Recording, find_recordings, open_recording
from workbench.recording.object_storage import StorageError, stamps
from workbench.recording.stored_files import METADATA_FILE
from workbench.recording.summary import NoFolderError
from workbench.views.root import refuse_links_out, root_folder, root_url

SECONDS_BETWEEN_LOOKS = 2
"""How long one recording elsewhere is taken for unchanged: a page asks several times, and each is a request."""


def stamp(path: str | Path) -> int | str:
    """Changes whenever more of the recording is committed: the root metadata's time of change in nanoseconds.

    Of a recording elsewhere it is all that the storage says of them.
    """
    if root_url() is not None:
        return _stamp_elsewhere(str(path))
    try:
        return (Path(path) / "zarr.json").stat().st_mtime_ns
    except OSError:
        return 0


@st.cache_data(ttl=SECONDS_BETWEEN_LOOKS, max_entries=512, show_spinner=False)
def _stamp_elsewhere(url: str) -> str:
    return stamps([url], METADATA_FILE)[0]


@st.cache_resource(max_entries=16, show_spinner=False)
def cached_recording(path: str, stamp: int | str) -> Recording:
    """An open recording, nothing of which lies outside of the root."""
    refuse_links_out(path)
    return open_recording(path)


@st.cache_data(max_entries=512, show_spinner=False)
def cached_summary(path: str, stamp: int | str) -> dict[str, Any] | BrokenRecording:
    """A recording in numbers, or why it cannot be opened."""
    try:
        return cached_recording(path, stamp).summary()
    except StorageError:
        # That will pass, and is no fact of the recording.
        raise
    except (WorkbenchError, OSError) as error:
        return BrokenRecording(path=path, reason=" ".join(str(error).split())[:300])
    except Exception as error:
        return BrokenRecording(path=path, reason=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


def cached_listing() -> list[dict[str, Any] | BrokenRecording]:
    """The summary of each recording below the root; only what changed is read again."""
    url = root_url()
    try:
        found = find_recordings(url or root_folder())
    except NoFolderError:
        return []
    known = [stamp(path) for path in found] if url is None else stamps(found, METADATA_FILE)
    return [cached_summary(path, one) for path, one in zip(found, known, strict=True)]


@st.cache_data(max_entries=512, show_spinner=False)
def cached_opening(path: str, stamp: int | str) -> OpeningEpisode:
    """The episode that a recording opens on where the address names none."""
    try:
        return opening_episode(cached_recording(path, stamp))
    except StorageError:
        raise
    except WorkbenchError:
        # What is damaged elsewhere is no reason not to show this one.
        return OpeningEpisode(number=0, reason="the first; not all that is needed to choose one can be read")


@st.cache_data(max_entries=16, show_spinner=False)
def cached_episode(path: str, stamp: int | str, number: int) -> EpisodeSummary:
    """An episode's per-step quantities and moments."""
    return summarise_recorded_episode(cached_recording(path, stamp), number)


# No spinner: it would take the player's place on the page, and with it the player's state, for a moment.
@st.cache_data(max_entries=12, show_spinner=False)
def cached_payload(
    path: str, stamp: int | str, number: int, layer: str | None, start: int, stop: int
) -> dict[str, Any]:
    """What the player shows: one window of an episode with one layer."""
    summary = cached_episode(path, stamp, number)
    return episode_payload(cached_recording(path, stamp), number, layer=layer, start=start, stop=stop, summary=summary)

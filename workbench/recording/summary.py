"""A recording in numbers, and all the recordings below a folder."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.recording.mean_in_words import describe_mean
from workbench.recording.object_storage import bytes_below, list_folder
from workbench.recording.statistics import estimate_mean
from workbench.recording.store import is_recording, local_path

if TYPE_CHECKING:
    from workbench.recording.reader import Recording


MAXIMUM_DEPTH = 8
"""Of folders below a URL that are looked through for recordings."""
MAXIMUM_FOLDERS = 1_000
"""The same of all of them: each is a request."""
SUMMARIES_AT_ONCE = 4
"""How many recordings elsewhere are summed up side by side."""


class NoFolderError(WorkbenchError):
    """There is nothing where recordings were looked for."""


@dataclass(frozen=True, kw_only=True)
class BrokenRecording:
    """A recording that cannot be opened, and why."""

    path: str
    reason: str


def summarise(recording: "Recording") -> dict[str, Any]:
    """Facts of a recording in plain JSON.

    `mean_return` and `std_return` (population standard deviation) are over the complete episodes, None where there are
    none. `return_interval_95` is an interval of that mean, None where the episodes tell none;
    `return_interval_method` says which interval it is or why there is none (`statistics.IntervalMethod`),
    `other_return_at_most_95` how likely another return may be, at most, where all were alike, and `return_in_words` all
    that in a sentence.
    """
    attributes = recording.attributes
    policy = attributes.get("policy") or {}
    episodes = recording.episodes
    returns = episodes["return"][episodes["complete"]] if len(episodes["id"]) else np.empty(0)
    estimate, spread = estimate_mean(returns), float(returns.std()) if len(returns) else None
    lengths = episodes["length"][episodes["complete"]] if "length" in episodes else np.empty(0)
    return {
        "path": recording.path,
        "policy": policy.get("spec") or policy.get("name"),
        "algorithm": policy.get("name"),
        "fingerprint": policy.get("fingerprint"),
        "policy_settings": policy.get("settings") or {},
        "environment": (attributes.get("environment") or {}).get("id"),
        "environment_kwargs": (attributes.get("environment") or {}).get("kwargs") or {},
        "wrappers": (attributes.get("environment") or {}).get("wrappers") or [],
        "seed": attributes.get("seed"),
        "deterministic": attributes.get("deterministic"),
        "steps": recording.number_of_steps,
        "episodes": recording.number_of_episodes,
        "complete_episodes": len(returns),
        "mean_return": estimate.mean if len(returns) else None,
        "std_return": spread,
        "return_interval_95": None if estimate.interval is None else list(estimate.interval),
        "return_interval_method": estimate.method,
        "other_return_at_most_95": estimate.other_outcome,
        "return_in_words": describe_mean(estimate, standard_deviation=spread),
        "mean_length": float(lengths.mean()) if len(lengths) else None,
        "columns": {name: {"shape": list(a.shape[1:]), "dtype": str(a.dtype)} for name, a in recording.steps.items()},
        "layers": recording.layers,
        "state": {name: {"shape": list(a.shape[1:]), "dtype": str(a.dtype)} for name, a in recording.state.items()},
        "skipped_layers": attributes.get("skipped_layers") or {},
        "skipped_columns": attributes.get("skipped_columns") or {},
        "absent": attributes.get("absent") or {},
        "non_finite": attributes.get("non_finite") or {},
        "bytes_on_disk": bytes_on_disk(recording.path),
        "complete": recording.complete,
        "ended": recording.ended,
        "created": attributes.get("created"),
        "format_version": attributes.get("format_version"),
        "versions": attributes.get("versions") or {},
    }


def bytes_on_disk(path: str) -> int:
    """Bytes of all files of a recording (of the objects below a URL)."""
    local = local_path(path)
    if local is None:
        return bytes_below(path)
    total = 0
    for folder, _, files in os.walk(local):
        for file in files:
            total += os.lstat(os.path.join(folder, file)).st_size
    return total


def find_recordings(folder: str | Path) -> list[str]:
    """Paths of the recordings at or below a folder or URL, in order; links out of the folder are not followed."""
    if local_path(str(folder)) is None:
        return _find_elsewhere(str(folder))
    root = Path(folder)
    if not root.is_dir():
        raise NoFolderError(f"There is no folder {folder}; name one that holds recordings.")
    if is_recording(root):
        return [str(root)]
    found = []
    for parent, folders, _ in os.walk(root):
        stores = [name for name in folders if name.endswith(".zarr") or (Path(parent) / name / "zarr.json").is_file()]
        found += [
            str(Path(parent, name)) for name in stores if name.endswith(".zarr") or is_recording(Path(parent, name))
        ]
        folders[:] = [name for name in folders if name not in stores and not name.startswith(".")]
    return sorted(found)


def _find_elsewhere(url: str) -> list[str]:
    url = url.rstrip("/")
    found: list[str] = []
    level, places = [url], 0
    for _ in range(MAXIMUM_DEPTH):
        below: list[str] = []
        for place in level:
            entries = list_folder(place)
            if not entries and place == url:
                raise NoFolderError(f"There is nothing at {url}; name a folder that holds recordings.")
            # A folder of Zarr's is looked into no further: it is a recording, or something else of Zarr's.
            if ("zarr.json", False) in entries:
                found += [place] if place.endswith(".zarr") or is_recording(place) else []
                continue
            folders = [f"{place}/{name}" for name, is_folder in entries if is_folder and not name.startswith(".")]
            found += [path for path in folders if path.endswith(".zarr")]
            below += [path for path in folders if not path.endswith(".zarr")]
        places += len(below)
        if places > MAXIMUM_FOLDERS:
            raise WorkbenchError(f"There are more than {MAXIMUM_FOLDERS:,} folders below {url}; name one of them.")
        level = below
    return sorted(found)


def list_recordings(folder: str | Path) -> "list[dict[str, Any] | BrokenRecording]":
    """The summary of each recording at or below a folder or URL, or why it cannot be opened."""
    from workbench.recording.reader import open_recording

    def summary(path: str) -> dict[str, Any] | BrokenRecording:
        try:
            return open_recording(path).summary()
        except Exception as error:
            return BrokenRecording(path=path, reason=" ".join(str(error).split())[:300])

    found = find_recordings(folder)
    if local_path(str(folder)) is not None:
        return [summary(path) for path in found]
    with ThreadPoolExecutor(SUMMARIES_AT_ONCE) as threads:
        return list(threads.map(summary, found))

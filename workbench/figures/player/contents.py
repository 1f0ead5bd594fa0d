"""What a payload holds of the recording's own arrays; a damaged array costs its own panel and leaves a note, no more.

Axis legend:
    T  steps of the window
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.figures.player.encoding import picture_url
from workbench.figures.player.layers import describe_layer
from workbench.figures.player.observations import describe_observation
from workbench.figures.player.truth import describe_truth, grid_margin

if TYPE_CHECKING:
    from workbench.recording import Episode, Recording

SMALL_PICTURE = 160 * 160
"""Pixels up to which a picture is stored without loss."""

Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True)
class WindowContents:
    """The panels of one window of an episode."""

    observations: list[dict[str, Any]]
    frames: dict[str, Any] | None
    layer: dict[str, Any] | None
    truth: list[dict[str, Any]]
    state: list[dict[str, Any]]
    has_final: bool
    """Whether there is an observation or a picture after the last action."""
    notes: list[str] = field(default_factory=list)
    """What could not be read."""


def last_position(recording: "Recording", episode: "Episode") -> int:
    """The last position of an episode of T steps: T where the observation after the last action, or its picture, was
    kept, else T − 1.
    """
    if not episode.complete:
        return max(0, episode.length - 1)
    keys = [name.removeprefix("observation").removeprefix("/") for name in _observation_columns(recording)]
    kept = recording.final_frame(episode.index) is not None if "frame" in recording.steps else False
    kept = kept or any(recording.final_observation(episode.index, key or None) is not None for key in keys)
    return episode.length if kept else max(0, episode.length - 1)


def _observation_columns(recording: "Recording") -> list[str]:
    return [name for name in recording.steps if name == "observation" or name.startswith("observation/")]


def window_contents(
    recording: "Recording", episode: "Episode", window: slice, layer: str | None, maximum_pixels: int
) -> WindowContents:
    """Read and encode a window's observations, pictures, activations, truth labels and recurrent state."""
    rows = episode.rows[window]
    notes: list[str] = []
    if not len(rows):
        return WindowContents(observations=[], frames=None, layer=None, truth=[], state=[], has_final=False)
    at_end = window.stop == episode.length and episode.complete

    def attempt(read: Callable[[], Part]) -> Part | None:
        try:
            return read()
        except WorkbenchError as error:
            notes.append(str(error))
            return None

    labels = _labels(recording, rows, attempt)
    observations = [
        attempt(partial(_observation, recording, episode, name, rows, at_end, maximum_pixels, labels))
        for name in _observation_columns(recording)
    ]
    frames = attempt(lambda: _frames(recording, episode, rows, at_end, maximum_pixels, labels))
    return WindowContents(
        observations=_there(observations),
        frames=frames,
        layer=None if layer is None else attempt(lambda: _layer(recording, layer, rows)),
        truth=describe_truth(
            labels,
            action_space=(recording.attributes.get("environment") or {}).get("action_space") or {},
            action_names=recording.action_names,
        ),
        state=_there(attempt(partial(_state, recording, name, rows)) for name in recording.state),
        has_final=any(_rows_of(part) > len(rows) for part in [*observations, frames] if part),
        notes=notes,
    )


def _labels(
    recording: "Recording",
    rows: npt.NDArray[np.int64],
    attempt: Callable[[Callable[[], npt.NDArray[Any]]], npt.NDArray[Any] | None],
) -> dict[str, npt.NDArray[Any]]:
    read = {
        column.removeprefix("truth/"): attempt(partial(_rows_read, recording, column, rows))
        for column in recording.steps
        if column.startswith("truth/")
    }
    return {name: array for name, array in read.items() if array is not None}


def _rows_read(recording: "Recording", column: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return np.asarray(recording.steps[column][rows])


def _there(parts: Iterable[dict[str, Any] | None]) -> list[dict[str, Any]]:
    return [part for part in parts if part is not None]


def _rows_of(part: dict[str, Any]) -> int:
    return len(part["urls"]) if "urls" in part else int(part["array"]["shape"][0])


def _observation(
    recording: "Recording",
    episode: "Episode",
    column: str,
    rows: npt.NDArray[np.int64],
    at_end: bool,
    maximum_pixels: int,
    labels: Mapping[str, npt.NDArray[Any]],
) -> dict[str, Any]:
    key = column.removeprefix("observation").removeprefix("/")
    values = np.asarray(recording.steps[column][rows])
    final = recording.final_observation(episode.index, key or None) if at_end else None
    if final is not None:
        values = np.concatenate([values, final[None]])
    names = recording.observation_names if not key else None
    described = describe_observation(key, values, names, maximum_pixels=maximum_pixels)
    if described.get("panels") == 1:
        described["margin"] = grid_margin(values[0], labels)
    return described


def _layer(recording: "Recording", layer: str, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    values = np.asarray(recording.activations[layer][rows])
    return describe_layer(layer, recording.layers[layer]["module"], values)


def _state(recording: "Recording", name: str, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    values = np.asarray(recording.state[name][rows])
    return describe_layer(name, "recurrent state after the step", values, unit="state")


def _frames(
    recording: "Recording",
    episode: "Episode",
    rows: npt.NDArray[np.int64],
    at_end: bool,
    maximum_pixels: int,
    labels: Mapping[str, npt.NDArray[Any]],
) -> dict[str, Any] | None:
    if "frame" not in recording.steps:
        return None
    frames = list(np.asarray(recording.steps["frame"][rows]))
    final = recording.final_frame(episode.index) if at_end else None
    if final is not None:
        frames.append(final)
    height, width = frames[0].shape[:2]
    small = height * width <= SMALL_PICTURE
    return {
        "label": f"the environment's picture, {width} × {height} pixels",
        "width": width,
        "height": height,
        "margin": grid_margin(frames[0], labels),
        "urls": [picture_url(frame, maximum_pixels=maximum_pixels, lossless=small) for frame in frames],
    }

"""What was seen at the steps that activate features most.

Axis legend: K features, N steps of each.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.reader import Recording


@dataclass(frozen=True, kw_only=True)
class Example:
    """One step, as people can look at it."""

    episode: int
    """Number of the episode."""
    step: int
    """In the episode, from 0."""
    activation: float
    picture: npt.NDArray[Any] | None
    """`[H, W]` or `[H, W, 3]`: the environment's picture, else an image that was observed; None where there is none."""
    numbers: npt.NDArray[np.float64] | None
    """`[n]`, the observation's numbers, where there is no picture."""


def examples_at(
    recording: Recording, rows: npt.NDArray[np.int64], activations: npt.NDArray[np.float64]
) -> tuple[Example, ...]:
    """What was seen at some steps.

    Args:
        recording: Holds them.
        rows: `[N]`; −1 is left out.
        activations: `[N]`.

    Raises:
        WorkbenchError: Neither pictures nor observations were recorded.
    """
    kept = rows >= 0
    chosen = rows[kept]
    if not len(chosen):
        return ()
    pictures, numbers = _pictures(recording, chosen), None
    if pictures is None:
        numbers = _numbers(recording, chosen)
    ids = np.asarray(recording.episodes["id"])
    by_id = np.argsort(ids, kind="stable")
    episodes = by_id[np.searchsorted(ids[by_id], recording.steps["episode"][chosen])]
    times = recording.steps["t"][chosen]
    return tuple(
        Example(
            episode=int(episodes[place]),
            step=int(times[place]),
            activation=float(activations[kept][place]),
            picture=None if pictures is None else pictures[place],
            numbers=None if numbers is None else numbers[place],
        )
        for place in range(len(chosen))
    )


def _pictures(recording: Recording, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any] | None:
    if "frame" in recording.steps:
        return recording.steps["frame"][rows]
    for name in recording.steps:
        if name == "observation" or name.startswith("observation/"):
            shape = recording.steps[name].shape[1:]
            if recording.steps[name].dtype == np.uint8 and len(shape) == 3:
                found = recording.steps[name][rows]
                if shape[2] in (1, 3):
                    return found[..., 0] if shape[2] == 1 else found
                # Of stacked frames the last one, in whichever order the channels are.
                return found[:, -1] if shape[0] < shape[2] else found[..., -1]
    return None


def _numbers(recording: Recording, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    names = [name for name in recording.steps if name == "observation" or name.startswith("observation/")]
    if not names:
        raise WorkbenchError(f"{recording.path} holds neither pictures nor observations to show steps by.")
    parts = [np.asarray(recording.steps[name][rows], np.float64).reshape(len(rows), -1) for name in names]
    return np.concatenate(parts, axis=1)

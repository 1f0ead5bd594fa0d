"""Putting an environment back into the state of a recorded step, and checking that it is that state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.columns import flatten_observation
from workbench.recording.environment_wrappers import Environment

if TYPE_CHECKING:
    from workbench.recording.reader import Recording


@dataclass(frozen=True, kw_only=True)
class Replay:
    """An environment in the state of a recorded step."""

    environment: Environment
    observation: Any
    info: Mapping[str, Any]
    """What came with the observation."""
    exact: bool
    """Whether the observation equals the recorded one, bit for bit."""
    largest_difference: float
    """Largest absolute difference to the recorded observation; NaN where their shapes differ."""


def replay(recording: "Recording", row: int, environment: Environment | None = None) -> Replay:
    """Reset an environment with the episode's seed and do the recorded actions again, up to a step.

    Args:
        recording: What was recorded.
        row: Row of `recording.steps` whose observation is wanted.
        environment: The environment to use; None makes the recorded one by name.

    Raises:
        WorkbenchError: The row is not there, its seed is not known, or the environment cannot be made by name.
    """
    if not 0 <= row < len(recording):
        raise WorkbenchError(f"There is no step {row}: the recording has {len(recording)}, numbered from 0.")
    episode_id = int(recording.steps["episode"][row])
    number = int(np.flatnonzero(recording.episodes["id"] == episode_id)[0])
    episode = recording.episode(number)
    seed = episode.seed
    if seed is None and recording.attributes.get("derived_seeds"):
        seed = int(recording.attributes["seed"]) + episode_id
    if seed is None:
        raise WorkbenchError(
            f"Episode {number} cannot be replayed: the seed that its environment was reset with is not known. "
            f"Reset with a seed while recording."
        )
    made = environment if environment is not None else recording.make_environment()
    observation, info = made.reset(seed=seed)
    before = episode.rows[: int(np.flatnonzero(episode.rows == row)[0])]
    for action in recording.steps["action"][before]:
        observation, _, _, _, info = made.step(action if action.ndim else action.item())
    exact, difference = compare_observations(recording, row, observation)
    return Replay(environment=made, observation=observation, info=info, exact=exact, largest_difference=difference)


def compare_observations(recording: "Recording", row: int, observation: Any) -> tuple[bool, float]:
    """Whether an observation is the recorded one, and the largest difference."""
    exact, largest = True, 0.0
    for key, value in flatten_observation(observation).items():
        recorded: npt.NDArray[Any] = recording.steps["observation" + key][row]
        if recorded.shape != value.shape:
            return False, float("nan")
        exact &= bool(np.array_equal(recorded, value, equal_nan=recorded.dtype.kind == "f"))
        if value.size:
            difference = np.abs(recorded.astype(np.float64) - value.astype(np.float64))
            largest = max(largest, float(np.nanmax(difference)) if np.isfinite(difference).any() else 0.0)
    return exact, largest

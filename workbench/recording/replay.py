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
    place = np.flatnonzero(recording.episodes["id"] == episode_id)
    if not len(place):
        raise WorkbenchError(
            f"The recording is damaged: step {row} is of episode {episode_id}, which is not in its table."
        )
    number = int(place[0])
    episode = recording.episode(number)
    seed = episode_seed(recording, number)
    made = environment if environment is not None else recording.make_environment()
    before = episode.rows[: int(np.flatnonzero(episode.rows == row)[0])]
    actions = recording.steps["action"][before]
    try:
        observation, info = made.reset(seed=seed)
        for action in actions:
            observation, _, _, _, info = made.step(action if action.ndim else action.item())
    except Exception as error:
        raise WorkbenchError(
            f"Episode {number} cannot be replayed: the environment does not take its seed and actions "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]}). Is it the one that was recorded?"
        ) from error
    exact, difference = compare_observations(recording, row, observation)
    return Replay(environment=made, observation=observation, info=info, exact=exact, largest_difference=difference)


def episode_seed(recording: "Recording", number: int) -> int:
    """The seed that the environment of an episode was reset with.

    Args:
        recording: What was recorded.
        number: Of the episode, by its place in the table.

    Raises:
        WorkbenchError: It is not known.
    """
    seed, first_seed = int(recording.episodes["seed"][number]), recording.attributes.get("seed")
    if seed >= 0:
        return seed
    if first_seed is not None and recording.attributes.get("derived_seeds"):
        return int(first_seed) + int(recording.episodes["id"][number])
    raise WorkbenchError(
        f"Episode {number} cannot be replayed: the seed that its environment was reset with is not known. "
        f"Reset with a seed while recording."
    )


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

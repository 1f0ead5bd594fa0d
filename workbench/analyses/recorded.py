"""Bridges a recording to the analyses of one episode: which columns they need, and what its action space means."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.distributions import ActionDistribution, ActionInterval, action_distribution, action_interval
from workbench.analyses.episode import EpisodeSummary, summarise_episode
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Episode, Recording

SQUASHED_ALGORITHMS = ("SAC", "TQC")
"""Algorithms whose action is tanh of the Gaussian sample, rescaled to the bounds."""
DEFAULT_DISCOUNT = 0.99
LARGEST_VECTOR = 64
"""Numbers of an observation up to which it helps to tell an episode's steps apart."""
LARGEST_EPISODE = 2**24
"""Numbers of an episode that is summarised, over all its columns: they are held in memory, several times over."""
_SUMMARISED = ("action", "reward", "value", "logits", "mean", "log_std", "q_values")


def is_squashed(recording: "Recording") -> bool:
    """Whether the recorded Gaussian passes through tanh before it becomes the action."""
    policy = recording.attributes.get("policy") or {}
    settings = policy.get("settings") or {}
    return policy.get("name") in SQUASHED_ALGORITHMS or bool(settings.get("squash_output"))


def is_normalised(recording: "Recording") -> bool:
    """Whether the agent was trained behind VecNormalize, which by default rescales rewards as well as observations.

    Its critic then estimates returns in that rescaled unit, which the recorded rewards are not in.
    """
    return any(name.startswith("normalisation/") for name in recording.agent_arrays())


def discount_of(recording: "Recording") -> float:
    """The discount that the policy was trained with, where it is known, else 0.99."""
    settings = (recording.attributes.get("policy") or {}).get("settings") or {}
    return float(settings.get("gamma") or settings.get("discount") or DEFAULT_DISCOUNT)


def recorded_distribution(recording: "Recording", episode: "Episode") -> ActionDistribution:
    """What the policy said about its actions over an episode's T steps."""
    space: Mapping[str, Any] = (recording.attributes.get("environment") or {}).get("action_space") or {}
    columns = {
        name: episode.column(name) for name in ("logits", "mean", "log_std", "q_values") if name in recording.steps
    }
    kind = space.get("kind")
    nvec = np.asarray(space.get("nvec", ())).reshape(-1)
    bounds = action_bounds(space)
    return action_distribution(
        episode.column("action"),
        components=[int(size) for size in nvec] if kind == "MultiDiscrete" else None,
        binary=kind == "MultiBinary",
        first_action=int(space.get("start") or 0),
        bounds=bounds,
        squashed=is_squashed(recording) and bounds is not None,
        **columns,
    )


def recorded_interval(recording: "Recording", distribution: ActionDistribution) -> ActionInterval | None:
    """Where an episode's continuous actions lie, in the environment's units; None where they are not continuous."""
    bounds = action_bounds((recording.attributes.get("environment") or {}).get("action_space") or {})
    return action_interval(distribution, squash_to=bounds if is_squashed(recording) else None)


def action_bounds(space: Mapping[str, Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Lowest and highest action of a Box in plain JSON, `[D]`; None where an end is infinite."""
    if space.get("kind") != "Box" or any(isinstance(space.get(end), str) for end in ("low", "high")):
        return None
    width = int(np.prod(space.get("shape") or (1,)))
    low, high = (np.broadcast_to(np.asarray(space[end], dtype=np.float64), (width,)) for end in ("low", "high"))
    return low, high


def _vector_observation(recording: "Recording", episode: "Episode") -> npt.NDArray[Any] | None:
    if "observation" not in recording.steps or int(np.prod(recording.steps["observation"].shape[1:])) > LARGEST_VECTOR:
        return None
    return episode.column("observation").reshape(episode.length, -1)


def summarise_recorded_episode(recording: "Recording", number: int) -> EpisodeSummary:
    """Summarise one episode of a recording.

    Args:
        recording: An open recording.
        number: Place of the episode in it, from 0.

    Returns:
        Its per-step quantities and most surprising steps; the discount is the policy's own where it is known.

    Raises:
        WorkbenchError: There is no such episode, or a column it needs is damaged.
    """
    episode = recording.episode(number)
    columns = [name for name in _SUMMARISED if name in recording.steps]
    numbers = episode.length * (LARGEST_VECTOR + sum(math.prod(recording.steps[name].shape[1:]) for name in columns))
    if numbers > LARGEST_EPISODE:
        raise WorkbenchError(
            f"Episode {number} is too long to be summarised in memory: {episode.length:,} steps with up to {numbers:,} "
            f"numbers, of at most {LARGEST_EPISODE:,}. Read its columns in parts: recording.steps[name][rows]."
        )
    return summarise_episode(
        reward=episode.column("reward"),
        distribution=recorded_distribution(recording, episode),
        value=episode.column("value") if "value" in recording.steps else None,
        observation=_vector_observation(recording, episode),
        terminated=episode.terminated,
        discount=discount_of(recording),
        reward_in_value_units=not is_normalised(recording),
    )

"""One episode, step by step: what the policy expected, how sure it was, and which of its steps are worth a look.

Axis legend:
    T  steps of the episode, in time order
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.distributions import ActionDistribution, FloatArray
from workbench.analyses.moments import Moment, find_moments, state_features

NOTICEABLE_DROP = 1e-3
"""Of the episode's largest |value|: errors of the critic below this are not worth a look."""


@dataclass(frozen=True, kw_only=True)
class EpisodeSummary:
    """What can be said of every step of an episode without running anything again; arrays are read-only."""

    reward: FloatArray
    """`[T]` in the environment's own units."""
    return_to_go: FloatArray
    """`[T]` undiscounted sum of the rewards from this step to the episode's last recorded one."""
    discounted_return_to_go: FloatArray
    """`[T]` the same with `discount`; the number that a critic estimates."""
    value: FloatArray | None
    """`[T]` the critic's estimate; None where the policy has none."""
    value_change: FloatArray | None
    """`[T]` value of the next step minus this one's; 0 − value at a terminal step; NaN where the next is unknown."""
    temporal_difference_error: FloatArray | None
    """`[T]` reward + discount · next value − value; NaN where the next value is unknown, None without one."""
    distribution: ActionDistribution
    discount: float
    reward_in_value_units: bool
    """False where the critic was trained on rescaled rewards."""
    terminated: bool
    moments: tuple[Moment, ...]
    """The most striking steps, no two alike, by kind and rank."""

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)


def summarise_episode(
    *,
    reward: npt.ArrayLike,
    distribution: ActionDistribution,
    value: npt.ArrayLike | None = None,
    observation: npt.ArrayLike | None = None,
    terminated: bool = False,
    discount: float = 0.99,
    reward_in_value_units: bool = True,
    moments_per_kind: int = 5,
    minimum_gap: int = 3,
) -> EpisodeSummary:
    """Compute per-step quantities of one episode, and rank its most surprising steps.

    The one-step temporal-difference error (Sutton 1988, Machine Learning 3) is
    `reward[t] + discount · value[t + 1] − value[t]`, with 0 for the value after a terminal step. A strongly negative
    one says that the step's outcome was worse than the critic had expected.

    Args:
        reward: `[T]`.
        distribution: What the policy said about its actions at the same T steps.
        value: `[T]` the critic's estimate, or None.
        observation: `[T, n]` where it is a vector: it helps to tell steps apart. None for a picture.
        terminated: Whether the last step ended in a terminal state (a truncated or unfinished episode did not).
        discount: Between 0 and 1.
        reward_in_value_units: False where the critic was trained on rescaled rewards: there is then no one-step error,
            and value drops are ranked by the value's change alone.
        moments_per_kind: How many steps of each kind to keep at most.
        minimum_gap: Steps between two moments of one kind at least, so that one event is listed once.

    Returns:
        The summary.
    """
    rewards = np.array(reward, dtype=np.float64).reshape(-1)
    values = None if value is None else np.array(value, dtype=np.float64).reshape(-1)
    change = error = None
    if values is not None:
        following = np.append(values[1:], 0.0 if terminated else np.nan)[: len(values)]
        change = following - values
        error = rewards + discount * following - values if reward_in_value_units else None
    moments = find_moments(
        distribution=distribution,
        drop=change if error is None else error,
        value_change=change,
        drop_is_error=error is not None,
        states=state_features(distribution, values, None if observation is None else np.asarray(observation)),
        per_kind=moments_per_kind,
        minimum_gap=minimum_gap,
        least_drop=0.0 if values is None else NOTICEABLE_DROP * float(np.nanmax(np.abs(values), initial=0.0)),
    )
    return EpisodeSummary(
        reward=rewards,
        return_to_go=_accumulate(rewards, 1.0),
        discounted_return_to_go=_accumulate(rewards, discount),
        value=values,
        value_change=change,
        temporal_difference_error=error,
        distribution=distribution,
        discount=discount,
        reward_in_value_units=reward_in_value_units,
        terminated=terminated,
        moments=moments,
    )


def _accumulate(rewards: FloatArray, discount: float) -> FloatArray:
    total, result = 0.0, np.zeros_like(rewards)
    for index in range(len(rewards) - 1, -1, -1):
        total = rewards[index] + discount * total
        result[index] = total
    return result

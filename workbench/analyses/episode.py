"""One episode, step by step: what the policy expected, how sure it was, and which of its steps are worth a look.

Axis legend:
    T  steps of the episode, in time order
"""

from dataclasses import dataclass
from typing import Literal, SupportsInt, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.analyses.distributions import ActionDistribution, FloatArray

MomentKind: TypeAlias = Literal["value_drop", "high_entropy", "against_mode"]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A step that stands out, and why."""

    kind: MomentKind
    step: int
    """Index of the step in the episode, from 0."""
    score: float
    """How much it stands out, larger is more, in `unit`; comparable within a kind only."""
    unit: str
    rank: int
    """1 for the most striking of its kind."""
    text: str
    """One line for people."""


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
    """The most striking steps, by kind and rank."""

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)


def summarise_episode(
    *,
    reward: npt.ArrayLike,
    distribution: ActionDistribution,
    value: npt.ArrayLike | None = None,
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
        terminated: Whether the last step ended in a terminal state (a truncated or unfinished episode did not).
        discount: Between 0 and 1.
        reward_in_value_units: False where the critic was trained on rescaled rewards: there is then no one-step error,
            and value drops are ranked by the value's change alone.
        moments_per_kind: How many steps of each kind to keep at most.
        minimum_gap: Steps between two moments of one kind, so that one event is listed once.

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
    candidates = [
        *_value_drops(change if error is None else error, change, error is not None),
        *_high_entropy(distribution),
        *_against_mode(distribution),
    ]
    moments: list[Moment] = []
    for kind in ("value_drop", "high_entropy", "against_mode"):
        of_kind = sorted((c for c in candidates if c.kind == kind), key=lambda c: (-c.score, c.step))
        moments += _spaced(of_kind, moments_per_kind, minimum_gap)
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
        moments=tuple(moments),
    )


def _accumulate(rewards: FloatArray, discount: float) -> FloatArray:
    total, result = 0.0, np.zeros_like(rewards)
    for index in range(len(rewards) - 1, -1, -1):
        total = rewards[index] + discount * total
        result[index] = total
    return result


def _moment(kind: MomentKind, step: SupportsInt, score: float, unit: str, text: str) -> Moment:
    return Moment(kind=kind, step=int(step), score=float(score), unit=unit, rank=0, text=text)


def _value_drops(score: FloatArray | None, change: FloatArray | None, is_error: bool) -> list[Moment]:
    if score is None or change is None:
        return []
    spread = float(np.nanstd(score)) if np.isfinite(score).any() else 0.0
    steps = np.flatnonzero(np.nan_to_num(score, nan=0.0) < -max(spread, 1e-6))
    word = "one-step error" if is_error else "value change"
    return [
        _moment("value_drop", t, -score[t], "reward", f"{word} {score[t]:+.3g}, value changed by {change[t]:+.3g}")
        for t in steps
    ]


def _high_entropy(distribution: ActionDistribution) -> list[Moment]:
    entropy = distribution.entropy
    if entropy is None or len(entropy) == 0 or not np.isfinite(entropy).any():
        return []
    threshold = max(float(np.nanmedian(entropy)) + 1e-3, float(np.nanmean(entropy) + np.nanstd(entropy)))
    steps = np.flatnonzero(np.nan_to_num(entropy, nan=-np.inf) > threshold)
    return [_moment("high_entropy", t, entropy[t], "nat", f"entropy {entropy[t]:.3g} nat") for t in steps]


def _against_mode(distribution: ActionDistribution) -> list[Moment]:
    if distribution.deviation is not None:
        deviation = distribution.deviation
        steps = np.flatnonzero(np.nan_to_num(deviation) > 2)
        return [
            _moment("against_mode", t, deviation[t], "standard deviations", f"{deviation[t]:.2f} σ from the mean")
            for t in steps
        ]
    if distribution.against_mode is None:
        return []
    steps = np.flatnonzero(distribution.against_mode)
    if distribution.q_values is not None and distribution.mode is not None:
        text = "not the action of highest Q"
        return [_moment("against_mode", t, 1.0, "", text) for t in steps]
    chosen, mode = distribution.chosen_probability, distribution.mode_probability
    if chosen is None or mode is None:
        return []
    return [
        _moment(
            "against_mode",
            t,
            1 - chosen[t],
            "1 − probability",
            f"took an action of probability {chosen[t]:.3g}, the mode had {mode[t]:.3g}",
        )
        for t in steps
    ]


def _spaced(moments: list[Moment], limit: int, minimum_gap: int) -> list[Moment]:
    kept: list[Moment] = []
    for moment in moments:
        if len(kept) == limit:
            break
        if all(abs(moment.step - other.step) >= minimum_gap for other in kept):
            kept.append(Moment(**{**vars(moment), "rank": len(kept) + 1}))
    return kept

"""The steps of an episode that are worth a look: each found by a score, and no two of them alike.

The steps are taken from the highest score down, and one is passed over where it is alike to one that was taken: close
to it in time, or in a state that the agent can hardly tell from the other's. So a loop is listed once, with how often
it came back. The idea is that of HIGHLIGHTS-DIV (Amir and Amir 2018, "HIGHLIGHTS: Summarizing Agent Behavior to
People", AAMAS), which takes the most important states and leaves out those that resemble one taken before; scores and
likeness are simpler here.

Axis legend:
    T  steps of the episode, in time order
    F  numbers that describe a step's state
    K  steps taken
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, SupportsInt, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.analyses.distributions import ActionDistribution, FloatArray, maximum_entropy

MomentKind: TypeAlias = Literal["value_drop", "high_entropy", "against_mode"]

SAME_STATE = 0.05
"""Two states are alike where no number differs by more than this share of its range over the episode."""
GAP_SHARE = 0.02
"""Two steps are one event where they are closer than this share of the episode."""
EQUAL_SCORE = 1e-5
"""Scores of alike steps that differ by less than this share are equal."""
ROUNDING = 1e-4
"""A number that varies by less than this share of its size counts as constant."""
LEAST_CONTRAST = 0.01
"""A drop stands out by at least this share of the largest one-step error of the episode."""
SIGNIFICANT_DIGITS = (3, 7)
"""Fewest and most digits that a score is told with."""


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
    alike: int = 0
    """How many other steps of the kind are not listed, because of the same state or the same event."""


def state_features(
    distribution: ActionDistribution, value: FloatArray | None, observation: npt.NDArray[np.generic] | None
) -> FloatArray:
    """What tells the states of an episode's steps apart: the observation and what the agent made of it, `[T, F]`.

    Each number is scaled to its range over the episode. A picture is left out, as it is large; what the policy and the
    critic said of it stays.

    Args:
        distribution: Over T steps.
        value: `[T]` the critic's estimate, or None.
        observation: `[T, n]` where it is a vector, or None.
    """
    said = (distribution.probabilities, distribution.q_values, distribution.mean, value, observation)
    parts = [np.asarray(part, dtype=np.float64) for part in said if part is not None and len(part)]
    if not parts:
        return np.zeros((0, 0))
    columns = [part.reshape(len(part), -1) for part in parts]
    features = np.nan_to_num(np.concatenate(columns, axis=1), nan=0.0, posinf=0.0, neginf=0.0)
    low, span = features.min(axis=0), np.ptp(features, axis=0)
    varies = span > ROUNDING * np.abs(features).max(axis=0)
    return np.where(varies, (features - low) / np.where(varies, span, 1.0), 0.0)


def find_moments(
    *,
    distribution: ActionDistribution,
    drop: FloatArray | None,
    value_change: FloatArray | None,
    drop_is_error: bool,
    states: FloatArray,
    per_kind: int = 5,
    minimum_gap: int = 3,
    least_drop: float = 0.0,
) -> tuple[Moment, ...]:
    """Rank the steps of an episode that stand out, by kind.

    Args:
        distribution: What the policy said about its actions at the T steps.
        drop: `[T]` one-step error, or the value's change where there is none.
        value_change: `[T]`.
        drop_is_error: Whether `drop` is the one-step error.
        states: `[T, F]` as `state_features` gives them, or empty where nothing tells the steps apart.
        per_kind: How many of each kind at most.
        minimum_gap: Steps between two moments of one kind at least; in a long episode `GAP_SHARE` of it.
        least_drop: Drops that are smaller are none.

    Returns:
        The moments by kind and rank.
    """
    candidates = [
        _value_drops(drop, value_change, drop_is_error, least_drop),
        _high_entropy(distribution),
        _against_mode(distribution),
    ]
    length = len(states) if len(states) else max((m.step + 1 for kind in candidates for m in kind), default=0)
    gap = max(minimum_gap, int(np.ceil(GAP_SHARE * length)))
    return tuple(moment for kind in candidates for moment in _worded(_distinct(kind, states, per_kind, gap)))


def _distinct(candidates: Sequence[Moment], states: FloatArray, limit: int, gap: int) -> list[Moment]:
    """The first `limit` that are not alike, from the highest score down; of those alike and equal the earliest."""
    finite = (moment for moment in candidates if np.isfinite(moment.score))
    left = sorted(finite, key=lambda moment: (-moment.score, moment.step))
    taken: list[Moment] = []
    while left and len(taken) < limit:
        best, steps = left[0], np.array([moment.step for moment in left])
        alike = np.abs(steps - best.step) < gap
        if states.size:
            alike |= np.abs(states[steps] - states[best.step]).max(axis=1) <= SAME_STATE
        group = [moment for moment, same in zip(left, alike, strict=True) if same]
        # What returns in a loop differs in the last bits, where the network's batches differ in size.
        equal = [moment for moment in group if moment.score >= best.score - EQUAL_SCORE * abs(best.score)]
        first = min(equal, key=lambda moment: moment.step)
        taken.append(replace(first, rank=len(taken) + 1, alike=len(group) - 1))
        left = [moment for moment, same in zip(left, alike, strict=True) if not same]
    return taken


def _worded(moments: list[Moment]) -> list[Moment]:
    """Fill in the texts' numbers with as many digits as tell the scores apart, and say how many are alike."""
    fewest, most = SIGNIFICANT_DIGITS
    digits = next(
        (d for d in range(fewest, most) if len({f"{m.score:.{d}g}" for m in moments}) == len(moments)),
        most,
    )
    worded = []
    for moment in moments:
        score = f"{moment.score:.{digits}g}"
        more = (
            "" if not moment.alike else f"; {moment.alike} more like it" if moment.alike > 1 else "; one more like it"
        )
        worded.append(replace(moment, text=moment.text.replace("{score}", score) + more))
    return worded


def _moment(kind: MomentKind, step: SupportsInt, score: float, unit: str, text: str) -> Moment:
    return Moment(kind=kind, step=int(step), score=float(score), unit=unit, rank=0, text=text)


def _value_drops(score: FloatArray | None, change: FloatArray | None, is_error: bool, least: float) -> list[Moment]:
    if score is None or change is None:
        return []
    finite = score[np.isfinite(score)]
    if not len(finite):
        return []
    usual, spread = min(0.0, float(np.median(finite))), float(finite.std())
    threshold = usual - max(spread, LEAST_CONTRAST * float(np.abs(finite).max()), 1e-6)
    steps = np.flatnonzero(np.nan_to_num(score, nan=0.0, posinf=0.0, neginf=0.0) < min(threshold, -least))
    word = "one-step error" if is_error else "value change"
    also = [f", value {'rose' if change[t] > 0 else 'fell'} by {abs(change[t]):.3g}" if is_error else "" for t in steps]
    return [
        _moment("value_drop", t, -score[t], "reward", f"{word} −{{score}}{text}")
        for t, text in zip(steps, also, strict=True)
    ]


def _high_entropy(distribution: ActionDistribution) -> list[Moment]:
    entropy = distribution.entropy
    if entropy is None or len(entropy) == 0 or not np.isfinite(entropy).any():
        return []
    threshold = max(float(np.nanmedian(entropy)) + 1e-3, float(np.nanmean(entropy) + np.nanstd(entropy)))
    steps = np.flatnonzero(np.nan_to_num(entropy, nan=-np.inf) > threshold)
    most = maximum_entropy(distribution)
    shares = [f", {entropy[t] / most:.1%} of the most".replace("%", " %") if most else "" for t in steps]
    return [
        _moment("high_entropy", t, entropy[t], "nat", f"entropy {{score}} nat{share}")
        for t, share in zip(steps, shares, strict=True)
    ]


def _against_mode(distribution: ActionDistribution) -> list[Moment]:
    if distribution.deviation is not None:
        deviation = distribution.deviation
        steps = np.flatnonzero(np.nan_to_num(deviation) > 2)
        text = "{score} σ from the mean"
        return [_moment("against_mode", t, deviation[t], "standard deviations", text) for t in steps]
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

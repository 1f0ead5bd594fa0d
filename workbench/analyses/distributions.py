"""What a policy said about its actions, step by step: probabilities, entropy, and the chosen action's log-probability.

Axis legend:
    T  steps
    A  discrete actions; for a MultiDiscrete space the sum over its components, in their order
    C  components of a discrete action (1 for Discrete)
    D  components of a continuous action
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.analyses.squashed_gaussian import before_squashing, log_scale, log_slope, squashed_entropy
from workbench.errors import WorkbenchError

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
DistributionKind: TypeAlias = Literal["categorical", "bernoulli", "gaussian", "deterministic", "q_values", "none"]

BITS_PER_NAT = 1 / np.log(2)
"""Multiply an entropy in nats by this to have it in bits."""


@dataclass(frozen=True, kw_only=True)
class ActionDistribution:
    """A policy's account of its actions over T steps, in one form whatever the algorithm; arrays are read-only."""

    kind: DistributionKind
    """`categorical` (softmax by component), `bernoulli` (MultiBinary), `gaussian`, `deterministic` (a continuous action
    without spread), `q_values` (greedy), or `none` where nothing was recorded."""
    components: tuple[int, ...]
    """Number of options of each discrete component; empty for continuous actions."""
    probabilities: FloatArray | None = None
    """`[T, A]` by component each summing to 1; for `bernoulli` the probability `[T, A]` that the bit is 1."""
    q_values: FloatArray | None = None
    """`[T, A]` expected return of each action."""
    mean: FloatArray | None = None
    """`[T, D]` before squashing."""
    standard_deviation: FloatArray | None = None
    """`[T, D]` before squashing."""
    squashed: bool = False
    """Whether the action is tanh of the Gaussian sample, rescaled to the bounds."""
    mode: IntArray | None = None
    """`[T, C]` the action preferred by the policy, by component."""
    chosen_probability: FloatArray | None = None
    """`[T]` probability of the action that was taken (the product over components)."""
    mode_probability: FloatArray | None = None
    """`[T]` probability of the mode."""
    log_probability: FloatArray | None = None
    """`[T]` nats; for continuous actions the log of a density in the action's own units, which may be positive."""
    entropy: FloatArray | None = None
    """`[T]` nats, summed over components; for `gaussian` the differential entropy of the same density: after squashing,
    or before a Gaussian that is not squashed is cut off at the bounds."""
    against_mode: npt.NDArray[np.bool_] | None = None
    """`[T]` whether the action taken differs from the mode in any component."""
    deviation: FloatArray | None = None
    """`[T]` continuous only: root mean square over D of (action − mean) ÷ standard deviation."""

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)


def maximum_entropy(distribution: ActionDistribution) -> float | None:
    """The entropy of a discrete distribution without any preference, in nats: Σ ln(options) over its components.

    Actions that are masked count as options. None for actions that are not discrete, or of one option only.
    """
    if distribution.kind not in ("categorical", "bernoulli"):
        return None
    return float(np.log(distribution.components).sum()) or None


def softmax(logits: npt.ArrayLike) -> FloatArray:
    """Exponentiate and normalise over the last axis; `-inf` gives exactly 0 (an illegal action)."""
    logits = np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _entropy(probabilities: FloatArray) -> FloatArray:
    """Entropy over the last axis in nats, with 0·log 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(probabilities == 0, 0.0, -probabilities * np.log(probabilities))
    return np.asarray(terms.sum(axis=-1))


def action_distribution(
    action: npt.ArrayLike,
    *,
    logits: npt.ArrayLike | None = None,
    mean: npt.ArrayLike | None = None,
    log_std: npt.ArrayLike | None = None,
    q_values: npt.ArrayLike | None = None,
    components: Sequence[int] | None = None,
    binary: bool = False,
    first_action: int = 0,
    bounds: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    squashed: bool = False,
) -> ActionDistribution:
    """Bring what was recorded about the choice of action into one form.

    Args:
        action: `[T]` or `[T, C]` for discrete, `[T, *D]` for continuous actions, as the environment took them.
        logits: `[T, A]` unnormalised log-probabilities; for `binary` the log-odds of each bit.
        mean: `[T, D]` mean of the action before squashing.
        log_std: `[T, D]` log standard deviation of the same.
        q_values: `[T, A]` expected return of each action.
        components: Options of each component of a MultiDiscrete action; None for one component of A options.
        binary: Whether the action space is MultiBinary.
        first_action: The number of the first action (gymnasium's `Discrete(start=…)`).
        bounds: Lowest and highest action `[D]`; needed where `squashed`.
        squashed: Whether the action is tanh of the Gaussian sample, rescaled to `bounds` (SAC, TQC).

    Returns:
        The distribution; `kind` is `none` where nothing was recorded about the choice.

    Raises:
        WorkbenchError: If the options of the components do not add up to A, or an action is none of its options, or has
            another number of components than what was said about it.
    """
    action_array = np.asarray(action)
    steps = len(action_array)
    chosen = action_array.reshape(steps, math.prod(action_array.shape[1:]))
    if logits is not None and binary:
        odds = np.asarray(logits, dtype=np.float64)
        _check_width(chosen, odds.shape[1:], "log-odds")
        return _bernoulli(odds.reshape(chosen.shape), chosen)
    if logits is not None:
        scores = np.asarray(logits, dtype=np.float64)
        sizes = _components(components, scores.shape[-1])
        _check_chosen(chosen - first_action, sizes)
        return _categorical(scores, chosen - first_action, sizes)
    if q_values is not None:
        _check_chosen(chosen - first_action, (np.shape(q_values)[-1],))
        return _greedy(np.asarray(q_values, dtype=np.float64), chosen - first_action)
    if mean is not None:
        centre = np.asarray(mean, dtype=np.float64)
        _check_width(chosen, centre.shape[1:], "means")
        if squashed and bounds is not None:
            _check_width(chosen, np.shape(bounds[0]), "bounds")
        return _gaussian(centre.reshape(chosen.shape), log_std, chosen, bounds, squashed)
    return ActionDistribution(kind="none", components=tuple(components or ()))


def _components(components: Sequence[int] | None, options: int) -> tuple[int, ...]:
    sizes = (options,) if components is None else tuple(int(size) for size in components)
    if sum(sizes) != options:
        raise WorkbenchError(
            f"expected as many logits as the action's components have options, {' + '.join(map(str, sizes))} = "
            f"{sum(sizes)}, but got {options}; the recording's action space and its logits do not belong together"
        )
    return sizes


def _check_chosen(chosen: npt.NDArray[Any], components: tuple[int, ...]) -> None:
    if chosen.shape[1] != len(components) or not ((chosen >= 0) & (chosen < np.array(components))).all():
        raise WorkbenchError(
            f"expected actions of {len(components)} components with {', '.join(map(str, components))} options; others "
            f"were recorded: the recording's actions and its distribution do not belong together"
        )


def _check_width(chosen: npt.NDArray[Any], shape: Sequence[int], what: str) -> None:
    if math.prod(shape) != chosen.shape[1]:
        raise WorkbenchError(
            f"expected as many {what} as an action has components, {chosen.shape[1]}, but got {math.prod(shape)}; the "
            f"recording's actions and what it says about them do not belong together"
        )


def _categorical(logits: FloatArray, chosen: npt.NDArray[Any], components: tuple[int, ...]) -> ActionDistribution:
    steps = len(logits)
    probabilities = np.zeros_like(logits)
    entropy, log_chosen, log_mode = np.zeros(steps), np.zeros(steps), np.zeros(steps)
    mode = np.zeros((steps, len(components)), dtype=np.int64)
    rows, start = np.arange(steps), 0
    with np.errstate(divide="ignore"):
        for index, size in enumerate(components):
            part = softmax(logits[:, start : start + size])
            probabilities[:, start : start + size] = part
            entropy += _entropy(part)
            mode[:, index] = part.argmax(axis=-1)
            log_chosen += np.log(part[rows, chosen[:, index].astype(np.int64)])
            log_mode += np.log(part[rows, mode[:, index]])
            start += size
    return ActionDistribution(
        kind="categorical",
        components=components,
        probabilities=probabilities,
        mode=mode,
        chosen_probability=np.exp(log_chosen),
        mode_probability=np.exp(log_mode),
        log_probability=log_chosen,
        entropy=entropy,
        against_mode=(chosen.astype(np.int64) != mode).any(axis=-1),
    )


def _bernoulli(logits: FloatArray, chosen: npt.NDArray[Any]) -> ActionDistribution:
    log_one, log_zero = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
    probabilities = np.exp(log_one)
    mode = (logits > 0).astype(np.int64)
    taken = chosen.astype(bool)
    log_chosen = np.where(taken, log_one, log_zero).sum(axis=-1)
    log_mode = np.maximum(log_one, log_zero).sum(axis=-1)
    return ActionDistribution(
        kind="bernoulli",
        components=(2,) * logits.shape[-1],
        probabilities=probabilities,
        mode=mode,
        chosen_probability=np.exp(log_chosen),
        mode_probability=np.exp(log_mode),
        log_probability=log_chosen,
        entropy=_entropy(np.stack([probabilities, np.exp(log_zero)], axis=-1)).sum(axis=-1),
        against_mode=(taken != mode.astype(bool)).any(axis=-1),
    )


def _greedy(q_values: FloatArray, chosen: npt.NDArray[Any]) -> ActionDistribution:
    mode = q_values.argmax(axis=-1).astype(np.int64)[:, None]
    return ActionDistribution(
        kind="q_values",
        components=(q_values.shape[-1],),
        q_values=q_values.copy(),
        mode=mode,
        against_mode=(chosen.astype(np.int64) != mode).any(axis=-1),
    )


def _gaussian(
    mean: FloatArray,
    log_std: npt.ArrayLike | None,
    chosen: npt.NDArray[Any],
    bounds: tuple[npt.ArrayLike, npt.ArrayLike] | None,
    squashed: bool,
) -> ActionDistribution:
    if log_std is None:
        return ActionDistribution(kind="deterministic", components=(), mean=mean.copy())
    log_spread = np.broadcast_to(np.asarray(log_std, dtype=np.float64), mean.shape)
    drawn = chosen.astype(np.float64)
    entropy = (log_spread + 0.5 * np.log(2 * np.pi * np.e)).sum(axis=-1)
    log_volume: FloatArray = np.zeros(len(mean))
    squash_to = bounds if squashed else None
    if squash_to is not None:
        low, high = (np.asarray(bound, dtype=np.float64).reshape(-1) for bound in squash_to)
        drawn = before_squashing(drawn, low, high)
        log_volume = (log_slope(drawn) + log_scale(low, high)).sum(axis=-1)
        entropy = squashed_entropy(mean, np.exp(log_spread), low, high)
    standardised = (drawn - mean) / np.exp(log_spread)
    log_density = -0.5 * standardised**2 - log_spread - 0.5 * np.log(2 * np.pi)
    return ActionDistribution(
        kind="gaussian",
        components=(),
        mean=mean.copy(),
        standard_deviation=np.exp(log_spread),
        squashed=squash_to is not None,
        log_probability=log_density.sum(axis=-1) - log_volume,
        entropy=entropy,
        deviation=np.sqrt((standardised**2).mean(axis=-1)),
    )


@dataclass(frozen=True, kw_only=True)
class ActionInterval:
    """Where a continuous policy's actions lie, in the environment's own units."""

    centre: FloatArray
    """`[T, D]` mean of the Gaussian, or its median where it is squashed, or the actor's output."""
    lower: FloatArray | None
    """`[T, D]` one standard deviation below, squashed likewise: the 16 % quantile; None without spread."""
    upper: FloatArray | None
    """`[T, D]` the 84 % quantile."""


def action_interval(
    distribution: ActionDistribution, *, squash_to: tuple[npt.ArrayLike, npt.ArrayLike] | None = None
) -> ActionInterval | None:
    """Bring a Gaussian's centre and spread into the units of the actions; None where the actions are not continuous.

    Args:
        distribution: Of kind `gaussian` or `deterministic`.
        squash_to: Lowest and highest action `[D]` where tanh comes between the Gaussian and the action.
    """
    mean, spread = distribution.mean, distribution.standard_deviation
    if mean is None:
        return None
    if spread is None:
        return ActionInterval(centre=mean, lower=None, upper=None)
    ends = [mean, mean - spread, mean + spread]
    if squash_to is not None:
        low, high = (np.asarray(bound, dtype=np.float64).reshape(-1) for bound in squash_to)
        ends = [low + (np.tanh(end) + 1) / 2 * (high - low) for end in ends]
    return ActionInterval(centre=ends[0], lower=ends[1], upper=ends[2])

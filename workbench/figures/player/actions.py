"""The choice of action in the form in which the player draws it: bars of options, or an interval a component.

Axis legend:
    T  steps of the window;  C  components of a discrete action;  D  components of a continuous one
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.distributions import ActionDistribution, action_interval
from workbench.figures.player.encoding import encode_array

_LABELS = {
    "categorical": "probability of each action; the bordered one was taken",
    "bernoulli": "probability that each bit is 1; the bordered ones were 1",
    "q_values": "Q, the expected return of each action (reward units); the bordered one was taken",
    "none": "the recording holds no distribution over actions",
}


def describe_actions(
    distribution: ActionDistribution,
    action: npt.NDArray[Any],
    rows: slice,
    *,
    space: Mapping[str, Any],
    names: Sequence[str] | None,
    squashed: bool,
) -> dict[str, Any]:
    """What was done at the window's steps, and what else the policy thought of doing.

    Args:
        distribution: Over the whole episode.
        action: `[T_episode, ...]` as the environment took them.
        rows: The window in it.
        space: The action space in plain JSON.
        names: Of the actions, or of the components of a continuous or multi-component action.
        squashed: Whether the Gaussian passes through tanh to the bounds.
    """
    taken = action.reshape(len(action), -1)[rows]
    if space.get("kind") == "Box" or distribution.kind in ("gaussian", "deterministic"):
        return _intervals(distribution, taken, rows, space, names, squashed)
    first = int(space.get("start") or 0)
    binary = space.get("kind") == "MultiBinary" or distribution.kind == "bernoulli"
    described: dict[str, Any] = {"kind": distribution.kind}
    scores = distribution.q_values if distribution.probabilities is None else distribution.probabilities
    if scores is not None:
        finite = scores[np.isfinite(scores)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        described |= {"array": encode_array(scores[rows]), "low": low - 0.04 * (high - low), "high": high}
    if binary:
        described["kind"] = "bernoulli"
    label = _LABELS[described["kind"] if scores is not None else "none"]
    if described["kind"] == "q_values":
        label += f"; bars from {described['low']:.3g} to {described['high']:.3g}".replace("-", "−")
    return {
        "label": label,
        "components": _components(distribution, taken, first, names, binary),
        "chosen": encode_array(taken.astype(np.int64) - (0 if binary else first), "int32"),
        "distribution": described,
    }


def _components(
    distribution: ActionDistribution,
    taken: npt.NDArray[Any],
    first: int,
    names: Sequence[str] | None,
    binary: bool,
) -> list[dict[str, Any]]:
    if binary:
        bits = taken.shape[1]
        return [
            {"name": "", "options": bits, "names": list(names) if names and len(names) == bits else _numbered(bits, 0)}
        ]
    sizes = distribution.components
    if not sizes:
        width = int(taken.max()) - first + 1 if taken.size else 1
        sizes = (max(width, len(names or ()) if taken.shape[1] == 1 else 0),) * taken.shape[1]
    if len(sizes) == 1:
        options = sizes[0]
        known = list(names) if names and len(names) == options else _numbered(options, first)
        return [{"name": "", "options": options, "names": known}]
    titles = list(names) if names and len(names) == len(sizes) else [f"component {i}" for i in range(len(sizes))]
    return [
        {"name": title, "options": size, "names": [str(first + i) for i in range(size)]}
        for title, size in zip(titles, sizes, strict=True)
    ]


def _numbered(count: int, first: int) -> list[str]:
    return [f"action {first + i}" for i in range(count)]


def _intervals(
    distribution: ActionDistribution,
    taken: npt.NDArray[Any],
    rows: slice,
    space: Mapping[str, Any],
    names: Sequence[str] | None,
    squashed: bool,
) -> dict[str, Any]:
    width = taken.shape[1]
    bounds = [finite_bound(space.get("low"), width), finite_bound(space.get("high"), width)]
    squash_to = (bounds[0], bounds[1]) if squashed and bounds[0] is not None and bounds[1] is not None else None
    interval = action_interval(distribution, squash_to=squash_to)
    centre, lower, upper = (
        None if part is None else part[rows]
        for part in ((interval.centre, interval.lower, interval.upper) if interval is not None else (None,) * 3)
    )
    everything = np.concatenate([part for part in (taken, centre) if part is not None and len(part)] or [taken])
    lows, highs = (
        (everything.min(axis=0), everything.max(axis=0)) if len(everything) else (np.zeros(width), np.ones(width))
    )
    ends = [
        [float(v) for v in (given if given is not None else np.nan_to_num(seen))]
        for given, seen in zip(bounds, (lows, highs), strict=True)
    ]
    axis = "the action's bounds" if bounds[0] is not None and bounds[1] is not None else "the range over these steps"
    if lower is not None:
        word = "median and central 68 % of" if squashed else "mean ± 1 standard deviation of"
        label = f"mark: taken; line and band: {word} the policy's Gaussian; axis: {axis}"
    elif centre is not None:
        label = f"mark: taken; line: the actor's output (it has no spread); axis: {axis}"
    else:
        label = f"mark: taken; {_LABELS['none']}; axis: {axis}"
    known = list(names) if names and len(names) == width else [f"component {i}" for i in range(width)]
    return {
        "label": label,
        "names": known,
        "low": ends[0],
        "high": ends[1],
        "chosen": encode_array(taken),
        "distribution": {
            "kind": "interval",
            **{
                name: None if part is None else encode_array(part)
                for name, part in (("centre", centre), ("lower", lower), ("upper", upper))
            },
        },
    }


def finite_bound(bound: Any, width: int) -> npt.NDArray[np.float64] | None:
    """A bound of a Box in plain JSON as `[width]`; None where it is infinite or not known."""
    if bound is None or bound == "varied":
        return None
    values = np.broadcast_to(np.asarray(bound, dtype=np.float64).reshape(-1), (width,))
    return values if np.isfinite(values).all() else None

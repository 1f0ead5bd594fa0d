"""Spaces in plain JSON."""

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces


def describe_space(space: spaces.Space[Any]) -> dict[str, Any]:
    """A space in plain JSON: its kind, shape, dtype and bounds (a single number where all are equal)."""
    if isinstance(space, spaces.Dict):
        return {"kind": "Dict", "spaces": {key: describe_space(part) for key, part in space.spaces.items()}}
    facts: dict[str, Any] = {
        "kind": type(space).__name__,
        "shape": list(space.shape or ()),
        "dtype": str(space.dtype),
    }
    if isinstance(space, spaces.Box):
        facts |= {"low": _bounds(space.low), "high": _bounds(space.high)}
    elif isinstance(space, spaces.Discrete):
        facts |= {"n": int(space.n), "start": int(space.start)}
    elif isinstance(space, spaces.MultiDiscrete):
        facts |= {"nvec": space.nvec.tolist()}
    return facts


def _bounds(values: npt.NDArray[Any]) -> Any:
    # JSON has no infinity: it is written as a string.
    if values.size and (values == values.flat[0]).all():
        return _finite(values.flat[0].item())
    return [_finite(value) for value in values.ravel().tolist()] if values.size <= 4096 else "varied"


def _finite(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)

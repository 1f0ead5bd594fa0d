"""Spaces in plain JSON."""

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from workbench.errors import WorkbenchError


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


def is_whole(description: Any) -> bool:
    """Whether a description says all that there is to say of a space, so that `read_space` gives it back."""
    if not isinstance(description, dict):
        return False
    if description.get("kind") == "Dict":
        parts = description.get("spaces")
        return isinstance(parts, dict) and all(map(is_whole, parts.values()))
    known = description.get("kind") in ("Box", "Discrete", "MultiDiscrete", "MultiBinary")
    return known and "varied" not in (description.get("low"), description.get("high"))


def read_space(description: dict[str, Any]) -> spaces.Space[Any]:
    """The space that `describe_space` described.

    A box whose many bounds were too varied to keep gets its dtype's own limits.

    Raises:
        WorkbenchError: A kind of space that recordings do not hold.
    """
    kind = description.get("kind")
    if kind == "Dict":
        return spaces.Dict({key: read_space(part) for key, part in description["spaces"].items()})
    shape = tuple(description.get("shape", ()))
    if kind == "Box":
        dtype = np.dtype(description["dtype"])
        low, high = (_read_bounds(description, end, shape, dtype) for end in ("low", "high"))
        return spaces.Box(low, high, shape, dtype.type)
    if kind == "Discrete":
        return spaces.Discrete(int(description["n"]), start=int(description.get("start", 0)))
    if kind == "MultiDiscrete":
        return spaces.MultiDiscrete(np.asarray(description["nvec"]))
    if kind == "MultiBinary":
        return spaces.MultiBinary(shape if len(shape) > 1 else shape[0])
    raise WorkbenchError(
        f"A space of kind {kind!r} cannot be read again; Box, Discrete, MultiDiscrete, MultiBinary and Dict can."
    )


def _read_bounds(description: dict[str, Any], end: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    values = description[end]
    if values == "varied":
        limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
        values = limits.min if end == "low" else limits.max
        return np.full(shape, values, dtype)
    if isinstance(values, list):
        return np.asarray([float(value) for value in values]).astype(dtype).reshape(shape)
    return np.full(shape, float(values)).astype(dtype)

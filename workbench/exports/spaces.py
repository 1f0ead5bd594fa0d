"""Spaces from the plain JSON that a recording keeps of them."""

from typing import Any

import numpy as np
from gymnasium import spaces

from workbench.errors import WorkbenchError


def read_space(description: dict[str, Any]) -> spaces.Space[Any]:
    """The space that `workbench.recording.environments.describe_space` described.

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
        low, high = (_bounds(description, end, shape, dtype) for end in ("low", "high"))
        return spaces.Box(low, high, shape, dtype.type)
    if kind == "Discrete":
        return spaces.Discrete(int(description["n"]), start=int(description.get("start", 0)))
    if kind == "MultiDiscrete":
        return spaces.MultiDiscrete(np.asarray(description["nvec"]))
    if kind == "MultiBinary":
        return spaces.MultiBinary(shape if len(shape) > 1 else shape[0])
    raise WorkbenchError(
        f"A space of kind {kind!r} cannot be exported; Box, Discrete, MultiDiscrete, MultiBinary and Dict can."
    )


def _bounds(description: dict[str, Any], end: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    values = description[end]
    if values == "varied":
        limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
        values = limits.min if end == "low" else limits.max
        return np.full(shape, values, dtype)
    if isinstance(values, list):
        return np.asarray([float(value) for value in values]).astype(dtype).reshape(shape)
    return np.full(shape, float(values)).astype(dtype)

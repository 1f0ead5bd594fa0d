"""Observation and action spaces out of inert records, of gymnasium and of the older gym."""

import math
import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
from gymnasium import spaces

from workbench.policies.inert_numpy import is_array, read_array, read_dtype, read_number
from workbench.policies.inert_pickle import InertObject, InertPickleError, shown

MAXIMUM_BITS = 2**24
"""Largest MultiBinary space."""
MAXIMUM_PARTS = 1000
"""Most parts of a Dict space."""


def _box(state: dict[str, Any]) -> spaces.Box:
    with warnings.catch_warnings():
        # A bound that was stored in another precision than the space's is no news to whoever loads the agent.
        warnings.simplefilter("ignore")
        return spaces.Box(read_array(state["low"]), read_array(state["high"]), dtype=read_dtype(state["dtype"]).type)


def _discrete(state: dict[str, Any]) -> spaces.Discrete:
    return spaces.Discrete(int(read_number(state["n"])), start=int(read_number(state.get("start", 0))))


def _multi_discrete(state: dict[str, Any]) -> spaces.MultiDiscrete:
    sizes = read_array(state["nvec"])
    start = read_array(state["start"]) if is_array(state.get("start")) else np.zeros_like(sizes)
    return spaces.MultiDiscrete(sizes, start=start)


def _multi_binary(state: dict[str, Any]) -> spaces.MultiBinary:
    size = state["n"]
    if is_array(size):
        size = read_array(size).tolist()
    axes = [int(read_number(part)) for part in (size if isinstance(size, (list, tuple)) else [size])]
    # A box brings its bounds along, and with them its size in bytes; this one brings nothing.
    if len(axes) > 8 or math.prod(max(1, axis) for axis in axes) > MAXIMUM_BITS:
        raise InertPickleError(f"a MultiBinary space of more than {MAXIMUM_BITS:,} bits")
    return spaces.MultiBinary(axes if isinstance(size, (list, tuple)) else axes[0])


def _dict(state: dict[str, Any]) -> spaces.Dict:
    parts = state["spaces"]
    if isinstance(parts, InertObject) and parts.name == "collections.OrderedDict":
        parts = parts.entries
    if not isinstance(parts, dict) or len(parts) > MAXIMUM_PARTS:
        raise InertPickleError(f"a Dict space whose parts are not a dict of at most {MAXIMUM_PARTS}")
    if any(isinstance(part, InertObject) and part.name.endswith(".Dict") for part in parts.values()):
        raise InertPickleError("a Dict space within a Dict space")
    # A plain dict would be sorted by key; features are joined in the stored order.
    return spaces.Dict(OrderedDict((_name(key), read_space(part)) for key, part in parts.items()))


def _name(key: Any) -> str:
    if not isinstance(key, (str, int)) or len(str(key)) > 200:
        raise InertPickleError(f"a part of a Dict space called {shown(key)}")
    return str(key)


_READERS = {
    "Box": _box,
    "Discrete": _discrete,
    "MultiDiscrete": _multi_discrete,
    "MultiBinary": _multi_binary,
    "Dict": _dict,
}


def read_space(record: Any) -> spaces.Space[Any]:
    """Build a gymnasium space from the inert record of one.

    Args:
        record: What `read_inert` made of a pickled space of gymnasium or gym.

    Raises:
        InertPickleError: Not a space, or one of a kind that is not understood.
    """
    package, _, kind = record.name.rpartition(".") if isinstance(record, InertObject) else ("", "", "")
    if package.split(".")[0] not in ("gym", "gymnasium") or kind not in _READERS:
        raise InertPickleError(f"{shown(record)} where a space belongs")
    if not isinstance(record.state, dict):
        raise InertPickleError(f"a {kind} space without contents")
    try:
        return _READERS[kind](record.state)
    except InertPickleError:
        raise
    except Exception as error:
        raise InertPickleError(f"a {kind} space that makes no sense ({str(error)[:200]})") from error

"""What a step of an environment gave: compared exactly, and made into keys."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

PARTS = ("observation", "reward", "terminated", "truncated", "info")
_LONG = 256


class Outcome(NamedTuple):
    """What `step` gives."""

    observation: Any
    reward: Any
    terminated: Any
    truncated: Any
    info: Any


def own_copy(value: Any) -> Any:
    """A value of plain types, arrays and containers that no later step changes in place."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: own_copy(entry) for key, entry in value.items()}
    return type(value)(map(own_copy, value)) if type(value) in (tuple, list) else value


def frozen(observation: Any) -> Any:
    """An observation as something that can be a key: equal ones are equal, whatever they are made of.

    Of an array with more than 256 bytes it is a digest of 128 bits.
    """
    kind = type(observation)
    if kind is np.ndarray:
        content = observation.tobytes()
        return content if len(content) <= _LONG else hashlib.blake2b(content, digest_size=16).digest()
    if kind is int or isinstance(observation, int | float | str | bytes):
        return observation
    if isinstance(observation, Mapping):
        return tuple((key, frozen(value)) for key, value in observation.items())
    if isinstance(observation, tuple | list):
        return tuple(frozen(value) for value in observation)
    if isinstance(observation, np.generic):
        return observation.item()
    return frozen(np.asarray(observation)) if isinstance(observation, np.ndarray) else str(observation)


def digest(key: Any) -> int:
    """64 bits that tell observations apart: a whole number itself, else BLAKE2b of the bytes.

    Args:
        key: As `frozen` gives it.
    """
    if type(key) is int:
        return key & 0xFFFFFFFFFFFFFFFF
    content = key if isinstance(key, bytes) else repr(key).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def difference(one: Any, other: Any, name: str) -> str | None:
    """Where two values differ, in a few words; None where they are exactly the same.

    Args:
        one: Of plain types, arrays, and containers of such; NaN equals NaN.
        other: The same.
        name: What they are called.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if list(one) != list(other):
            return f"{name} with other keys"
        return _first(difference(one[key], other[key], f"{name}[{key!r}]") for key in one)
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        if len(one) != len(other):
            return f"{name} of another length"
        return _first(difference(a, b, f"{name}[{place}]") for place, (a, b) in enumerate(zip(one, other, strict=True)))
    if isinstance(one, np.ndarray | np.generic) or isinstance(other, np.ndarray | np.generic):
        first, second = np.asarray(one), np.asarray(other)
        if first.shape != second.shape or first.dtype != second.dtype:
            return f"{name} of another shape or type"
        same = first.tobytes() == second.tobytes() if first.dtype != object else bool((first == second).all())
        return None if same or _equal_numbers(first, second) else f"{name} ({_short(one)}, then {_short(other)})"
    if type(one) is not type(other):
        return f"{name} of another type"
    if isinstance(one, float) and one != one and other != other:
        return None
    # Objects that are equal to themselves alone say nothing.
    comparable: Any = type(one).__eq__
    if comparable is object.__eq__:
        return None
    return None if bool(one == other) else f"{name} ({_short(one)}, then {_short(other)})"


def _first(found: Any) -> str | None:
    return next((words for words in found if words), None)


def _equal_numbers(one: Any, other: Any) -> bool:
    return one.dtype.kind in "fc" and bool(np.array_equal(one, other, equal_nan=True))


def _short(value: Any) -> str:
    words = " ".join(str(value).split())
    return words if len(words) <= 40 else f"{words[:37]}…"

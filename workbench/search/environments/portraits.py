"""All that can be compared of an environment's inside, to see whether a search left it as it was."""

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import gymnasium
import numpy as np

from workbench.search.environments.randomness import GENERATORS, has_parts, layers_of

_DEPTH = 4
_MOST = 200
"""Values of one attribute that are looked at, and entries of a container: tables of transitions do not change."""
_OPAQUE = object()
"""Stands for what cannot be compared, and is passed over."""

Portrait = dict[str, Any]
"""Values by where they are: `TimeLimit._elapsed_steps`."""


def portray(env: gymnasium.Env[Any, Any]) -> Portrait:
    """Numbers, texts and arrays below an environment and its wrappers, by name.

    Generators, spaces and what draws are left out, and of each attribute no more than 200 values are looked at: longer
    containers are passed over.
    """
    portrait: Portrait = {}
    seen: set[int] = {id(layer) for layer in layers_of(env)}
    for layer in layers_of(env):
        where = type(layer).__name__
        for name, value in vars(layer).items():
            for entry, (place, plain) in enumerate(_values(value, f"{where}.{name}", _DEPTH, seen)):
                if entry >= _MOST:
                    break
                portrait[place] = plain
    return portrait


def _values(value: Any, place: str, depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        yield place, value
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield place, (value.dtype.str, value.shape, value.tobytes())
    elif isinstance(value, np.generic):
        yield place, (value.dtype.str, (), value.tobytes())
    elif isinstance(value, (*GENERATORS, gymnasium.Space)):
        yield place, _OPAQUE
    elif depth > 0 and isinstance(value, dict) and len(value) <= _MOST:
        yield f"{place} (keys)", tuple(map(str, value))
        yield from _entries(((f"{place}[{key!r}]", entry) for key, entry in value.items()), depth, seen)
    elif depth > 0 and isinstance(value, list | tuple | deque) and len(value) <= _MOST:
        yield f"{place} (length)", len(value)
        yield from _entries(((f"{place}[{number}]", entry) for number, entry in enumerate(value)), depth, seen)
    elif depth > 0 and has_parts(value) and id(value) not in seen:
        seen.add(id(value))
        yield from _entries(((f"{place}.{name}", entry) for name, entry in vars(value).items()), depth, seen)
    else:
        yield place, _OPAQUE


def _entries(entries: Iterable[tuple[str, Any]], depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    for place, entry in entries:
        yield from _values(entry, place, depth - 1, seen)


def changed(before: Portrait, after: Portrait) -> list[str]:
    """The places whose values are not the same; those that cannot be compared, before or after, are passed over."""
    places = []
    for place in before.keys() | after.keys():
        one, other = before.get(place, None), after.get(place, None)
        if one is not _OPAQUE and other is not _OPAQUE and not _same(one, other):
            places.append(place)
    return sorted(places)


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    return bool(one == other) or (isinstance(one, float) and one != one and other != other)


def listed(places: Sequence[str]) -> str:
    """Some places in words."""
    return ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")


Kept = list[tuple[Any, dict[str, Any]]]
"""Attributes of each layer."""


def keep(env: gymnasium.Env[Any, Any]) -> Kept:
    """Copies of the plain attributes of an environment and its wrappers, for `mend`."""
    kept: Kept = []
    for layer in layers_of(env):
        plain: dict[str, Any] = {}
        for name, value in vars(layer).items():
            with contextlib.suppress(_NotPlain):
                plain[name] = _plain_copy(value, _DEPTH, [_MOST])
        kept.append((layer, plain))
    return kept


def mend(kept: Kept) -> None:
    """Put back those of the kept attributes that have changed."""
    for layer, plain in kept:
        own = layer.__dict__
        for name, value in plain.items():
            then = dict(_values(value, "", _DEPTH, set()))
            if name not in own or changed(then, dict(_values(own[name], "", _DEPTH, set()))):
                own[name] = value


class _NotPlain(Exception):  # noqa: N818 - nobody sees it
    pass


def _plain_copy(value: Any, depth: int, room: list[int]) -> Any:
    room[0] -= 1
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
        return value
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.copy()
    if depth > 0 and room[0] > 0:
        if type(value) in (list, tuple, deque):
            return type(value)(_plain_copy(entry, depth - 1, room) for entry in value)
        if type(value) is dict:
            return {key: _plain_copy(entry, depth - 1, room) for key, entry in value.items()}
    raise _NotPlain

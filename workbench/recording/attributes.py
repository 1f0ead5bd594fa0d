"""The attributes of a recording's root, checked when it is opened: whoever reads them later can rely on their types."""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from workbench.errors import WorkbenchError
from workbench.recording.layout import FORMAT, FORMAT_VERSION, PARTS_FORMAT_VERSION

MAXIMUM_STEPS = 2**53
MAXIMUM_EPISODES = 2**23
"""Most episodes whose table is read: it is held in memory as a whole."""
MAXIMUM_TEXT = 100_000
MAXIMUM_DEPTH = 32
MAXIMUM_AXES = 32

_Check: TypeAlias = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAXIMUM_TEXT


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def _number(value: Any) -> bool:
    return _whole(value) or (isinstance(value, float) and math.isfinite(value))


def _count(most: int) -> _Check:
    return lambda value: type(value) is int and 0 <= value <= most


def _list(part: _Check) -> _Check:
    return lambda value: isinstance(value, list) and all(map(part, value))


def _by_name(part: _Check) -> _Check:
    return lambda value: isinstance(value, dict) and all(map(part, value.values()))


def _fields(**fields: _Check) -> _Check:
    return lambda value: (
        isinstance(value, dict) and all(check(value[name]) for name, check in fields.items() if name in value)
    )


def _optional(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _bound(value: Any) -> bool:
    return _one_bound(value) or value == "varied" or _list(_one_bound)(value)


def _one_bound(value: Any) -> bool:
    return _number(value) or isinstance(value, bool) or value in ("inf", "-inf", "nan")


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _regular(value: Any) -> bool:
    """Counts in a list, or in lists of lists that are all of one length."""
    if not isinstance(value, list):
        return False
    if all(isinstance(part, list) for part in value):
        return len({len(part) for part in value}) <= 1 and all(map(_regular, value))
    return all(map(_count(2**31), value))


def _space(value: Any) -> bool:
    if not _SPACE(value):
        return False
    size = math.prod(value.get("shape") or [])
    return size < 2**31 and all(len(value[end]) == size for end in ("low", "high") if isinstance(value.get(end), list))


_SPACE = _fields(
    kind=_text,
    shape=lambda value: _list(_count(2**31))(value) and len(value) <= MAXIMUM_AXES,
    dtype=_text,
    low=_bound,
    high=_bound,
    n=_whole,
    start=_whole,
    nvec=_regular,
    spaces=_by_name(lambda part: _space(part)),
)

_FIELDS: Mapping[str, tuple[_Check, str]] = {
    "committed_steps": (_count(MAXIMUM_STEPS), f"a count up to {MAXIMUM_STEPS:,}"),
    "committed_episodes": (_count(MAXIMUM_EPISODES), f"a count up to {MAXIMUM_EPISODES:,}"),
    "created": (_optional(_text), "text"),
    "closed": (_optional(_text), "text"),
    "complete": (_flag, "true or false"),
    "ended": (_text, "text"),
    "seed": (_optional(_whole), "a whole number"),
    "derived_seeds": (_flag, "true or false"),
    "deterministic": (_optional(_flag), "true or false"),
    "slots": (_whole, "a whole number"),
    "policy": (
        _optional(
            _fields(
                name=_optional(_text),
                spec=_optional(_text),
                fingerprint=_optional(_text),
                settings=_optional(_fields(gamma=_optional(_number), discount=_optional(_number))),
                parameters=_optional(_whole),
            )
        ),
        "name, spec and fingerprint as text, settings by name, parameters as a count",
    ),
    "environment": (
        _optional(
            _fields(
                id=_optional(_text),
                by_name=_flag,
                kwargs=_optional(lambda value: isinstance(value, dict)),
                wrappers=_optional(_list(_text)),
                observation_space=_optional(_space),
                action_space=_optional(_space),
                observation_names=_optional(_list(_plain)),
                action_names=_optional(_list(_plain)),
                render_fps=_optional(lambda value: _number(value) and 0 < value <= 10_000),
                maximum_episode_steps=_optional(_whole),
            )
        ),
        "id, kwargs, wrappers, spaces and names as the format describes them",
    ),
    "layers": (
        _by_name(_fields(shape=_list(_count(2**48)), dtype=_text, module=_text)),
        "shape, dtype and module by layer",
    ),
    "skipped_layers": (_optional(_by_name(_text)), "a reason by name"),
    "skipped_columns": (_optional(_by_name(_text)), "a reason by name"),
    "search": (
        _optional(
            _fields(
                format_version=_whole,
                game=_text,
                fingerprint=_text,
                settings=_by_name(_plain),
                room=_by_name(_plain),
            )
        ),
        "game, fingerprint, settings and room of the searches",
    ),
    "labellers": (_optional(_by_name(_by_name(_text))), "words by label by labeller"),
    "skipped_labellers": (_optional(_by_name(_text)), "a reason by name"),
    "absent": (_optional(_by_name(_count(2**62))), "a count by array"),
    "non_finite": (_optional(_by_name(_count(2**62))), "a count by array"),
    "activation_dtype": (_optional(_text), "text"),
    "flush_seconds": (_optional(_number), "a number"),
    "versions": (_optional(_by_name(_text)), "a version by package"),
}
"""What each attribute may be, and in words."""


def check_attributes(attributes: Mapping[str, Any], path: str) -> None:
    """Check what `docs/recording-format.md` says about the root's attributes; those it does not name are let through.

    Args:
        attributes: Plain JSON.
        path: Of the recording, for messages.

    Raises:
        WorkbenchError: They are of no recording, of another version of the format, or one is of another type.
    """
    if attributes.get("format") != FORMAT:
        raise WorkbenchError(
            f"{path} is a Zarr group, but not a recording: its attribute 'format' should be {FORMAT!r} "
            f"and is {_short(attributes.get('format'))}."
        )
    version = attributes.get("format_version")
    if type(version) is not int or version not in (FORMAT_VERSION, PARTS_FORMAT_VERSION):
        raise WorkbenchError(
            f"{path} has recording format version {_short(version)}; this workbench reads versions "
            f"{FORMAT_VERSION} and {PARTS_FORMAT_VERSION}. "
            f"Use the workbench that wrote it, or a newer one."
        )
    for key in ("committed_steps", "committed_episodes"):
        if key not in attributes:
            raise WorkbenchError(f"{path} is damaged: it has no attribute {key!r}.")
    if _depth(attributes) > MAXIMUM_DEPTH:
        raise WorkbenchError(f"{path} is damaged: its attributes are nested deeper than {MAXIMUM_DEPTH}.")
    for key, (check, words) in _FIELDS.items():
        if key in attributes and not check(attributes[key]):
            raise WorkbenchError(
                f"{path} is damaged: its attribute {key!r} is {_short(attributes[key])}; expected {words}."
            )


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        level = [inner for part in parts for inner in part]
    return depth


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"

"""Facts of a recording in as few words as a line has room for."""

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_VALUE = 60


def short_options(options: Mapping[str, Any] | None, wrappers: Sequence[str] | None = ()) -> str:
    """An environment's options and wrappers: `cheese=anywhere, size=15; frame_stack:4`; empty where there are none.

    Args:
        options: Keyword arguments of the environment.
        wrappers: Names of what is put around it, innermost first.
    """
    given = ", ".join(f"{name}={_short(value)}" for name, value in (options or {}).items())
    around = ", ".join(str(wrapper) for wrapper in wrappers or ())
    return "; ".join(part for part in (given, around) if part)


def unbroken(number: object) -> str:
    """A number with its interval, `0.91 [0.87, 0.94]`, that a narrow table breaks before the interval alone."""
    return str(number).replace(", ", ",\u00a0")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"

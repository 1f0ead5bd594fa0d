"""Compiled functions whose cached code notices when any file of the games changes.

Numba keeps compiled code beside its source, and goes by the time of that one file: a function that calls another of
another file would go on with the other's old code when that is changed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

STAMP = tuple(
    (file.name, file.stat().st_mtime, file.stat().st_size) for file in sorted(Path(__file__).parent.glob("*.py"))
)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called, without the interpreter's lock, and keep the code for later runs."""
    made = njit(cache=True, nogil=True)(function)
    kept = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if not hasattr(kept, "_source_stamp"):
        # Another numba: rather compile each time than run what was compiled of another source.
        return njit(nogil=True)(function)
    kept._source_stamp = STAMP
    return made


def compiled_inline(function: Callable[..., Any]) -> Any:
    """The same for a small function that is put into those that call it."""
    return njit(nogil=True, inline="always")(function)

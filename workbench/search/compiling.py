"""Compiled functions whose cached code notices when any of the search's files changes.

Numba keeps compiled code beside its source, and goes by the time of that one file: a function that calls another of
another file would go on with the other's old code when that is changed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from workbench.errors import MissingExtraError

try:
    from numba import njit
except ImportError as error:
    raise MissingExtraError("numba", "search", "Tree search") from error

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _stamp() -> tuple[tuple[str, float, int], ...]:
    """Name, time and size of every file here."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return tuple((file.name, file.stat().st_mtime, file.stat().st_size) for file in files)


STAMP = _stamp()


def compiled(function: _Function) -> _Function:
    """Compile a function when it is first called, without the interpreter's lock, and keep the code for later runs."""
    made: Any = njit(cache=True, nogil=True)(function)
    kept: Any = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if not hasattr(kept, "_source_stamp"):
        # Another numba: rather compile each time than run what was compiled of another source.
        made = njit(nogil=True)(function)
    else:
        kept._source_stamp = STAMP
    return cast(_Function, made)


def compiled_inline(function: _Function) -> _Function:
    """The same for a small function that is put into those that call it."""
    made: Any = njit(nogil=True, inline="always")(function)
    return cast(_Function, made)

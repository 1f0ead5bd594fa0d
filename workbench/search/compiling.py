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
    from numba.core.options import DefaultOptions
except ImportError as error:
    raise MissingExtraError("numba", "search", "Tree search") from error

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _stamp() -> tuple[tuple[str, float, int], ...]:
    """Name, time and size of every file here."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return tuple((file.name, file.stat().st_mtime, file.stat().st_size) for file in files)


STAMP = _stamp()
# An option of numba's own that may go; what is compiled without it does the same, at half the speed.
_UNCOUNTED = {"_nrt": False} if hasattr(DefaultOptions, "_nrt") else {}


def compiled(function: _Function) -> _Function:
    """Compile a function when it is first called, without the interpreter's lock, and keep the code for later runs."""
    return _compiled(function)


def compiled_core(function: _Function) -> _Function:
    """The same for a function that makes no arrays: who holds those that it is given is not counted.

    Numba counts the holders of each array up and down in every function, which took half of the time of a search.
    """
    return _compiled(function, **_UNCOUNTED)


def compiled_inline(function: _Function) -> _Function:
    """The same for a small function that is put into those that call it."""
    made: Any = njit(nogil=True, inline="always")(function)
    return cast(_Function, made)


def _compiled(function: _Function, **options: Any) -> _Function:
    made: Any = njit(cache=True, nogil=True, **options)(function)
    kept: Any = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if not hasattr(kept, "_source_stamp"):
        # Another numba: rather compile each time than run what was compiled of another source.
        made = njit(nogil=True, **options)(function)
    else:
        kept._source_stamp = STAMP
    return cast(_Function, made)

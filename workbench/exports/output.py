"""Output that appears whole or not at all, and that replaces nothing by accident."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import WorkbenchError


@contextlib.contextmanager
def writing(out: Path, *, overwrite: bool, folder: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `out` to write to; on success it becomes `out`, on failure it is removed.

    Args:
        out: Where the finished file or folder shall be.
        overwrite: Replace what is there.
        folder: The output is a folder; the temporary one has been made when it is handed over.

    Raises:
        WorkbenchError: `out` exists and `overwrite` is False, or it cannot be written there.
    """
    _check_absent(out, overwrite)
    # The suffix stays last: encoders go by it.
    partial = out.with_name(f".{out.stem[:100]}.{uuid.uuid4().hex[:8]}.partial{out.suffix}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if folder:
            partial.mkdir()
        yield partial
        _check_absent(out, overwrite)
        _move(partial, out)
    except OSError as error:
        if isinstance(error, WorkbenchError):
            raise
        raise WorkbenchError(f"{str(out)!r} could not be written: {error.strerror or error}.") from error
    finally:
        _remove(partial)


def _check_absent(out: Path, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(out):
        raise WorkbenchError(
            f"{str(out)!r} exists already; choose another name, or ask for it to be overwritten (--overwrite)."
        )


def _move(partial: Path, out: Path) -> None:
    if out.is_dir() or partial.is_dir():
        # A folder cannot be replaced in one move: the old one steps aside until the new one is in its place.
        aside = out.with_name(f"{partial.name}.old")
        if os.path.lexists(out):
            os.replace(out, aside)
        try:
            os.replace(partial, out)
        except OSError:
            if os.path.lexists(aside):
                os.replace(aside, out)
            raise
        _remove(aside)
    else:
        os.replace(partial, out)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()

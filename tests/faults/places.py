"""Places that fail: small ones and read-only ones. They take the right to mount, which root mostly has."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def _mount(*arguments: str) -> str | None:
    """Mount; gives why not, where it cannot be done."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, timeout=30)
    except OSError as error:
        return str(error)
    return done.stderr.strip() or "it failed" if done.returncode else None


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of its own, so large; skips the test where nobody may mount."""
    folder.mkdir()
    if (why := _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))) is not None:
        pytest.skip(f"no file system can be mounted here: {why}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    """Change the size of a small disk, or whether it may be written."""
    why = _mount("-o", f"remount,{options}", str(folder))
    assert why is None, why

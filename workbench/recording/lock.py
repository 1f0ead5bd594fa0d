"""One writer a recording: a lock of the operating system on its folder, which ends with the process that holds it."""

import errno
import logging
import os
import sys
import weakref
from pathlib import Path

from workbench.errors import WorkbenchError

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)


class WriterLock:
    """The right to write to a folder of this machine, until it is released or the process is gone.

    The folder itself is locked (`flock`), so that there is no file of a lock that a killed process could leave behind.
    A file system that knows no such locks is written to without.

    Args:
        folder: The recording's; it is made where it is not there.

    Raises:
        WorkbenchError: Somebody else is writing there.
        OSError: It cannot be made or opened.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        os.makedirs(folder, exist_ok=True)
        self._file: int | None = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        _held.add(self)
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise WorkbenchError(
                f"{folder} is being written by another recorder, here or in another process; it is left alone. "
                f"Wait until that has ended, or choose another path."
            ) from error
        except OSError as error:
            logger.info("%s cannot be locked (%s): nothing keeps two writers apart there", folder, error.strerror)

    @property
    def descriptor(self) -> int | None:
        """Of the folder, for writing into it wherever it is; None where files are not opened so, or after release."""
        return self._file if os.open in os.supports_dir_fd else None

    def check(self) -> None:
        """Make sure that the folder is still where it was.

        Raises:
            FileNotFoundError: It was removed or moved, or another one has taken its place.
        """
        if self._file is None:
            return
        held = os.fstat(self._file)
        try:
            there = os.stat(self._folder)
        except FileNotFoundError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (held.st_dev, held.st_ino):
            raise FileNotFoundError(errno.ENOENT, "its folder is no longer where it was", str(self._folder))

    def release(self) -> None:
        """Let others write there; does nothing the second time."""
        _held.discard(self)
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


_held: "weakref.WeakSet[WriterLock]" = weakref.WeakSet()


def _let_go() -> None:
    """In a forked child: it does not write, and must not keep the lock when its parent is gone."""
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)

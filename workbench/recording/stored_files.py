"""The files of a recording, read as a stranger's: no link out of its folder, no device, nothing without limit."""

import asyncio
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from zarr.abc.store import RangeByteRequest, Store
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from workbench.recording.object_storage import StorageError

METADATA_FILE = "zarr.json"
MAXIMUM_ENTRIES = 100_000
"""Most files and folders in one folder of groups and arrays."""
AT_ONCE = 16
"""How many objects of a store elsewhere are asked for at the same time."""


# Halves of characters come from names on a disk that are not UTF-8, and can be written to no file of text.
_REFUSED_SIGN = re.compile(r"[\\\0\ud800-\udfff]")


class StoredFileError(ValueError):
    """A file of a recording is not as it should be."""


class StoredFiles(Protocol):
    """What a recording is read from. Names are relative to its folder, with `/` between their parts."""

    @property
    def at_once(self) -> int:
        """How many readers side by side are quicker than one after another."""

    def read(self, name: str, limit: int) -> bytes | None:
        """A whole file of at most `limit` bytes; None where there is none.

        Raises:
            StoredFileError: It is longer, or is nothing that may be read.
        """

    def read_all(self, names: Sequence[str], limit: int) -> list[bytes | None]:
        """Several files, as `read` gives each."""

    def folders(self, name: str) -> list[str]:
        """What is in a folder, by name and sorted; nothing where there is none."""


def check_name(name: str) -> None:
    """Refuse a name that could lead out of the folder, or that no file has.

    Raises:
        StoredFileError: A part of it is empty, `.` or `..`, or holds a backslash, a NUL or half a character.
    """
    if _REFUSED_SIGN.search(name) or any(part in ("", ".", "..") for part in name.split("/")):
        raise StoredFileError(f"{name[:200]!r} is no name that an array can have")


class LocalFiles:
    """A folder of this machine.

    Links within the folder are followed; those that lead out of it are refused, for a stranger's recording could hand
    on by them what its reader alone may read.
    """

    at_once = 1

    def __init__(self, folder: Path) -> None:
        self._root = os.path.realpath(folder)

    def read(self, name: str, limit: int) -> bytes | None:
        """Read a regular file."""
        place = self._place(name)
        try:
            # Without O_NONBLOCK, opening a FIFO would wait for somebody to write to it.
            file = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoredFileError(f"{name} cannot be read ({error.strerror})") from error
        try:
            facts = os.fstat(file)
            if not stat.S_ISREG(facts.st_mode):
                raise StoredFileError(f"{name} is not a regular file")
            if facts.st_size > limit:
                raise StoredFileError(f"{name} has {facts.st_size:,} bytes, more than {limit:,}")
            return _whole(file, facts.st_size)
        except OSError as error:
            raise StoredFileError(f"{name} cannot be read ({error.strerror})") from error
        finally:
            os.close(file)

    def read_all(self, names: Sequence[str], limit: int) -> list[bytes | None]:
        """Read one after another."""
        return [self.read(name, limit) for name in names]

    def folders(self, name: str) -> list[str]:
        """List the folders in a folder; a link to one that it lies in is refused, for what is below has no end."""
        found: list[str] = []
        folder = self._place(name)
        try:
            with os.scandir(folder) as entries:
                for number, entry in enumerate(entries):
                    if number == MAXIMUM_ENTRIES:
                        raise StoredFileError(f"{name} holds more than {MAXIMUM_ENTRIES:,} files and folders")
                    if entry.is_dir():
                        if entry.is_symlink() and _holds(os.path.realpath(entry.path), folder):
                            raise StoredFileError(f"{name}/{entry.name[:200]} is a link to a folder that it lies in")
                        found.append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoredFileError(f"{name} cannot be listed ({error.strerror})") from error
        return sorted(found)

    def _place(self, name: str) -> str:
        check_name(name)
        place = os.path.realpath(os.path.join(self._root, name))
        if not _holds(self._root, place):
            raise StoredFileError(
                f"{name} is a link that leads out of the recording, and is not followed: put a copy in its place"
            )
        return place


def _holds(folder: str, place: str) -> bool:
    """Whether a place is a folder or lies in it, both without links."""
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)


def _whole(file: int, size: int) -> bytes:
    """So many bytes of an open file, or as many as there are."""
    content = os.read(file, size)
    while len(content) < size and (more := os.read(file, size - len(content))):
        content += more
    return content


class RemoteFiles:
    """Any other place that Zarr's stores reach."""

    at_once = AT_ONCE

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, name: str, limit: int) -> bytes | None:
        """Ask for one byte more than the limit at most."""
        return self.read_all([name], limit)[0]

    def read_all(self, names: Sequence[str], limit: int) -> list[bytes | None]:
        """Ask for several at a time."""
        for name in names:
            check_name(name)
        contents: list[bytes | None] = []
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            try:
                contents += sync(self._ask(some, limit))
            except StorageError:
                raise
            except Exception as error:
                # Every kind of store fails in its own ways.
                raise StoredFileError(f"{some[0]} cannot be read ({type(error).__name__}: {error})") from error
        for name, content in zip(names, contents, strict=True):
            if content is not None and len(content) > limit:
                raise StoredFileError(f"{name} has more than {limit:,} bytes")
        return contents

    def folders(self, name: str) -> list[str]:
        """List what is below a prefix, but for its own metadata."""
        check_name(name)
        try:
            return sorted(set(sync(self._list(name))))
        except (StoredFileError, StorageError):
            raise
        except Exception as error:
            raise StoredFileError(f"{name} cannot be listed ({type(error).__name__}: {error})") from error

    async def _ask(self, names: Sequence[str], limit: int) -> list[bytes | None]:
        prototype, most = default_buffer_prototype(), RangeByteRequest(0, limit + 1)
        buffers = await asyncio.gather(*(self._store.get(name, prototype, most) for name in names))
        return [None if buffer is None else buffer.to_bytes() for buffer in buffers]

    async def _list(self, name: str) -> list[str]:
        found: list[str] = []
        async for entry in self._store.list_dir(name):
            if len(found) == MAXIMUM_ENTRIES:
                raise StoredFileError(f"{name} holds more than {MAXIMUM_ENTRIES:,} objects")
            last = entry.strip("/").rpartition("/")[2]
            if last != METADATA_FILE:
                found.append(last)
        return found

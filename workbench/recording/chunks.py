"""Encoding and storing single chunks, without the detour over Zarr's event loop (`stored_array.py` reads them).

The writer thread shares the interpreter with the acting thread: every Python instruction here is one that the agent
waits for. What is stored is byte for byte what Zarr's own codecs would store, and the tests read it with plain Zarr.
"""

import contextlib
import errno
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr
from numcodecs.blosc import Blosc
from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

from workbench.recording.layout import COMPRESSION_LEVEL, codec, row_bytes
from workbench.recording.object_storage import Upload

GROUP_DOCUMENT = b'{\n  "attributes": {},\n  "zarr_format": 3,\n  "node_type": "group"\n}'
"""The `zarr.json` of a group without attributes, as Zarr writes it."""


class Place(Protocol):
    """Where the files of one array go, each whole or not at all."""

    def put(self, name: str, content: bytes) -> None:
        """Store a file of the array by its name, `c/0` or `zarr.json`; it may still be on its way when this returns."""

    def settle(self) -> None:
        """Come back when all is stored."""


class LocalPlace:
    """A folder of this machine: files are written beside their place, then renamed into it.

    Args:
        folder: Where; below `inside`, where that is given.
        inside: A descriptor of the recording's folder. What is written by it stays in that folder when it is renamed,
            and does not land in another recording that takes its place.
    """

    def __init__(self, folder: Path, inside: int | None = None) -> None:
        self._folder = str(folder)
        self._inside = inside

    def put(self, name: str, content: bytes) -> None:
        """Write the file and rename it into its place."""
        try:
            try:
                self._put(name, content)
            except FileNotFoundError:
                self._make_folders(name)
                self._put(name, content)
        except FileNotFoundError:
            try:
                os.stat(self._folder, dir_fd=self._inside)
            except FileNotFoundError:
                raise FileNotFoundError(errno.ENOENT, "its folder is no longer there", self._folder) from None
            raise

    def _put(self, name: str, content: bytes) -> None:
        path = f"{self._folder}/{name}"
        beside = f"{path}.partial"
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=self._inside)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(file, view) :]
        finally:
            os.close(file)
        os.replace(beside, path, src_dir_fd=self._inside, dst_dir_fd=self._inside)

    def _make_folders(self, name: str) -> None:
        """Make those below the array's own folder; that one is not made anew, where somebody has moved it away."""
        path = self._folder
        for part in name.split("/")[:-1]:
            path = f"{path}/{part}"
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, dir_fd=self._inside)

    def settle(self) -> None:
        """Do nothing: it is."""


class StorePlace:
    """A path in any other Zarr store: one object at a time is on its way, so that those of many arrays are together."""

    def __init__(self, store: Store, path: str) -> None:
        self._store = store
        self._path = path
        self._upload = Upload()

    def put(self, name: str, content: bytes) -> None:
        """Send the object."""
        path = f"{self._path}/{name}" if self._path else name
        self._upload.begin(self._store.set(path, default_buffer_prototype().buffer.from_bytes(content)))

    def settle(self) -> None:
        """Wait for it."""
        self._upload.settle()


def place_of(group: zarr.Group, name: str, inside: int | None = None) -> Place:
    """Where the files of an array in a group go.

    Args:
        group: The group.
        name: Of the array.
        inside: A descriptor of the recording's folder, where it has one.
    """
    path = f"{group.path}/{name}" if group.path else name
    if inside is None:
        return _place(group.store, path)
    for folder in _upwards(path):
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, dir_fd=inside)
    return LocalPlace(Path(path), inside)


def make_group(root: zarr.Group, path: str, inside: int | None = None) -> None:
    """Make a group and those above it, where they are not there.

    Args:
        root: The recording's.
        path: Below it.
        inside: A descriptor of the recording's folder, where it has one: Zarr goes by names, and would begin another
            recording where somebody has renamed this one.
    """
    if inside is None:
        root.require_group(path)
        return
    for name in _upwards(path):
        place = place_of(root, name, inside)
        try:
            os.stat(f"{name}/zarr.json", dir_fd=inside)
        except FileNotFoundError:
            place.put("zarr.json", GROUP_DOCUMENT)


def _upwards(path: str) -> list[str]:
    """A path after all that it is below: `a`, `a/b` and `a/b/c`."""
    parts = path.split("/")
    return ["/".join(parts[: place + 1]) for place in range(len(parts))]


def write_root(
    store: Store,
    attributes: Mapping[str, Any],
    repeated: Mapping[str, Any] | None = None,
    inside: int | None = None,
) -> None:
    """Write the root's metadata in one piece.

    Args:
        store: Of the recording.
        attributes: The root's.
        repeated: By path, the metadata of all groups and arrays below it, which a reader then goes by; None where
            arrays are about to grow.
        inside: A descriptor of the recording's folder, where it has one.
    """
    place = _place(store, "") if inside is None else LocalPlace(Path(), inside)
    place.put("zarr.json", root_document(attributes, repeated))
    place.settle()


def root_document(attributes: Mapping[str, Any], repeated: Mapping[str, Any] | None = None) -> bytes:
    """The root's `zarr.json`."""
    document = {"attributes": dict(attributes), "zarr_format": 3, "node_type": "group"}
    if repeated is not None:
        document["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": dict(repeated)}
    return json.dumps(document).encode()


def _place(store: Store, path: str) -> Place:
    if isinstance(store, LocalStore):
        folder = store.root / path
        if path:
            os.makedirs(folder, exist_ok=True)
        return LocalPlace(folder)
    return StorePlace(store, path)


def encode(block: npt.NDArray[Any], path: str) -> bytes:
    """A whole chunk of an array as it is stored: little-endian, blosc, then the checksum (RFC 3720's crc32c)."""
    little = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
    compressor, shuffled = codec(path, row_bytes(block.shape[1:], block.itemsize))
    blosc = Blosc(cname=compressor, clevel=COMPRESSION_LEVEL, shuffle=Blosc.SHUFFLE if shuffled else Blosc.NOSHUFFLE)
    compressed: bytes = blosc.encode(little)
    return compressed + struct.pack("<I", google_crc32c.value(compressed))

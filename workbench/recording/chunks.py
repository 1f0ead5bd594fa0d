"""Encoding and storing single chunks, without the detour over Zarr's event loop (`stored_array.py` reads them).

The writer thread shares the interpreter with the acting thread: every Python instruction here is one that the agent
waits for. What is stored is byte for byte what Zarr's own codecs would store, and the tests read it with plain Zarr.
"""

import os
import struct
from pathlib import Path
from typing import Any, Protocol

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr
from numcodecs.blosc import Blosc
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import LocalStore

from workbench.recording.layout import COMPRESSION_LEVEL, COMPRESSOR


class Chunks(Protocol):
    """Puts one encoded chunk where it belongs, whole or not at all."""

    def put(self, number: int, content: bytes) -> None:
        """Store the chunk with this number along the first axis."""


class LocalChunks:
    """Chunks as files of this machine: written beside their place, then renamed into it."""

    def __init__(self, folder: Path, axes: int) -> None:
        self._folder = folder / "c"
        self._rest = ("0",) * (axes - 1)

    def put(self, number: int, content: bytes) -> None:
        """Write the file and rename it into its place."""
        path = self._folder.joinpath(str(number), *self._rest)
        beside = path.with_name(path.name + ".partial")
        try:
            file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(file, view) :]
        finally:
            os.close(file)
        os.replace(beside, path)


class StoreChunks:
    """Chunks in any other Zarr store."""

    def __init__(self, array: zarr.Array[Any]) -> None:
        self._store = array.store
        self._path = array.path
        self._rest = "/0" * (array.ndim - 1)

    def put(self, number: int, content: bytes) -> None:
        """Store the object."""
        buffer = default_buffer_prototype().buffer.from_bytes(content)
        sync(self._store.set(f"{self._path}/c/{number}{self._rest}", buffer))


def chunks_of(array: zarr.Array[Any]) -> Chunks:
    """Where the chunks of an array go."""
    if isinstance(array.store, LocalStore):
        return LocalChunks(array.store.root / array.path, array.ndim)
    return StoreChunks(array)


def encode(block: npt.NDArray[Any]) -> bytes:
    """A whole chunk as it is stored: little-endian, blosc, then the checksum (RFC 3720's crc32c, little-endian)."""
    little = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
    codec = Blosc(cname=COMPRESSOR, clevel=COMPRESSION_LEVEL, shuffle=Blosc.SHUFFLE)
    compressed: bytes = codec.encode(little)
    return compressed + struct.pack("<I", google_crc32c.value(compressed))

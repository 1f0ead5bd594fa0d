"""Encoding, storing and reading single chunks, without the detour over Zarr's event loop.

The writer thread shares the interpreter with the acting thread: every Python instruction here is one that the agent
waits for. What is stored is byte for byte what Zarr's own codecs would store, and the tests read it with plain Zarr.
Reading goes the same short way where a single row is wanted from a chunk that was stored so.
"""

import math
import os
import struct
from pathlib import Path
from typing import Any, Protocol

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr
from numcodecs import blosc
from numcodecs.blosc import Blosc
from zarr.core.buffer import default_buffer_prototype
from zarr.core.chunk_key_encodings import DefaultChunkKeyEncoding
from zarr.core.metadata import ArrayV3Metadata
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


def read_chunk(array: zarr.Array[Any], number: int) -> npt.NDArray[Any] | None:
    """One whole chunk, read the short way; None where the array or its store is not of the kind written here.

    Every chunk of such an array is written, so that one that is not there is damage.

    Args:
        array: Stored in a local folder, cut along its first axis only, with the codecs of this format.
        number: Which chunk, along the first axis.

    Raises:
        ValueError: The chunk is damaged: it is missing, or its checksum or its size is wrong.
    """
    if not isinstance(array.store, LocalStore) or not _is_ours(array):
        return None
    path = Path(array.store.root, array.path, "c", str(number), *("0",) * (array.ndim - 1))
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path.relative_to(array.store.root)} is missing") from None
    compressed, checksum = content[:-4], content[-4:]
    if len(content) < 20 or struct.pack("<I", google_crc32c.value(compressed)) != checksum:
        raise ValueError(f"the checksum of {path.relative_to(array.store.root)} is wrong")
    size = math.prod(array.chunks) * array.dtype.itemsize
    if struct.unpack_from("<I", compressed, 4)[0] != size:
        raise ValueError(f"{path.relative_to(array.store.root)} does not unpack to {size} bytes")
    values = np.frombuffer(blosc.decompress(compressed), array.dtype.newbyteorder("<"))
    return values.reshape(array.chunks)


def missing_chunk(array: zarr.Array[Any], start: int, stop: int) -> str | None:
    """The first chunk with rows in `[start, stop)` that is not there; None where all are, or nobody can say quickly."""
    if not isinstance(array.store, LocalStore) or not _is_ours(array):
        return None
    height, rest = array.chunks[0], ("0",) * (array.ndim - 1)
    for number in range(start // height, -(-stop // height)):
        path = Path(array.store.root, array.path, "c", str(number), *rest)
        if not path.exists():
            return str(path.relative_to(array.store.root))
    return None


def _is_ours(array: zarr.Array[Any]) -> bool:
    whole = array.chunks[1:] == tuple(max(1, size) for size in array.shape[1:])
    encoding = array.metadata.chunk_key_encoding if isinstance(array.metadata, ArrayV3Metadata) else None
    codecs: tuple[Any, ...] = getattr(array.metadata, "codecs", ())
    names = [type(codec).__name__ for codec in codecs]
    return bool(
        whole
        and isinstance(encoding, DefaultChunkKeyEncoding)
        and encoding.separator == "/"
        and names == ["BytesCodec", "BloscCodec", "Crc32cCodec"]
        and getattr(codecs[0].endian, "value", "little") == "little"
        and array.dtype.kind in "biuf"
    )

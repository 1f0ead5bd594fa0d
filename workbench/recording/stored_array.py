"""One array of a recording as its metadata describe it, and its chunks as numpy arrays.

A recording may come from a stranger. So nothing is asked of Zarr here, whose metadata can name codecs that unpickle,
types that are objects and chunks without bounds: what is read is what `docs/recording-format.md` says, and no more.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt
from numcodecs import blosc

from workbench.recording.stored_files import StoredFileError

DATA_TYPES: Mapping[str, np.dtype[Any]] = {
    name: np.dtype(np.dtype(name).str.replace(">", "<"))
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64",
    )
}  # fmt: skip
"""What elements may be: plain numbers of fixed size, never objects."""
MAXIMUM_AXES = 32
MAXIMUM_CHUNK_BYTES = 256 << 20
"""Largest chunk that is read, uncompressed."""
_BLOSC_HEADER = 16
_CHECKSUM = 4
_CODECS = (["bytes"], ["bytes", "crc32c"], ["bytes", "blosc"], ["bytes", "blosc", "crc32c"])


@dataclass(frozen=True, kw_only=True)
class StoredArray:
    """Where an array is, what is in it, and how it is cut into chunks: along its first axis only."""

    path: str
    """In the recording: `steps/value`."""
    shape: tuple[int, ...]
    chunk_rows: int
    dtype: np.dtype[Any]
    compressed: bool
    checksummed: bool
    dimension_names: tuple[str | None, ...]
    attributes: Mapping[str, Any]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row (of all, where there are no axes)."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one chunk, uncompressed."""
        return self.chunk_rows * self.row_bytes

    @property
    def largest_file(self) -> int:
        """Most bytes that a chunk can have as it is stored."""
        return self.chunk_bytes + _BLOSC_HEADER + _CHECKSUM + 64

    def chunk_name(self, number: int) -> str:
        """The file of a chunk, by its number along the first axis."""
        return "/".join((self.path, "c", *([str(number)] if self.shape else []), *("0",) * (len(self.shape) - 1)))

    def decode(self, content: bytes, name: str, place: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """A chunk from the bytes that are stored.

        Args:
            content: The whole file, or the object.
            name: What it is called, for messages.
            place: `[chunk_rows, ...]` contiguous memory to put it into; None makes some.

        Returns:
            `[chunk_rows, ...]`.

        Raises:
            StoredFileError: Its checksum is wrong, or it does not unpack to a chunk.
        """
        if self.checksummed:
            content, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
            if struct.pack("<I", google_crc32c.value(content)) != checksum:
                raise StoredFileError(f"the checksum of {name} is wrong")
        shape = (self.chunk_rows, *self.shape[1:]) if self.shape else ()
        chunk = np.empty(shape, self.dtype) if place is None else place
        if self.compressed:
            _check_blosc(content, self.chunk_bytes, name)
            try:
                blosc.decompress(content, chunk)
            except (RuntimeError, ValueError) as error:
                raise StoredFileError(f"{name} cannot be unpacked ({error})") from error
        elif len(content) == self.chunk_bytes:
            chunk[...] = np.frombuffer(content, self.dtype).reshape(shape)
        else:
            raise StoredFileError(f"{name} has {len(content):,} bytes instead of {self.chunk_bytes:,}")
        if self.dtype.kind == "b":
            # numpy counts on the bytes of truth values being 0 and 1, and writes past its memory where they are not.
            np.not_equal(chunk.view(np.uint8), 0, out=chunk)
        return chunk


def _check_blosc(packed: bytes, size: int, name: str) -> None:
    """Believe nothing of Blosc's header: the library reserves and reads as much as it says."""
    if len(packed) < _BLOSC_HEADER:
        raise StoredFileError(f"{name} is cut short")
    version, _, _, _, unpacked, block, length = struct.unpack_from("<BBBBIII", packed)
    if version != 2 or length != len(packed):
        raise StoredFileError(f"{name} is not a whole Blosc frame")
    if unpacked != size:
        raise StoredFileError(f"{name} does not unpack to {size:,} bytes")
    if size and not 0 < block <= size:
        raise StoredFileError(f"{name} has blocks of {block:,} bytes in {size:,}")


def parse_array(path: str, document: Mapping[str, Any]) -> StoredArray:
    """Read the metadata of an array.

    Args:
        path: Where it is in the recording.
        document: Its `zarr.json`.

    Raises:
        StoredFileError: It is not stored as version 1 of the format says; the message names what is not.
    """
    if document.get("zarr_format") != 3:
        raise StoredFileError(f"the version {_short(document.get('zarr_format'))} of Zarr; 3 is read")
    shape = _sizes(document.get("shape"), "shape", least=0)
    chunks = _sizes(_configuration(document, "chunk_grid", "regular").get("chunk_shape"), "chunk shape", least=1)
    if len(chunks) != len(shape):
        raise StoredFileError(f"{len(shape)} axes cut into chunks of {len(chunks)}")
    if chunks[1:] != tuple(max(1, size) for size in shape[1:]):
        raise StoredFileError(f"rows of shape {list(shape[1:])} cut into chunks of {list(chunks[1:])}; rows stay whole")
    if _configuration(document, "chunk_key_encoding", "default").get("separator", "/") != "/":
        raise StoredFileError("chunks whose names have no '/' between their parts")
    kind = document.get("data_type")
    if not isinstance(kind, str) or kind not in DATA_TYPES:
        raise StoredFileError(f"elements of type {_short(kind)}; plain numbers are read ({', '.join(DATA_TYPES)})")
    codecs = _codecs(document.get("codecs"))
    if document.get("storage_transformers"):
        raise StoredFileError(f"storage transformers {_short(document['storage_transformers'])}")
    names = document.get("dimension_names") or [None] * len(shape)
    if not isinstance(names, list) or len(names) != len(shape):
        raise StoredFileError(f"{len(shape)} axes named {_short(names)}")
    if not all(name is None or isinstance(name, str) for name in names):
        raise StoredFileError(f"axes named {_short(names)}")
    attributes = document.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise StoredFileError(f"attributes that are {_short(attributes)}")
    return StoredArray(
        path=path,
        shape=shape,
        chunk_rows=chunks[0] if chunks else 1,
        dtype=DATA_TYPES[kind],
        compressed="blosc" in codecs,
        checksummed="crc32c" in codecs,
        dimension_names=tuple(names),
        attributes=attributes,
    )


def _sizes(value: Any, what: str, *, least: int) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(size) is int and least <= size < 2**62 for size in value):
        raise StoredFileError(f"the {what} {_short(value)}; a list of whole numbers from {least} on is expected")
    if len(value) > MAXIMUM_AXES:
        raise StoredFileError(f"a {what} of {len(value)} axes; at most {MAXIMUM_AXES} are read")
    if math.prod(max(1, size) for size in value[1:]) >= 2**48:
        raise StoredFileError(f"the {what} {_short(value)}, whose rows have more than 2^48 numbers")
    return tuple(value)


def _configuration(document: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    value = document.get(key)
    given = value.get("configuration", {}) if isinstance(value, dict) and value.get("name") == name else None
    if not isinstance(given, dict):
        raise StoredFileError(f"the {key.replace('_', ' ')} {_short(value)}; {name!r} is expected")
    return given


def _codecs(value: Any) -> list[str]:
    given = value if isinstance(value, list) else []
    names = [codec.get("name") if isinstance(codec, dict) else codec for codec in given]
    if names not in _CODECS:
        raise StoredFileError(f"the codecs {_short(names or value)}; bytes, blosc and crc32c are read")
    settings = (value[0].get("configuration") if isinstance(value[0], dict) else None) or {}
    if not isinstance(settings, dict) or (settings.get("endian") or "little") != "little":
        raise StoredFileError(f"bytes stored as {_short(settings)}; little-endian ones are read")
    return [str(name) for name in names]


def _short(value: Any) -> str:
    try:
        return repr(value)[:120]
    except (RecursionError, ValueError):
        return f"a {type(value).__name__}"

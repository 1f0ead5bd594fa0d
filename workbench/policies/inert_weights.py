"""Read a state dict that `torch.save` wrote, with our own code: tensors from names, sizes and bytes, nothing else.

`torch.load(weights_only=True)` has run code from files before (CVE-2025-32434, torch before 2.6), and believes a file's
own word on sizes. Here the pickle is read inertly, and each tensor is checked against the bytes that are there.

Both forms are read: the zip file of torch 1.6 and later, and the row of pickles before it.
"""

import io
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from workbench.policies.bounded_zip import BoundedZip, open_zip
from workbench.policies.inert_pickle import (
    InertGlobal,
    InertObject,
    InertPickleError,
    InertStorage,
    read_next,
    shown,
)

MAXIMUM_TENSORS = 20_000
MAXIMUM_AXES = 16
MAXIMUM_PICKLE_BYTES = 16 * 2**20
"""Longest pickle that says what the tensors are; their numbers are kept beside it."""

_DTYPES: Mapping[str, torch.dtype] = {
    "torch.FloatStorage": torch.float32, "torch.DoubleStorage": torch.float64, "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16, "torch.LongStorage": torch.int64, "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16, "torch.CharStorage": torch.int8, "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}  # fmt: skip
"""The types of numbers that are read; complex and quantised ones are not."""
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001

ReadInto = Callable[[str, memoryview], None]
"""Puts the bytes of the storage of that name into memory of their size."""


def read_state_dict(data: bytes, *, maximum_bytes: int) -> dict[str, Tensor]:
    """Read the tensors of a state dict by their names.

    Args:
        data: What `torch.save` wrote.
        maximum_bytes: Most bytes of all tensors together.

    Returns:
        New tensors on the CPU, each with no more numbers than its file holds for it.

    Raises:
        ValueError: It is something else, or damaged, or a tensor claims more than there is. (`InertPickleError` and
            `BoundedZipError` are such.)
    """
    if data[:4] == b"PK\x03\x04":
        with open_zip(io.BytesIO(data)) as members:
            return _read_zip(members, maximum_bytes)
    return _read_legacy(io.BytesIO(data), min(maximum_bytes, len(data)))


def _read_zip(members: BoundedZip, maximum_bytes: int) -> dict[str, Tensor]:
    pickles = [name for name in members.names if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise InertPickleError(f"a zip file with {len(pickles)} members 'data.pkl'; torch.save writes one")
    folder = pickles[0].removesuffix("data.pkl")
    if any(name.startswith((f"{folder}code/", f"{folder}constants.pkl")) for name in members.names):
        raise InertPickleError("a TorchScript program; a state dict is expected")
    if f"{folder}byteorder" in members.names and members.read(f"{folder}byteorder", 16) != b"little":
        raise InertPickleError("numbers in the byte order of another machine")
    record = read_next(io.BytesIO(members.read(pickles[0], MAXIMUM_PICKLE_BYTES)), storages=True)
    storages = _Storages(maximum_bytes)

    def fill(key: str, place: memoryview) -> None:
        members.read_into(f"{folder}data/{key}", place)

    return _tensors(record, storages, fill)


def _read_legacy(stream: io.BytesIO, maximum_bytes: int) -> dict[str, Tensor]:
    if read_next(stream) != _LEGACY_MAGIC or read_next(stream) != _LEGACY_PROTOCOL:
        raise InertPickleError("not what torch.save writes")
    system = read_next(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise InertPickleError("numbers in the byte order of another machine")
    record = read_next(stream, storages=True)
    keys = read_next(stream)
    if not isinstance(keys, list) or len(keys) > MAXIMUM_TENSORS or not all(isinstance(key, str) for key in keys):
        raise InertPickleError("a list of storages that is none")
    # The storages follow in the order of this list, and how long each is the pickle before it says.
    storages = _Storages(maximum_bytes)
    tensors = _tensors(record, storages, None)
    sizes = storages.bytes_by_key()
    rest = memoryview(stream.getbuffer())[stream.tell() :]
    for key in keys:
        if key not in sizes:
            raise InertPickleError(f"a storage {shown(key)} that no tensor uses")
        place = sizes.pop(key)
        count, item = struct.unpack("<q", rest[:8])[0] if len(rest) >= 8 else -1, storages.item_size(key)
        if count * item != len(place) or len(rest) < 8 + len(place):
            raise InertPickleError("it is cut short, or a storage has another size than its tensors")
        place[:] = rest[8 : 8 + len(place)]
        rest = rest[8 + len(place) :]
    if sizes:
        raise InertPickleError("a tensor without its numbers")
    storages.settle()
    return tensors


class _Storages:
    """The storages that tensors refer to, made once each and never more of them than allowed."""

    def __init__(self, maximum_bytes: int) -> None:
        self._room = maximum_bytes
        self._made: dict[str, Tensor] = {}

    def get(self, record: Any, fill: ReadInto | None) -> Tensor:
        """The flat tensor of a storage; filled at once where it is known what with."""
        facts = record.facts if isinstance(record, InertStorage) else None
        if not isinstance(facts, tuple) or len(facts) not in (5, 6) or facts[0] != "storage":
            raise InertPickleError(f"{shown(record)} where the storage of a tensor belongs")
        kind, key, count = facts[1], facts[2], facts[4]
        if len(facts) == 6 and facts[5] is not None:
            raise InertPickleError("a storage that is a view of another")
        if not isinstance(kind, InertGlobal) or kind.name not in _DTYPES:
            raise InertPickleError(f"numbers of type {shown(kind)}")
        if not isinstance(key, str) or not key.isalnum() or type(count) is not int or not 0 <= count < 2**40:
            raise InertPickleError(f"a storage called {shown(key)} of {shown(count)} numbers")
        dtype = _DTYPES[kind.name]
        if key in self._made:
            if self._made[key].dtype != dtype or self._made[key].numel() != count:
                raise InertPickleError(f"a storage {key} of two kinds")
            return self._made[key]
        self._room -= count * dtype.itemsize
        if self._room < 0:
            raise InertPickleError("tensors of more bytes than are read")
        if len(self._made) >= MAXIMUM_TENSORS:
            raise InertPickleError(f"more than {MAXIMUM_TENSORS:,} tensors")
        self._made[key] = torch.empty(count, dtype=dtype)
        if fill is not None:
            fill(key, _bytes(self._made[key]))
            _settle(self._made[key])
        return self._made[key]

    def bytes_by_key(self) -> dict[str, memoryview]:
        """The memory of each, to be filled."""
        return {key: _bytes(storage) for key, storage in self._made.items()}

    def item_size(self, key: str) -> int:
        """Bytes of one number."""
        return self._made[key].dtype.itemsize

    def settle(self) -> None:
        """Mend what may not be in memory as it was in the file."""
        for storage in self._made.values():
            _settle(storage)


def _bytes(storage: Tensor) -> memoryview:
    return storage.view(torch.uint8).numpy().data


def _settle(storage: Tensor) -> None:
    if storage.dtype == torch.bool:
        # Truth values other than 0 and 1 are undefined behaviour.
        storage.copy_(storage.view(torch.uint8) != 0)


def _tensors(record: Any, storages: _Storages, fill: ReadInto | None) -> dict[str, Tensor]:
    entries = record.entries if _is_ordered_dict(record) else record
    if not isinstance(entries, dict):
        raise InertPickleError(f"{shown(record)}; a dict of tensors by name is expected")
    if len(entries) > MAXIMUM_TENSORS:
        raise InertPickleError(f"more than {MAXIMUM_TENSORS:,} tensors")
    tensors = {}
    for name, value in entries.items():
        if not isinstance(name, str) or len(name) > 500:
            raise InertPickleError(f"a tensor called {shown(name)}")
        try:
            tensors[name] = _tensor(value, storages, fill)
        except InertPickleError as error:
            raise InertPickleError(f"'{name[:100]}' is not a plain dense tensor: {error}") from error
    return tensors


def _is_ordered_dict(record: Any) -> bool:
    return isinstance(record, InertObject) and record.name == "collections.OrderedDict" and not record.arguments


def _tensor(record: Any, storages: _Storages, fill: ReadInto | None) -> Tensor:
    if isinstance(record, InertObject) and record.name == "torch._utils._rebuild_parameter" and record.arguments:
        record = record.arguments[0]
    if not isinstance(record, InertObject) or record.name != "torch._utils._rebuild_tensor_v2":
        raise InertPickleError(shown(record))
    if len(record.arguments) < 4:
        raise InertPickleError("a tensor without storage, offset, size and stride")
    storage, offset, size, stride = record.arguments[:4]
    if not all(
        isinstance(axes, tuple) and len(axes) <= MAXIMUM_AXES and all(type(n) is int and 0 <= n < 2**40 for n in axes)
        for axes in (size, stride, (offset,))
    ) or len(size) != len(stride):
        raise InertPickleError("a size, stride or offset that is none")
    flat = storages.get(storage, fill)
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if count else offset
    # A view with strides of zero can claim terabytes on a few bytes; copying it would then spend them.
    if count > flat.numel() or last > flat.numel() - (count > 0):
        raise InertPickleError(f"{count:,} numbers from {offset:,} on, of {flat.numel():,} that there are")
    return flat.as_strided(size, stride, offset)

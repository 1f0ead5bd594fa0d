"""Hostile `policy.pth` files: pickles in each of torch's forms, and tensors that claim what there is not."""

import io
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.hostile.pickles import PROTOCOL_4, attacks, call, legacy_file, name, text


def push(value: Any) -> bytes:
    """Push plain data."""
    return pickle.dumps(value, 3)[2:-1]


def storage(key: str, count: Any, kind: str = "FloatStorage", *rest: bytes) -> bytes:
    """Push the persistent id of a storage, as torch writes it."""
    return b"(" + text("storage") + name("torch", kind) + text(key) + text("cpu") + push(count) + b"".join(rest) + b"tQ"


def tensor(held: bytes, offset: Any, size: Any, stride: Any) -> bytes:
    """Push the call that rebuilds a tensor."""
    hooks = call(name("collections", "OrderedDict"))
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    return call(rebuild, held, push(offset), push(size), push(stride), b"\x89", hooks)


def state(*entries: tuple[str, bytes]) -> bytes:
    """A whole pickle of a dict of what is pushed."""
    return PROTOCOL_4 + b"}(" + b"".join(text(key) + value for key, value in entries) + b"u."


def torch_zip(content: bytes, members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A file as torch writes it since 1.6, around a pickle of one's own."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", content)
        for key, value in members.items():
            archive.writestr(f"archive/{key}", value)
        archive.writestr("archive/version", b"3\n")
    return file.getvalue()


def saved(value: Any, **settings: Any) -> bytes:
    """What `torch.save` writes."""
    file = io.BytesIO()
    torch.save(value, file, **settings)
    return file.getvalue()


def scripted(content: bytes) -> bytes:
    """The form of a TorchScript archive: a program, and not a state dict."""
    code = b"class Linear(Module):\n  def forward(self, x):\n    return x\n"
    return torch_zip(
        content, {"code/__torch__/torch/nn/linear.py": code, "constants.pkl": b"\x80\x02).", "data/0": b""}
    )


def _tar(content: bytes) -> bytes:
    """The form of torch 0.1: a tar file of pickles."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for member in ("sys_info", "pickle", "tensors", "storages"):
            facts = tarfile.TarInfo(member)
            facts.size = len(content)
            archive.addfile(facts, io.BytesIO(content))
        link = tarfile.TarInfo("../../stranger")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return file.getvalue()


def executing(target: Path) -> dict[str, bytes]:
    """Weights with a pickle that makes a file, in each place where torch keeps a pickle."""
    attack = attacks(target)["REDUCE, STACK_GLOBAL"]
    body = attack.removeprefix(PROTOCOL_4).removesuffix(b".")
    magic, protocol = pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2)
    system = pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2)
    weight = tensor(storage("0", 4), 0, (4,), (1,))
    hook = call(
        name("torch._utils", "_rebuild_tensor_v2"), storage("0", 4), b"K\0", push((4,)), push((1,)), b"\x89", body
    )
    return {
        "a pickle alone": attack,
        "data.pkl": torch_zip(attack, {}),
        "data.pkl, a value": torch_zip(state(("w", weight), ("x", body)), {"data/0": bytes(16)}),
        "data.pkl, the backward hooks": torch_zip(state(("w", hook)), {"data/0": bytes(16)}),
        "data.pkl, a persistent id": torch_zip(PROTOCOL_4 + body + b"Q.", {}),
        "data.pkl, the kind of a storage": torch_zip(
            state(("w", tensor(b"(" + text("storage") + body + text("0") + text("cpu") + b"K\x04tQ", 0, (4,), (1,)))),
            {},
        ),
        "another pickle beside it": torch_zip(state(("w", weight)), {"data/0": bytes(16), "constants.pkl": attack}),
        "a storage that is a pickle": torch_zip(state(("w", weight)), {"data/0": attack}),
        "legacy": legacy_file(attack),
        "legacy, the magic number": attack + protocol + system + state() + pickle.dumps([], 2),
        "legacy, the system": magic + protocol + attack + state() + pickle.dumps([], 2),
        "legacy, the list of storages": magic + protocol + system + state() + attack,
        "tar": _tar(attack),
        "TorchScript": scripted(attack),
        "a module": saved(torch.nn.Linear(2, 2)),
        "an object in torch's own form": saved({"w": slice(1)}),
    }


def _aliases(count: int) -> bytes:
    entries = [(f"w{k}", tensor(storage("0", 1 << 20), 0, (1024, 1024), (1024, 1))) for k in range(count)]
    return torch_zip(state(*entries), {"data/0": bytes(4 << 20)})


def _one(held: bytes, offset: Any, size: Any, stride: Any, members: Mapping[str, bytes] | None = None) -> bytes:
    given = {"data/0": bytes(16)} if members is None else members
    return torch_zip(state(("action_net.weight", tensor(held, offset, size, stride))), given)


def _legacy(content: bytes, keys: Any, storages: bytes) -> bytes:
    return legacy_file(content).removesuffix(pickle.dumps([], 2)) + pickle.dumps(keys, 2) + storages


FOUR = storage("0", 4)
ABSURD: Mapping[str, Callable[[], bytes]] = {
    "a view that repeats one number a trillion times": lambda: saved({"w": torch.zeros(1).expand(10**6, 10**6)}),
    "more numbers than there are": lambda: _one(FOUR, 0, (5,), (1,)),
    "from an offset beyond the end": lambda: _one(FOUR, 4, (1,), (1,)),
    "from an offset that overflows": lambda: _one(FOUR, 2**63 - 1, (1,), (1,)),
    "from a negative offset": lambda: _one(FOUR, -1, (1,), (1,)),
    "a negative size": lambda: _one(FOUR, 0, (-4,), (1,)),
    "two sizes whose product overflows to four": lambda: _one(FOUR, 0, (2**62, 4), (0, 0)),
    "a stride that overflows": lambda: _one(FOUR, 0, (2, 2), (2**62, 2**62)),
    "a negative stride": lambda: _one(FOUR, 3, (4,), (-1,)),
    "a stride beyond the end": lambda: _one(FOUR, 0, (2,), (4,)),
    "a size without stride": lambda: _one(FOUR, 0, (4,), ()),
    "ten thousand axes": lambda: _one(FOUR, 0, (1,) * 10_000, (1,) * 10_000),
    "an empty tensor of many axes": lambda: _one(FOUR, 0, (0, 2**39, 2**39), (1, 1, 1)),
    "a size that is text": lambda: _one(FOUR, 0, "4", (1,)),
    "a size that is a fraction": lambda: _one(FOUR, 0, (4.0,), (1,)),
    "a size that is True": lambda: _one(FOUR, 0, (True,), (1,)),
    "a storage of an exabyte": lambda: _one(storage("0", 2**58), 0, (4,), (1,)),
    "a storage of a negative size": lambda: _one(storage("0", -4), 0, (4,), (1,)),
    "a storage that is larger than its member": lambda: _one(storage("0", 2**24), 0, (2**24,), (1,)),
    "a storage that is smaller than its member": lambda: _one(storage("0", 2), 0, (2,), (1,)),
    "a storage without a member": lambda: _one(FOUR, 0, (4,), (1,), {}),
    "a storage that leads out": lambda: _one(storage("../../data", 4), 0, (4,), (1,), {"../../data": bytes(16)}),
    "a storage of two kinds": lambda: torch_zip(
        state(("a", tensor(FOUR, 0, (4,), (1,))), ("b", tensor(storage("0", 2, "DoubleStorage"), 0, (2,), (1,)))),
        {"data/0": bytes(16)},
    ),
    "a storage of an unknown kind": lambda: _one(storage("0", 4, "QInt8Storage"), 0, (4,), (1,)),
    "a storage on a graphics card": lambda: _one(FOUR.replace(text("cpu"), text("cuda:7")), 0, (4,), (1,)),
    "a storage that is a view": lambda: _one(storage("0", 4, "FloatStorage", push(("x", 0, 4))), 0, (4,), (1,)),
    "truth values that are none": lambda: _one(
        storage("0", 16, "BoolStorage"), 0, (16,), (1,), {"data/0": b"\x07" * 16}
    ),
    "a thousand views of one storage": lambda: _aliases(1000),
    "views of one storage, more than are read": lambda: _aliases(4000),
    "compressed to a thousandth": lambda: torch_zip(
        state(("w", tensor(storage("0", 1 << 26), 0, (1 << 26,), (1,)))),
        {"data/0": bytes(1 << 28)},
        zipfile.ZIP_DEFLATED,
    ),
    "many compressed storages": lambda: torch_zip(
        state(*((f"w{k}", tensor(storage(str(k), 12 << 20), 0, (12 << 20,), (1,))) for k in range(6))),
        {f"data/{k}": bytes(48 << 20) for k in range(6)},
        zipfile.ZIP_DEFLATED,
    ),
    "numbers of another machine": lambda: torch_zip(
        state(("w", tensor(FOUR, 0, (4,), (1,)))), {"data/0": bytes(16), "byteorder": b"big"}
    ),
    "two pickles": lambda: torch_zip(state(), {}) + torch_zip(state(), {}),
    "no pickle": lambda: torch_zip(b"", {}).replace(b"data.pkl", b"data.txt"),
    "names that are no text": lambda: torch_zip(
        PROTOCOL_4 + b"}K\x01" + tensor(FOUR, 0, (4,), (1,)) + b"s.", {"data/0": bytes(16)}
    ),
    "a list": lambda: saved([torch.zeros(2)]),
    "a tensor": lambda: saved(torch.zeros(2)),
    "a dict within the dict": lambda: saved({"a": {"b": torch.zeros(2)}}),
    "sparse": lambda: saved({"w": torch.zeros(2, 2).to_sparse()}),
    "quantised": lambda: torch_zip(
        state(("w", call(name("torch._utils", "_rebuild_qtensor"), FOUR, b"K\0", push((4,)), push((1,))))),
        {"data/0": bytes(4)},
    ),
    "complex": lambda: saved({"w": torch.zeros(2, dtype=torch.complex64)}),
    "on no device": lambda: saved({"w": torch.zeros(2, device="meta")}),
    "numpy arrays": lambda: saved({"w": np.zeros(2)}),
    "an ordered dict with a state": lambda: saved(OrderedDict(w=torch.zeros(2))),
    "parameters": lambda: saved({"w": torch.nn.Parameter(torch.zeros(2))}),
    "legacy, cut short": lambda: _legacy(state(("w", tensor(FOUR, 0, (4,), (1,)))), ["0"], struct.pack("<q", 4)),
    "legacy, an exabyte": lambda: _legacy(
        state(("w", tensor(storage("0", 2**58), 0, (4,), (1,)))), ["0"], struct.pack("<q", 2**58) + bytes(16)
    ),
    "legacy, a negative size": lambda: _legacy(
        state(("w", tensor(FOUR, 0, (4,), (1,)))), ["0"], struct.pack("<q", -4) + bytes(16)
    ),
    "legacy, storages that are named twice": lambda: _legacy(
        state(("w", tensor(FOUR, 0, (4,), (1,)))), ["0", "0"], (struct.pack("<q", 4) + bytes(16)) * 2
    ),
    "legacy, storages that are no list": lambda: _legacy(
        state(("w", tensor(FOUR, 0, (4,), (1,)))), {"0": 1}, bytes(24)
    ),
    "nothing": lambda: b"",
    "text": lambda: b"weights, honestly",
}
"""Weights that are none, or that claim what there is not."""

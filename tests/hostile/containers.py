"""Hostile zip files, and files that are none, in the place of a saved agent."""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

Members = Mapping[str, bytes]
"""A sound agent's members by name."""


def packed(members: Members, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One member as it stands in a zip file, whether or not that makes sense."""

    name: bytes
    content: bytes
    size: int | None = None
    """What it states to unpack to; None for the truth."""
    packed_size: int | None = None
    method: int = zipfile.ZIP_STORED
    flags: int = 0
    begins: int | None = None
    """Where it states to begin."""
    attributes: int = 0


def written(entries: Sequence[Entry]) -> bytes:
    """A zip file of such members, byte by byte."""
    body, directory = bytearray(), bytearray()
    for entry in entries:
        size = len(entry.content) if entry.size is None else entry.size
        packed_size = len(entry.content) if entry.packed_size is None else entry.packed_size
        checksum = zlib.crc32(entry.content) if entry.method == zipfile.ZIP_STORED else 0
        facts = struct.pack(
            "<HHHHIIIHH", entry.flags, entry.method, 0, 33, checksum, packed_size, size, len(entry.name), 0
        )
        begins = len(body) if entry.begins is None else entry.begins
        body += b"PK\x03\x04\x14\0" + facts + entry.name + entry.content
        directory += b"PK\x01\x02\x14\x03\x14\0" + facts
        directory += struct.pack("<HHHII", 0, 0, 0, entry.attributes, begins) + entry.name
    count = min(len(entries), 0xFFFF)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory + end)


def _with(members: Members, which: str, **changes: Any) -> bytes:
    """The sound agent with one member as it should not be."""
    entries = {key: Entry(name=key.encode(), content=content) for key, content in members.items()}
    entries[which] = replace(entries.get(which, Entry(name=which.encode(), content=b"")), **changes)
    return written(list(entries.values()))


@cache
def _gigabytes(count: int) -> bytes:
    """So many gigabytes of zeros, deflated: blocks that end in a full flush can be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (64 * count) + packer.flush()


def _bomb(members: Members, name: str, size: int | None = None) -> bytes:
    """Four gigabytes in four megabytes."""
    stated = 0xFFFFFFF0 if size is None else size
    return _with(members, name, content=_gigabytes(4), method=zipfile.ZIP_DEFLATED, size=stated)


def _overlapping(members: Members) -> bytes:
    """Two thousand members that are all the same deflated gigabyte (Fifield 2019, 'A better zip bomb')."""
    names = [b"data", b"policy.pth", *(b"m%04d" % number for number in range(2000))]
    kernel = Entry(name=b"data", content=_gigabytes(1), method=zipfile.ZIP_DEFLATED, size=1 << 30)
    others = (replace(kernel, name=name, content=b"", packed_size=len(kernel.content), begins=0) for name in names[1:])
    return written([kernel, *others])


def _nested(members: Members) -> bytes:
    inner = _bomb({}, "bomb")
    for _ in range(3):
        inner = packed({f"{number}.zip": inner for number in range(4)}, zipfile.ZIP_DEFLATED)
    return packed({**members, "policy.pth": inner})


def _crowded(members: Members) -> bytes:
    """A directory of a million entries without a name."""
    entries = [Entry(name=name.encode(), content=content) for name, content in members.items()]
    return written([*entries, *[Entry(name=b"", content=b"", begins=0)] * 1_000_000])


CONTAINERS: Mapping[str, Callable[[Members], bytes]] = {
    "a bomb in data": lambda members: _bomb(members, "data"),
    "a bomb in the weights": lambda members: _bomb(members, "policy.pth"),
    "a bomb in the version": lambda members: _bomb(members, "_stable_baselines3_version"),
    "a bomb in a member that nobody reads": lambda members: _bomb(members, "system_info.txt"),
    "data that is a bomb and states a small size": lambda members: _bomb(members, "data", len(members["data"])),
    "weights that are a bomb and state a small size": lambda members: _bomb(members, "policy.pth", 1000),
    "weights that are a bomb and state 60 megabytes": lambda members: _bomb(members, "policy.pth", 60_000_000),
    "a member that states four gigabytes": lambda members: _with(
        members, "policy.pth", size=0xFFFFFFF0, packed_size=0xFFFFFFF0
    ),
    "a member that states a hundred megabytes": lambda members: _with(
        members, "policy.pth", size=100_000_000, packed_size=100_000_000
    ),
    "a member that states two sizes": lambda members: _with(members, "data", size=10),
    "a member that begins beyond the end": lambda members: _with(members, "data", begins=0x7FFFFFFF),
    "a member that begins in another": lambda members: _with(members, "policy.pth", begins=0),
    "members that overlap": _overlapping,
    "zips within zips": _nested,
    "a million members": _crowded,
    "many members": lambda members: packed({**members, **{f"m{number}": b"" for number in range(8000)}}),
    "data twice": lambda members: written(
        [Entry(name=b"data", content=b"{}"), *(Entry(name=n.encode(), content=c) for n, c in members.items())]
    ),
    "weights twice": lambda members: written(
        [*(Entry(name=n.encode(), content=c) for n, c in members.items()), Entry(name=b"policy.pth", content=b"x")]
    ),
    "data that is a link": lambda members: _with(members, "data", content=b"/etc/passwd", attributes=0o120777 << 16),
    "weights that are a link": lambda members: _with(
        members, "policy.pth", content=b"/etc/passwd", attributes=0o120777 << 16
    ),
    "names that lead out": lambda members: packed(
        {**members, "../../stranger": b"x", "/etc/stranger": b"x", "C:\\stranger": b"x", "a/../../b": b"x"}
    ),
    "names that lead out alone": lambda members: packed({f"../{name}": content for name, content in members.items()}),
    "a name that is not UTF-8": lambda members: _with(members, "x", name=b"nam\xff\xff", flags=0x800),
    "an encrypted member": lambda members: _with(members, "data", flags=1),
    "a strongly encrypted member": lambda members: _with(members, "data", flags=0x41),
    "a member of patches": lambda members: _with(members, "data", flags=0x20),
    "compressed by bzip2": lambda members: packed(members, zipfile.ZIP_BZIP2),
    "compressed by LZMA": lambda members: packed(members, zipfile.ZIP_LZMA),
    "compressed by an unknown method": lambda members: _with(members, "data", method=99),
    "deflated data that are none": lambda members: _with(members, "data", method=zipfile.ZIP_DEFLATED),
    "a wrong checksum": lambda members: packed(members).replace(members["data"][:20], members["data"][:19] + b"!"),
    "behind another program": lambda members: b"#!/bin/sh\ntouch stranger\n" + packed(members),
    "before something else": lambda members: packed(members) + bytes(70_000),
    "a comment that is a directory": lambda members: (
        packed(members)[:-2] + struct.pack("<H", 22) + b"PK\x05\x06" + bytes(18)
    ),
    "a directory of four gigabytes": lambda members: packed(members)[:-10] + struct.pack("<IIH", 0xFFFFFFF0, 0, 0),
    "a directory that begins before the file": lambda members: packed(members)[:-6] + struct.pack("<IH", 0xFFFFFFF0, 0),
    "an empty zip": lambda members: packed({}),
    "data alone": lambda members: packed({"data": members["data"]}),
    "no data": lambda members: packed({name: content for name, content in members.items() if name != "data"}),
    "another zip": lambda members: packed({"word/document.xml": b"<x/>"}),
    "not a zip": lambda members: b"\x89PNG\r\n\x1a\n" + bytes(1000),
    "text": lambda members: b"agent\n",
    "nothing": lambda members: b"",
    "the two letters of a zip": lambda members: b"PK",
    "gzip": lambda members: b"\x1f\x8b\x08" + bytes(100),
}
"""Files in the place of a saved agent's, from a sound one's members."""


def cuts(members: Members) -> list[bytes]:
    """A sound agent's file cut short, at each structure's border and beside it, and in between."""
    whole = packed(members)
    places = {0, 1, 2, 3, 4, len(whole) - 1, len(whole) - 22, len(whole) - 23}
    for mark in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"):
        place = whole.find(mark)
        while place >= 0:
            places |= {place + shift for shift in (-1, 0, 1, 4, 26, 30, 45)}
            place = whole.find(mark, place + 1)
    places |= set(range(0, len(whole), max(1, len(whole) // 25)))
    return [whole[:place] for place in sorted(places) if 0 <= place < len(whole)]


def specials(folder: Path) -> dict[str, Path]:
    """Paths that are no regular files, and some that are no paths."""
    os.mkfifo(folder / "fifo.zip")
    (folder / "folder.zip").mkdir()
    (folder / "loop.zip").symlink_to(folder / "loop.zip")
    (folder / "nowhere.zip").symlink_to(folder / "absent")
    (folder / "device.zip").symlink_to("/dev/zero")
    with (folder / "sparse.zip").open("wb") as file:
        file.truncate(8 << 30)
    return {
        "a FIFO": folder / "fifo.zip",
        "a folder": folder / "folder.zip",
        "a link to itself": folder / "loop.zip",
        "a link to nowhere": folder / "nowhere.zip",
        "an endless device": folder / "device.zip",
        "eight gigabytes of nothing": folder / "sparse.zip",
        "a name that is too long": folder / ("a" * 5000),
        "a home that nobody has": Path("~nobody-has-this-name/agent.zip"),
        "standard input": Path("/dev/stdin"),
        "a process's memory": Path("/proc/self/mem"),
    }

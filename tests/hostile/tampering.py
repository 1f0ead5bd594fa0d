"""What can be done to a copy of a sound recording to make it hostile."""

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.blosc import Blosc

from tests.hostile.pickles import attacks

Change = Callable[[Path], None]
"""Makes a copy of a sound recording hostile."""


def make_sound(folder: Path) -> Path:
    """A recording of a saved PPO agent on CartPole, with frames and the agent's file inside."""
    from stable_baselines3 import PPO

    import workbench

    agent = PPO(
        "MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, device="cpu", seed=0, policy_kwargs={"net_arch": [8]}
    )
    agent.save(folder / "agent.zip")
    out = folder / "sound.zarr"
    workbench.record(f"ppo:{folder / 'agent.zip'}", "CartPole-v1", out=out, episodes=3, environments=2, frames=True)
    return out


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the root's metadata."""
    document = json.loads((folder / "zarr.json").read_text())
    change(document)
    (folder / "zarr.json").write_text(json.dumps(document))


def attributes(**values: Any) -> Change:
    """Set attributes of the root."""
    return lambda folder: edit(folder, lambda document: document["attributes"].update(values))


def within(key: str, **values: Any) -> Change:
    """Set what is in an attribute of the root."""
    return lambda folder: edit(folder, lambda document: document["attributes"][key].update(values))


def array(path: str, **values: Any) -> Change:
    """Set what the metadata of an array say, in the root's repetition and in its own file."""

    def change(folder: Path) -> None:
        edit(folder, lambda document: document["consolidated_metadata"]["metadata"][path].update(values))
        own = json.loads((folder / path / "zarr.json").read_text())
        (folder / path / "zarr.json").write_text(json.dumps(own | values))

    return change


def without(path: str, key: str) -> Change:
    """Take something out of an array's metadata."""

    def change(folder: Path) -> None:
        edit(folder, lambda document: document["consolidated_metadata"]["metadata"][path].pop(key))
        own = json.loads((folder / path / "zarr.json").read_text())
        del own[key]
        (folder / path / "zarr.json").write_text(json.dumps(own))

    return change


def unconsolidate(folder: Path) -> None:
    """Take the repetition out of the root's metadata, as in a recording that was cut short."""
    edit(folder, lambda document: document.pop("consolidated_metadata", None))


def named(path: str, document: Mapping[str, Any] | None = None) -> Change:
    """Add an array under a path of one's own to the root's repetition."""

    def change(folder: Path) -> None:
        def add(root: dict[str, Any]) -> None:
            known = root["consolidated_metadata"]["metadata"]
            known[path] = dict(document) if document is not None else known["steps/value"]

        edit(folder, add)

    return change


def both(*changes: Change) -> Change:
    """Several changes."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def chunk_of(folder: Path, path: str) -> Path:
    """The first chunk's file."""
    return next(file for file in sorted((folder / path / "c").rglob("*")) if file.is_file())


def checked(content: bytes) -> bytes:
    """With the checksum behind it, as chunks are stored."""
    return content + struct.pack("<I", google_crc32c.value(content))


def chunk(path: str, make: Callable[[bytes], bytes], *, checksum: bool = True) -> Change:
    """Rewrite the first chunk: the function gets it without its checksum."""

    def change(folder: Path) -> None:
        file = chunk_of(folder, path)
        content = make(file.read_bytes()[:-4])
        file.write_bytes(checked(content) if checksum else content)

    return change


def header(**fields: int) -> Callable[[bytes], bytes]:
    """Set fields of Blosc's header."""
    places = {
        "version": (0, "B"),
        "flags": (2, "B"),
        "typesize": (3, "B"),
        "unpacked": (4, "I"),
        "block": (8, "I"),
        "packed": (12, "I"),
    }

    def make(content: bytes) -> bytes:
        changed = bytearray(content)
        for name, value in fields.items():
            place, kind = places[name]
            struct.pack_into(f"<{kind}", changed, place, value)
        return bytes(changed)

    return make


def values(path: str, make: Callable[[np.ndarray], Any]) -> Change:
    """Rewrite the rows of an array of one chunk, keeping the dtype unless the function changes it."""

    def change(folder: Path) -> None:
        document = json.loads((folder / path / "zarr.json").read_text())
        dtype, rows = np.dtype(document["data_type"]), document["chunk_grid"]["configuration"]["chunk_shape"][0]
        row = document["shape"][1:]
        file = chunk_of(folder, path)
        stored = np.frombuffer(Blosc().decode(file.read_bytes()[:-4]), dtype).reshape(rows, *row).copy()
        count = document["shape"][0]
        new = np.asarray(make(stored[:count]))
        whole = np.zeros((rows, *new.shape[1:]), new.dtype)
        whole[: len(new)] = new
        file.write_bytes(checked(Blosc(cname="lz4").encode(np.ascontiguousarray(whole))))
        chunk_shape = [rows, *(max(1, size) for size in new.shape[1:])]
        array(
            path,
            data_type=str(new.dtype),
            shape=[count, *new.shape[1:]],
            chunk_grid={"name": "regular", "configuration": {"chunk_shape": chunk_shape}},
            dimension_names=document["dimension_names"] if new.ndim == len(document["shape"]) else [None] * new.ndim,
        )(folder)

    return change


def link(path: str, to: str | None = None) -> Change:
    """Put a link in the place of a file or folder, to the thing itself moved out of the recording unless told."""

    def change(folder: Path) -> None:
        place = folder / path
        outside = folder.parent / "outside"
        outside.mkdir(exist_ok=True)
        if place.exists() or place.is_symlink():
            shutil.move(place, outside / place.name)
        place.symlink_to(to or outside / place.name)

    return change


def replace_chunk(path: str, make: Callable[[Path], None]) -> Change:
    """Put something else in the place of an array's first chunk."""

    def change(folder: Path) -> None:
        file = chunk_of(folder, path)
        file.unlink()
        make(file)

    return change


def sparse(size: int) -> Callable[[Path], None]:
    """A file of so many bytes that takes no room."""

    def make(file: Path) -> None:
        with file.open("wb") as opened:
            opened.truncate(size)

    return make


def many_steps(folder: Path) -> None:
    """All step columns of two hundred million rows, in chunks of 32 MiB that 130 kB unpack to; the files are linked."""
    document = json.loads((folder / "zarr.json").read_text())
    for path, facts in document["consolidated_metadata"]["metadata"].items():
        if facts["node_type"] != "array" or not path.startswith(("steps/", "activations/")):
            continue
        dtype = np.dtype(facts["data_type"])
        row = int(np.prod(facts["shape"][1:], initial=1)) * dtype.itemsize
        rows = (32 << 20) // row
        packed = checked(Blosc(cname="lz4", clevel=1).encode(np.zeros(rows * row, np.uint8)))
        chunks = folder / path / "c"
        shutil.rmtree(chunks)
        first = chunks.joinpath("0", *["0"] * (len(facts["shape"]) - 1))
        first.parent.mkdir(parents=True)
        first.write_bytes(packed)
        for number in range(1, min(1000, -(-2 * 10**8 // rows))):
            file = chunks.joinpath(str(number), *["0"] * (len(facts["shape"]) - 1))
            file.parent.mkdir(parents=True, exist_ok=True)
            os.link(first, file)
        facts["shape"][0] = 2 * 10**8
        facts["chunk_grid"]["configuration"]["chunk_shape"][0] = rows
    document["attributes"] |= {"committed_steps": 2 * 10**8}
    (folder / "zarr.json").write_text(json.dumps(document))


def one_long_episode(folder: Path) -> None:
    """The same, all in one episode."""
    many_steps(folder)
    values("episodes/length", lambda old: np.array([2 * 10**8] + [0] * (len(old) - 1), np.int32))(folder)


def two_loops(folder: Path) -> None:
    """Two links to the recording within itself: its arrays are found again without end."""
    (folder / "steps" / "left").symlink_to("..")
    (folder / "steps" / "right").symlink_to("..")
    unconsolidate(folder)


def deep_groups(folder: Path) -> None:
    """Four hundred groups, one in another."""
    unconsolidate(folder)
    place = folder / "steps"
    for _ in range(400):
        place = place / "g"
        place.mkdir()
        (place / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')


def many_arrays(folder: Path) -> None:
    """Ten thousand arrays."""
    unconsolidate(folder)
    text = (folder / "steps" / "value" / "zarr.json").read_text()
    for number in range(10_500):
        (folder / "steps" / f"a{number}").mkdir()
        (folder / "steps" / f"a{number}" / "zarr.json").write_text(text)


def root(content: str | bytes) -> Change:
    """Put something else in the place of the root's metadata."""

    def change(folder: Path) -> None:
        (folder / "zarr.json").write_bytes(content.encode() if isinstance(content, str) else content)

    return change


def replaced(path: str, make: Callable[[Path], Any]) -> Change:
    """Put something else in the place of a file."""

    def change(folder: Path) -> None:
        (folder / path).unlink()
        make(folder / path)

    return change


def repeated(alter: Callable[[dict[str, Any]], Any]) -> Change:
    """Change the metadata that the root repeats."""
    return lambda folder: edit(folder, lambda document: alter(document["consolidated_metadata"]["metadata"]))


def legacy_pickle(folder: Path) -> None:
    """An array of Zarr's second version among the repeated metadata, whose compressor is numcodecs' pickle."""
    target = folder.parent / "executed"
    rows = json.loads((folder / "zarr.json").read_text())["attributes"]["committed_steps"]
    named(
        "steps/stranger",
        {
            "zarr_format": 2, "shape": [rows], "chunks": [rows], "dtype": "|O", "compressor": {"id": "pickle"},
            "filters": [{"id": "vlen-utf8"}], "fill_value": "", "order": "C", "attributes": {}, "node_type": "array",
        },
    )(folder)  # fmt: skip
    (folder / "steps" / "stranger").mkdir()
    (folder / "steps" / "stranger" / "0").write_bytes(attacks(target)["REDUCE, STACK_GLOBAL"])


def agent_file(folder: Path, content: bytes, **facts: Any) -> None:
    """Put another file in the place of the recorded agent's, with its checksum."""
    place = folder / "agent" / "file"
    document = json.loads((place / "zarr.json").read_text())
    chunk_of(folder, "agent/file").write_bytes(checked(Blosc(cname="lz4").encode(np.frombuffer(content, np.uint8))))
    known = {"name": "agent.zip", "kind": "ppo", "sha256": hashlib.sha256(content).hexdigest(), **facts}
    changes = {"shape": [len(content)], "attributes": known}
    changes["chunk_grid"] = {"name": "regular", "configuration": {"chunk_shape": [len(content)]}}
    (place / "zarr.json").write_text(json.dumps(document | changes))
    edit(folder, lambda root: root["consolidated_metadata"]["metadata"]["agent/file"].update(changes))

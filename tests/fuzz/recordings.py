"""Fuzzing all that reads a recording: its metadata, its chunks, and tables that make no sense."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numcodecs.blosc import Blosc

from tests.fuzz.corpus import Corpus
from tests.fuzz.mutation import NUMBERS, json_bytes, mutated, mutated_json
from tests.hostile.tampering import checked, header

DTYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
)


class MemoryFiles:
    """The files of a recording, in memory.

    Args:
        files: By name.
    """

    at_once = 1

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def read(self, name: str, limit: int) -> bytes | None:
        """A file, checked as files on a disk are."""
        from workbench.recording.stored_files import StoredFileError, check_name

        check_name(name)
        content = self._files.get(name)
        if content is not None and len(content) > limit:
            raise StoredFileError(f"{name} has {len(content):,} bytes, more than {limit:,}")
        return content

    def read_all(self, names: Sequence[str], limit: int) -> list[bytes | None]:
        """One after another."""
        return [self.read(name, limit) for name in names]

    def folders(self, name: str) -> list[str]:
        """What lies below a name."""
        below = f"{name}/"
        return sorted({file[len(below) :].split("/")[0] for file in self._files if file.startswith(below)})


SPACES: Sequence[dict[str, Any]] = (
    {"kind": "MultiBinary", "shape": [2], "n": 2}, {"kind": "MultiDiscrete", "shape": [2], "nvec": [1, 1]},
    {"kind": "MultiDiscrete", "shape": [1], "nvec": [3]}, {"kind": "Discrete", "n": 2, "start": -1}, {"kind": "Tuple"},
    {"kind": "Box", "shape": [1], "low": [-2.0], "high": [2.0], "dtype": "float32"},
    {"kind": "Box", "shape": [2], "low": -1, "high": 1}, {"kind": "Box", "shape": [1], "low": "-inf", "high": "inf"},
    {},
)  # fmt: skip
"""Action spaces that a recording may be said to have."""


# --- single chunks ---------------------------------------------------------------------------------------------------


def make_chunk(random: Random, corpus: Corpus) -> tuple[dict[str, Any], bytes]:
    """An array's metadata and a chunk for it, one of them or both not as they should be."""
    dtype, rows = np.dtype(random.choice(DTYPES)), random.randrange(1, 40)
    row = tuple(random.randrange(1, 5) for _ in range(random.randrange(3)))
    values = np.frombuffer(random.randbytes(rows * int(np.prod(row, initial=1)) * dtype.itemsize), np.uint8)
    names = random.choice(("blosc crc32c", "blosc crc32c", "blosc", "crc32c", "")).split()
    document: Any = {
        "zarr_format": 3, "node_type": "array", "shape": [rows, *row], "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [rows, *row]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}, "fill_value": 0,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, *({"name": name} for name in names)],
    }  # fmt: skip
    content = values.tobytes()
    if "blosc" in names:
        library = random.choice(("lz4", "lz4hc", "blosclz", "zstd", "zlib"))
        packer = Blosc(
            cname=library, clevel=random.randrange(10), shuffle=random.randrange(3), blocksize=random.choice((0, 0, 64))
        )
        content = packer.encode(values if random.random() < 0.7 else np.zeros_like(values))
        if random.random() < 0.5:
            field = random.choice(("version", "flags", "typesize", "unpacked", "block", "packed"))
            size = 8 if field in ("version", "flags", "typesize") else 32
            content = header(**{field: random.choice(NUMBERS) % (1 << size)})(content)
    if random.random() < 0.6:
        content = mutated(content, random)
    if "crc32c" in names:
        content = checked(content) if random.random() < 0.9 else mutated(checked(content), random)
    if random.random() < 0.4:
        document = mutated_json(document, random)
    return document, content


def read_chunk(case: tuple[Any, bytes], folder: Path) -> None:
    """Unpack the chunk, on its own and as an array, and add its numbers up."""
    from workbench.errors import WorkbenchError
    from workbench.recording.lazy import LazyArray
    from workbench.recording.stored_array import parse_array

    document, content = case
    if not isinstance(document, dict):
        return
    array = parse_array("a", document)
    if array.chunk_bytes > 1 << 24:
        content_too_long = len(content) > array.largest_file
        assert not content_too_long
    lazy = LazyArray(array, MemoryFiles({array.chunk_name(0): content}))
    str((repr(lazy), lazy.dimensions, lazy.attributes, lazy.nbytes))
    for key in (0, slice(0, 3), [0]):
        try:
            lazy[key]
        except (WorkbenchError, IndexError) as error:
            str(error)
    if array.chunk_bytes < 1 << 24:
        with np.errstate(all="ignore"):
            array.decode(content, "a/c/0").astype(np.float64).sum()


# --- whole recordings ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stored:
    """An array of a recording as it stands in its files."""

    path: str
    document: dict[str, Any]

    @property
    def chunk_shape(self) -> list[int]:
        shape: list[int] = self.document["chunk_grid"]["configuration"]["chunk_shape"]
        return shape

    def chunk_names(self, files: dict[str, bytes]) -> list[str]:
        return sorted(name for name in files if name.startswith(f"{self.path}/c/"))


def make_metadata(random: Random, corpus: Corpus) -> dict[str, bytes]:
    """A recording whose metadata are changed: attributes, the root's repetition, or the arrays' own."""
    files = dict(random.choice(list(corpus.recordings.values())))
    if random.random() < 0.3:
        _unconsolidate(files)
    names = [name for name in files if name.endswith("/zarr.json")]
    for name in ["zarr.json", *random.sample(names, k=2)][: random.randrange(1, 4)]:
        document = json.loads(files[name])
        part = random.choice(("attributes", "attributes", "consolidated_metadata", ""))
        if part in document:
            document[part] = mutated_json(document[part], random)
        else:
            document = mutated_json(document, random)
        files[name] = json_bytes(document, random)
    return files


def make_tables(random: Random, corpus: Corpus) -> dict[str, bytes]:
    """A recording whose arrays hold something else: other numbers, of other types, in other shapes."""
    files = dict(random.choice(list(corpus.recordings.values())))
    for _ in range(random.randrange(1, 4)):
        stored = _arrays(files)
        favoured = [one for one in stored if "/steps/" in f"/{one.path}" or "episodes/" in one.path]
        _rewrite(files, random.choice(favoured if random.random() < 0.85 else stored), random)
    if random.random() < 0.4:
        _describe_otherwise(files, random)
    return files


def make_files(random: Random, corpus: Corpus) -> dict[str, bytes]:
    """A recording with files that are cut, changed, exchanged or gone."""
    files = dict(random.choice(list(corpus.recordings.values())))
    for _ in range(random.randrange(1, 4)):
        name, other = random.choices(list(files), k=2)
        match random.randrange(5):
            case 0:
                files[name] = mutated(files[name], random)
            case 1 if "/c/" in name:
                files[name] = checked(mutated(files[name][:-4], random))
            case 2:
                files[name], files[other] = files[other], files[name]
            case 3:
                files.pop(name)
            case 4:
                _unconsolidate(files)
    return files


def _describe_otherwise(files: dict[str, bytes], random: Random) -> None:
    """Say that other actions were taken, or by another algorithm: what is drawn and computed depends on both."""
    root = json.loads(files["zarr.json"])
    facts = root["attributes"]
    facts["policy"] = (facts.get("policy") or {}) | {"name": random.choice(("SAC", "TQC", "PPO", "DQN"))}
    if random.random() < 0.7:
        facts["environment"] = (facts.get("environment") or {}) | {"action_space": random.choice(SPACES)}
    files["zarr.json"] = json.dumps(root).encode()


def _unconsolidate(files: dict[str, bytes]) -> None:
    for name in [name for name in files if name.endswith("zarr.json")]:
        try:
            document = json.loads(files[name])
        except ValueError:
            continue
        if isinstance(document, dict) and document.pop("consolidated_metadata", None):
            files[name] = json.dumps(document).encode()


def _arrays(files: dict[str, bytes]) -> list[_Stored]:
    found = []
    for name, content in sorted(files.items()):
        document = json.loads(content) if name.endswith("/zarr.json") else {}
        if document.get("node_type") == "array":
            found.append(_Stored(name.removesuffix("/zarr.json"), document))
    return found


def _rewrite(files: dict[str, bytes], stored: _Stored, random: Random) -> None:
    """Put other numbers into an array's chunks, or others of another type or shape, metadata and all."""
    dtype, shape = np.dtype(stored.document["data_type"]), stored.chunk_shape
    generator = np.random.default_rng(random.randrange(1 << 30))
    count = int(np.prod(shape, initial=1))
    if random.random() < 0.25:
        dtype = np.dtype(random.choice(DTYPES))
    if random.random() < 0.25:
        shape = [shape[0], *(random.randrange(0, 4) for _ in range(random.randrange(4)))] if shape else shape
        count = int(np.prod([max(1, size) for size in shape], initial=1))
    match random.randrange(4):
        case 0:
            values = np.frombuffer(generator.bytes(count * dtype.itemsize), dtype)
        case 1:
            values = np.full(count, random.choice((0, 1, -1, 3, 100))).astype(dtype)
        case 2:
            edges = [0, np.nan, np.inf, -np.inf, 1e300] if dtype.kind == "f" else [0]
            limits = np.iinfo(dtype) if dtype.kind in "iu" else None
            edges += [limits.min, limits.max, limits.max - 1] if limits else [1]
            with np.errstate(all="ignore"):
                values = generator.choice(np.array(edges, dtype if limits else np.float64), count).astype(dtype)
        case _:
            values = generator.integers(-3, 6, count).astype(dtype)
    packed = checked(Blosc(cname="lz4").encode(np.ascontiguousarray(values)))
    grid = {"name": "regular", "configuration": {"chunk_shape": [max(1, size) for size in shape]}}
    rows = stored.document["shape"][:1]
    changes = {"data_type": dtype.name, "shape": [*rows, *shape[1:]] if shape else [], "chunk_grid": grid}
    changes["dimension_names"] = [None] * len(shape)
    for name in stored.chunk_names(files):
        del files[name]
        first = name.removeprefix(f"{stored.path}/c/").split("/")[0]
        files["/".join([stored.path, "c", *([first] if shape else []), *["0"] * (len(shape) - 1)])] = packed
    files[f"{stored.path}/zarr.json"] = json.dumps(stored.document | changes).encode()
    # The root of the recording, or of the part that it is in, may repeat what the array's own metadata say.
    prefix, _, inner = stored.path.rpartition("parts/") if "parts/" in stored.path else ("", "", stored.path)
    part, _, rest = inner.partition("/") if prefix or stored.path.startswith("parts/") else ("", "", inner)
    root_name = f"parts/{part}/zarr.json" if part else "zarr.json"
    root = json.loads(files[root_name])
    repeated = (root.get("consolidated_metadata") or {}).get("metadata", {})
    if rest in repeated:
        repeated[rest] |= changes
        files[root_name] = json.dumps(root).encode()


def read_files(files: dict[str, bytes], folder: Path) -> dict[str, str]:
    """Do with it all that reads a recording."""
    from tests.hostile.deeds import look_at
    from workbench.recording.attributes import check_attributes
    from workbench.recording.metadata import read_metadata
    from workbench.recording.reader import Recording

    metadata = read_metadata(MemoryFiles(files))
    check_attributes(metadata.attributes, "memory")
    told = look_at(Recording(metadata, "memory"), most_arrays=3)
    # Sound ones are refused these, too: they have no such observations, and environments without a name.
    return {part: said for part, said in told.items() if part != "replay" and not part.startswith("observations")}

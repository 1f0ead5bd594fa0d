"""Hostile recordings: tables of what is done to copies of a sound one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs.blosc import Blosc

from tests.hostile.tampering import (
    Change,
    array,
    attributes,
    both,
    chunk,
    chunk_of,
    deep_groups,
    edit,
    header,
    legacy_pickle,
    link,
    many_arrays,
    many_steps,
    named,
    one_long_episode,
    repeated,
    replace_chunk,
    replaced,
    root,
    sparse,
    two_loops,
    unconsolidate,
    values,
    without,
)

GROUP = '{"zarr_format": 3, "node_type": "group", "attributes": %s}'


def _step_arrays(known: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups = ("steps/", "activations/")
    return [part for path, part in known.items() if part["node_type"] == "array" and path.startswith(groups)]


def _grid(*shape: Any) -> dict[str, Any]:
    return {"name": "regular", "configuration": {"chunk_shape": list(shape)}}


def _codecs(*names: Any) -> list[Any]:
    return [name if isinstance(name, dict) else {"name": name, "configuration": {}} for name in names]


_SHARDS = {
    "name": "sharding_indexed",
    "configuration": {"chunk_shape": [1], "codecs": [{"name": "bytes"}], "index_codecs": [{"name": "bytes"}]},
}

ARRAYS: Mapping[str, Change] = {
    title: array("steps/value", **changes)
    for title, changes in {
        "a trillion rows": {"shape": [10**12]},
        "more rows than 64 bits tell": {"shape": [10**30]},
        "fewer rows than are committed": {"shape": [1]},
        "a negative number of rows": {"shape": [-5]},
        "half a row": {"shape": [2.5]},
        "rows that are text": {"shape": ["5"]},
        "rows that are True": {"shape": [True]},
        "no shape": {"shape": None},
        "a shape that is a number": {"shape": 5},
        "a shape that is an object": {"shape": {"0": 5}},
        "no axes": {"shape": [], "chunk_grid": _grid()},
        "a thousand axes": {"shape": [1] * 1000, "chunk_grid": _grid(*[1] * 1000)},
        "half a million axes": {"shape": [2**61] * 450_000},
        "rows of an exabyte": {"shape": [5, 2**58], "chunk_grid": _grid(1, 2**58)},
        "rows whose size overflows": {"shape": [5, 2**61, 2**61], "chunk_grid": _grid(1, 2**61, 2**61)},
        "chunks of a terabyte": {"chunk_grid": _grid(2**37)},
        "chunks of no rows": {"chunk_grid": _grid(0)},
        "chunks of negative rows": {"chunk_grid": _grid(-1)},
        "chunks of other axes": {"chunk_grid": _grid(5, 5)},
        "chunks without a shape": {"chunk_grid": {"name": "regular"}},
        "chunks of a grid that is text": {"chunk_grid": "regular"},
        "chunks of an unknown grid": {"chunk_grid": {"name": "stranger", "configuration": {"chunk_shape": [5]}}},
        "objects": {"data_type": "object"},
        "objects of numpy": {"data_type": "|O"},
        "text": {"data_type": "string"},
        "text of variable length": {"data_type": {"name": "variable_length_utf8", "configuration": {}}},
        "bytes of variable length": {"data_type": "variable_length_bytes"},
        "structures": {"data_type": {"name": "structured", "configuration": {"fields": [["a", "int32"]]}}},
        "times": {"data_type": {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 1}}},
        "complex numbers": {"data_type": "complex128"},
        "numbers of sixteen bytes": {"data_type": "float128"},
        "raw bits": {"data_type": "r16"},
        "an unknown type": {"data_type": "stranger_module.Type"},
        "a type that is a list": {"data_type": ["int32"]},
        "no codecs": {"codecs": []},
        "codecs that are an object": {"codecs": {"name": "bytes"}},
        "codecs that are numbers": {"codecs": [1, 2]},
        "pickle": {"codecs": _codecs("pickle")},
        "pickle of numcodecs": {
            "codecs": _codecs("bytes", {"name": "numcodecs.pickle", "configuration": {"protocol": 4}})
        },
        "a codec of a module": {"codecs": _codecs("bytes", "stranger_module.Codec")},
        "text codec": {"codecs": _codecs("vlen-utf8")},
        "gzip": {"codecs": _codecs("bytes", "gzip")},
        "zstd": {"codecs": _codecs("bytes", "zstd")},
        "transposed": {"codecs": _codecs({"name": "transpose", "configuration": {"order": [0]}}, "bytes")},
        "shards": {"codecs": [_SHARDS]},
        "shards within shards": {
            "codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1], "codecs": [_SHARDS]}}]
        },
        "blosc a thousand times": {"codecs": _codecs("bytes", *["blosc"] * 1000)},
        "settings of bytes that are a list": {"codecs": [{"name": "bytes", "configuration": ["little"]}]},
        "bytes of another machine": {"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]},
        "storage transformers": {"storage_transformers": [{"name": "stranger"}]},
        "chunk names by another rule": {"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "."}}},
        "chunk names that lead out": {
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/../"}}
        },
        "axes that are named too often": {"dimension_names": ["a", "b", "c"]},
        "axes that are named by numbers": {"dimension_names": [5]},
        "axes that are named by an object": {"dimension_names": {"a": 1}},
        "attributes that are a list": {"attributes": [1]},
        "another version": {"zarr_format": 2},
        "a group": {"node_type": "group"},
        "no node at all": {"node_type": "stranger"},
    }.items()
} | {
    f"without {key}": without("steps/value", key) for key in ("shape", "data_type", "chunk_grid", "codecs", "node_type")
}
"""The metadata of one array."""
HARMLESS = {
    "a trillion rows", "a group", "no node at all", "without node_type", "no episodes", "truth values that are none",
}  # fmt: skip
"""What does not matter: rows beyond those that are committed, and what the format says to ignore."""

ROOTS: Mapping[str, Change] = {
    "no JSON": root("{"),
    "nothing": root(""),
    "binary": root(bytes(range(256))),
    "JSON nested a hundred thousand deep": root("[" * 100_000),
    "objects nested a hundred thousand deep": root('{"a":' * 100_000),
    "JSON of ten million parts": root(GROUP % ("[" + "[]," * 5_000_000 + "1]")),
    "thirty megabytes of one string": root(GROUP % ('"' + "a" * 30_000_000 + '"')),
    "a number of a million digits": root(GROUP % ('{"a": ' + "9" * 1_000_000 + "}")),
    "a list": root("[]"),
    "an array": root('{"zarr_format": 3, "node_type": "array"}'),
    "another version": root('{"zarr_format": 2, "node_type": "group", "attributes": {}}'),
    "no attributes": root('{"zarr_format": 3, "node_type": "group"}'),
    "attributes that are text": root(GROUP % '"a"'),
    "metadata that are a list": lambda folder: edit(
        folder, lambda document: document.update(consolidated_metadata={"metadata": [1]})
    ),
    "metadata that are text": repeated(lambda known: known.update({"steps/value": "x"})),
    "steps that are an array": repeated(lambda known: known.update(steps=known["steps/value"])),
    "no steps": repeated(lambda known: known.clear()),
    "an array of Zarr 2 that unpickles": legacy_pickle,
    "a path that leads out": named("steps/../../outside/value"),
    "a path of dots": named("steps/./value"),
    "an empty path": named("steps//value"),
    "a path with a NUL": named("steps/va\0lue"),
    "a path with a backslash": named("steps/..\\..\\value"),
    "a path of five thousand letters": named("steps/" + "a" * 5000),
    "a path of a thousand groups": named("steps/" + "a/" * 1000 + "b"),
    "ten thousand paths": repeated(
        lambda known: known.update({f"steps/a{number}": known["steps/value"] for number in range(11_000)})
    ),
    "groups nested deep": deep_groups,
    "ten thousand arrays": many_arrays,
    "two links that loop": two_loops,
    "another format": attributes(format="stranger"),
    "a format that is a list": attributes(format=["rl-workbench-recording"]),
    "a version that is text": attributes(format_version="1"),
    "a version that is True": attributes(format_version=True),
    "a version of a thousand digits": attributes(format_version=10**1000),
}  # fmt: skip
"""The root's metadata."""

COUNTS: Mapping[str, Change] = {
    "a trillion steps": attributes(committed_steps=10**12),
    "a trillion steps in every array": both(
        attributes(committed_steps=10**12),
        repeated(lambda known: [part.update(shape=[10**12, *part["shape"][1:]]) for part in _step_arrays(known)]),
    ),
    "two hundred million steps in a few megabytes": many_steps,
    "two hundred million steps in one episode": one_long_episode,
    "steps of 60 digits": attributes(committed_steps=10**60),
    "negative steps": attributes(committed_steps=-1),
    "steps that are True": attributes(committed_steps=True),
    "steps that are text": attributes(committed_steps="5"),
    "half a step": attributes(committed_steps=0.5),
    "steps that are not a number": attributes(committed_steps=float("nan")),
    "no steps": attributes(committed_steps=0),
    "a trillion episodes": attributes(committed_episodes=10**12),
    "eight million episodes": attributes(committed_episodes=8_000_000),
    "negative episodes": attributes(committed_episodes=-1),
    "no episodes": attributes(committed_episodes=0),
}  # fmt: skip
"""How much there is said to be."""

CHUNKS: Mapping[str, Change] = {
    "one that unpacks to two gigabytes": chunk("steps/value", header(unpacked=2**31 - 1)),
    "one that unpacks to nothing": chunk("steps/value", header(unpacked=0)),
    "one that says to be longer than it is": chunk("steps/value", header(packed=2**31 - 1)),
    "one that says to be shorter than it is": chunk("steps/value", header(packed=16)),
    "one of blocks of nothing": chunk("steps/value", header(block=0)),
    "one of blocks of two gigabytes": chunk("steps/value", header(block=2**31 - 1)),
    "one of another version": chunk("steps/value", header(version=99)),
    "one of an unknown compressor": chunk("steps/value", header(flags=0xE0)),
    "one that says it was only copied": chunk("steps/value", header(flags=0x02)),
    "one of elements of no size": chunk("steps/value", header(typesize=0)),
    "one of elements of another size": chunk("steps/value", header(typesize=255)),
    "a bomb": chunk("steps/value", lambda old: Blosc(cname="lz4").encode(np.zeros(512 << 20, np.uint8))),
    "a bomb of zstd": chunk("steps/value", lambda old: Blosc(cname="zstd").encode(np.zeros(512 << 20, np.uint8))),
    "a header alone": chunk("steps/value", lambda old: old[:16]),
    "half a header": chunk("steps/value", lambda old: old[:7]),
    "nothing but a checksum": chunk("steps/value", lambda old: b""),
    "nothing": chunk("steps/value", lambda old: b"", checksum=False),
    "a wrong checksum": chunk("steps/value", lambda old: old + b"\0\0\0\0", checksum=False),
    "text": chunk("steps/value", lambda old: b"stranger", checksum=False),
    "zeros": chunk("steps/value", lambda old: bytes(len(old))),
    "nonsense behind a sound header": chunk(
        "steps/value", lambda old: old[:16] + (bytes(range(256)) * 100)[: len(old) - 16]
    ),
    "a file of eight gigabytes": replace_chunk("steps/value", sparse(8 << 30)),
    "a FIFO": replace_chunk("steps/value", lambda file: os.mkfifo(file)),
    "a folder": replace_chunk("steps/value", lambda file: file.mkdir()),
    "none": replace_chunk("steps/value", lambda file: None),
    "truth values that are none": values("steps/terminated", lambda old: np.full(len(old), 7, np.uint8).view(np.bool_)),
}
"""The chunk of one array."""

LINKS: Mapping[str, Change] = {
    "a chunk": both(lambda folder: link(str(chunk_of(folder, "steps/value").relative_to(folder)))(folder)),
    "a chunk that is a secret": replace_chunk("steps/value", lambda file: file.symlink_to("/etc/passwd")),
    "a chunk that never ends": replace_chunk("steps/value", lambda file: file.symlink_to("/dev/zero")),
    "a chunk that leads to itself": replace_chunk("steps/value", lambda file: file.symlink_to(file)),
    "an array's chunks": link("steps/value/c"),
    "an array": link("steps/value"),
    "a whole group": link("steps"),
    "the agent": link("agent"),
    "a group by a long way": link("activations", "../../../../../../../../../../../../../etc"),
}
"""What is a link that leads out."""

METADATA_LINKS: Mapping[str, Change] = {
    "the root's metadata": link("zarr.json"),
    "the root's metadata, a FIFO": replaced("zarr.json", os.mkfifo),
    "the root's metadata, a folder": replaced("zarr.json", Path.mkdir),
    "the root's metadata, eight gigabytes": replaced("zarr.json", sparse(8 << 30)),
    "an array's metadata": both(unconsolidate, link("steps/value/zarr.json")),
    "an array's metadata, a FIFO": both(unconsolidate, replaced("steps/value/zarr.json", os.mkfifo)),
    "an array's metadata, a gigabyte": both(unconsolidate, replaced("steps/value/zarr.json", sparse(1 << 30))),
}
"""Metadata that are no files of the recording's own."""

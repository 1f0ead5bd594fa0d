"""The `zarr.json` of one array, as Zarr would write it but for white space, without creating the array through Zarr.

A recording has dozens of arrays, and Zarr takes a millisecond or two for each, most of it on its event loop. That adds
up to more than a short recording takes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.recording.layout import COMPRESSION_LEVEL, codec, row_bytes


def array_document(
    path: str,
    shape: Sequence[int],
    chunks: Sequence[int],
    dtype: np.dtype[Any],
    *,
    dimensions: Sequence[str],
    attributes: Mapping[str, Any],
) -> bytes:
    """The metadata of an array of this format (Zarr v3 core specification, "Array metadata").

    Args:
        path: Of the array in the recording, which says how it is compressed.
        shape: Of the whole array.
        chunks: Of one chunk.
        dtype: A number's, or bool.
        dimensions: Names of the axes.
        attributes: The array's own.
    """
    whole_number_bytes = {} if dtype.itemsize == 1 else {"configuration": {"endian": "little"}}
    compressor, shuffled = codec(path, row_bytes(tuple(shape[1:]), dtype.itemsize))
    blosc = {
        "typesize": dtype.itemsize,
        "cname": compressor,
        "clevel": COMPRESSION_LEVEL,
        "shuffle": "shuffle" if shuffled else "noshuffle",
        "blocksize": 0,
    }
    fill: dict[str, Any] = {"f": "NaN", "c": ["NaN", "NaN"], "b": False}
    document = {
        "shape": list(shape),
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill.get(dtype.kind, 0),
        "codecs": [
            {"name": "bytes", **whole_number_bytes},
            {"name": "blosc", "configuration": blosc},
            {"name": "crc32c"},
        ],
        "attributes": dict(attributes),
        "dimension_names": list(dimensions),
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    }
    return json.dumps(document).encode()

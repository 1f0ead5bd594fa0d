"""An array's metadata are those that Zarr writes for the same array, in the same order."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import zarr

from workbench.recording.array_document import array_document
from workbench.recording.layout import compressors

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOATS = ["float16", "float32", "float64"]


@pytest.mark.parametrize("row", [(), (3,), (2, 3, 4), (8, 32, 32)])
@pytest.mark.parametrize("dtype", DTYPES + FLOATS)
def test_as_zarr_writes_it(tmp_path: Path, dtype: str, row: tuple[int, ...]) -> None:
    dimensions = ["step", *(f"axis_{number}" for number in range(len(row)))]
    attributes = {"module": "Linear", "größe": 1.5}
    zarr.open_group(tmp_path, mode="w", zarr_format=3).create_array(
        "x",
        shape=(10, *row),
        chunks=(4, *row),
        dtype=dtype,
        compressors=compressors(math.prod(row) * np.dtype(dtype).itemsize),
        dimension_names=dimensions,
        attributes=attributes,
        fill_value=np.nan if dtype in FLOATS else np.dtype(dtype).type(0),
    )
    ours = array_document(
        "steps/value", (10, *row), (4, *row), np.dtype(dtype), dimensions=dimensions, attributes=attributes
    )
    theirs = (tmp_path / "x" / "zarr.json").read_text()
    # Without indentation, which Python writes several times as slowly.
    assert ours.decode() == json.dumps(json.loads(theirs))

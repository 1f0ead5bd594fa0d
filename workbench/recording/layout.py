"""The shape of a recording in its store: names, format version, chunk sizes, codecs. `docs/recording-format.md` is its prose.

Axis legend: step (one row a recorded step), episode (one row an episode), then the axes of the thing recorded.
"""

import math
from typing import Any

from zarr.codecs import BloscCodec, Crc32cCodec

FORMAT = "rl-workbench-recording"
FORMAT_VERSION = 1

STEPS = "steps"
ACTIVATIONS = "activations"
STATE = "state"
EPISODES = "episodes"
AGENT = "agent"
GROUPS = (STEPS, ACTIVATIONS, STATE, EPISODES, AGENT)

CHUNK_BYTES = 1 << 20
"""Bytes of one uncompressed chunk: large enough to compress and read well, small enough that one step is read quickly."""
MAXIMUM_CHUNK_ROWS = 16_384
SEGMENT_BYTES = 8 << 20
"""Bytes of one block of rows that the acting thread fills before it is handed to the writer thread."""
MAXIMUM_SEGMENT_ROWS = 4_096
SEGMENTS = 4
"""How many such blocks exist: what bounds the memory, and what a slow disk has to fill before it slows the rollout."""

ENDED_FINISHED = "finished"
ENDED_CUT_SHORT = "cut short"


def chunk_rows(row_bytes: int) -> int:
    """How many rows of `row_bytes` bytes each one chunk holds."""
    return int(max(1, min(MAXIMUM_CHUNK_ROWS, CHUNK_BYTES // max(1, row_bytes))))


def segment_rows(row_bytes: int, batch: int) -> int:
    """How many rows one block holds, given the bytes of a row over all arrays and the rows that come at once."""
    rows = min(MAXIMUM_SEGMENT_ROWS, SEGMENT_BYTES // max(1, row_bytes))
    return int(max(2 * batch, rows, 1))


def compressors() -> tuple[Any, ...]:
    """The codecs of every array: blosc (zstd level 1, bytes shuffled by significance), then a checksum."""
    return (BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"), Crc32cCodec())


def trailing_dimensions(array: str, row_shape: tuple[int, ...], module: str = "") -> tuple[str, ...]:
    """Names of the axes behind the first one.

    Args:
        array: The array's path in the recording, `steps/frame` or `activations/features_extractor.cnn.0`.
        row_shape: Shape of one row.
        module: Class name of the module that made an activation: convolutions name their axes by it.
    """
    count = len(row_shape)
    group, _, name = array.partition("/")
    if count == 0:
        return ()
    if group == ACTIVATIONS and count == 3 and ("Conv" in module or "Pool" in module or "Norm2d" in module):
        return ("channel", "height", "width")
    if group == ACTIVATIONS:
        known = {1: ("unit",), 2: ("position", "unit"), 3: ("channel", "height", "width")}
        return known.get(count, tuple(f"unit_{axis}" for axis in range(count)))
    if group == STATE:
        return {1: ("unit",), 2: ("layer", "unit")}.get(count, tuple(f"unit_{axis}" for axis in range(count)))
    if count == 3 and (name.endswith("frame") or row_shape[-1] in (1, 3, 4)):
        return ("height", "width", "channel")
    leaf = name.rsplit("/", 1)[-1]
    if name in ("logits", "q_values", "action_mask") and count == 1:
        return ("action_index",)
    if name in ("action", "mean", "log_std") and count == 1:
        return ("action_component",)
    if count == 1:
        return (f"{leaf}_component",)
    return tuple(f"{leaf}_axis_{axis}" for axis in range(count))


def row_bytes(row_shape: tuple[int, ...], itemsize: int) -> int:
    """Bytes of one row."""
    return math.prod(row_shape) * itemsize

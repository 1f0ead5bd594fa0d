"""The shape of a recording in its store: names, version, chunk sizes, codecs; `docs/recording-format.md` is its prose.

Axis legend: step (one row a recorded step), episode (one row an episode), then the axes of the thing recorded.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from zarr.codecs import BloscCodec, Crc32cCodec

FORMAT = "rl-workbench-recording"
FORMAT_VERSION = 1
PARTS_FORMAT_VERSION = 2
"""Of a recording in parts, which a reader of version 1 would take for an empty one."""

STEPS = "steps"
ACTIVATIONS = "activations"
STATE = "state"
SEARCH = "search"
"""Of agents that plan: the traces of their searches, one row a step."""
EPISODES = "episodes"
AGENT = "agent"
PARTS = "parts"
EPISODE_COLUMNS: Mapping[str, str] = {
    "id": "int32", "return": "float64", "length": "int32", "seed": "int64", "first_step": "int64", "slot": "int16",
    "terminated": "bool", "truncated": "bool", "complete": "bool",
}  # fmt: skip
"""What is known of every episode, and how it is stored."""
GROUPS = (STEPS, ACTIVATIONS, STATE, EPISODES, AGENT)
"""What every recording has."""
STORED_GROUPS = (STEPS, ACTIVATIONS, STATE, SEARCH, EPISODES, AGENT)
"""What a recording can have."""

CHUNK_BYTES = 1 << 20
"""Bytes of one uncompressed chunk: large enough to compress well, small enough that one step is read quickly."""
MAXIMUM_CHUNK_ROWS = 16_384
MAXIMUM_SMALL_BYTES = 4096
"""Bytes of a row up to which it is small; the acting thread never copies larger ones."""
SEGMENT_BYTES = 8 << 20
"""Bytes of one block of rows that the acting thread fills before it is handed to the writer thread."""
MAXIMUM_SEGMENT_ROWS = 4_096
SEGMENTS = 4
"""How many such blocks there are: they bound the memory; a slow disk that fills them all slows the rollout."""

COMPRESSOR: Final = "lz4"
COMPRESSION_LEVEL = 5

ENDED_FINISHED = "finished"
ENDED_CANCELLED = "cancelled"
ENDED_INTERRUPTED = "interrupted"
ENDED_CUT_SHORT = "cut short"


def chunk_rows(row_bytes: int) -> int:
    """How many rows of `row_bytes` bytes each one chunk holds."""
    return int(max(1, min(MAXIMUM_CHUNK_ROWS, CHUNK_BYTES // max(1, row_bytes))))


def segment_rows(row_bytes: int) -> int:
    """How many rows one block holds, given the bytes of a row over all arrays."""
    return int(max(1, min(MAXIMUM_SEGMENT_ROWS, SEGMENT_BYTES // max(1, row_bytes))))


def is_shuffled(row_bytes: int) -> bool:
    """Whether the bytes of an array's numbers are shuffled by significance before they are compressed.

    That makes vectors of dense numbers a tenth to a quarter smaller. Large rows (convolutions' outputs, pictures) are
    mostly repetition, which compresses as well without, and twice as fast.
    """
    return row_bytes <= MAXIMUM_SMALL_BYTES


def codec(path: str, row_bytes: int) -> tuple[str, bool]:
    """The name of an array's compressor, and whether its bytes are shuffled.

    Searches are many short columns of numbers that zstd makes a good deal smaller than lz4; they come slowly.
    """
    return ("zstd", True) if path.startswith(f"{SEARCH}/") else (COMPRESSOR, is_shuffled(row_bytes))


def compressors(row_bytes: int = 0) -> tuple[Any, ...]:
    """The codecs of an array: blosc (lz4, bytes shuffled or not), then a checksum."""
    shuffle: Any = "shuffle" if is_shuffled(row_bytes) else "noshuffle"
    return (BloscCodec(cname=COMPRESSOR, clevel=COMPRESSION_LEVEL, shuffle=shuffle), Crc32cCodec())


def trailing_dimensions(array: str, row_shape: tuple[int, ...], module: str = "") -> tuple[str, ...]:
    """Names of the axes behind the first one, `<array>.<axis>`: unlike axes of a group must not share a name.

    Args:
        array: The array's path in the recording, `steps/frame` or `activations/features_extractor.cnn.0`.
        row_shape: Shape of one row.
        module: Class name of the module that made an activation.
    """
    group, _, name = array.partition("/")
    owner = name.replace("/", ".")
    count = len(row_shape)
    if group == STEPS and count == 1 and name in ("logits", "q_values", "action_mask"):
        return ("action_index",)
    if group == STEPS and count == 1 and name in ("action", "mean", "log_std"):
        return ("action_component",)
    return tuple(f"{owner}.{axis}" for axis in _axes(group, name, row_shape, module))


def _axes(group: str, name: str, row_shape: tuple[int, ...], module: str) -> tuple[str, ...]:
    count = len(row_shape)
    if group == ACTIVATIONS:
        positions = "time" if module in ("LSTM", "GRU", "RNN") else "position"
        known = {0: (), 1: ("unit",), 2: (positions, "unit"), 3: ("channel", "height", "width")}
    elif group == SEARCH:
        known = {0: (), 1: ("entry",)}
    elif group == STATE:
        known = {0: (), 1: ("unit",), 2: ("layer", "unit"), 3: ("channel", "height", "width")}
    elif count == 3 and not name.endswith("frame") and row_shape[0] < row_shape[2]:
        known = {3: ("channel", "height", "width")}
    else:
        known = {0: (), 1: ("component",), 2: ("row", "column"), 3: ("height", "width", "channel")}
    return known.get(count, tuple(f"axis_{axis}" for axis in range(count)))


def row_bytes(row_shape: tuple[int, ...], itemsize: int) -> int:
    """Bytes of one row."""
    return math.prod(row_shape) * itemsize

"""Read JSON from a stranger's file: bounded in memory, in depth and in the length of its numbers."""

import json
from typing import Any

MAXIMUM_PARTS = 500_000
"""Most brackets, braces and commas: each may cost some seventy bytes once it is read."""


def read_json(content: bytes, *, maximum_bytes: int) -> Any:
    """Read JSON of which nothing is known.

    Args:
        content: The file.
        maximum_bytes: Longest file that is read.

    Returns:
        Python's plain types. Numbers may be NaN or infinite: Python's own writer puts them there.

    Raises:
        ValueError: Too long, of too many parts, nested too deep, with a number too long, or not JSON.
    """
    if len(content) > maximum_bytes:
        raise ValueError(f"{len(content):,} bytes of JSON, more than {maximum_bytes:,}")
    parts = sum(content.count(sign) for sign in (b"[", b"{", b","))
    if parts > MAXIMUM_PARTS:
        raise ValueError(f"JSON of {parts:,} parts, more than {MAXIMUM_PARTS:,}")
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deep") from error

"""Plain text tables, JSON, and sizes in words that people read."""

import json
import math
from collections.abc import Sequence
from typing import Any

from workbench.printable import printable


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Columns as wide as their widest cell, two spaces apart.

    Args:
        header: Titles of the columns.
        rows: The cells, as many a row as there are titles.
        right: Numbers of the columns that are aligned at the right, as numbers are.
    """
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    table.insert(1, ["─" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )


def format_bytes(count: int) -> str:
    """A number of bytes in decimal units, three digits: `12.3 MB`."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def format_return(facts: dict[str, Any]) -> str:
    """Mean return with its 95 % interval over episodes, or a dash."""
    from workbench.recording.mean_in_words import interval_cell, mean_cell

    return "–" if facts["mean_return"] is None else f"{mean_cell(facts)} [{interval_cell(facts)}]"


def to_json(value: Any) -> str:
    """Strict JSON: numbers that are not finite, which JSON has no word for, become null."""
    text = json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False)
    if text.replace("\n", "").isprintable():
        return text
    # The line ends are those between the parts: within texts they are written out already.
    return "".join(sign if sign == "\n" or printable(sign) == sign else json.dumps(sign)[1:-1] for sign in text)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _finite(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(member) for member in value]
    return value

"""`workbench list`: the recordings of a folder."""

import sys
from typing import Any

from workbench.cli.options import ListOptions
from workbench.cli.table import format_bytes, format_return, format_table, to_json
from workbench.printable import printable, printable_parts

LONGEST_TEXT = 40
"""Letters of why a recording ended."""
HEADER = ("recording", "agent", "environment", "episodes", "steps", "mean return [95 %]", "size", "ended")


def run(options: ListOptions) -> None:
    """Print the recordings of a folder, those that cannot be opened included.

    Raises:
        WorkbenchError: There is no such folder.
    """
    from workbench.recording import BrokenRecording, list_recordings

    listed = list_recordings(options.folder)
    if options.json:
        summaries = [
            {"path": one.path, "error": one.reason} if isinstance(one, BrokenRecording) else one for one in listed
        ]
        sys.stdout.write(f"{to_json(summaries)}\n")
        return
    if not listed:
        sys.stdout.write(f"No recordings in {options.folder}. Make one with: workbench record POLICY ENV\n")
        return
    good = [_row(printable_parts(one)) for one in listed if isinstance(one, dict)]
    if good:
        sys.stdout.write(f"{format_table(HEADER, good, right=(3, 4, 5, 6))}\n")
    for one in listed:
        if isinstance(one, BrokenRecording):
            reason = one.reason if one.path in one.reason else f"{one.path}: {one.reason}"
            sys.stdout.write(f"cannot be opened: {printable(reason)}\n")


def _row(facts: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(facts["path"]),
        str(facts["algorithm"] or "–"),
        str(facts["environment"] or "–"),
        f"{facts['episodes']:,}",
        f"{facts['steps']:,}",
        format_return(facts),
        format_bytes(facts["bytes_on_disk"]),
        _shortened(str(facts["ended"])),
    )


def _shortened(text: str) -> str:
    """A text that leaves the table its width; `workbench info` has the whole."""
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"

"""`workbench info`: what a recording holds, and what of it is damaged."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.options import InfoOptions
from workbench.cli.progress import TerminalProgress
from workbench.cli.table import format_bytes, format_table, to_json
from workbench.errors import WorkbenchError
from workbench.printable import printable, printable_parts

if TYPE_CHECKING:
    from workbench.recording import Verification


def run(options: InfoOptions) -> None:
    """Print the facts of a recording, or what of it is damaged.

    Raises:
        WorkbenchError: There is none, or it cannot be read; or it was to be verified, and something is damaged.
    """
    from workbench.recording import open_recording

    recording = open_recording(options.recording)
    if options.verify:
        _verify(recording.verify(TerminalProgress("reading", "bytes")), options)
        return
    facts = recording.summary()
    sys.stdout.write(f"{to_json(facts) if options.json else describe(printable_parts(facts))}\n")


def _verify(found: "Verification", options: InfoOptions) -> None:
    if options.json:
        facts = {"path": options.recording, "whole": found.whole} | asdict(found)
        sys.stdout.write(f"{to_json(facts)}\n")
    else:
        read = f"{found.arrays:,} arrays, {format_bytes(found.bytes_read)}"
        sys.stdout.write(f"read: {read}\n" if found.damage else f"nothing is damaged in {read}\n")
    if found.whole:
        return
    if not options.json:
        rows = [
            (printable(bad.array), f"{bad.first_row:,}", f"{bad.last_row:,}", printable(bad.why))
            for bad in found.damage
        ]
        table = format_table(("damaged", "first row", "last row", "why"), rows, right=(1, 2))
        sys.stdout.write(f"\n{table}\n")
    arrays = len({bad.array for bad in found.damage})
    raise WorkbenchError(
        f"{options.recording} is damaged in {len(found.damage):,} places of {arrays:,} arrays; other arrays and rows "
        f"can still be read."
    )


def describe(facts: dict[str, Any]) -> str:
    """The facts for people: a block of lines, then tables of columns and layers."""
    lines = [
        ("recording", facts["path"]),
        ("policy", _with(facts["algorithm"], facts["policy"])),
        ("environment", _with(facts["environment"], ", ".join(facts["wrappers"]))),
        ("acting", f"{'the most likely action' if facts['deterministic'] else 'sampled'}, seeds from {facts['seed']}"),
        ("episodes", f"{facts['episodes']:,}, {facts['complete_episodes']:,} of them whole"),
        ("steps", f"{facts['steps']:,}"),
        ("return", _return(facts)),
        ("size", f"{format_bytes(facts['bytes_on_disk'])}{_per_step(facts)}"),
        ("ended", facts["ended"] if facts["complete"] else f"{facts['ended']} (not all that was asked for)"),
        ("created", facts["created"] or "–"),
        ("versions", ", ".join(f"{name} {version}" for name, version in facts["versions"].items())),
    ]
    unusual = [f"{count:,} in {name}" for name, count in facts["non_finite"].items() if count]
    if unusual:
        lines.append(("not finite", "; ".join(unusual)))
    skipped = [f"{name}: {reason}" for name, reason in facts["skipped_layers"].items()]
    if skipped:
        lines.append(("not recorded", "; ".join(skipped)))
    width = max(len(title) for title, _ in lines)
    blocks = ["\n".join(f"{title.ljust(width)}  {text}" for title, text in lines)]
    for title, arrays in (("column", facts["columns"]), ("layer", facts["layers"]), ("state", facts["state"])):
        if arrays:
            blocks.append(_arrays(title, arrays))
    return "\n\n".join(blocks)


def _arrays(title: str, arrays: dict[str, dict[str, Any]]) -> str:
    modules = any("module" in array for array in arrays.values())
    header = (title, "one step", "dtype", *(("module",) if modules else ()))
    rows = [
        (
            name,
            " × ".join(map(str, array["shape"])) or "1",
            array["dtype"],
            *((array.get("module", ""),) if modules else ()),
        )
        for name, array in arrays.items()
    ]
    return format_table(header, rows, right=(1,))


def _with(name: str | None, detail: str | None) -> str:
    return " · ".join(part for part in (name, detail) if part) or "–"


def _return(facts: dict[str, Any]) -> str:
    if facts["mean_return"] is None:
        return "– (no whole episode)"
    return f"mean {facts['return_in_words']}"


def _per_step(facts: dict[str, Any]) -> str:
    return f", {format_bytes(facts['bytes_on_disk'] // facts['steps'])} a step" if facts["steps"] else ""

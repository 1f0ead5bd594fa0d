"""What is checked of every command's options before anything is imported, read or computed."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from workbench.cli.option_kinds import UsageError
from workbench.cli.options import RecordOptions

OUTPUTS = ("out", "figure", "field")
"""Options that name a file to be written."""


def check_options(options: Any) -> None:
    """Refuse seeds below 0, and outputs whose folder is not there: hours later would be a bad time to say so.

    `record` makes the folder of its recording, and its folder may be on another machine.

    Raises:
        UsageError: One of them is wrong.
    """
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name == "seed" and value is not None and value < 0:
            raise UsageError(f"--seed must be at least 0; it is {value}.")
        if field.name in OUTPUTS and isinstance(value, Path) and not isinstance(options, RecordOptions):
            _check_folder(value.parent)


def _check_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    if folder.exists():
        raise UsageError(f"{folder} is no folder; nothing can be written into it.")
    raise UsageError(f"There is no folder {folder}; make it first.")

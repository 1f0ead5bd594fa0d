"""How long a person waits for `workbench --help`."""

import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.pairs import middle, paired, seconds
from benchmarks.results import Figure, Row, row


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`cli/help_seconds`, against a bare interpreter."""
    workbench = str(Path(sys.executable).parent / "workbench")
    ours, bare = paired(
        lambda: seconds(lambda: _run([workbench, "--help"])),
        lambda: seconds(lambda: _run([sys.executable, "-c", "pass"])),
        runs=2 if quick else 15,
    )
    against = f"`python -c pass`, {middle(bare)} s (Python {platform.python_version()})"
    return [row(figures["cli/help_seconds"], ours, against)]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)

"""A warm process that forks recorders, and what they record when nothing goes wrong."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.faults.comparing import read_rows
from tests.faults.ledger import CLOSING
from tests.faults.victims import Server, serving

FLUSH_SECONDS = 0.25
"""Of all that is recorded here: a second holds a handful of commits."""


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """A case recorded from beginning to end."""

    path: Path
    rows: dict[str, np.ndarray]
    file_operations: tuple[int, int, int]
    """By stage."""
    seconds: float
    """How long it took after the first step."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("victims")) as server:
        yield server


@pytest.fixture(scope="session")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Undisturbed]:
    """Gives what a case is when it is left alone."""
    known: dict[str, Undisturbed] = {}

    def find(case: str) -> Undisturbed:
        if case not in known:
            path = tmp_path_factory.mktemp("undisturbed") / "x.zarr"
            victim = server.start(case, path, arguments={"flush_seconds": FLUSH_SECONDS})
            assert victim.wait() == 0, victim.said()
            times = [when for when, _ in victim.ledger.entries()]
            known[case] = Undisturbed(
                path=path,
                rows=read_rows(path),
                file_operations=tuple(victim.ledger.file_operations(stage) for stage in range(CLOSING + 1)),
                seconds=(times[-1] - times[0]) / 1e9,
            )
        return known[case]

    return find


@pytest.fixture
def tell(capfd: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Writes a line for whoever waits for a test of minutes, at most every few seconds; with `!` before it always."""
    last = time.monotonic()

    def write(line: str) -> None:
        nonlocal last
        if line.startswith("!") or time.monotonic() - last > 5:
            last = time.monotonic()
            with capfd.disabled():
                sys.stderr.write(f"\n{line.removeprefix('!')}")
                sys.stderr.flush()

    return write

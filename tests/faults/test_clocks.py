"""A clock on the wall that jumps changes what is said of times, and nothing else."""

import itertools
import json
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest

from tests.faults.comparing import assert_same, attributes_of
from tests.faults.walker import Walk, Walker
from workbench.progress import Cancelled
from workbench.recording import facts, open_recording, record

DAY = 86_400.0


class Watching:
    """Progress that reads the committed count whenever it is told anything."""

    def __init__(self, path: Path, stop_at: int) -> None:
        self.path = path
        self.stop_at = stop_at
        self.counts: set[int] = set()

    def update(self, done: int, total: int, message: str = "") -> None:
        self.counts.add(json.loads((self.path / "zarr.json").read_text())["attributes"]["committed_steps"])
        if done >= self.stop_at:
            raise Cancelled

    def close(self) -> None:
        pass


@pytest.mark.parametrize("wall", ["forwards", "backwards", "stopped", "to and fro"])
def test_commits_go_by_a_clock_that_does_not_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wall: str) -> None:
    steps = itertools.count(1)
    real = time.time

    def shifted() -> float:
        number = next(steps)
        shifts = {"forwards": DAY, "backwards": -DAY, "to and fro": DAY * (-1) ** number * number}
        return real() + shifts[wall] * number if wall in shifts else 1e9

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(1970, 1, 1, tzinfo=tz or UTC) + timedelta(seconds=shifted())

    def play(out: Path, **arguments: object) -> None:
        settings = {"steps": 240, "environments": 2, "flush_seconds": 0.05, "deterministic": False}
        record(Walker(), lambda: Walk(seconds=0.001), out=out, **{**settings, **arguments})

    play(tmp_path / "quiet.zarr")
    monkeypatch.setattr(time, "time", shifted)
    monkeypatch.setattr(facts, "datetime", Jumping)
    out = tmp_path / "x.zarr"
    watching = Watching(out, stop_at=160)
    play(out, progress=watching)
    # 80 passes of at least 2 ms each: more than three flush intervals.
    assert len(watching.counts) > 2
    play(out, resume=True)
    assert open_recording(out).complete
    assert_same(out, tmp_path / "quiet.zarr")
    said = attributes_of(out)
    assert datetime.fromisoformat(said["created"]) != datetime.fromisoformat(said["closed"]) or wall == "stopped"
    open_recording(out).summary()

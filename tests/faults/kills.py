"""Killing a recorder at a moment that is chosen, and what may be gone after it."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults.comparing import assert_begins_as, attributes_of
from tests.faults.conftest import FLUSH_SECONDS, Undisturbed
from tests.faults.ledger import CLOSING, LEFT, OPENING, RUNNING
from tests.faults.victims import Server, Victim

SHORTEST_COMMIT = 0.05
"""Seconds that are allowed for a commit where a process was killed before it had done one."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When a recorder is killed: before an operation on its files, or some time after its first step."""

    stage: int
    number: int | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        where = ("opening", "running", "closing")[self.stage]
        return (
            f"{where}, after {self.seconds:.3f} s" if self.number is None else f"{where}, file operation {self.number}"
        )


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What a kill cost."""

    rows: int
    """That had been put, and are not there."""
    oldest: float
    """Seconds between the putting of the first of them and the kill."""
    commit: float
    """Seconds that the longest commit of that process took."""
    slack: float
    """Seconds by which that may exceed the flush interval, by what was measured in that process."""


def draw_moment(generator: np.random.Generator, stage: int, left_alone: Undisturbed) -> Moment:
    """A moment at random: in a stage; while it runs, half of them by the clock, half at an operation on a file."""
    if stage == RUNNING and generator.random() < 0.5:
        return Moment(stage=stage, seconds=float(generator.uniform(0, left_alone.seconds)))
    return Moment(stage=stage, number=int(generator.integers(1, left_alone.file_operations[stage] + 1)))


def kill_at(server: Server, case: str, out: Path, moment: Moment, *, resume: bool) -> Victim:
    """Record until that moment; the process may be done before."""
    trap = {} if moment.number is None else {"stage": moment.stage, "number": moment.number}
    victim = server.start(case, out, arguments={"flush_seconds": FLUSH_SECONDS, "resume": resume}, **trap)
    if moment.number is None:
        victim.wait_for(moment.stage)
        time.sleep(moment.seconds)
        victim.send()
    assert victim.wait() in (0, 1, -signal.SIGKILL), victim.said()
    return victim


def look_at(victim: Victim, left_alone: Undisturbed, before: int) -> tuple[int, Loss | None]:
    """Check what a kill left: it opens, what is there is right, and no more is gone than may be.

    Args:
        victim: Is dead.
        left_alone: The same, undisturbed.
        before: How many steps were committed before it was started.

    Returns:
        How many steps are committed, and what was lost; None where the process had come to its end.
    """
    if not (victim.out / "zarr.json").exists():
        # It died before it had made a recording, and has nothing to lose; what is there is taken for nothing.
        assert victim.ledger.stage == OPENING
        assert before == 0
        return 0, None
    committed = assert_begins_as(victim.out, left_alone.rows)
    assert committed >= before
    if victim.ledger.stage == LEFT or attributes_of(victim.out)["complete"]:
        assert committed == len(left_alone.rows["steps/t"])
        return committed, None
    assert attributes_of(victim.out)["ended"] == "cut short"
    return committed, _measure(victim, committed)


def _measure(victim: Victim, committed: int) -> Loss:
    entries = victim.ledger.entries()
    if not entries:
        return Loss(rows=0, oldest=0.0, slack=0.0, commit=0.0)
    times = [when for when, _ in entries]
    # Rows wait two fifths of the interval for their block and as long for the commit. What comes on top, and is a fifth
    # of the default of five seconds, is measured in each process, for here it is more than a fifth of a quarter of a
    # second: the writer may be at the commit before, and then does theirs, which takes a while, for it gets the
    # interpreter's lock back after each of a hundred files only when the acting thread lets go of it. Both threads may
    # have to wait for a processor: that is seen by a thread that only sleeps, and by the longest time between reports.
    stalled = max(victim.ledger.longest_stall, *np.diff(times) / 1e9, 0.0) if len(times) > 1 else 0.0
    slack = 2 * max(victim.ledger.longest_commit, SHORTEST_COMMIT) + 2 * stalled
    missing = [when for when, rows in entries if rows > committed]
    oldest = (victim.killed_at - missing[0]) / 1e9 if missing else 0.0
    assert oldest <= FLUSH_SECONDS + slack, (
        f"rows were put {oldest:.3f} s before the kill and are gone; {FLUSH_SECONDS} s and {slack:.3f} s were allowed"
    )
    return Loss(rows=entries[-1][1] - committed, oldest=oldest, slack=slack, commit=victim.ledger.longest_commit)


STAGES = (OPENING, RUNNING, CLOSING)

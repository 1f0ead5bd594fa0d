"""Ctrl-C, a signal to end, an environment that hangs, raises or forks: what was put is kept, and is gone on with."""

import contextlib
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.faults.cases import CASES
from tests.faults.comparing import assert_begins_as, assert_exact_lengths, assert_same, attributes_of
from tests.faults.conftest import FLUSH_SECONDS, Undisturbed
from tests.faults.kills import STAGES, look_at
from tests.faults.ledger import OPENING, RUNNING
from tests.faults.victims import Server, Victim

pytestmark = pytest.mark.sampled(2)

Tell = Callable[[str], None]
Find = Callable[[str], Undisturbed]
SEED = 33
STEPS = "sampled steps"
SETTINGS = {"flush_seconds": FLUSH_SECONDS}


def finish(server: Server, case: str, out: Path, left_alone: Undisturbed) -> None:
    """Resume to the end, which is as if nothing had been."""
    last = server.start(case, out, arguments={**SETTINGS, "resume": True})
    if last.wait():
        assert attributes_of(out)["complete"], last.said()
    assert_same(out, left_alone.path)


def interrupt(
    server: Server,
    case: str,
    out: Path,
    stage: int,
    generator: np.random.Generator,
    left_alone: Undisturbed,
    again: int,
) -> Victim:
    """Ctrl-C at random, and perhaps again within milliseconds."""
    victim = server.start(case, out, arguments={**SETTINGS, "resume": again % 2 == 1})
    victim.wait_for(stage)
    time.sleep(float(generator.uniform(0, (0.15, left_alone.seconds, 0.05)[stage])))
    for _ in range(1 + again):
        with contextlib.suppress(ProcessLookupError):
            victim.send(signal.SIGINT)
        time.sleep(float(generator.uniform(0, 0.004)))
    status = victim.wait()
    assert status in (0, 130), victim.said()
    return victim


def assert_nothing_is_lost(victim: Victim, left_alone: Undisturbed) -> None:
    """After one Ctrl-C all rows that were put are there, and the arrays are as long as they are."""
    if not (victim.out / "zarr.json").exists():
        assert victim.ledger.stage == OPENING
        return
    committed, entries = assert_begins_as(victim.out, left_alone.rows), victim.ledger.entries()
    assert committed >= (entries[-1][1] if entries else 0)
    facts = attributes_of(victim.out)
    assert facts["complete"] or facts["ended"] == "interrupted" or not committed
    if facts["ended"] != "cut short":
        assert_exact_lengths(victim.out)


@pytest.mark.parametrize("case", CASES)
def test_control_c_keeps_all_rows(server: Server, undisturbed: Find, tmp_path: Path, case: str) -> None:
    generator, left_alone = np.random.default_rng([SEED, list(CASES).index(case)]), undisturbed(case)
    for stage in STAGES:
        out = tmp_path / f"{stage}.zarr"
        victim = interrupt(server, case, out, stage, generator, left_alone, again=0)
        assert_nothing_is_lost(victim, left_alone)
    finish(server, case, tmp_path / f"{RUNNING}.zarr", left_alone)


@pytest.mark.torture
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("case", CASES)
def test_twenty_five_times_control_c(server: Server, undisturbed: Find, tmp_path: Path, case: str, tell: Tell) -> None:
    generator, left_alone = np.random.default_rng([SEED, 1, list(CASES).index(case)]), undisturbed(case)
    for number in range(25):
        again = int(generator.integers(0, 2))
        stage = int(generator.choice(STAGES, p=(0.2, 0.5, 0.3)))
        out = tmp_path / f"{number}.zarr"
        victim = interrupt(server, case, out, stage, generator, left_alone, again)
        if not again:
            assert_nothing_is_lost(victim, left_alone)
        elif (out / "zarr.json").exists():
            assert_begins_as(out, left_alone.rows)
        finish(server, case, out, left_alone)
        tell(f"{case}: Ctrl-C {number + 1} of 25")


def test_a_signal_to_end_ends_it_at_once(server: Server, undisturbed: Find, tmp_path: Path) -> None:
    """`kill` without a number, as batch systems send it: as a kill, for Python does not catch it."""
    # A fast processor makes 800 rows in less than the interval of the other tests.
    victim = server.start(STEPS, tmp_path / "x.zarr", arguments={"flush_seconds": FLUSH_SECONDS / 10})
    victim.wait_for(RUNNING, rows=800)
    victim.send(signal.SIGTERM)
    assert victim.wait() == -signal.SIGTERM
    committed, loss = look_at(victim, undisturbed(STEPS), 0)
    assert committed
    assert loss is not None
    finish(server, STEPS, tmp_path / "x.zarr", undisturbed(STEPS))


def hang(server: Server, out: Path) -> Victim:
    """Record until the first environment no longer comes back, and wait a little."""
    victim = server.start(STEPS, out, arguments=SETTINGS, environment={"hang_at": 200})
    victim.wait_for(RUNNING, rows=700)
    while victim.ledger.entries()[-1][0] > time.monotonic_ns() - 1e9:
        time.sleep(0.05)
    return victim


def test_control_c_helps_against_an_environment_that_hangs(server: Server, undisturbed: Find, tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    victim = hang(server, out)
    victim.send(signal.SIGINT)
    assert victim.wait() == 130, victim.said()
    # All that was put before: the 199 steps of four environments.
    assert assert_begins_as(out, undisturbed(STEPS).rows) == 199 * 4
    assert attributes_of(out)["ended"] == "interrupted"
    finish(server, STEPS, out, undisturbed(STEPS))


def test_killing_a_hung_environment_loses_what_was_put_in_a_flush_interval_before_it_hung(
    server: Server, undisturbed: Find, tmp_path: Path
) -> None:
    """Rows are handed over by the thread that puts them; while it hangs in the environment, the last ones wait."""
    out = tmp_path / "x.zarr"
    victim = hang(server, out)
    victim.send(signal.SIGTERM)
    victim.wait()
    committed, entries = assert_begins_as(out, undisturbed(STEPS).rows), victim.ledger.entries()
    put_before = [rows for when, rows in entries if when < entries[-1][0] - FLUSH_SECONDS * 1e9]
    assert committed >= max(put_before, default=0)
    finish(server, STEPS, out, undisturbed(STEPS))


def test_an_environment_that_raises_can_be_gone_on_with_when_it_is_mended(
    server: Server, undisturbed: Find, tmp_path: Path
) -> None:
    out = tmp_path / "x.zarr"
    victim = server.start(STEPS, out, arguments=SETTINGS, environment={"raise_at": 150})
    assert victim.wait() == 1
    assert re.fullmatch(r"The environment raised in step\(\) at step 596 .*motor is on fire.*\n", victim.said())
    assert assert_begins_as(out, undisturbed(STEPS).rows) == 149 * 4
    assert attributes_of(out)["ended"].startswith("failed: The environment raised")
    finish(server, STEPS, out, undisturbed(STEPS))


def test_a_fork_while_recording_is_refused_the_pen_and_disturbs_nobody(
    server: Server, undisturbed: Find, tmp_path: Path
) -> None:
    out = tmp_path / "x.zarr"
    # Of four environments side by side the second fork comes in a child of the first, and so on.
    victim = server.start(STEPS, out, arguments=SETTINGS, environment={"fork_at": 100})
    assert victim.wait() == 0, victim.said()
    assert "which cannot write to it" in victim.said()
    assert_same(out, undisturbed(STEPS).path)


def test_a_fork_does_not_keep_the_lock_of_a_recorder_that_was_killed(
    server: Server, undisturbed: Find, tmp_path: Path
) -> None:
    out = tmp_path / "x.zarr"
    victim = server.start(STEPS, out, arguments=SETTINGS, environment={"fork_at": 100, "child_sleeps": 8})
    victim.wait_for(RUNNING, rows=600)
    victim.send()
    assert victim.wait() == -signal.SIGKILL
    finish(server, STEPS, out, undisturbed(STEPS))

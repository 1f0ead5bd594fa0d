"""`kill -9` at any moment leaves whole rows, costs a flush interval at most, and is made up for by resuming."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.faults.cases import CASES
from tests.faults.comparing import assert_same, attributes_of
from tests.faults.conftest import FLUSH_SECONDS, Undisturbed
from tests.faults.kills import STAGES, Loss, draw_moment, kill_at, look_at
from tests.faults.ledger import CLOSING, OPENING, RUNNING
from tests.faults.victims import Server

pytestmark = pytest.mark.sampled(2)

Tell = Callable[[str], None]
Find = Callable[[str], Undisturbed]
SEED = 20


@dataclass
class Tally:
    """What many kills came to."""

    kills: int = 0
    by_stage: list[int] = field(default_factory=lambda: [0, 0, 0])
    resumed: int = 0
    losses: list[Loss] = field(default_factory=list)

    def __str__(self) -> str:
        rows = [loss.rows for loss in self.losses] or [0]
        ages = [loss.oldest for loss in self.losses] or [0.0]
        commits = [loss.commit for loss in self.losses] or [0.0]
        slack = [loss.slack for loss in self.losses] or [0.0]
        opening, running, closing = self.by_stage
        return (
            f"{self.kills} kills ({opening} opening, {running} running, {closing} closing), {self.resumed} resumed; "
            f"rows lost: median {np.median(rows):.0f}, most {max(rows)}; the oldest {max(ages):.3f} s before the kill "
            f"(flush interval {FLUSH_SECONDS} s; slack: median {np.median(slack):.3f} s, most {max(slack):.3f} s; "
            f"commits: median {np.median(commits):.3f} s, most {max(commits):.3f} s)"
        )


def kill_again_and_again(
    server: Server, case: str, out: Path, stages: list[int], generator: np.random.Generator, find: Find, tally: Tally
) -> None:
    """One recording: killed in each of these stages, resumed each time, and at last left alone."""
    left_alone, committed = find(case), 0
    for place, stage in enumerate(stages):
        moment = draw_moment(generator, stage, left_alone)
        victim = kill_at(server, case, out, moment, resume=place > 0)
        try:
            committed, loss = look_at(victim, left_alone, committed)
        except AssertionError as error:
            error.add_note(f"{case}: kill {place + 1} of {len(stages)}, {moment}")
            raise
        tally.resumed += place > 0
        if victim.status != 0:
            tally.kills += 1
            tally.by_stage[stage] += 1
        tally.losses += [loss] if loss is not None else []
        if (out / "zarr.json").exists() and attributes_of(out)["complete"]:
            break
    last = server.start(case, out, arguments={"flush_seconds": FLUSH_SECONDS, "resume": True})
    status = last.wait()
    if status:
        assert attributes_of(out)["complete"], last.said()
        assert "is complete, so there is nothing to resume" in last.said()
    tally.resumed += status == 0
    assert_same(out, left_alone.path)


@pytest.mark.parametrize("case", CASES)
def test_a_recording_that_is_killed_three_times_is_in_the_end_as_if_it_had_not_been(
    server: Server, undisturbed: Find, tmp_path: Path, case: str
) -> None:
    """Before its first row, in the middle, and while it is closed."""
    generator, tally = np.random.default_rng([SEED, list(CASES).index(case)]), Tally()
    stages = [OPENING, RUNNING, CLOSING]
    kill_again_and_again(server, case, tmp_path / "x.zarr", stages, generator, undisturbed, tally)
    assert tally.kills == 3


@pytest.mark.torture
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("case", CASES)
def test_fifty_kills(server: Server, undisturbed: Find, tmp_path: Path, case: str, tell: Tell) -> None:
    """Of each case fifty, two hundred in all: recordings that are killed once, twice, up to five times."""
    generator, tally, number = np.random.default_rng([SEED, 1, list(CASES).index(case)]), Tally(), 0
    while tally.kills < 50:
        stages = generator.choice(STAGES, size=generator.integers(1, 6), p=(0.2, 0.55, 0.25)).tolist()
        out = tmp_path / f"{number}.zarr"
        kill_again_and_again(server, case, out, stages, generator, undisturbed, tally)
        number += 1
        tell(f"{case}: {tally}")
    tell(f"!{case}: {number} recordings, {tally}")


@pytest.mark.parametrize("case", ["sampled steps", "recurrent, frames, large rows"])
def test_a_kill_before_each_of_the_first_operations_on_a_file_leaves_something_that_can_be_resumed(
    server: Server, undisturbed: Find, tmp_path: Path, case: str
) -> None:
    """The folder, the root, the groups and the agent's file: none of them may be in the way of a second attempt."""
    out = tmp_path / "x.zarr"
    for number in (1, 2, 3, 5, 8, 21):
        victim = server.start(case, out, arguments={"resume": True}, stage=OPENING, number=number)
        assert victim.wait() == -9, victim.said()
    last = server.start(case, out, arguments={"resume": True, "flush_seconds": FLUSH_SECONDS})
    assert last.wait() == 0, last.said()
    assert_same(out, undisturbed(case).path)

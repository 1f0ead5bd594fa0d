"""The arena notices what it is there to notice."""

from pathlib import Path

import pytest

from tests.hostile.arena import LARGEST, Arena


def test_what_ends_well_is_clean(arena: Arena, tmp_path: Path) -> None:
    verdict = arena.run("misbehave", "not at all", tmp_path)
    assert verdict.clean
    assert (verdict.outcome, verdict.value) == ("done", "not at all")
    assert 0 < verdict.peak < LARGEST
    refused = arena.run("refuse", "no")
    assert refused.clean
    assert (refused.outcome, refused.message) == ("refused", "no")


@pytest.mark.parametrize(
    ("how", "outcome", "alarm"),
    [
        ("grow", "done", ""),
        ("hang", "hung", ""),
        ("crash", "died", ""),
        ("raise", "escaped", ""),
        ("write", "done", "to write"),
        ("import", "done", "import stranger_module"),
        ("spawn", "done", "subprocess.Popen"),
    ],
)
def test_what_does_not_is_noticed(how: str, outcome: str, alarm: str, arena: Arena, tmp_path: Path) -> None:
    # Filling a gigabyte takes a busy machine longer than it is worth waiting for what never ends.
    verdict = arena.run("misbehave", how, tmp_path, seconds=3 if how == "hang" else 60)
    assert not verdict.clean
    assert verdict.outcome == outcome
    assert alarm in " ".join(verdict.alarms)


def test_where_it_may_write_it_may(arena: Arena, tmp_path: Path) -> None:
    assert arena.run("misbehave", "write", tmp_path, writes=tmp_path).clean
    assert not arena.run("misbehave", "write", tmp_path, writes=tmp_path / "elsewhere").clean

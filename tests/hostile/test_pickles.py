"""Hostile pickles: the attacks are real, and the inert reader does none of it."""

from pathlib import Path

import pytest

from tests.hostile.arena import Arena
from tests.hostile.pickles import GREEDY, attacks, importing

pytestmark = pytest.mark.sampled(3)


@pytest.mark.parametrize("way", sorted(attacks(Path("x"))))
def test_an_attack_is_real_and_is_not_carried_out(way: str, arena: Arena, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    content = attacks(target)[way].decode("latin-1")
    verdict = arena.run("read_pickle", content)
    assert verdict.clean, verdict
    assert not target.exists()
    followed = arena.run("unpickle", content)
    assert target.exists(), f"it harms nobody: {followed}"
    assert "pickle.find_class" in " ".join(followed.alarms), "the arena does not see it"


@pytest.mark.parametrize("way", ["GLOBAL", "STACK_GLOBAL", "INST", "import_module"])
def test_a_module_that_a_pickle_names_is_not_imported(way: str, arena: Arena, tmp_path: Path) -> None:
    verdict = arena.run("read_pickle", importing(tmp_path)[way].decode("latin-1"))
    assert verdict.clean, verdict
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("what", sorted(GREEDY))
def test_a_greedy_pickle_is_read_or_refused_within_bounds(what: str, arena: Arena) -> None:
    verdict = arena.run("read_pickle", GREEDY[what]().decode("latin-1"), seconds=20)
    assert verdict.clean, verdict
    assert len(verdict.message) < 400

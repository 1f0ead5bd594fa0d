"""Hostile agents: none executes, none grows beyond a gigabyte, none hangs, each loads or is refused in a sentence."""

from pathlib import Path

import pytest

from tests.hostile.agents import (
    FACTS,
    MEMBERS,
    NEEDED,
    SPACES,
    STATISTICS,
    UNNEEDED,
    attack_everywhere,
    attack_in,
    large_agent,
    with_data,
)
from tests.hostile.arena import Arena, Verdict
from tests.hostile.containers import CONTAINERS, Members, cuts, packed, specials
from tests.hostile.pickles import attacks, importing
from tests.hostile.weights import ABSURD, executing

pytestmark = pytest.mark.sampled(3)

LOADS = {
    "a bomb in a member that nobody reads", "many members", "names that lead out", "behind another program",
    "facts that are not numbers", "facts of huge numbers", "facts of other types",
}  # fmt: skip
"""Of the hostile ones, those that do no harm: what is wrong with them is nowhere that acting looks."""
PLACES = (*UNNEEDED, *MEMBERS)
WAYS = sorted(attacks(Path("x")))


def load(arena: Arena, path: Path | str, *, environment: bool = True, statistics: Path | None = None) -> Verdict:
    """Load an agent in the arena, and check what holds of every file."""
    verdict = arena.run("load_agent", f"ppo:{path}", environment, statistics and str(statistics))
    assert verdict.clean, verdict
    assert "\n" not in verdict.message
    assert len(verdict.message) < 1500 + len(str(path))
    return verdict


def put(folder: Path, content: bytes) -> Path:
    path = folder / "agent.zip"
    path.write_bytes(content)
    return path


def check_attack(place: str, way: str, arena: Arena, members: Members, folder: Path) -> None:
    target = folder / "executed"
    verdict = load(arena, put(folder, attack_in(members, place, attacks(target)[way])))
    assert not target.exists()
    assert verdict.outcome == ("refused" if place in NEEDED else "done")


def test_attacks_in_every_place_at_once_change_nothing(arena: Arena, members: Members, tmp_path: Path) -> None:
    sound = load(arena, put(tmp_path, packed(members)))
    verdict = load(arena, put(tmp_path, attack_everywhere(members, tmp_path / "executed")))
    assert verdict.value == sound.value
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(("place", "way"), [(PLACES[k % len(PLACES)], way) for k, way in enumerate(WAYS)])
def test_an_attack_where_nothing_is_needed_is_not_looked_at(
    place: str, way: str, arena: Arena, members: Members, tmp_path: Path
) -> None:
    check_attack(place, way, arena, members, tmp_path)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", NEEDED)
def test_an_attack_in_what_is_needed_is_refused(
    place: str, way: str, arena: Arena, members: Members, tmp_path: Path
) -> None:
    check_attack(place, way, arena, members, tmp_path)


@pytest.mark.torture
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", [*PLACES, *NEEDED])
def test_every_attack_in_every_place(place: str, way: str, arena: Arena, members: Members, tmp_path: Path) -> None:
    check_attack(place, way, arena, members, tmp_path)


@pytest.mark.parametrize("key", [*NEEDED, "observation_space"])
@pytest.mark.parametrize("way", ["GLOBAL", "STACK_GLOBAL", "INST", "import_module"])
def test_a_module_that_an_agent_names_is_not_imported(
    key: str, way: str, arena: Arena, members: Members, tmp_path: Path
) -> None:
    load(arena, put(tmp_path, attack_in(members, key, importing(tmp_path)[way])))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("what", CONTAINERS)
def test_a_hostile_zip(what: str, arena: Arena, members: Members, tmp_path: Path) -> None:
    verdict = load(arena, put(tmp_path, CONTAINERS[what](members)))
    assert (verdict.outcome == "done") == (what in LOADS), verdict
    assert [path.name for path in tmp_path.iterdir()] == ["agent.zip"]


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.torture)])
def test_a_file_cut_anywhere_is_refused(every: int, arena: Arena, members: Members, tmp_path: Path) -> None:
    for content in cuts(members)[::every]:
        assert load(arena, put(tmp_path, content)).outcome == "refused"


def test_what_is_no_file(arena: Arena, tmp_path: Path) -> None:
    for what, path in specials(tmp_path).items():
        verdict = load(arena, path)
        assert verdict.outcome == "refused", what
        assert arena.run("read_statistics", path).outcome == "refused", what


@pytest.mark.parametrize("what", FACTS)
def test_absurd_facts(what: str, arena: Arena, members: Members, tmp_path: Path) -> None:
    verdict = load(arena, put(tmp_path, FACTS[what](members)))
    # What is wrong with the stored spaces alone, the environment's own make up for.
    assert (verdict.outcome == "done") == (what in LOADS or what.startswith("observations, ")), verdict


@pytest.mark.parametrize("environment", [True, False])
@pytest.mark.parametrize("key", ["observation_space", "action_space"])
@pytest.mark.parametrize("what", SPACES)
def test_absurd_spaces(what: str, key: str, environment: bool, arena: Arena, members: Members, tmp_path: Path) -> None:
    path = put(tmp_path, with_data(members, **{key: SPACES[what]}))
    verdict = load(arena, path, environment=environment)
    assert environment or verdict.outcome == "refused"


@pytest.mark.parametrize("what", ABSURD)
def test_absurd_weights(what: str, arena: Arena, members: Members, tmp_path: Path) -> None:
    path = put(tmp_path, packed({**members, "policy.pth": ABSURD[what]()}))
    assert load(arena, path).outcome == "refused"


@pytest.mark.parametrize("what", sorted(executing(Path("x"))))
def test_weights_that_are_programs(what: str, arena: Arena, members: Members, tmp_path: Path) -> None:
    weights = executing(tmp_path / "executed")[what]
    assert load(arena, put(tmp_path, packed({**members, "policy.pth": weights}))).outcome == "refused"
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("way", WAYS)
def test_statistics_that_are_programs(way: str, arena: Arena, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    (tmp_path / "normalise.pkl").write_bytes(attacks(target)[way])
    verdict = arena.run("read_statistics", tmp_path / "normalise.pkl")
    assert verdict.clean, verdict
    assert verdict.outcome == "refused"
    assert not target.exists()


@pytest.mark.parametrize("what", STATISTICS)
def test_absurd_statistics(what: str, arena: Arena, members: Members, tmp_path: Path) -> None:
    name, content = STATISTICS[what]()
    (tmp_path / name).write_bytes(content)
    verdict = load(arena, put(tmp_path, packed(members)), statistics=tmp_path / name)
    assert verdict.outcome == "refused", verdict


def test_a_large_sound_agent_stays_within_bounds(arena: Arena, members: Members, tmp_path: Path) -> None:
    """The weights may be as large as they are: 48 million parameters, of 50 million that are read."""
    content = large_agent(members, 4_900)
    assert len(content) > 180 << 20
    assert load(arena, put(tmp_path, content)).outcome == "done"


def test_an_agent_that_is_too_large_is_refused(arena: Arena, members: Members, tmp_path: Path) -> None:
    verdict = load(arena, put(tmp_path, large_agent(members, 5_200)))
    assert verdict.outcome == "refused"
    assert "more bytes than are read" in verdict.message or "are read" in verdict.message

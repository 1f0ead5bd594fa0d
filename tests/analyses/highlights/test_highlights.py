"""Highlights of recordings in which it is known which moments are important."""

from pathlib import Path

import numpy as np
import pytest

from tests.analyses.highlights.planted import play, random_episodes
from workbench.analyses.highlights import MEASURES, Highlights, highlights, possible_measures
from workbench.analyses.highlights.importance import find_measure, importance_of
from workbench.errors import WorkbenchError
from workbench.recording import Recording

LENGTHS = (70, 90, 55, 80, 60, 75)
PLANTED = ((0, 12), (0, 40), (2, 30), (3, 71), (5, 3))


def planted_episodes() -> list[np.ndarray]:
    """Random steps, and the planted ones, which are further from each other than from all else."""
    episodes = random_episodes(0, LENGTHS, numbers=3 + len(PLANTED))
    for number, (episode, step) in enumerate(PLANTED):
        episodes[episode][step, 1] = 100 + 20 * number
        episodes[episode][step, 3 + number] = 1_000
    return episodes


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Five steps have a huge gap between their Q values; they are unlike each other and unlike all else."""
    return play(tmp_path_factory.mktemp("planted") / "r.zarr", planted_episodes(), environments=3)


@pytest.fixture(scope="module")
def found(planted: Recording) -> Highlights:
    return highlights(planted, length=15, after=5)


@pytest.mark.parametrize("diverse", [True, False])
@pytest.mark.parametrize("environments", [1, 4])
def test_the_planted_moments_are_found_and_no_others(tmp_path: Path, environments: int, diverse: bool) -> None:
    recording = play(tmp_path / "r.zarr", planted_episodes(), environments=environments)
    reel = highlights(recording, length=15, after=5, diverse=diverse)
    assert reel.measure == "q_gap"
    assert [(one.episode, one.step) for one in reel.moments] == list(PLANTED[::-1])
    assert [(one.episode, one.step) for one in reel.in_order] == list(PLANTED)
    assert not reel.notes


def test_windows_are_where_they_should_be_and_do_not_overlap(planted: Recording, found: Highlights) -> None:
    shown = set()
    for one in found.moments:
        assert one.start == max(0, one.step - 9)
        assert one.stop == min(LENGTHS[one.episode], one.step + 6)
        np.testing.assert_array_equal(planted.steps["t"][one.rows], np.arange(one.start, one.stop))
        np.testing.assert_array_equal(planted.steps["episode"][one.rows], planted.episodes["id"][one.episode])
        assert planted.steps["t"][one.row] == one.step
        assert not shown & set(one.rows.tolist())
        shown |= set(one.rows.tolist())
        with pytest.raises(ValueError, match="read-only"):
            one.rows[0] = 1


def test_a_moment_says_what_is_behind_it(planted: Recording, found: Highlights) -> None:
    first = found.moments[0]
    q_values = planted.steps["q_values"][first.row]
    assert first.importance == pytest.approx(q_values.max() - q_values.min())
    assert first.why.startswith("Q 180 of action 1, ")
    assert first.why.endswith("; taken: action 1")
    assert first.share_below > 0.99
    assert first.most_alike in (2, 3, 4, 5)


def test_the_reel_is_compared_with_others(found: Highlights) -> None:
    own, other, random, first = found.reels
    assert [one.name for one in found.reels] == ["diverse", "important", "random", "first"]
    assert own.less_covered is None
    assert own.common == 5
    assert own.importance.mean == pytest.approx(140, abs=5)
    assert random.importance.mean < 30
    assert own.diversity > 2 * random.diversity
    assert own.nearest > random.nearest
    assert random.moments == 50
    assert first.episodes == 1
    assert first.importance.steps == 5
    assert random.coverage.episodes == len(LENGTHS)
    assert other.less_covered.mean == pytest.approx(other.coverage.mean - own.coverage.mean)
    # Almost all steps are alike, and the planted ones lie far from them.
    assert own.coverage.mean < 1
    assert found.any_step.mean < 10


def test_coverage_and_distances_are_what_they_say(planted: Recording, found: Highlights) -> None:
    states = planted.steps["observation"][:].astype(np.float64)
    states /= states.std(axis=0)
    shown = states[np.concatenate([one.rows for one in found.moments])]
    nearest = np.sqrt(((states[:, None] - shown[None]) ** 2).sum(axis=2)).min(axis=1)
    assert found.sampled == len(planted) < 2_048
    assert found.reels[0].coverage.mean * found.unit_distance == pytest.approx(nearest.mean(), rel=1e-6)
    apart = np.sqrt(((states[:, None] - states[None]) ** 2).sum(axis=2))
    pairs = apart[np.triu_indices(len(states), 1)].mean()
    assert found.unit_distance == pytest.approx(pairs, rel=0.2), "drawn, in a recording with a few far steps"
    rows = [one.row for one in found.moments]
    between = apart[np.ix_(rows, rows)]
    of_pairs = between[np.triu_indices(5, 1)]
    assert found.reels[0].diversity * found.unit_distance == pytest.approx(of_pairs.mean(), rel=1e-6)
    assert found.reels[0].nearest * found.unit_distance == pytest.approx(of_pairs.min(), rel=1e-6)
    first = found.moments[0]
    assert first.distance * found.unit_distance == pytest.approx(between[0, first.most_alike - 1], rel=1e-6)


def test_twins_are_shown_once_with_diversity_and_twice_without(tmp_path: Path) -> None:
    episodes = random_episodes(1, LENGTHS)
    for episode, step in PLANTED:
        episodes[episode][step] = (0, 90, 0, 0, 9)
    recording = play(tmp_path / "r.zarr", episodes)
    rows = [recording.episode(episode).rows[step] for episode, step in PLANTED]
    without = highlights(recording, length=15, after=5, diverse=False)
    assert {one.row for one in without.moments} == set(rows)
    assert without.reels[0].nearest == 0
    diverse = highlights(recording, length=15, after=5)
    assert len({one.row for one in diverse.moments} & set(rows)) == 1
    assert diverse.reels[0].nearest > 0
    assert diverse.moments[0].importance == pytest.approx(90)


def test_the_same_seed_gives_the_same_and_global_state_does_not_matter(planted: Recording, found: Highlights) -> None:
    np.random.seed(7)
    again = highlights(planted, length=15, after=5)
    assert again.reels == found.reels
    assert [one.row for one in again.moments] == [one.row for one in found.moments]
    assert highlights(planted, length=15, after=5, seed=1).reels[2] != found.reels[2]


def test_states_may_be_compared_by_a_layer(planted: Recording) -> None:
    layer = next(iter(planted.layers))
    reel = highlights(planted, length=15, layer=layer)
    assert reel.states == f"the layer {layer}"
    with pytest.raises(WorkbenchError, match="no activations"):
        highlights(planted, layer="mood")


def test_each_measure_is_its_formula(tmp_path: Path) -> None:
    recording = play(tmp_path / "r.zarr", random_episodes(3, (9, 7)), environments=2)
    q_values = np.sort(recording.steps["q_values"][:].astype(np.float64), axis=1)
    everything = slice(0, len(recording))

    def of(name: str) -> np.ndarray:
        return importance_of(recording, find_measure(recording, name), everything)

    np.testing.assert_allclose(of("q_gap"), q_values[:, -1] - q_values[:, 0])
    np.testing.assert_allclose(of("q_second_gap"), q_values[:, -1] - q_values[:, -2])
    np.testing.assert_allclose(of("max(q_values) - min(q_values)"), of("q_gap"), rtol=1e-6)
    value = recording.steps["value"][:].astype(np.float64)
    for number in (0, 1):
        rows = recording.episode(number).rows
        after = np.append(value[rows][1:], 0)
        np.testing.assert_allclose(of("value_change")[rows], np.abs(after - value[rows]))
        np.testing.assert_allclose(of("one_step_error")[rows], np.abs(1 + 0.99 * after - value[rows]))
    # A part of the steps has the same values as the whole.
    part = importance_of(recording, find_measure(recording, "value_change"), slice(3, 5))
    np.testing.assert_array_equal(part, of("value_change")[3:5])


def test_what_cannot_be_told_is_an_error_that_says_so(planted: Recording) -> None:
    assert [one.name for one in possible_measures(planted)] == [
        "q_gap", "q_second_gap", "value_change", "one_step_error",
    ]  # fmt: skip
    assert len({one.name for one in MEASURES}) == len(MEASURES)
    with pytest.raises(WorkbenchError, match="logits was not recorded"):
        highlights(planted, measure="probability_gap")
    with pytest.raises(WorkbenchError, match="one number at each step"):
        highlights(planted, measure="q_values")
    with pytest.raises(WorkbenchError, match="not recorded"):
        highlights(planted, measure="mood")
    with pytest.raises(WorkbenchError, match="overlap"):
        highlights(planted, length=20, interval=10)
    with pytest.raises(WorkbenchError, match="1 to 100 moments"):
        highlights(planted, count=0)
    with pytest.raises(WorkbenchError, match="after the moment"):
        highlights(planted, length=5, after=5)
    with pytest.raises(WorkbenchError, match="at none of"):
        highlights(planted, measure="sqrt(reward - 2)")


def test_fewer_moments_than_asked_for_is_said(tmp_path: Path) -> None:
    recording = play(tmp_path / "r.zarr", random_episodes(4, (9, 7)))
    reel = highlights(recording, count=5, length=30)
    assert len(reel.moments) == 2
    assert "2 of 5 moments" in reel.notes[0]
    assert reel.reels[0].importance.low is None, "two episodes give no interval"

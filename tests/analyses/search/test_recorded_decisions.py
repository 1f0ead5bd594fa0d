"""The decisions of whole recordings: planted networks whose verdicts are known."""

import dataclasses

import numpy as np
import pytest
import zarr

import workbench
from envs.games import TIC_TAC_TOE
from tests.analyses.search.hand_made import Playing, Solver, erring, exact_values, knowing
from workbench.analyses.expressions import evaluate
from workbench.analyses.search import by_group, measure_decision, measure_recording
from workbench.analyses.search.auditing import audit_recording
from workbench.analyses.search.recorded_decisions import MEASURES, TRUTH_MEASURES
from workbench.errors import WorkbenchError
from workbench.figures.search import decision_figure, recorded_decisions_figure
from workbench.recording import open_recording
from workbench.recording.searches import read_traces
from workbench.search import SearchSettings

SETTINGS = SearchSettings(simulations=300)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("decisions") / "erring.zarr"
    return workbench.record(erring(Playing()), Playing, out=out, episodes=8, seed=1, search=SETTINGS)


@pytest.fixture(scope="module")
def found(made):
    return measure_recording(made, solver=Solver(), game=TIC_TAC_TOE, uniform=True)


def test_each_step_has_its_row(made, found):
    assert len(found) == len(made)
    assert found.without_search == 0
    for place in (0, 7, len(found) - 1):
        one = measure_decision(made.search_trace(int(found.row[place])))
        assert (found.choice[place], found.favourite[place], found.played[place]) == (
            one.choice, one.favourite, one.played,
        )  # fmt: skip
        for measure in MEASURES:
            expected = measure.function(one)
            value = found.columns[measure.name][place]
            assert value == pytest.approx(np.nan if expected is None else float(expected), nan_ok=True)
    assert np.array_equal(found.step, made.steps["t"][:])
    assert found.means["overturn"].mean == found.columns["overturn"].mean()
    assert found.means["overturn"].episodes == 8


def test_a_search_puts_an_erring_network_right(found):
    means = found.means
    assert means["search_right"].mean > 0.8
    assert means["net_right"].mean < 0.3
    assert means["search_less_net"].low > 0.3
    assert found.verdicts["right overturn"].mean > 0.6
    assert found.verdicts["harmful overturn"].mean < 0.1
    assert sum(one.mean for one in found.verdicts.values()) == pytest.approx(1)
    # Without the network's misleading prior the same search is no worse.
    assert means["search_less_uniform"].mean <= 0.05
    assert means["search_error"].mean < means["net_error"].mean
    assert means["overturn"].mean > means["uniform_overturn"].mean - 0.2


def test_a_network_that_knows_needs_no_search(tmp_path):
    recording = workbench.record(knowing(Playing()), Playing, out=tmp_path / "k.zarr", episodes=5, search=SETTINGS)
    found = measure_recording(recording, solver=exact_values)
    assert found.means["net_right"].mean == 1
    assert found.verdicts["right overturn"].mean == 0
    assert found.verdicts["harmful overturn"].mean == 0
    assert not len(found.wrong(5))
    assert (found.uniform_choice == -1).all()


def test_the_worst_come_first(found):
    surprising = found.most_surprising(4)
    values = found.columns["surprise"]
    assert values[surprising].tolist() == sorted(values, reverse=True)[:4]
    wrong = found.wrong(1000)
    losses = found.columns["choice_loss"][wrong]
    assert (np.diff(losses) <= 0).all()
    assert len(wrong) == int((found.columns["choice_loss"] > 0).sum())


def test_groups_add_up(made, found):
    labels = evaluate(made, "t < 3")[found.row]
    groups = by_group(found, labels, ("overturn", "search_right"))
    assert [one.label for one in groups] == ["False", "True"]
    assert sum(one.decisions for one in groups) == len(found)
    whole = sum(one.decisions * one.means["overturn"].mean for one in groups) / len(found)
    assert whole == pytest.approx(found.means["overturn"].mean)
    with pytest.raises(WorkbenchError, match="no measure 'mood'"):
        by_group(found, labels, ("mood",))
    with pytest.raises(WorkbenchError, match="label is needed for each of"):
        by_group(found, labels[:3])


def test_blocks_of_any_size_read_the_same(made):
    whole = [(row, trace.leaf.tolist()) for row, trace, _ in read_traces(made)]
    small = [(row, trace.leaf.tolist()) for row, trace, _ in read_traces(made, block_bytes=1)]
    assert whole == small
    assert [row for row, _ in whole] == list(range(len(made)))


def test_an_audit_finds_what_was_changed(made, tmp_path):
    import shutil

    clean = audit_recording(made)
    assert clean.clean
    assert clean.searches == len(made)
    shutil.copytree(made.path, tmp_path / "changed.zarr")
    stored = zarr.open_group(tmp_path / "changed.zarr", mode="r+")
    row = stored["search/prior"][3]
    row[:2] = [0.9, 0.0]
    stored["search/prior"][3] = row
    found = audit_recording(open_recording(tmp_path / "changed.zarr"))
    assert not found.clean
    assert [one.row for one in found.divergent] == [3]


def test_searching_as_an_option_is_the_policy_that_searches(made, tmp_path):
    from workbench.search.policy import SearchPolicy

    other = workbench.record(
        SearchPolicy(erring(Playing()), SETTINGS), Playing, out=tmp_path / "p.zarr", episodes=8, seed=1
    )
    assert np.array_equal(other.steps["action"][:], made.steps["action"][:])
    with pytest.raises(WorkbenchError, match="not handed to a cluster"):
        workbench.record(erring(Playing()), Playing, out=tmp_path / "c.zarr", search=SETTINGS, client=object())


def test_figures_are_drawn(made, found):
    from workbench.analyses.search import course_of

    trace = made.search_trace(0)
    assert len(decision_figure(measure_decision(trace), course_of(trace), TIC_TAC_TOE.action_names).axes) == 3
    assert len(decision_figure(measure_decision(trace)).axes) == 1
    assert len(recorded_decisions_figure(found).axes) == 3
    whole = decision_figure(measure_decision(trace), course_of(trace))
    assert whole.get_suptitle() == f"after all {trace.simulations} simulations"
    part = decision_figure(measure_decision(trace, 30), course_of(trace))
    assert f"after K = 30 of {trace.simulations} simulations" in part.get_suptitle()
    for figure, marked in ((whole, False), (part, True)):
        for axis in figure.axes[1:]:
            lines = [line for line in axis.lines if line.get_label() == "K = 30"]
            assert [list(line.get_xdata()) for line in lines] == [[30, 30]] * marked
    shares = [bar.get_height() for bar in part.axes[0].containers[1]]
    assert np.allclose(shares, measure_decision(trace, 30).share)
    plain = dataclasses.replace(found, verdicts={}, verdict=None, means={
        name: one for name, one in found.means.items() if name not in TRUTH_MEASURES
    })  # fmt: skip
    assert len(recorded_decisions_figure(plain).axes) == 2


def test_what_is_not_there_is_said(made, found, tmp_path):
    plain = workbench.record(erring(Playing()), Playing, out=tmp_path / "plain.zarr", episodes=1, deterministic=False)
    for measure in (measure_recording, audit_recording):
        with pytest.raises(WorkbenchError, match="holds no searches"):
            measure(plain)
    with pytest.raises(WorkbenchError, match="rules of their game"):
        measure_recording(made, uniform=True)
    with pytest.raises(WorkbenchError, match="from a solver alone"):
        dataclasses.replace(found, verdict=None).wrong(3)

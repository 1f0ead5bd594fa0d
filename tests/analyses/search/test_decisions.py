"""Measures of one decision: by hand, and against other formulas of the same."""

import dataclasses

import numpy as np
import pytest
from scipy import special, stats

from envs.games import TIC_TAC_TOE, connect_four
from tests.analyses.search.hand_made import Knowing, exact_values, hand_made
from workbench.analyses.search import course_of, judge, measure_decision, node_disagreement
from workbench.analyses.search.exact import action_values
from workbench.errors import WorkbenchError
from workbench.search import (
    SearchSettings,
    TableEvaluator,
    UniformEvaluator,
    choose_action,
    play_line,
    search,
    view_node,
)

SMALL = connect_four(4, 5)
PATHS = ((0,), (1,), (0, 0), (1, 0), (1, 1), (2,), (0, 1), (1, 2))
"""Visits of 0, 1, 2: after 3 simulations 2 1 0, then 2 2 0, 2 3 0, 2 3 1, 3 3 1, 3 4 1."""


def _hand(**given):
    return hand_made((0.5, 0.3, 0.2), PATHS, given.pop("values", None), **given)


def test_a_search_made_by_hand_has_the_numbers_counted_by_hand():
    values = {
        (): 0.1,
        (0,): 0.5,
        (1,): -0.4,
        (0, 0): -0.2,
        (1, 0): 0.3,
        (1, 1): 0.2,
        (2,): 0.0,
        (0, 1): -0.3,
        (1, 2): 0.4,
    }
    found = measure_decision(_hand(values=values))
    assert found.visits.tolist() == [3, 4, 1]
    assert (found.favourite, found.choice, found.favourites) == (0, 1, 1)
    assert found.overturn
    assert found.chance_overturn == pytest.approx(2 / 3)
    # Behind for the last time after 3 simulations; the favourite had as many again after 7.
    assert found.turned_at == 4
    assert found.refuted_at == 8
    q = np.array([(-0.5 - 0.2 - 0.3) / 3, (0.4 + 0.3 + 0.2 + 0.4) / 4, 0.0])
    assert found.q == pytest.approx(q, abs=1e-6)
    assert found.q_gain == pytest.approx(q[1] - q[0], abs=1e-6)
    value = (0.1 + 3 * q[0] + 4 * q[1]) / 9
    assert found.search_value == pytest.approx(value, abs=1e-6)
    assert found.disagreement == pytest.approx(0.1 - value, abs=1e-6)
    assert (found.mean_depth, found.max_depth) == (pytest.approx(13 / 8), 2)
    assert found.stability == pytest.approx(0.5 * (1 / 8 + 0 + 1 / 8))
    assert found.variation[0] == 1
    share = np.array([3, 4, 1]) / 8
    prior = np.array([0.5, 0.3, 0.2])
    assert found.surprise == pytest.approx(special.rel_entr(share, prior).sum(), abs=1e-6)
    assert found.surprise == pytest.approx(stats.entropy(share, prior), abs=1e-6)
    assert found.breadth == pytest.approx(np.exp(stats.entropy(share)))
    # The root, and node (0,): v − (v + Σ W) / (1 + Σ N), from the view of the player to move at the root.
    assert node_disagreement(_hand(values=values))[:2] == pytest.approx(
        [found.disagreement, -(0.5 - (0.5 + 0.2 + 0.3) / 3)], abs=1e-6
    )


def test_a_decision_is_what_it_was_after_fewer_simulations():
    trace = _hand()
    found = measure_decision(trace, 3)
    assert (found.simulations, found.choice, found.overturn) == (3, 0, False)
    assert (found.turned_at, found.refuted_at) == (0, None)
    assert found.q_gain == 0
    course = course_of(trace, (0, 3, 4, 8))
    assert course.visits.tolist() == [[0, 0, 0], [2, 1, 0], [2, 2, 0], [3, 4, 1]]
    assert course.choice.tolist()[1::2] == [0, 1]
    assert np.isnan(course.surprise[0])
    assert course.variations[3] == measure_decision(trace).variation
    with pytest.raises(WorkbenchError, match="has 8 simulations; asked was for 9"):
        course_of(trace, (9,))


def test_a_proven_win_is_the_choice_from_when_it_was_proven():
    # After a move of ours by action 2 the game is over, and lost for who is to move.
    trace = hand_made((0.5, 0.3, 0.2), ((0,), (0, 1), (0, 2), (2,)), {(2,): -1.0}, ends=((2,),))
    found = measure_decision(trace)
    assert (found.choice, found.turned_at, found.refuted_at) == (2, 4, 4)
    assert found.search_value == 1
    assert found.q_gain == pytest.approx(1 - found.q[0])
    assert found.variation == (2,)


def test_several_equal_favourites_are_no_overturn():
    trace = search(TIC_TAC_TOE, TIC_TAC_TOE.start()[None], UniformEvaluator(9), SearchSettings(simulations=50))[0]
    found = measure_decision(trace)
    assert found.favourites == 9
    assert not found.overturn
    assert found.chance_overturn == 0
    assert found.favourite == found.choice


def _completed_by_mctx(prior, visits, q, value, offset=50.0, scale=0.1):
    """mctx 0.0.5, `qtransform_completed_by_mix_value`, and the softmax of its policy improvement."""
    tried = visits > 0
    weighted = (prior * np.where(tried, q, 0.0))[tried].sum() / prior[tried].sum()
    mixed = (value + visits.sum() * weighted) / (visits.sum() + 1)
    completed = np.where(tried, q, mixed)
    completed = (completed - completed.min()) / max(completed.max() - completed.min(), 1e-8)
    return special.softmax(np.log(prior) + (offset + visits.max()) * scale * completed)


@pytest.mark.parametrize("rule", ["puct", "gumbel"])
@pytest.mark.parametrize("moves", [(), (0, 1, 2), (2, 2, 2)])
def test_the_improved_policy_is_mctx_own(rule, moves):
    position = play_line(SMALL, SMALL.start(), moves)
    settings = SearchSettings(rule=rule, simulations=60, considered=3, prove=False)
    found = measure_decision(search(SMALL, position[None], TableEvaluator(5, seed=4), settings, seed=2)[0])
    expected = _completed_by_mctx(found.prior, found.visits, found.q, found.net_value)
    assert found.improved == pytest.approx(expected, rel=1e-5, abs=1e-12)
    assert found.improved_surprise == pytest.approx(stats.entropy(expected, found.prior), rel=1e-4)


@pytest.mark.parametrize("settings", [{}, {"rule": "gumbel"}, {"noise": 0.25}, {"rule": "uct"}, {"wave": 4}], ids=str)
def test_what_turned_is_what_a_slow_reading_says(settings):
    for seed in range(4):
        chosen = SearchSettings(simulations=90, **settings)
        trace = search(SMALL, SMALL.start()[None], TableEvaluator(5, seed=seed), chosen, seed=seed)[0]
        found = measure_decision(trace)
        assert found.choice == choose_action(trace)
        views = [view_node(trace, 0, k) for k in range(trace.simulations + 1)]

        def standing(view):
            won, lost = view.proven == 1, view.proven == -1
            allowed = won if won.any() else ~lost if not lost.all() else np.ones(len(lost), bool)
            return np.where(allowed, view.visits, -1)

        choice, favourite = found.place(found.choice), found.place(found.favourite)
        behind = [k for k, view in enumerate(views) if standing(view)[choice] < standing(view).max()]
        assert found.turned_at == min(trace.simulations, max(behind, default=-1) + 1)
        level = [k for k, view in enumerate(views) if standing(view)[favourite] == standing(view).max()]
        assert found.refuted_at == (None if max(level) == trace.simulations else max(level) + 1)
        assert found.prior.sum() == pytest.approx(1)
        # Dirichlet noise is not the network's.
        assert np.allclose(found.prior, trace.root_prior)


def test_a_final_tree_alone_is_measured_as_far_as_it_goes():
    whole = search(SMALL, SMALL.start()[None], TableEvaluator(5), SearchSettings(simulations=60, prove=False))[0]
    view = view_node(whole)
    from workbench.search import rebuild

    state = rebuild(whole)
    final = dataclasses.replace(
        whole, settings=None, leaf=None, backed_up=None, wave=None, source="elsewhere", final_visits=state.visits,
        final_value=np.nan_to_num(state.q),
    )  # fmt: skip
    found = measure_decision(final)
    assert found.visits.tolist() == view.visits.tolist()
    assert found.choice == choose_action(whole)
    assert found.turned_at is found.refuted_at is found.mean_depth is found.stability is None
    assert np.isnan(found.turned_share)
    assert found.surprise == measure_decision(whole).surprise
    with pytest.raises(WorkbenchError, match="final tree alone"):
        measure_decision(final, 5)
    with pytest.raises(WorkbenchError, match="final tree alone"):
        course_of(final)


@pytest.mark.parametrize(
    ("favourite", "choice", "name"),
    [
        (0, 1, "right overturn"), (1, 0, "harmful overturn"), (0, 2, "missed"), (1, 3, "neutral overturn"),
        (1, 1, "agreed right"), (2, 2, "agreed wrong"), (0, 4, "missed"),
    ],
)  # fmt: skip
def test_every_verdict(favourite, choice, name):
    values = np.array([0.0, 1.0, -1.0, 1.0, 0.0, np.nan])
    found = judge(values, [0, 1, 2, 3, 4], favourite, choice)
    assert found.name == name
    assert found.choice_loss == 1 - values[choice]
    assert found.favourite_loss == 1 - values[favourite]
    assert found.right_share == pytest.approx(2 / 5)
    assert found.decisive
    assert judge(values, [0, 5], 0, 0).name == "unknown"
    assert not judge(values, [1, 3], 1, 3).decisive


def test_a_solver_is_a_function_or_an_object_and_nothing_else():
    positions = TIC_TAC_TOE.start()[None]
    assert (action_values(exact_values, positions, 9) == 0).all()
    with pytest.raises(WorkbenchError, match="A solver is a function"):
        action_values(3, positions, 9)
    with pytest.raises(WorkbenchError, match="exact values of 7 actions at 1 positions"):
        action_values(exact_values, positions, 7)


def _verdicts(evaluate, lines):
    positions = np.stack([play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), line) for line in lines])
    traces = search(TIC_TAC_TOE, positions, evaluate, SearchSettings(simulations=1500))
    found = [measure_decision(trace) for trace in traces]
    truths = exact_values(positions)
    return [judge(row, one.action, one.favourite, one.choice).name for row, one in zip(truths, found, strict=True)]


def test_a_network_that_knows_is_not_overturned_for_worse_and_one_that_errs_is_put_right():
    lines = ((), (0,), (4, 0), (0, 4, 8), (0, 1))
    assert set(_verdicts(Knowing(), lines)) <= {"agreed right", "neutral overturn"}
    # It likes the worst moves a little better, and knows no values.
    assert _verdicts(Knowing(-0.25, 0.0), ((0, 4, 8), (0, 1))) == ["right overturn", "right overturn"]


def test_what_cannot_be_is_said():
    trace = _hand()
    with pytest.raises(WorkbenchError, match="has 8 simulations"):
        measure_decision(trace, 9)
    with pytest.raises(WorkbenchError, match="Action 7 is not legal"):
        measure_decision(trace).place(7)


def test_a_search_of_an_environment_is_measured_too():
    gymnasium = pytest.importorskip("gymnasium")
    from workbench.search.counterfactual import counterfactual
    from workbench.search.environments import environment_settings, search_environment

    environment = gymnasium.make("FrozenLake-v1")
    environment.reset(seed=0)
    trace = search_environment(environment, settings=environment_settings(rule="uct", simulations=80), seed=1)
    found = measure_decision(trace)
    assert found.visits.sum() == 80
    assert found.search_value == pytest.approx((found.net_value + np.nansum(found.visits * found.q)) / 81)
    assert found.mean_depth >= 1
    assert len(course_of(trace).variations) == 8
    with pytest.raises(WorkbenchError, match="outcomes of chance"):
        counterfactual(trace)

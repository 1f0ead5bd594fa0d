"""Searches run again: the same without a change, bit for bit; with one, what a fresh search with it would have been."""

import re
from dataclasses import fields, replace

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.games import TIC_TAC_TOE, connect_four
from workbench.errors import WorkbenchError
from workbench.search import SearchSettings, TableEvaluator, audit, play_line, rebuild, search, view_node
from workbench.search.counterfactual import NodeChange, changed_prior, changed_priors, counterfactual, nodes_after
from workbench.search.environments import environment_settings, search_environment

SMALL = connect_four(4, 5)
EVALUATE = TableEvaluator(5, seed=1)
RULES = (
    {},
    {"rule": "gumbel"},
    {"wave": 4},
    {"noise": 0.25},
    {"prove": False, "value_scale": "tree"},
    {"rule": "uct"},
    {"rule": "gumbel", "wave": 3},
    {"first_play": "reduced"},
)
NEAR_THE_END = (0, 1, 0, 1, 2, 2, 3, 4, 4)


def _searched(rules, moves=(2, 1), simulations=90):
    position = play_line(SMALL, SMALL.start(), moves)
    return search(SMALL, position[None], EVALUATE, SearchSettings(simulations=simulations, **rules), seed=3)[0]


def _alike(one, other, *, apart=()) -> None:
    for entry in fields(one):
        first, second = getattr(one, entry.name), getattr(other, entry.name)
        if entry.name in apart:
            continue
        if isinstance(first, np.ndarray):
            assert first.dtype == second.dtype, entry.name
            assert np.array_equal(first, second), entry.name
        else:
            assert first == second, entry.name


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("moves", [(2, 1), NEAR_THE_END])
def test_without_a_change_it_is_the_trace_bit_for_bit(rules, moves):
    trace = _searched(rules, moves)
    for keep in (0, 1, trace.simulations // 2, trace.simulations, None):
        for game in (None, SMALL):
            again = counterfactual(trace, keep=keep, game=game)
            _alike(trace, again.trace)
            assert (again.parts_at, again.differs_at, again.asked, again.stopped) == (None, None, 0, None)
            assert again.reused == trace.nodes - 1
    bare = replace(trace, position=None)
    _alike(bare, counterfactual(bare, keep=0, game=SMALL, root=trace.position[0]).trace)


class _Changed:
    """The table, but for one position."""

    def __init__(self, position, value=None, factor=None):
        self._seen = np.zeros((1, *SMALL.observation_shape), np.float32)
        SMALL.observe(position[None], self._seen)
        self._value, self._factor = value, factor
        self.fingerprint = EVALUATE.fingerprint

    def __call__(self, observations):
        logits, values = EVALUATE(observations)
        here = (observations == self._seen).all((1, 2, 3))
        if self._value is not None:
            values[here] = self._value
        if self._factor is not None:
            logits[here] = self._factor
        return logits, values


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_changed_value_gives_what_a_fresh_search_with_it_gives(rules, depth):
    trace = _searched(rules)
    node = next(n for n in range(trace.nodes) if not trace.terminal[n] and len(trace.moves(n)) == depth)
    again = counterfactual(trace, [NodeChange(node=node, value=0.77)], game=SMALL, evaluate=EVALUATE)
    assert audit(again.trace).divergence is None
    assert again.stopped is None
    fresh = search(SMALL, trace.position[:1], _Changed(trace.position[node], value=0.77), trace.settings, seed=3)[0]
    # A position that is reached by another order of moves as well is changed twice in the fresh search.
    there = (fresh.position == trace.position[node]).all(1).sum()
    assert there == 1 or depth > 1
    if there == 1 and (again.trace.position == trace.position[node]).all(1).sum() == 1:
        _alike(fresh, again.trace, apart=("chosen",))
    if again.parts_at is not None:
        assert again.parts_at >= again.kept
        assert np.array_equal(again.trace.leaf[: again.parts_at], trace.leaf[: again.parts_at])


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_changed_priors_of_the_root_give_what_a_fresh_search_with_them_gives(rules):
    trace = _searched(rules)
    logits = np.array([2.0, 0.0, -1.0, 1.0, 0.5], np.float32)
    share = np.exp(logits.astype(np.float64) - 2) / np.exp(logits.astype(np.float64) - 2).sum()
    again = counterfactual(trace, [NodeChange(prior=share)], game=SMALL, evaluate=EVALUATE)
    fresh = search(SMALL, trace.position[:1], _Changed(trace.position[0], factor=logits), trace.settings, seed=3)[0]
    _alike(fresh, again.trace, apart=("chosen",))
    assert again.asked + again.reused == again.trace.nodes - 1
    if trace.settings.rule != "uct":
        assert again.asked > 0
        assert again.parts_at is not None


def test_what_is_kept_goes_where_it_went():
    trace = _searched({})
    change = NodeChange(prior=changed_prior(trace, 4, 0.9))
    again = counterfactual(trace, [change], keep=50, game=SMALL, evaluate=EVALUATE)
    assert again.kept == 50
    assert np.array_equal(again.trace.leaf[:50], trace.leaf[:50])
    assert again.parts_at is not None
    assert again.parts_at >= 50
    before, after = view_node(trace), view_node(again.trace)
    assert after.visits[4] > before.visits[4]
    # The rules would not have gone there with these priors.
    assert audit(again.trace).divergence is not None
    # A wave is kept as a whole.
    waves = _searched({"wave": 4})
    assert counterfactual(waves, keep=50, game=SMALL, evaluate=EVALUATE).kept == 48


def test_a_value_that_is_changed_late_is_accounted_for_from_the_beginning():
    trace = _searched({"prove": False})
    again = counterfactual(trace, [NodeChange(node=1, value=1.0)], keep=trace.simulations)
    assert again.differs_at == 0
    assert again.parts_at is None
    edge = trace.incoming()[1]
    moved = rebuild(again.trace).value_sum[edge] - rebuild(trace).value_sum[edge]
    assert moved == pytest.approx(-(1.0 - trace.value[1]), abs=1e-6)


def test_without_an_evaluator_it_stops_where_nobody_knows_and_says_so():
    trace = _searched({})
    favourite = int(view_node(trace).action[view_node(trace).visits.argmax()])
    change = NodeChange(prior=changed_prior(trace, favourite, 0.8))
    again = counterfactual(trace, [change], game=SMALL)
    assert again.stopped is not None
    assert "there is no evaluator to ask" in again.stopped
    assert f"After {again.trace.simulations} simulations" in again.stopped
    assert again.asked == 0
    assert audit(again.trace).divergence is None
    blind = counterfactual(trace, [change])
    assert "rules of the game are not at hand" in blind.stopped
    whole = counterfactual(trace, [change], game=SMALL, evaluate=EVALUATE)
    assert whole.trace.simulations == 90
    assert np.array_equal(whole.trace.leaf[: again.trace.simulations], again.trace.leaf)


def test_a_changed_prior_keeps_the_others_proportions():
    trace = _searched({})
    prior = changed_prior(trace, 2, 0.5)
    assert prior[2] == 0.5
    assert prior.sum() == pytest.approx(1)
    others = [0, 1, 3, 4]
    assert np.allclose(prior[others] / prior[others].sum(), trace.root_prior[others] / trace.root_prior[others].sum())


def test_a_search_of_an_environment_speaks_of_states_and_not_of_a_game():
    env = gymnasium.make("FrozenLake-v1", is_slippery=False, desc=["SFF", "FHF", "FFG"])
    env.reset(seed=0)
    trace = search_environment(env, None, environment_settings(rule="uct", exploration=1.0, simulations=60), seed=1)
    # Without a change it is the trace, and what is known of it carries a change some of the way.
    assert counterfactual(trace).stopped is None
    again = counterfactual(trace, [NodeChange(node=2, value=1.0)], keep=5)
    assert again.asked == 0
    assert re.fullmatch(
        rf"After {again.trace.simulations} simulations the search comes to a state that the trace does not know, after "
        rf"the actions? [0-3 ]+, and the environment is not stepped for a search that is run again\.",
        again.stopped,
    )
    end = int(np.flatnonzero(trace.terminal)[0])
    with pytest.raises(WorkbenchError, match=f"At node {end} an episode of FrozenLake-v1 is over: nothing is chosen"):
        counterfactual(trace, [NodeChange(node=end, value=0.0)])
    with pytest.raises(WorkbenchError, match="never came to the state after the actions 3 3 3 3 3 3 3 3 3 3 3 3"):
        nodes_after(trace, [3] * 12)
    with pytest.raises(WorkbenchError, match="environment FrozenLake-v1, which goes by no rules of a game"):
        counterfactual(trace, game=SMALL)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda t: counterfactual(t, [NodeChange(node=9999)]), "there is no node 9999"),
        (lambda t: counterfactual(t, [NodeChange(value=np.nan)]), "must be a number; got nan"),
        (lambda t: counterfactual(t, [NodeChange(prior=[1, 2])]), "are 5 numbers from 0 on"),
        (lambda t: counterfactual(t, [NodeChange(prior=[0, 0, 0, 0, 0])]), "not all 0"),
        (lambda t: counterfactual(t, [NodeChange(), NodeChange()]), "changed twice"),
        (lambda t: counterfactual(t, keep=1000), "asked was to keep 1000"),
        (lambda t: counterfactual(t, evaluate=TableEvaluator(5, seed=9)), "is not the one that this trace was made"),
        (lambda t: counterfactual(replace(t, position=None), game=SMALL), "pass the one at its root"),
        (lambda t: counterfactual(replace(t, settings=None)), "final tree alone"),
        (lambda t: changed_prior(t, 9, 0.5), "has no action 9"),
        (lambda t: changed_prior(t, 1, 1.5), "0 to 1; got 1.5"),
    ],
)
def test_what_cannot_be_changed_is_said(call, sentence):
    with pytest.raises(WorkbenchError, match=sentence):
        call(_searched({}))


def test_an_end_is_not_changed():
    position = play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), (0, 3, 1, 4))
    trace = search(TIC_TAC_TOE, position[None], TableEvaluator(9), SearchSettings(simulations=100))[0]
    end = int(np.flatnonzero(trace.terminal)[0])
    with pytest.raises(WorkbenchError, match="is the end of tic_tac_toe"):
        counterfactual(trace, [NodeChange(node=end, value=0.0)])


@settings(max_examples=25, deadline=None)
@given(
    moves=st.lists(st.integers(0, 4), max_size=8),
    rules=st.sampled_from(RULES),
    simulations=st.integers(2, 80),
    share=st.floats(0, 1),
)
def test_any_search_that_is_run_again_is_itself(moves, rules, simulations, share):
    position = SMALL.start()
    for move in moves:
        after = play_line(SMALL, position, [move]) if SMALL.facts(position)["legal"][move] else position
        position = position if SMALL.facts(after)["ended"] else after
    trace = search(SMALL, position[None], EVALUATE, SearchSettings(simulations=simulations, **rules), seed=3)[0]
    again = counterfactual(trace, keep=int(share * trace.simulations))
    _alike(trace, again.trace)


def test_a_position_is_found_wherever_it_is_in_the_tree():
    trace = _searched({}, simulations=300)
    words = [position.tobytes() for position in trace.position]
    # Reached by two orders of moves.
    twice = next(node for node in range(trace.nodes) if words.count(words[node]) > 1)
    moves, root = trace.moves(twice), trace.position[0]
    everywhere = [node for node in range(trace.nodes) if words[node] == words[twice]]
    assert nodes_after(trace, moves, SMALL, root) == everywhere
    assert nodes_after(replace(trace, position=None), moves, SMALL, root) == everywhere
    assert nodes_after(trace, moves) == [twice]
    assert nodes_after(trace, ()) == nodes_after(trace, (), SMALL, root) == [0]
    with pytest.raises(WorkbenchError, match="never came to the position after a a a b b b"):
        nodes_after(trace, [0, 0, 0, 1, 1, 1], SMALL, root)
    with pytest.raises(WorkbenchError, match="never came to the position after 9"):
        nodes_after(trace, [9])


def test_several_priors_are_set_and_the_others_keep_their_proportions():
    trace = _searched({})
    before, after = trace.root_prior.astype(np.float64), changed_priors(trace, {0: 0.5, 3: 0.1})
    assert after.sum() == pytest.approx(1)
    assert after[[0, 3]].tolist() == [0.5, 0.1]
    assert after[1] / after[2] == pytest.approx(before[1] / before[2])
    assert changed_priors(trace, dict.fromkeys(range(5), 0.1)) == pytest.approx(np.full(5, 0.2))
    with pytest.raises(WorkbenchError, match=r"sum to 1\.2"):
        changed_priors(trace, {0: 0.7, 1: 0.5})
    with pytest.raises(WorkbenchError, match="leave one of them above"):
        changed_priors(trace, dict.fromkeys(range(5), 0.0))
    with pytest.raises(WorkbenchError, match="has no action 8"):
        changed_priors(trace, {8: 0.5})

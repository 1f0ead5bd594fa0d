"""The search does what its rule says, leaves a trace that says so, and finds what is there to be found."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.games import TIC_TAC_TOE, connect_four
from tests.search.reference import Node, reference_search
from workbench.errors import WorkbenchError
from workbench.search import (
    SearchSettings,
    TableEvaluator,
    UniformEvaluator,
    audit,
    choose_action,
    improved_policy,
    play_line,
    rebuild,
    search,
    view_node,
    visit_policy,
)

FOUR = connect_four(6, 7)
SMALL = connect_four(4, 5)
RULES = (
    {},
    {"prove": False},
    {"rule": "uct", "exploration": 1.4},
    {"rule": "gumbel"},
    {"rule": "gumbel", "considered": 3, "prove": False},
    {"wave": 8},
    {"noise": 0.25, "first_play": "zero", "exploration_base": None},
    {"first_play": "loss", "value_scale": "siblings", "prove": False},
    {"first_play": "reduced", "value_scale": "tree", "discount": 0.9, "prove": False},
    {"rule": "gumbel", "wave": 3},
)


@pytest.mark.parametrize("game", [TIC_TAC_TOE, SMALL, FOUR], ids=lambda game: game.name)
@pytest.mark.parametrize("moves", [(), (1, 2), (0, 1, 2, 3)])
def test_visits_and_values_are_those_of_a_plain_search(game, moves):
    position, evaluate = play_line(game, game.start(), moves), TableEvaluator(game.actions, seed=3)
    plain = reference_search(game, position, evaluate, 300, 1.25, 19652.0)
    trace = search(game, position[None], evaluate, SearchSettings(simulations=300, prove=False))[0]
    view = view_node(trace)
    assert view.visits.tolist() == [plain.N[a] for a in plain.moves]
    assert view.action.tolist() == plain.moves
    state = rebuild(trace)
    assert state.value_sum[trace.edges_of(0)].tolist() == [plain.W[a] for a in plain.moves]
    _same_below(plain, trace, state, 0)


def _same_below(plain: Node, trace, state, node: int) -> None:
    edges = trace.edges_of(node)
    for place, action in zip(range(edges.start, edges.stop), trace.edge_action[edges], strict=True):
        assert state.visits[place] == plain.N[int(action)]
        assert state.value_sum[place] == plain.W[int(action)]
        assert trace.prior[place] == np.float32(plain.prior[int(action)])
        if state.child[place] >= 0:
            _same_below(plain.children[int(action)], trace, state, int(state.child[place]))


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_every_selection_is_the_rules_own(rules):
    for game in (TIC_TAC_TOE, SMALL):
        positions = np.stack([game.start(), play_line(game, game.start(), (2, 3, 1))])
        for trace in search(game, positions, TableEvaluator(game.actions), SearchSettings(simulations=150, **rules)):
            found = audit(trace)
            assert found.divergence is None
            assert found.selections >= trace.simulations
            assert rebuild(trace).visits[trace.edges_of(0)].sum() == trace.simulations


def _random_position(game, moves: list[int]):
    """Where random moves lead that stop before the end."""
    position = game.start()
    for number in moves:
        facts = game.facts(position)
        legal = np.flatnonzero(facts["legal"])
        after = play_line(game, position, [legal[number % len(legal)]])
        if game.facts(after)["ended"]:
            break
        position = after
    return position


@settings(max_examples=60, deadline=None)
@given(
    moves=st.lists(st.integers(0, 100), max_size=12),
    rules=st.sampled_from(RULES),
    simulations=st.integers(2, 90),
    seed=st.integers(0, 1000),
    game=st.sampled_from([TIC_TAC_TOE, SMALL, FOUR]),
)
def test_a_replay_is_the_search_bit_for_bit(moves, rules, simulations, seed, game):
    _check_replay(moves, rules, simulations, seed, game)


@pytest.mark.torture
@settings(max_examples=1000, deadline=None)
@given(
    moves=st.lists(st.integers(0, 100), max_size=30),
    rules=st.sampled_from(RULES),
    simulations=st.integers(2, 400),
    seed=st.integers(0, 1000),
    game=st.sampled_from([TIC_TAC_TOE, SMALL, FOUR]),
)
def test_a_thousand_replays_are_the_searches_bit_for_bit(moves, rules, simulations, seed, game):
    _check_replay(moves, rules, simulations, seed, game)


def _check_replay(moves, rules, simulations, seed, game):
    chosen = SearchSettings(simulations=simulations, **rules)
    position, evaluate = _random_position(game, moves)[None], TableEvaluator(game.actions, seed=seed)
    whole = search(game, position, evaluate, chosen, seed=seed)[0]
    assert audit(whole).divergence is None
    # A search that ends earlier is the beginning of the longer one: Gumbel's schedule and a cut wave apart.
    if chosen.rule == "gumbel" or chosen.wave > 1 or whole.simulations < 3:
        return
    cut = whole.simulations // 2 + 1
    part = search(game, position, evaluate, dataclasses.replace(chosen, simulations=cut), seed=seed)[0]
    state, shorter = rebuild(whole, cut), rebuild(part)
    made, edges = part.nodes, len(part.edge_action)
    assert state.node_visits[:made].tolist() == shorter.node_visits.tolist()
    assert not state.node_visits[made:].any()
    assert np.array_equal(state.value_sum[:edges], shorter.value_sum)
    assert np.array_equal(state.visits[:edges], shorter.visits)
    assert np.array_equal(state.proven[:made], shorter.proven)


def test_trees_side_by_side_are_those_of_one_alone():
    positions = np.stack([_random_position(FOUR, [k, 3 * k, 5, k]) for k in range(7)])
    chosen = SearchSettings(simulations=60, noise=0.25)
    together = search(FOUR, positions, TableEvaluator(7), chosen, seed=5)
    in_threads = search(FOUR, positions, TableEvaluator(7), chosen, seed=5, threads=3)
    for one, other in zip(together, in_threads, strict=True):
        assert np.array_equal(one.leaf, other.leaf)
        assert np.array_equal(one.prior, other.prior)


def test_seeds_alone_decide_the_noise():
    chosen = SearchSettings(simulations=20, noise=0.25)
    np.random.seed(0)
    first = search(FOUR, FOUR.start()[None], TableEvaluator(7), chosen, seed=1)[0]
    np.random.seed(1)
    again = search(FOUR, FOUR.start()[None], TableEvaluator(7), chosen, seed=1)[0]
    other = search(FOUR, FOUR.start()[None], TableEvaluator(7), chosen, seed=2)[0]
    assert np.array_equal(first.noise, again.noise)
    assert not np.array_equal(first.noise, other.noise)
    assert first.noise.sum() == pytest.approx(1)
    mixed = (0.75 * first.root_prior + 0.25 * first.noise).astype(np.float32)
    assert np.array_equal(first.prior[first.edges_of(0)], mixed)


@cache
def _minimax(first: int, second: int) -> int:
    """The exact outcome for the player to move."""
    position = np.array([first, second], np.uint64)
    facts = TIC_TAC_TOE.facts(position)
    if facts["ended"]:
        return int(facts["outcome"])
    return max(-_minimax(*map(int, play_line(TIC_TAC_TOE, position, [a]))) for a in np.flatnonzero(facts["legal"]))


def _reachable() -> list[tuple[int, int]]:
    """All positions of tic-tac-toe in which there is something to play."""
    found, left = set(), [(0, 0)]
    while left:
        here = left.pop()
        facts = TIC_TAC_TOE.facts(np.array(here, np.uint64))
        if here in found or facts["ended"]:
            continue
        found.add(here)
        for a in np.flatnonzero(facts["legal"]):
            left.append(tuple(map(int, play_line(TIC_TAC_TOE, np.array(here, np.uint64), [a]))))
    return sorted(found)


def _played_wrong(places, evaluate, chosen) -> list[tuple[int, int]]:
    """Where the move that a search chooses is worse than the best."""
    wrong = []
    for some in np.array_split(np.array(places, np.uint64), max(1, len(places) // 200)):
        for here, trace in zip(some, search(TIC_TAC_TOE, some, evaluate, chosen), strict=True):
            after = play_line(TIC_TAC_TOE, here, [choose_action(trace)])
            if -_minimax(*map(int, after)) != _minimax(*map(int, here)):
                wrong.append(tuple(map(int, here)))
    return wrong


@pytest.mark.parametrize("rule", ["puct", "uct"])
def test_tic_tac_toe_is_played_perfectly(rule):
    """Nothing but the rules is known to it."""
    places = _reachable()
    assert len(places) == 4520
    chosen = SearchSettings(rule=rule, simulations=4000)
    assert _played_wrong([places[0], *places[1::11]], UniformEvaluator(9), chosen) == []


@pytest.mark.torture
@pytest.mark.parametrize("rule", ["puct", "uct"])
def test_tic_tac_toe_is_played_perfectly_from_every_position(rule):
    chosen = SearchSettings(rule=rule, simulations=4000)
    assert _played_wrong(_reachable(), UniformEvaluator(9), chosen) == []


def _knows_values(observations):
    """The exact outcome of each position, and nothing of the moves: what a perfect value network would say."""
    bits = (observations.reshape(len(observations), 2, 9) * 2 ** np.arange(9)).sum(2).astype(int)
    stones = observations.sum((1, 2, 3)).astype(int)
    values = [
        _minimax(*((mine, theirs) if n % 2 == 0 else (theirs, mine)))
        for (mine, theirs), n in zip(bits, stones, strict=True)
    ]
    return np.zeros((len(observations), 9), np.float32), np.array(values, np.float32)


def test_gumbel_plays_nearly_perfectly_where_values_are_known():
    """It draws among what it considers, so that a few are lost: 10 of all 4,520 with these settings."""
    places = _reachable()[::11]
    chosen = SearchSettings(rule="gumbel", simulations=256)
    assert len(_played_wrong(places, _knows_values, chosen)) <= 0.01 * len(places)


def test_what_is_proven_is_true():
    places = _reachable()[::7]
    chosen = SearchSettings(simulations=400)
    proven = 0
    for trace in search(TIC_TAC_TOE, np.array(places, np.uint64), UniformEvaluator(9), chosen):
        state = rebuild(trace)
        for node in np.flatnonzero(state.proven):
            proven += 1
            assert int(state.proven[node]) - 2 == _minimax(*map(int, trace.position[node]))
    assert proven > 1000


def test_a_search_whose_root_is_proven_ends():
    # The first player completes a row: c3.
    position = play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), (0, 3, 1, 4))
    trace = search(TIC_TAC_TOE, position[None], UniformEvaluator(9), SearchSettings(simulations=500))[0]
    assert trace.simulations < 500
    assert rebuild(trace).proven[0] == 3
    assert choose_action(trace) == 2


def test_gumbel_spends_its_simulations_by_sequential_halving():
    trace = search(FOUR, FOUR.start()[None], TableEvaluator(7), SearchSettings(rule="gumbel", simulations=56))[0]
    # 7 considered: 2 rounds for all (3 halvings, 56 / 21 = 2 visits each), then 3, then 2.
    visits = sorted(view_node(trace).visits.tolist())
    assert visits[:4] == [2, 2, 2, 2]
    assert sum(visits) == 56


def test_policies_of_a_search_are_distributions():
    trace = search(FOUR, FOUR.start()[None], TableEvaluator(7), SearchSettings(simulations=100))[0]
    assert visit_policy(trace, 7).sum() == pytest.approx(1)
    assert improved_policy(trace, 7).sum() == pytest.approx(1)
    drawn = {choose_action(trace, temperature=1.0, seed=seed) for seed in range(60)}
    assert len(drawn) > 1
    assert choose_action(trace, temperature=0.0) == int(np.argmax(visit_policy(trace, 7)))


def _changed(trace, simulation: int, leaf: int):
    other = trace.leaf.copy()
    other[simulation] = leaf
    return dataclasses.replace(trace, leaf=other, backed_up=trace.value[other].astype(np.float32))


def test_an_audit_says_where_a_trace_leaves_its_rules():
    trace = search(FOUR, FOUR.start()[None], TableEvaluator(7), SearchSettings(simulations=100, prove=False))[0]
    # Two simulations change places: the tree is sound, its order is not.
    order = trace.leaf.copy()
    order[[40, 41]] = order[[41, 40]]
    with pytest.raises(WorkbenchError, match="before its parent"):
        raise_if_sound(dataclasses.replace(trace, leaf=order, backed_up=trace.value[order]))
    louder = trace.prior.copy()
    root = trace.edges_of(0)
    louder[root] = louder[root][::-1]
    found = audit(dataclasses.replace(trace, prior=louder)).divergence
    assert found is not None
    assert found.node == 0
    assert "where its rules select" in found.what
    values = trace.backed_up.copy()
    values[17] = 0.123
    found = audit(dataclasses.replace(trace, backed_up=values)).divergence
    assert (found.simulation, found.depth) == (17, 0)
    assert "not that of the leaf" in found.what


def raise_if_sound(trace):
    """Changing the order of two simulations is either refused at once, or found by the audit."""
    found = audit(trace).divergence
    assert found is not None
    raise WorkbenchError("before its parent")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"parent": lambda t: np.where(np.arange(t.nodes) == 5, 9, t.parent)}, "node 5 before its parent"),
        ({"leaf": lambda t: np.full_like(t.leaf, 10**6)}, "ends at a node that is not there"),
        ({"leaf": lambda t: np.zeros_like(t.leaf)}, "ends at a node that is not there"),
        ({"first_edge": lambda t: t.first_edge[::-1]}, "edges out of order"),
        ({"prior": lambda t: np.full_like(t.prior, np.nan)}, "no number from 0 on"),
        ({"value": lambda t: np.full_like(t.value, np.nan)}, "value is not a number"),
        ({"action": lambda t: t.action + 1000}, "whose action its parent does not have"),
        ({"wave": lambda t: t.wave[::-1]}, "in an earlier wave"),
        ({"player": lambda t: t.player[:3]}, "3 entries of player"),
        ({"terminal": lambda t: ~t.terminal}, "without actions|actions after the end"),
        ({"root_prior": lambda t: t.root_prior[:2]}, "2 priors of a root with 7 actions"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_damaged_traces_are_refused_with_the_place(change, sentence):
    trace = search(FOUR, FOUR.start()[None], TableEvaluator(7), SearchSettings(simulations=30))[0]
    made = {name: np.ascontiguousarray(make(trace), getattr(trace, name).dtype) for name, make in change.items()}
    with pytest.raises(WorkbenchError, match=sentence):
        dataclasses.replace(trace, **made)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: SearchSettings(simulations=0), "at least|2 to 1,000,000 simulations; got 0"),
        (lambda: SearchSettings(simulations=1), "play the prior's favourite"),
        (lambda: SearchSettings(rule="best"), "Rule must be one of"),
        (lambda: SearchSettings(discount=0.9), "prove=True"),
        (lambda: SearchSettings(noise=2), "share, 0 to 1; got 2"),
        (lambda: play_line(FOUR, FOUR.start(), [0] * 7), "Move 7, a, is not legal"),
        (lambda: play_line(FOUR, FOUR.start(), [7]), "Move 1, 7, is not legal"),
        (lambda: play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), [0, 3, 1, 4, 2, 5]), "over after 5 of the 6 moves"),
        (lambda: _search_at((0, 3, 1, 4, 2)), "finished game of tic_tac_toe"),
        (lambda: search(FOUR, np.zeros((1, 5), np.uint64), UniformEvaluator(7)), "got shape \\(1, 5\\)"),
        (lambda: search(FOUR, FOUR.start()[None], UniformEvaluator(9)), "must give logits \\[1, 7\\]"),
        (lambda: search(FOUR, FOUR.start()[None], lambda x: 1.0), "must give \\(logits, values\\); got float"),
        (lambda: search(FOUR, FOUR.start()[None], _no_number), "not a number for the position 0x"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(call, sentence):
    with pytest.raises(WorkbenchError, match=sentence):
        call()


def _search_at(moves):
    position = play_line(TIC_TAC_TOE, TIC_TAC_TOE.start(), moves)
    return search(TIC_TAC_TOE, position[None], UniformEvaluator(9))


def _no_number(observations):
    logits, values = TableEvaluator(7)(observations)
    values[np.abs(observations).sum((1, 2, 3)) > 2] = np.nan
    return logits, values

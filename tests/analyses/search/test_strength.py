"""Strength by budget and training runs: players whose scores are known, and ratios against slow readings."""

import numpy as np
import pytest

from envs.games import TIC_TAC_TOE, connect_four
from tests.analyses.search.hand_made import Knowing, exact_values, minimax
from workbench.analyses.paired_episodes import wilson_interval
from workbench.analyses.search.matches import (
    draw_openings,
    net_policy,
    play_match,
    playouts_player,
    random_player,
    raw_player,
    search_player,
    solver_player,
    uct_player,
)
from workbench.analyses.search.strength import effects_by_group, optimal_by_group, optimal_moves, strength
from workbench.analyses.search.training_run import distilled_fraction, measure_training, policy_gap
from workbench.errors import WorkbenchError
from workbench.figures.search import strength_figure, training_figure
from workbench.search import SearchSettings, UniformEvaluator, improved_policy, search, visit_policy
from workbench.search.games import describe, observe

OPENINGS = draw_openings(TIC_TAC_TOE, 24, 3, seed=1)
PERFECT = solver_player(TIC_TAC_TOE, exact_values)
ERRING = Knowing(-0.25, 0.0)


def test_openings_are_different_go_on_and_hang_on_the_seed_alone():
    np.random.seed(0)
    again = draw_openings(TIC_TAC_TOE, 24, 3, seed=1)
    assert np.array_equal(again, OPENINGS)
    assert len(np.unique(OPENINGS, axis=0)) == 24
    assert not describe(TIC_TAC_TOE, OPENINGS)["ended"].any()
    assert (np.bitwise_count(OPENINGS).sum(1) == 3).all()
    assert not np.array_equal(draw_openings(TIC_TAC_TOE, 24, 3, seed=2), OPENINGS)
    with pytest.raises(WorkbenchError, match="Only 9 different openings of 1 moves"):
        draw_openings(TIC_TAC_TOE, 10, 1)


def test_perfect_players_score_what_the_positions_are_worth():
    played = play_match(TIC_TAC_TOE, PERFECT, PERFECT, OPENINGS)
    worth = np.array([(1 + minimax(*map(int, opening))) / 2 for opening in OPENINGS])
    assert np.array_equal(played.games[:, 0], worth)
    assert np.array_equal(played.games[:, 1], 1 - worth)
    # Colours are balanced: against itself nobody is better.
    assert played.score == 0.5
    assert sum(played.counts) == 48


def test_a_match_is_the_same_again_and_turned_round_when_the_players_are():
    one, other = random_player(TIC_TAC_TOE), PERFECT
    first, again = (play_match(TIC_TAC_TOE, one, other, OPENINGS, seed=3) for _ in range(2))
    assert np.array_equal(first.games, again.games)
    assert first.score < 0.35
    assert play_match(TIC_TAC_TOE, other, one, OPENINGS, seed=3).score > 0.65
    low, high = first.interval
    assert low < first.score < high
    assert (low, high) == wilson_interval(first.score, 24)


def test_an_illegal_move_is_named():
    from workbench.analyses.search.matches import Player

    bad = Player(name="bad", choose=lambda positions, seeds: np.zeros(len(positions), np.int16))
    with pytest.raises(WorkbenchError, match=r"bad played action 0 at move .* not legal"):
        play_match(TIC_TAC_TOE, bad, bad, OPENINGS)


def test_a_network_that_errs_gains_by_searching_and_one_that_knows_does_not():
    curve = strength(TIC_TAC_TOE, ERRING, PERFECT, OPENINGS, (20, 600))
    assert curve.raw.score < 0.15
    assert curve.scores[1].score == pytest.approx(0.5, abs=0.1)
    assert curve.effects[1].low > 0.15
    assert curve.effects[1].mean == pytest.approx(curve.scores[1].score - curve.raw.score)
    knowing = strength(TIC_TAC_TOE, Knowing(), PERFECT, OPENINGS, (50,))
    assert knowing.raw.score == knowing.scores[0].score == 0.5
    groups = effects_by_group(curve, np.arange(24) % 2)
    assert [one.openings for one in groups] == [12, 12]
    assert np.mean([one.effect.mean for one in groups]) == pytest.approx(curve.effects[1].mean)
    with pytest.raises(WorkbenchError, match="each of 24 openings"):
        effects_by_group(curve, np.arange(3))
    assert len(strength_figure(curve).axes) == 1


def test_the_share_of_right_moves_is_counted_at_the_decisive_positions():
    positions = draw_openings(TIC_TAC_TOE, 60, 4, seed=5)
    found = optimal_moves(TIC_TAC_TOE, ERRING, positions, exact_values, (20, 400))
    values = exact_values(positions)
    decisive = np.array([len(np.unique(row[np.isfinite(row)])) > 1 for row in values])
    assert np.array_equal(found.decisive, decisive)
    assert found.raw_share == 0
    assert found.shares[1] > 0.85
    assert found.shares[1] >= found.shares[0]
    assert 0 < found.chance < 0.9
    assert found.effects[1].low > 0.5
    knowing = optimal_moves(TIC_TAC_TOE, Knowing(), positions, exact_values, (50,))
    assert knowing.raw_share == knowing.shares[0] == 1
    groups = optimal_by_group(found, np.arange(60) % 3)
    assert sum(one.openings for one in groups) == decisive.sum()
    curve = strength(TIC_TAC_TOE, ERRING, random_player(TIC_TAC_TOE), OPENINGS, (20,))
    assert len(strength_figure(curve, found).axes) == 2
    with pytest.raises(WorkbenchError, match="At none of the 1 positions"):
        optimal_moves(TIC_TAC_TOE, ERRING, TIC_TAC_TOE.start()[None], exact_values, (20,))


def test_plain_uct_and_puct_play_other_games_too():
    small = connect_four(4, 5)
    openings = draw_openings(small, 8, 4, seed=0)
    better = uct_player(small, 300)
    assert play_match(small, better, random_player(small), openings).score > 0.75
    uniform = search_player(small, UniformEvaluator(5), SearchSettings(simulations=100))
    assert play_match(small, uniform, raw_player(small, UniformEvaluator(5)), openings).score > 0.7


def test_plain_tree_search_knows_of_a_position_what_random_games_from_it_tell():
    small = connect_four(4, 5)
    openings = draw_openings(small, 40, 3, seed=0)
    score = play_match(small, playouts_player(small, 200), uct_player(small, 200), openings)
    assert score.player == "plain UCT with 200 random play-outs"
    assert score.opponent == "UCT that knows nothing, with 200 simulations"
    assert score.interval[0] > 0.5
    # What is drawn follows from the seed and the position, and from nothing else.
    chosen = [playouts_player(small, 60, seed=seed).choose(openings, [0] * 40).tolist() for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert playouts_player(small, 60, seed=1).choose(openings[7:8], [99]).tolist() == chosen[0][7:8]


def test_net_policies_are_over_legal_actions():
    policy = net_policy(TIC_TAC_TOE, UniformEvaluator(9), OPENINGS)
    assert np.allclose(policy.sum(1), 1)
    assert (policy[~describe(TIC_TAC_TOE, OPENINGS)["legal"]] == 0).all()


def test_a_run_that_learns_what_search_says_distils_it():
    settings = SearchSettings(simulations=400)
    positions = draw_openings(TIC_TAC_TOE, 60, 4, seed=5)
    told = []

    class Told:
        def update(self, done, total, message=""):
            told.append((done, total))

        def close(self):
            pass

    run = measure_training(
        TIC_TAC_TOE, [ERRING, Knowing(), Knowing()], PERFECT, OPENINGS, positions, settings, solver=exact_values,
        names=("a", "b", "c"), progress=Told(),
    )  # fmt: skip
    first, second, third = run.iterations
    assert told[-1] == (3, 3)
    assert first.amplification.low > 0.15
    assert first.distilled.fraction == pytest.approx(
        (second.net.score - first.net.score) / (first.search.score - first.net.score)
    )
    assert first.distilled.low < first.distilled.fraction < first.distilled.high
    assert first.distilled.fraction == pytest.approx(1, abs=0.35)
    # Search adds nothing to a network that knows: nothing that could be distilled.
    assert second.distilled.fraction is None
    assert "not defined" in second.distilled.words
    assert second.net_right == 1
    assert first.net_right == 0
    assert len(first.gained) == run.decisive.sum()
    assert len(first.lost) == 0
    assert first.taught == pytest.approx(first.search_right)
    assert third.gap is third.learnt is third.distilled is third.gained is None
    assert len(training_figure(run).axes) == 3
    forgetting = measure_training(
        TIC_TAC_TOE, [Knowing(), ERRING], PERFECT, OPENINGS[:6], positions, SearchSettings(simulations=30),
        solver=exact_values,
    )  # fmt: skip
    assert len(forgetting.iterations[0].lost) == run.decisive.sum()
    assert len(forgetting.iterations[0].gained) == 0
    assert np.isnan(forgetting.iterations[0].taught)
    plain = measure_training(
        TIC_TAC_TOE, [ERRING], PERFECT, OPENINGS[:6], positions[:5], SearchSettings(simulations=20)
    )
    assert plain.net_right is None
    assert len(training_figure(plain).axes) == 2


class _Distilled:
    """A network that says at some positions what a search said there."""

    def __init__(self, positions, policies):
        seen = observe(TIC_TAC_TOE, positions)
        self._said = {one.tobytes(): np.log(policy + 1e-9) for one, policy in zip(seen, policies, strict=True)}

    def __call__(self, observations):
        logits = [self._said.get(one.tobytes(), np.zeros(9)) for one in observations]
        return np.array(logits, np.float32), np.zeros(len(observations), np.float32)


@pytest.mark.parametrize("rule", ["puct", "gumbel"])
def test_a_network_that_took_in_the_search_leaves_no_gap(rule):
    settings = SearchSettings(rule=rule, simulations=60, noise=0.25)
    positions = draw_openings(TIC_TAC_TOE, 20, 4, seed=5)
    quiet = SearchSettings(rule=rule, simulations=60)
    traces = search(TIC_TAC_TOE, positions, ERRING, quiet, seed=[7 + place for place in range(20)])
    taken_in = visit_policy if rule == "puct" else improved_policy
    following = _Distilled(positions, [taken_in(trace, 9) for trace in traces])
    run = measure_training(TIC_TAC_TOE, [ERRING, following], PERFECT, OPENINGS[:2], positions, settings, seed=7)
    assert run.iterations[0].gap.mean < 1e-5
    assert run.iterations[0].gap_before.mean > 0.05


def test_fieller_interval_covers_and_agrees_with_the_bootstrap():
    random = np.random.default_rng(0)
    covered, bootstrap = 0, None
    for _ in range(400):
        net = random.uniform(0.1, 0.4, 40)
        added = random.normal(0.4, 0.25, 40)
        following = net + 0.5 * added + random.normal(0, 0.15, 40)
        found = distilled_fraction(net, net + added, following)
        covered += found.low <= 0.5 <= found.high
        if bootstrap is None:
            rows = random.integers(0, 40, (4000, 40))
            ratios = (following - net)[rows].mean(1) / added[rows].mean(1)
            bootstrap = np.quantile(ratios, [0.025, 0.975])
            assert (found.low, found.high) == pytest.approx(tuple(bootstrap), abs=0.05)
    assert 0.92 <= covered / 400 <= 0.98


def test_a_fraction_of_nothing_is_not_defined():
    random = np.random.default_rng(1)
    net = random.uniform(0, 1, 30)
    found = distilled_fraction(net, net + random.normal(0, 0.3, 30), net + 0.2)
    assert found.fraction is None
    assert "may be none" in found.words
    assert "so few or alike" in distilled_fraction(net[:3], net[:3], net[:3]).words


def test_the_gap_is_the_mean_divergence():
    from scipy import stats

    random = np.random.default_rng(2)
    one, other = random.dirichlet(np.ones(5), 30), random.dirichlet(np.ones(5), 30)
    assert policy_gap(one, other).mean == pytest.approx(stats.entropy(one, other, axis=1).mean())


def test_no_checkpoint_is_said():
    with pytest.raises(WorkbenchError, match="at least one checkpoint"):
        measure_training(TIC_TAC_TOE, [], PERFECT, OPENINGS, OPENINGS, SearchSettings())

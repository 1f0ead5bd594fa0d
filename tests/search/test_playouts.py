"""Random play to the end: its mean is the exact one, and any game of the protocol can be played out."""

from functools import cache
from typing import Any

import gymnasium
import numpy as np
import pytest

from envs.games import TIC_TAC_TOE, connect_four, position_after
from tests.search.endless import Endless
from workbench.errors import WorkbenchError
from workbench.search import RandomPlayouts, SearchSettings, audit, search
from workbench.search.choosing import choose_action
from workbench.search.counterfactual import NodeChange, changed_prior, counterfactual
from workbench.search.environments import search_environment

PLAIN = SearchSettings(rule="uct", simulations=600, exploration=1.4, prove=False)


class Countdown:
    """One player takes 1 or 2 of the stones that are left, and wins by taking the last; more cannot be taken.

    Whoever is to move is the same throughout, and what is seen tells nothing: a network could not play it.
    """

    name, actions, words, longest = "countdown", 2, 1, 6
    observation_shape = (1,)
    action_names = ("1", "2")

    def start(self) -> Any:
        return np.array([6], np.uint64)

    def describe(self, positions: Any, legal: Any, ended: Any, outcome: Any, player: Any) -> None:
        left = positions[:, 0]
        legal[:, 0], legal[:, 1] = left > 0, left > 1
        ended[:], outcome[:], player[:] = left == 0, left == 0, 0

    def play(self, positions: Any, actions: Any, after: Any, legal: Any, ended: Any, outcome: Any, player: Any) -> None:
        after[:, 0] = positions[:, 0] - (actions + 1).astype(np.uint64)
        self.describe(after, legal, ended, outcome, player)

    def observe(self, positions: Any, observations: Any) -> None:
        observations[:] = 0

    def cells(self, position: Any) -> Any:
        return np.zeros((1, 1), np.int8)

    def action_cells(self) -> Any:
        return np.zeros((self.actions, 2), np.int16)


class Stuck(Countdown):
    """Two of its positions have no move, and are no end."""

    def describe(self, positions: Any, legal: Any, ended: Any, outcome: Any, player: Any) -> None:
        super().describe(positions, legal, ended, outcome, player)
        legal[positions[:, 0] < 3] = False


class Short(Countdown):
    """Says that it is over sooner than it is."""

    longest = 2


def test_the_mean_is_that_of_all_games() -> None:
    """By recursion over all that can be drawn, in a position with four empty cells."""

    @cache
    def mean(words: tuple[int, int]) -> float:
        facts = TIC_TAC_TOE.facts(np.array(words, np.uint64))
        if facts["ended"]:
            return facts["outcome"]
        legal = np.flatnonzero(facts["legal"])
        after = [TIC_TAC_TOE.after(np.array(words, np.uint64), int(action)) for action in legal]
        return -float(np.mean([mean((int(one[0]), int(one[1]))) for one in after]))

    position = position_after(TIC_TAC_TOE, [0, 4, 8, 1, 5])
    exact = mean((int(position[0]), int(position[1])))
    n = 4_000
    before = position.copy()
    logits, values = RandomPlayouts(TIC_TAC_TOE, playouts=n, seed=3)(position[None])
    assert not logits.any()
    np.testing.assert_array_equal(position, before)
    # Five standard errors of outcomes between −1 and 1.
    assert abs(values[0] - exact) < 5 / np.sqrt(n)
    assert -1 < exact < 1
    assert exact != 0


def test_the_same_whatever_is_beside_it() -> None:
    game = connect_four(4, 5)
    positions = np.stack([position_after(game, moves) for moves in ([0], [1, 1], [2, 3, 2])])
    evaluate = RandomPlayouts(game, seed=7)
    together = evaluate(positions)[1]
    alone = np.concatenate([evaluate(one[None])[1] for one in positions])
    np.testing.assert_array_equal(together, alone)


def test_plain_search_finds_the_move_that_wins_in_three() -> None:
    # Two open ends in the bottom row: column b or e makes four next time, whatever is done.
    game = connect_four(6, 7)
    position = position_after(game, [2, 2, 3, 3])
    trace = search(game, position[None], RandomPlayouts(game), PLAIN)[0]
    assert choose_action(trace) in (1, 4)


def test_a_game_of_one_player_that_is_not_seen_is_played_out() -> None:
    game = Countdown()
    positions = np.array([[3], [1], [2]], np.uint64)
    # Whoever takes the last stone is the one who was asked.
    assert RandomPlayouts(game, playouts=20)(positions)[1].tolist() == [1, 1, 1]
    trace = search(game, game.start()[None], RandomPlayouts(game), SearchSettings(simulations=30, prove=False))[0]
    assert trace.value.tolist() == [1] * trace.nodes
    assert audit(trace).divergence is None


def test_a_search_by_play_outs_is_run_again_with_changes() -> None:
    game = connect_four(4, 5)
    evaluate = RandomPlayouts(game, seed=2)
    settings = SearchSettings(simulations=60, prove=False)
    trace = search(game, game.start()[None], evaluate, settings)[0]
    change = NodeChange(prior=changed_prior(trace, 4, 0.9))
    again = counterfactual(trace, [change], game=game, evaluate=evaluate)
    assert again.asked > 0
    assert again.stopped is None
    new = again.trace.position[1:][~again.trace.terminal[1:]]
    np.testing.assert_array_equal(again.trace.value[1:][~again.trace.terminal[1:]], evaluate(new)[1])


def test_bad_options_and_rules_are_named() -> None:
    with pytest.raises(WorkbenchError, match="at least 1 play-out, and a seed from 0 on; got 0 and seed 0"):
        RandomPlayouts(TIC_TAC_TOE, playouts=0)
    start = Countdown().start()[None]
    with pytest.raises(WorkbenchError, match="position of countdown has no legal move and is not the end"):
        RandomPlayouts(Stuck())(start)
    with pytest.raises(WorkbenchError, match="countdown went on for more than 2 moves"):
        RandomPlayouts(Short())(start)


def test_positions_of_a_game_are_not_asked_about_in_an_environment() -> None:
    env = gymnasium.make("CartPole-v1")
    observation, _ = env.reset(seed=0)
    with pytest.raises(WorkbenchError, match=r"random play-outs is asked about positions of a game.*rollout=Rollout"):
        search_environment(env, RandomPlayouts(TIC_TAC_TOE), seed=0, observation=observation)


def test_what_a_search_is_told_is_of_the_positions_themselves() -> None:
    """In a game whose lines never meet again every node's value is that of its own position."""
    game = Endless()

    class Parity:
        takes_positions = True

        def __call__(self, positions: Any) -> Any:
            assert positions.dtype == np.uint64
            values = (positions[:, 0] % np.uint64(2)).astype(np.float32)
            return np.zeros((len(positions), game.actions), np.float32), values

    for threads, wave in ((1, 1), (2, 4)):
        settings = SearchSettings(simulations=50, wave=wave)
        for trace in search(game, np.tile(game.start(), (3, 1)), Parity(), settings, threads=threads):
            np.testing.assert_array_equal(trace.value, (trace.position[:, 0] % np.uint64(2)).astype(np.float32))

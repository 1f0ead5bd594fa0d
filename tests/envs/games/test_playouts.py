"""Random play to the end: it reads positions back, and its mean is the exact one."""

from functools import cache

import numpy as np
import pytest

from envs.games import TIC_TAC_TOE, connect_four, hex_game, position_after
from envs.games.playouts import RandomPlayouts
from workbench.search import SearchSettings, search
from workbench.search.choosing import choose_action
from workbench.search.games import observe

GAMES = [TIC_TAC_TOE, connect_four(4, 5), hex_game(4)]


@pytest.mark.parametrize("game", GAMES, ids=lambda game: game.name)
def test_the_position_is_read_back(game) -> None:  # type: ignore[no-untyped-def]
    random, position, all_of_them = np.random.default_rng(1), game.start(), []
    for _ in range(7):
        all_of_them.append(position)
        facts = game.facts(position)
        if facts["ended"]:
            break
        position = game.after(position, int(random.choice(np.flatnonzero(facts["legal"]))))
    positions = np.stack(all_of_them)
    np.testing.assert_array_equal(RandomPlayouts(game).positions(observe(game, positions)), positions)


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
    logits, values = RandomPlayouts(TIC_TAC_TOE, playouts=n, seed=3)(observe(TIC_TAC_TOE, position[None]))
    assert not logits.any()
    # Five standard errors of outcomes between −1 and 1.
    assert abs(values[0] - exact) < 5 / np.sqrt(n)
    assert -1 < exact < 1
    assert exact != 0


def test_the_same_whatever_is_beside_it() -> None:
    game = connect_four(4, 5)
    positions = np.stack([position_after(game, moves) for moves in ([0], [1, 1], [2, 3, 2])])
    evaluate = RandomPlayouts(game, seed=7)
    together = evaluate(observe(game, positions))[1]
    alone = np.concatenate([evaluate(observe(game, one[None]))[1] for one in positions])
    np.testing.assert_array_equal(together, alone)


def test_plain_search_finds_the_move_that_wins_in_three() -> None:
    # Two open ends in the bottom row: column b or e makes four next time, whatever is done.
    game = connect_four(6, 7)
    position = position_after(game, [2, 2, 3, 3])
    settings = SearchSettings(rule="uct", simulations=600, exploration=1.4, prove=False)
    trace = search(game, position[None], RandomPlayouts(game), settings)[0]
    assert choose_action(trace) in (1, 4)


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="at least 1 play-out, and a seed from 0 on; got 0 and seed 0"):
        RandomPlayouts(TIC_TAC_TOE, playouts=0)

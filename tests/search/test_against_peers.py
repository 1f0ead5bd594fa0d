"""The search makes the trees that OpenSpiel's and mctx's searches make, with the same evaluations.

What differs: OpenSpiel's first simulation evaluates the root (ours is not counted), its Q of what was not tried is 0,
its exploration does not grow, and ties are broken at random; all that is set alike here. It also selects what ends a
game by the outcome alone, without exploration: so positions are taken where that does not matter. mctx maps Q to the
node's own range (set alike), goes on behind the end of a game, and masks illegal actions at the root alone: so a game
is taken that has neither.
"""

import numpy as np
import pytest

from envs.games import TIC_TAC_TOE, connect_four
from tests.search.endless import Endless
from workbench.search import SearchSettings, TableEvaluator, improved_policy, play_line, rebuild, search, view_node
from workbench.search.games import describe, observe
from workbench.search.imports import from_mctx, from_open_spiel

FOUR, ENDLESS = connect_four(6, 7), Endless()


def _open_spiel_tree(game, name, moves, evaluate, simulations, exploration):
    pyspiel = pytest.importorskip("pyspiel", reason="OpenSpiel is not installed")
    from open_spiel.python.algorithms import mcts

    class Evaluator(mcts.Evaluator):
        def _ask(self, state):
            position = play_line(game, game.start(), state.history())
            logits, values = evaluate(observe(game, position[None]))
            return position, logits[0].astype(np.float64), float(values[0])

        def evaluate(self, state):
            value = self._ask(state)[2]
            return np.array([value, -value] if state.current_player() == 0 else [-value, value])

        def prior(self, state):
            position, logits, _ = self._ask(state)
            legal = np.flatnonzero(describe(game, position[None])["legal"][0])
            weights = np.exp(logits[legal] - logits[legal].max())
            return list(zip(legal.tolist(), (weights / weights.sum()).astype(np.float32).tolist(), strict=True))

    there = pyspiel.load_game(name)
    state = there.new_initial_state()
    for move in moves:
        state.apply_action(move)
    bot = mcts.MCTSBot(
        there, exploration, simulations + 1, Evaluator(), solve=False, random_state=np.random.RandomState(0),
        child_selection_fn=mcts.SearchNode.puct_value,
    )  # fmt: skip
    return bot.mcts_search(state)


@pytest.mark.parametrize(
    ("game", "name", "moves"),
    [
        (TIC_TAC_TOE, "tic_tac_toe", ()),
        (TIC_TAC_TOE, "tic_tac_toe", (4, 0)),
        (FOUR, "connect_four", ()),
        (FOUR, "connect_four", (1, 2, 3, 4)),
    ],
)
def test_open_spiel_makes_the_same_tree(game, name, moves):
    evaluate = TableEvaluator(game.actions, seed=5)
    root = _open_spiel_tree(game, name, moves, evaluate, 200, 1.5)
    chosen = SearchSettings(simulations=200, exploration=1.5, exploration_base=None, first_play="zero", prove=False)
    trace = search(game, play_line(game, game.start(), moves)[None], evaluate, chosen)[0]
    theirs = from_open_spiel(root, game=game.name)
    _same_tree(trace, theirs, exact=True)
    assert "the order of the simulations" in theirs.absent
    assert view_node(theirs).visits.sum() == 200


def _same_tree(ours, theirs, *, exact: bool) -> None:
    """Every edge that has visits in one has as many in the other, and the same mean."""
    mine, yours = rebuild(ours), rebuild(theirs)
    pairs = [(0, 0)]
    seen = 0
    while pairs:
        one, other = pairs.pop()
        left = {int(ours.edge_action[e]): e for e in range(*ours.edges_of(one).indices(10**9))}
        right = {int(theirs.edge_action[e]): e for e in range(*theirs.edges_of(other).indices(10**9))}
        for action, edge in left.items():
            counterpart = right.get(action)
            visits = int(mine.visits[edge])
            assert (int(yours.visits[counterpart]) if counterpart is not None else 0) == visits
            if visits:
                seen += 1
                assert yours.q[counterpart] == pytest.approx(mine.q[edge], abs=1e-9 if exact else 1e-5)
                if yours.child[counterpart] >= 0:
                    pairs.append((int(mine.child[edge]), int(yours.child[counterpart])))
    assert seen > 20


def _mctx_search(position, evaluate, simulations, *, gumbel, key):
    mctx = pytest.importorskip("mctx", reason="mctx is not installed")
    import jax
    import jax.numpy as jnp

    A = ENDLESS.actions

    def step(positions, actions):
        before = np.ascontiguousarray(np.asarray(positions)).view(np.uint64).reshape(-1, 2)
        B = len(before)
        after, legal = np.zeros_like(before), np.zeros((B, A), bool)
        ended, outcome, player = np.zeros(B, np.uint8), np.zeros(B, np.float32), np.zeros(B, np.int8)
        ENDLESS.play(before, np.asarray(actions).astype(np.int16), after, legal, ended, outcome, player)
        logits, values = evaluate(observe(ENDLESS, after))
        return after.view(np.uint32).reshape(B, 4), logits, values

    def recurrent(_parameters, _key, action, embedding):
        B = action.shape[0]
        shapes = (
            jax.ShapeDtypeStruct((B, 4), jnp.uint32), jax.ShapeDtypeStruct((B, A), jnp.float32),
            jax.ShapeDtypeStruct((B,), jnp.float32),
        )  # fmt: skip
        after, logits, value = jax.pure_callback(step, shapes, embedding, action)
        output = mctx.RecurrentFnOutput(reward=jnp.zeros(B), discount=-jnp.ones(B), prior_logits=logits, value=value)
        return output, after

    logits, values = evaluate(observe(ENDLESS, position[None]))
    root = mctx.RootFnOutput(
        prior_logits=jnp.asarray(logits), value=jnp.asarray(values),
        embedding=jnp.asarray(position[None].view(np.uint32).reshape(1, 4)),
    )  # fmt: skip
    if gumbel:
        return mctx.gumbel_muzero_policy((), jax.random.PRNGKey(key), root, recurrent, simulations)
    return mctx.muzero_policy((), jax.random.PRNGKey(key), root, recurrent, simulations, dirichlet_fraction=0.0)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.torture)])
def test_mctx_makes_the_same_tree(seed):
    evaluate, position = TableEvaluator(6, seed=seed, spread=0.5), ENDLESS.start()
    output = _mctx_search(position, evaluate, 150, gumbel=False, key=0)
    chosen = SearchSettings(simulations=150, value_scale="siblings", prove=False)
    trace = search(ENDLESS, position[None], evaluate, chosen)[0]
    theirs = from_mctx(output.search_tree, game="endless")
    _same_tree(trace, theirs, exact=False)
    assert not theirs.replayable
    assert np.array_equal(theirs.player, trace.player)


@pytest.mark.torture
@pytest.mark.parametrize("key", [0, *(pytest.param(key, marks=pytest.mark.torture) for key in (1, 2))])
def test_mctx_makes_the_same_gumbel_search(key):
    evaluate, position = TableEvaluator(6, seed=4, spread=0.5), ENDLESS.start()
    output = _mctx_search(position, evaluate, 100, gumbel=True, key=key)
    noise = np.asarray(output.search_tree.extra_data.root_gumbel)[0].astype(np.float64)
    chosen = SearchSettings(simulations=100, rule="gumbel", prove=False)
    trace = search(ENDLESS, position[None], evaluate, chosen, root_noise=[noise])[0]
    _same_tree(trace, from_mctx(output.search_tree, game="endless"), exact=False)
    assert improved_policy(trace, 6) == pytest.approx(np.asarray(output.action_weights)[0], abs=1e-4)

"""A node of a search can be gone back to, and the environment stays where it is."""

import gymnasium
import numpy as np
import pytest

from tests.search.environments.worlds import Coin, Tangle
from workbench.errors import WorkbenchError
from workbench.search import audit
from workbench.search.environments import (
    EpisodeLog,
    KeptNodes,
    environment_at,
    environment_settings,
    frame_at,
    open_snapshots,
    search_environment,
)
from workbench.search.packing import TraceRoom, pack_trace, search_facts, unpack_trace

UCT = environment_settings(rule="uct", simulations=40)


def _searched(env, **given):
    env.reset(seed=0)
    env.step(1)
    return env, search_environment(env, None, UCT, seed=0, **given)


@pytest.mark.parametrize("way", ["copy", "replay"])
def test_a_node_is_reached_by_its_actions(way):
    env, trace = _searched(EpisodeLog(Tangle()))
    place, snapshots = env.unwrapped.place, open_snapshots(env, ways=(way,))
    for node in (0, 5, trace.nodes - 1):
        other, _ = _searched(Tangle())
        for action in trace.moves(node):
            seen = other.step(action)[0]
        with environment_at(trace, env, node, snapshots=snapshots) as visit:
            assert visit.environment.place == other.place
            assert visit.exact
            assert visit.draws == 0
            assert node == 0 or np.array_equal(visit.observation, seen)
        assert env.unwrapped.place == place


def test_an_outcome_of_chance_is_drawn_until_it_comes():
    env, trace = _searched(gymnasium.make("FrozenLake-v1"))
    s = env.unwrapped.s
    for node in range(1, trace.nodes, 7):
        with environment_at(trace, env, node) as visit:
            assert int(visit.environment.s) == int(trace.position[node, 0])
            assert not visit.exact
    assert env.unwrapped.s == s


def test_a_recorded_trace_leads_back_where_nothing_was_chance():
    room = TraceRoom(simulations=40, actions=4, words=0, rewards=True)
    for make in (Tangle, lambda: gymnasium.make("FrozenLake-v1")):
        env, trace = _searched(make())
        facts = search_facts(trace.game, trace.settings, trace.fingerprint, room)
        again = unpack_trace(pack_trace(trace, room), facts, chosen=-1)
        assert audit(again).divergence is None
        assert np.array_equal(again.value, trace.value)
        assert np.array_equal(again.reward, trace.reward)
        if make is Tangle:
            with environment_at(again, env, 7) as visit:
                assert visit.exact
        else:
            with pytest.raises(WorkbenchError, match="was chance"), environment_at(again, env, 7):
                pass


def test_what_was_kept_is_gone_to_at_once():
    kept = KeptNodes()
    env, trace = _searched(Coin(rounds=5), kept=kept)
    node = int(np.flatnonzero(trace.terminal)[0]) if trace.terminal.any() else trace.nodes - 1
    with environment_at(trace, env, node, kept=kept) as visit:
        assert visit.environment.time == 1 + len(trace.moves(node))
        assert visit.exact
    assert env.time == 1


def test_another_state_than_the_one_searched_is_noticed():
    env, trace = _searched(Tangle())
    env.step(2)
    with (
        pytest.raises(WorkbenchError, match="bring it into the state that was searched"),
        environment_at(trace, env, trace.nodes - 1),
    ):
        pass
    with pytest.raises(WorkbenchError, match="has nodes 0 to 40"), environment_at(trace, env, 99):
        pass


def test_a_node_has_a_picture():
    pytest.importorskip("pygame", reason="CartPole is drawn by pygame")
    env, trace = _searched(gymnasium.make("CartPole-v1", render_mode="rgb_array"))
    before, state = env.render(), env.unwrapped.state
    deep = max(range(trace.nodes), key=lambda node: len(trace.path(node)))
    for ways in (("adapter",), ("copy",)):
        snapshots = open_snapshots(env, ways=ways)
        assert np.array_equal(frame_at(trace, env, 0, snapshots=snapshots), before)
        picture = frame_at(trace, env, deep, snapshots=snapshots)
        assert picture.shape == before.shape
        assert not np.array_equal(picture, before)
        assert env.unwrapped.state is state
    plain, trace = _searched(gymnasium.make("CartPole-v1"))
    with pytest.raises(WorkbenchError, match='render_mode="rgb_array"'):
        frame_at(trace, plain, 0)

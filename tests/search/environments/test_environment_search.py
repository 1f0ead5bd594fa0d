"""The search in environments does what its rule says, finds what is there to be found, and sees no future."""

import dataclasses
import math
import re

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import DelayObservation, DiscretizeAction, FrameStackObservation, TimeLimit, TransformAction

from tests.search.environments.plain import PlainNode, plain_search
from tests.search.environments.worlds import Coin, Corridor, Masked, Remembering, Tangle, generator_states
from workbench.errors import WorkbenchError
from workbench.progress import Cancelled
from workbench.search import (
    SearchSettings,
    TableEvaluator,
    audit,
    choose_action,
    improved_policy,
    rebuild,
    view_node,
    visit_policy,
)
from workbench.search.environments import (
    EpisodeLog,
    KeptNodes,
    Rollout,
    environment_actions,
    environment_settings,
    open_snapshots,
    search_environment,
)

UCT = {"rule": "uct", "exploration": 1.0}
WAYS = ("own", "adapter", "copy", "replay")


def _begun(env, seed=0):
    observation, _ = env.reset(seed=seed)
    return env, observation


def _best(trace):
    """The largest Q at the root."""
    return float(np.nanmax(view_node(trace).q))


# Known plans


@pytest.mark.parametrize("rule", ["uct", "puct"])
def test_the_longer_way_with_the_larger_reward_is_found(rule):
    env, _ = _begun(Corridor(5))
    chosen = environment_settings(rule=rule, simulations=400, discount=0.9)
    trace = search_environment(env, None, chosen, seed=1, rollout=Rollout(depth=20))
    assert choose_action(trace) == 1
    if rule == "uct":
        # 10 after five steps, the first of them undiscounted.
        assert _best(trace) == pytest.approx(10 * 0.9**4, rel=0.15)
    assert audit(trace).divergence is None
    assert env.place == env.time == 0


def test_an_impatient_search_takes_what_is_near():
    env, _ = _begun(Corridor(5))
    trace = search_environment(env, None, environment_settings(**UCT, simulations=300, discount=0.5), seed=1)
    assert choose_action(trace) == 0
    assert view_node(trace).q[0] == 1.0


def _solve(transitions, discount, steps):
    """Value iteration: what can be had in so many steps."""
    V = np.zeros(len(transitions))
    for _ in range(steps):
        V = np.array(
            [
                max(
                    sum(p * (r + discount * V[s] * (not ended)) for p, s, r, ended in outcomes)
                    for outcomes in row.values()
                )
                for row in transitions.values()
            ]
        )
    return V


def test_frozen_lake_without_slipping_is_walked_the_shortest_way():
    env, _ = _begun(gymnasium.make("FrozenLake-v1", is_slippery=False))
    chosen, snapshots = environment_settings(**UCT, simulations=4000, discount=0.9), open_snapshots(env)
    assert snapshots.way.name == "adapter"
    steps = 0
    while True:
        trace = search_environment(env, None, chosen, seed=steps, snapshots=snapshots)
        _, reward, terminated, truncated, _ = env.step(choose_action(trace))
        steps += 1
        if terminated or truncated:
            break
    assert (steps, reward) == (6, 1)


def test_the_root_of_a_slippery_lake_comes_to_the_value_of_value_iteration():
    lake = {"desc": ["SFF", "FHF", "FFG"], "success_rate": 0.8, "max_episode_steps": 5}
    env, _ = _begun(gymnasium.make("FrozenLake-v1", **lake))
    V = _solve(env.unwrapped.P, 0.9, 5)
    chosen = environment_settings(rule="uct", exploration=0.3, simulations=300, discount=0.9)
    few = search_environment(env, None, chosen, seed=3)
    many = search_environment(env, None, dataclasses.replace(chosen, simulations=12_000), seed=3)
    assert abs(_best(many) - V[0]) < min(0.05, abs(_best(few) - V[0]))
    assert audit(many).divergence is None
    # Some edge of the root led to each of its outcomes, about as often as the table says.
    state, children = rebuild(many), np.flatnonzero(many.parent == 0)
    outcomes = {}
    for child in children:
        outcomes.setdefault(int(many.action[child]), {})[int(many.position[child, 0])] = int(state.node_visits[child])
    for action, reached in outcomes.items():
        expected = {}
        for p, s, _, _ in env.unwrapped.P[0][action]:
            expected[s] = expected.get(s, 0) + p
        total = sum(reached.values())
        assert set(reached) == set(expected)
        for s, often in reached.items():
            assert abs(often / total - expected[s]) < 5 * math.sqrt(0.25 / total) + 4 / total


@pytest.mark.parametrize("seed", [0, 1])
def test_uct_keeps_the_pole_up(seed):
    env, _ = _begun(gymnasium.make("CartPole-v1"), seed)
    chosen, snapshots = environment_settings(**UCT, simulations=16), open_snapshots(env)
    for step in range(200):
        trace = search_environment(env, None, chosen, seed=step, rollout=Rollout(depth=20), snapshots=snapshots)
        _, _, terminated, truncated, _ = env.step(choose_action(trace))
        assert not terminated
        assert not truncated


def test_blackjack_is_planned_without_seeing_the_card_that_lies_face_down():
    env, _ = _begun(gymnasium.make("Blackjack-v1"))
    bare = env.unwrapped
    values = {}
    for hidden in (10, 6):
        # 16 against a 10: with the hidden 10 the dealer stands on 20, with the hidden 6 draws to 16.
        bare.player, bare.dealer = [10, 6], [10, hidden]
        chosen = environment_settings(**UCT, simulations=4000, discount=1.0)
        trace = search_environment(env, None, chosen, seed=1)
        values[hidden] = view_node(trace).q
        assert "cannot see" in trace.facts["chance"]
        assert (bare.player, bare.dealer) == ([10, 6], [10, hidden])
    # The player loses by sticking on 16 unless the dealer goes bust: P(bust | 10) = 0.21, Q = −0.58.
    assert values[10][0] == pytest.approx(values[6][0], abs=0.06)
    assert values[10][0] == pytest.approx(-0.58, abs=0.06)


# No clairvoyance


@pytest.mark.parametrize(
    ("source", "way"),
    [
        *((source, "copy") for source in ("own", "numpy", "python", "drawer", "common")),
        *((source, "replay") for source in ("own", "drawer")),
    ],
)
def test_a_coin_of_the_future_is_not_foreseen(source, way):
    env, _ = _begun(EpisodeLog(Coin(source, rounds=400)))
    chosen, right = environment_settings(**UCT, simulations=6, discount=0.5), 0
    snapshots = open_snapshots(env, ways=(way,))
    guesses = 60 if way == "copy" else 24
    for guess in range(guesses):
        trace = search_environment(env, None, chosen, seed=guess, rollout=Rollout(depth=2), snapshots=snapshots)
        right += env.step(choose_action(trace))[1] > 0
    assert abs(right - guesses / 2) < 3.5 * math.sqrt(guesses) / 2
    assert trace.facts["chance"].startswith(("2 of", "3 of", "4 of", "5 of", "6 of", "7 of", "8 of"))


def test_both_outcomes_of_a_coin_are_in_the_tree():
    env, _ = _begun(Coin(rounds=2))
    trace = search_environment(env, None, environment_settings(**UCT, simulations=200, discount=1.0), seed=0)
    assert len(set(trace.reward[trace.parent == 0])) == 2
    assert view_node(trace).q == pytest.approx([0, 0], abs=0.35)
    assert audit(trace).divergence is None


def test_widening_bounds_the_outcomes_of_an_edge():
    class Continuous(Coin):
        def seen(self):
            return np.array([self.np_random.normal(), self.time], np.float32)

    env, _ = _begun(Continuous(rounds=10))
    chosen = environment_settings(**UCT, simulations=300)
    for widening, deepest in ((None, 3), (0.5, 4)):
        trace = search_environment(env, None, chosen, seed=0, widening=widening)
        depth = max(len(trace.path(node)) - 1 for node in range(trace.nodes))
        at_root = np.bincount(trace.action[trace.parent == 0])
        if widening is None:
            assert depth <= deepest
            assert at_root.sum() > 250
        else:
            assert depth >= deepest
            assert (at_root <= np.ceil(np.sqrt(view_node(trace).visits))).all()
        assert audit(trace).divergence is None


# The real environment


def _record(env, observation, steps, search):
    random = np.random.default_rng(5)
    seen = []
    for step in range(steps):
        if search:
            search(env, observation, step)
        observation, reward, terminated, truncated, info = env.step(int(random.integers(env.action_space.n)))
        seen.append((np.asarray(observation).tobytes(), float(reward), terminated, truncated, str(info)))
        if terminated or truncated:
            observation, _ = env.reset()
    return seen, str(generator_states(env))


@pytest.mark.parametrize(
    ("make", "ways"),
    [
        (lambda: gymnasium.make("CartPole-v1", max_episode_steps=9), ("adapter", "copy", "replay")),
        (lambda: gymnasium.make("FrozenLake-v1"), ("adapter", "copy", "replay")),
        (lambda: gymnasium.make("Taxi-v4", fickle_passenger=True), ("adapter",)),
        (lambda: gymnasium.make("Blackjack-v1"), ("adapter", "replay")),
        (lambda: Remembering(), ("own", "copy")),
        (lambda: Coin("drawer", rounds=6), ("copy",)),
        (lambda: FrameStackObservation(TimeLimit(Tangle(), 7), 2), ("copy", "replay")),
        (lambda: FrameStackObservation(TimeLimit(Remembering(), 7), 2), ("own",)),
    ],
    ids=["CartPole", "FrozenLake", "Taxi", "Blackjack", "own", "drawer", "stack", "own-stack"],
)
def test_the_environment_goes_on_as_if_it_had_not_been_searched(make, ways):
    plain = _record(*_begun(EpisodeLog(make()), 3), 14, None)
    for way in ways:
        env, observation = _begun(EpisodeLog(make()), 3)
        np.random.seed(1)
        before = np.random.get_state()[1].tolist()

        def search(env, observation, step, way=way):
            trace = search_environment(
                env,
                None,
                environment_settings(**UCT, simulations=6),
                seed=step,
                rollout=Rollout(depth=4),
                snapshots=open_snapshots(env, ways=(way,)),
            )
            assert audit(trace).divergence is None

        assert _record(env, observation, 14, search) == plain, way
        assert np.random.get_state()[1].tolist() == before


def test_a_search_that_is_stopped_leaves_the_environment_where_it_was():
    class Stop:
        def update(self, done, total, message=""):
            if done:
                raise Cancelled

        def close(self):
            pass

    env, _ = _begun(gymnasium.make("CartPole-v1"))
    state, elapsed = env.unwrapped.state, env.get_wrapper_attr("_elapsed_steps")
    with pytest.raises(Cancelled):
        search_environment(env, None, environment_settings(**UCT), seed=0, progress=Stop())
    assert env.unwrapped.state is state
    assert env.get_wrapper_attr("_elapsed_steps") == elapsed


# The same search, however states are saved, and as a plain one


def _same_below(plain: PlainNode, trace, state, node: int) -> None:
    edges = trace.edges_of(node)
    assert trace.value[node] == plain.value
    assert trace.reward[node] == plain.reward
    assert bool(trace.terminal[node]) == plain.ended
    for place in range(edges.start, edges.stop):
        action = int(trace.edge_action[place])
        assert state.visits[place] == plain.N[action]
        assert state.value_sum[place] == plain.W[action]
        assert trace.prior[place] == np.float32(plain.prior[action])
        if state.child[place] >= 0:
            _same_below(plain.children[action], trace, state, int(state.child[place]))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "rules",
    [
        {"rule": "puct", "value_scale": "none"},
        {"rule": "puct", "value_scale": "tree", "discount": 0.9},
        {"rule": "uct", "value_scale": "tree", "discount": 0.9, "exploration": 0.7},
        {"rule": "uct", "value_scale": "none", "exploration": 3.0},
    ],
    ids=str,
)
def test_visits_and_values_are_those_of_a_plain_search(rules, seed):
    env, observation = _begun(TimeLimit(Tangle(seed), 6))
    evaluate = TableEvaluator(3, seed=seed)
    chosen = environment_settings(simulations=150, **rules)
    plain = plain_search(env, observation, evaluate, chosen)
    trace = search_environment(env, evaluate, chosen, seed=0, observation=observation)
    _same_below(plain, trace, rebuild(trace), 0)
    assert audit(trace).divergence is None
    assert trace.terminal.any()


def test_every_way_of_saving_gives_the_same_search():
    chosen = environment_settings(**UCT, simulations=60)
    for make, ways in (
        (lambda: gymnasium.make("CartPole-v1"), ("adapter", "copy", "replay")),
        (lambda: Remembering(2), ("own", "copy", "replay")),
        (lambda: gymnasium.make("FrozenLake-v1"), ("copy", "replay")),
    ):
        env, _ = _begun(EpisodeLog(make()))
        env.step(1)
        traces = [
            search_environment(env, None, chosen, seed=4, snapshots=open_snapshots(env, ways=(way,))) for way in ways
        ]
        for other in traces[1:]:
            assert np.array_equal(traces[0].leaf, other.leaf)
            assert np.array_equal(traces[0].value, other.value)
            assert np.array_equal(traces[0].position, other.position)


@pytest.mark.parametrize(
    "rules",
    [
        {"rule": "gumbel"},
        {"rule": "gumbel", "considered": 2, "wave": 3},
        {"noise": 0.25},
        {"wave": 8},
        {"value_scale": "siblings", "first_play": "zero"},
        {"value_scale": "tree", "first_play": "reduced", "wave": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("world", ["tangle", "coin", "lake"])
def test_every_selection_is_the_rules_own(rules, world):
    make = {"tangle": Tangle, "coin": Coin, "lake": lambda: gymnasium.make("FrozenLake-v1")}[world]
    env, observation = _begun(make())
    for guide in (None, TableEvaluator(int(env.action_space.n))):
        trace = search_environment(
            env,
            guide,
            environment_settings(simulations=80, **rules),
            seed=2,
            observation=np.array([observation]).ravel(),
        )
        found = audit(trace)
        assert found.divergence is None
        assert found.selections >= 80
        assert rebuild(trace, 40).visits[trace.edges_of(0)].sum() == 40
        assert visit_policy(trace, int(env.action_space.n)).sum() == pytest.approx(1)
        assert improved_policy(trace, int(env.action_space.n)).sum() == pytest.approx(1)


def test_a_seed_decides_everything():
    env, _ = _begun(gymnasium.make("FrozenLake-v1"))
    chosen = environment_settings(**UCT, simulations=100)
    one, same, other = (search_environment(env, None, chosen, seed=seed) for seed in (1, 1, 2))
    np.random.seed(3)
    assert np.array_equal(one.leaf, same.leaf)
    assert np.array_equal(one.value, same.value)
    assert not np.array_equal(one.value, other.value)


# Limits, wrappers, masks


def test_a_step_limit_ends_a_branch_with_the_guides_value_or_none():
    env, observation = _begun(TimeLimit(Tangle(), 3))

    def evaluate(observations):
        return np.zeros((len(observations), 3), np.float32), np.full(len(observations), 5.0, np.float32)

    chosen = environment_settings(simulations=100, discount=1.0)
    guided = search_environment(env, evaluate, chosen, seed=0, observation=observation)
    depth = np.array([len(guided.path(node)) - 1 for node in range(guided.nodes)])
    at_limit = guided.terminal & (depth == 3)
    assert depth.max() == 3
    assert at_limit.sum() > 5
    terminated = np.array([env.unwrapped.place == 11] * guided.nodes)
    assert not terminated.any()
    assert set(guided.value[at_limit]) <= {5.0, 0.0}
    assert 5.0 in guided.value[at_limit]
    alone = search_environment(env, None, chosen, seed=0)
    assert (alone.value[alone.terminal] == 0).all()
    assert env.get_wrapper_attr("_elapsed_steps") == 0


def test_the_steps_before_count_toward_the_limit():
    env, _ = _begun(gymnasium.make("CartPole-v1", max_episode_steps=10))
    for action in (0, 1, 0, 1, 0, 1, 0):
        env.step(action)
    trace = search_environment(env, None, environment_settings(**UCT, simulations=60, discount=1.0), seed=0)
    assert max(len(trace.path(node)) - 1 for node in range(trace.nodes)) == 3
    assert _best(trace) == 3.0


def test_continuous_actions_are_searched_when_they_are_made_discrete():
    env, _ = _begun(DiscretizeAction(gymnasium.make("Pendulum-v1"), 5))
    snapshots = open_snapshots(env)
    assert snapshots.way.name == "adapter"
    trace = search_environment(
        env, None, environment_settings(**UCT, simulations=80), seed=0, snapshots=snapshots, rollout=Rollout(depth=15)
    )
    assert audit(trace).divergence is None
    assert trace.facts["chance"].startswith("none")


def test_wrappers_that_do_something_belong_to_the_state():
    env, _ = _begun(DelayObservation(TransformAction(gymnasium.make("CartPole-v1"), lambda a: 1 - a, None), 2))
    env.step(0)
    trace = search_environment(env, None, environment_settings(**UCT, simulations=30), seed=0)
    assert trace.facts["chance"].startswith("none")
    plain, _ = _begun(DelayObservation(TransformAction(gymnasium.make("CartPole-v1"), lambda a: 1 - a, None), 2))
    plain.step(0)
    for action in (0, 1, 1):
        assert np.array_equal(env.step(action)[0], plain.step(action)[0])


def test_only_legal_actions_are_tried():
    env, _ = _begun(Masked())
    trace = search_environment(env, None, environment_settings(**UCT, simulations=100), seed=0)
    assert view_node(trace).action.tolist() == [1, 2]
    assert (np.diff(trace.first_edge)[~trace.terminal] == 2).all()
    assert audit(trace).divergence is None


class Many(Tangle):
    """Forty actions, of which most do the same."""

    def __init__(self):
        super().__init__()
        self.action_space = gymnasium.spaces.Discrete(40)

    def step(self, action):
        return super().step(action % 3)


class Shifted(Corridor):
    """Its actions have numbers from 5 on."""

    def __init__(self):
        super().__init__()
        self.action_space = gymnasium.spaces.Discrete(2, start=5)

    def step(self, action):
        assert action in (5, 6)
        return super().step(action - 5)


def test_actions_that_begin_elsewhere_are_counted_from_zero():
    env, _ = _begun(Shifted())
    trace = search_environment(env, None, environment_settings(**UCT, simulations=300, discount=0.9), seed=0)
    assert choose_action(trace) == 1
    assert environment_actions(trace, [1]) == [6]


@pytest.mark.parametrize("wave", [1, 4])
def test_an_observation_that_is_changed_in_place_is_seen_as_it_was(wave):
    class Buffer(Tangle):
        buffer = np.zeros(2, np.float32)

        def seen(self):
            self.buffer[:] = super().seen()
            return self.buffer

    chosen, traces = environment_settings(simulations=60, wave=wave), []
    for make in (Tangle, Buffer):
        env, observation = _begun(make())
        given = {"seed": 0, "observation": observation.copy()}
        traces.append(search_environment(env, TableEvaluator(3), chosen, **given))
    assert np.array_equal(traces[0].value, traces[1].value)
    assert np.array_equal(traces[0].leaf, traces[1].leaf)


def test_a_log_around_it_tells_the_present_observation():
    env, _ = _begun(EpisodeLog(Tangle()))
    env.step(1)
    trace = search_environment(env, TableEvaluator(3), environment_settings(simulations=20), seed=0)
    assert audit(trace).divergence is None


def test_the_pages_examples_run(checkout, tmp_path, monkeypatch, capsys):
    pytest.importorskip("pygame", reason="CartPole is drawn by pygame")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agents").symlink_to(checkout / "agents")
    told, page = {}, (checkout / "docs" / "search-environments.md").read_text()
    for example in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S):
        exec(example, told)
    said = capsys.readouterr().out.splitlines()
    assert said[2] == "None"
    assert said[-1].startswith("12 [")
    assert sorted(told["pictures"]) == [0, 5, 12]


# Bad input


def _tangle():
    return _begun(Tangle())[0]


@pytest.mark.parametrize(
    ("make", "given", "sentence"),
    [
        (lambda: _begun(gymnasium.make("Pendulum-v1"))[0], {}, "needs discrete actions.*DiscretizeAction"),
        (lambda: gymnasium.make("CartPole-v1"), {}, "call reset first"),
        (lambda: gymnasium.make("Acrobot-v1").unwrapped, {}, "call reset first"),
        (lambda: gymnasium.make_vec("CartPole-v1", 2), {}, "needs one gymnasium environment"),
        (lambda: _begun(Many())[0], {"settings": "long"}, "more than 33,554,432 edges"),
        (lambda: _over(gymnasium.make("CartPole-v1")), {}, "is over"),
        (lambda: _over(gymnasium.make("CartPole-v1", max_episode_steps=2)), {}, "is over"),
        (lambda: _over(gymnasium.make("FrozenLake-v1")), {}, "is over"),
        (lambda: _over(EpisodeLog(Corridor(2))), {}, "is over"),
        (lambda: _tangle(), {"settings": "games"}, "prove=False"),
        (lambda: _tangle(), {"widening": 0.0}, "widening is an exponent"),
        (lambda: _tangle(), {"seed": -1}, "must be 0 or more"),
        (lambda: _tangle(), {"guide": TableEvaluator(3)}, "needs the present observation"),
        (lambda: _tangle(), {"guide": 3}, "guided by a policy"),
        (lambda: _tangle(), {"guide": TableEvaluator(4), "observation": np.zeros(2)}, r"logits \[1, 3\]"),
        (lambda: _tangle(), {"guide": "nan", "observation": np.zeros(2)}, "not a number for the observation"),
        (lambda: _tangle(), {"legal": np.zeros(3, bool)}, "must allow at least one"),
        (lambda: _tangle(), {"snapshots": "other"}, "of another environment"),
    ],
)
def test_what_cannot_be_searched_is_a_sentence(make, given, sentence):
    env = make()
    given = {"seed": 0, **given}
    if given.get("settings") is not None:
        long = given["settings"] == "long"
        given["settings"] = (
            environment_settings(simulations=1_000_000, considered=1) if long else SearchSettings(simulations=10)
        )
    if given.get("guide") == "nan":
        given["guide"] = lambda seen: (np.full((len(seen), 3), np.nan, np.float32), np.zeros(len(seen), np.float32))
    if given.get("snapshots") == "other":
        given["snapshots"] = open_snapshots(_tangle())
    with pytest.raises(WorkbenchError, match=sentence):
        search_environment(env, given.pop("guide", None), given.pop("settings", None), **given)


def _over(env):
    env.reset(seed=0)
    while True:
        _, _, terminated, truncated, _ = env.step(0)
        if terminated or truncated:
            return env


@pytest.mark.parametrize("budget", [0, 1])
def test_a_budget_of_nothing_is_refused(budget):
    with pytest.raises(WorkbenchError, match="needs 2 to"):
        environment_settings(simulations=budget)


def test_a_reward_that_is_no_number_is_named():
    class Broken(Tangle):
        def step(self, action):
            seen, _, *rest = super().step(action)
            return seen, float("nan"), *rest

    env, _ = _begun(Broken())
    with pytest.raises(WorkbenchError, match="reward nan"):
        search_environment(env, None, environment_settings(**UCT), seed=0)


def test_a_game_for_two_is_left_to_the_search_of_games():
    from envs.games import TIC_TAC_TOE

    env, _ = _begun(Tangle())
    env.game = TIC_TAC_TOE
    with pytest.raises(WorkbenchError, match=r"workbench\.search\.search"):
        search_environment(env, None, seed=0)


def test_snapshots_of_nodes_are_kept_for_a_viewer():
    env, _ = _begun(Tangle())
    kept = KeptNodes()
    trace = search_environment(env, None, environment_settings(**UCT, simulations=40), seed=0, kept=kept)
    assert set(kept.snapshots) == set(range(trace.nodes))

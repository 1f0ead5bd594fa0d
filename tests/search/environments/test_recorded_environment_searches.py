"""Searches in environments are recorded beside the steps that they decided, and disturb nothing."""

import json
import random
from dataclasses import fields, replace

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import RecordEpisodeStatistics, TimeLimit

from tests.search.environments.planning_agents import Counting, continuous, untrained
from tests.search.environments.worlds import Anew, Clock, Coin, Masked, Tangle, generator_states
from tests.search.playing import Playing, searching_policy
from workbench.errors import WorkbenchError
from workbench.policies.types import EpisodeRandom
from workbench.recording import open_recording, record
from workbench.recording.searched import SearchedStep
from workbench.search import SearchSettings, audit, rebuild
from workbench.search.environments import EpisodeLog, environment_settings, search_environment
from workbench.search.environments.outcomes import digest, frozen
from workbench.search.history import principal_variation
from workbench.search.packing import TraceRoom, pack_trace, search_facts, unpack_trace
from workbench.search.policy import SearchPolicy

LAKE = {"desc": ["SFF", "FHF", "FFG"]}
FEW = {"simulations": 12}


class Wind(Tangle):
    """Actions are numbered from 2 on, and some steps are a draw."""

    def __init__(self):
        super().__init__()
        self.action_space = spaces.Discrete(3, start=2)

    def step(self, action):
        assert 2 <= int(action) < 5
        blown = int(self.np_random.integers(3)) if self.place % 2 else int(action) - 2
        return super().step(blown)


class Gust(Tangle):
    """What is seen is blown about by an amount that never comes twice."""

    def __init__(self):
        super().__init__()
        self.blown = 0.0

    def reset(self, **options):
        self.blown = 0.0
        return super().reset(**options)

    def step(self, action):
        self.blown += float(self.np_random.normal())
        return super().step(action)

    def seen(self):
        return np.array([self.place, self.blown], np.float32)


def _alike(one, other):
    for entry in fields(one):
        first, second = getattr(one, entry.name), getattr(other, entry.name)
        if isinstance(first, np.ndarray):
            assert np.array_equal(first, second, equal_nan=first.dtype.kind == "f"), entry.name
        elif entry.name != "facts":
            assert first == second, entry.name


# What is known beforehand


def test_the_best_line_of_a_recorded_search_walks_over_the_frozen_lake(tmp_path):
    env = gymnasium.make("FrozenLake-v1", is_slippery=False, **LAKE)
    settings = environment_settings(rule="uct", exploration=1.0, simulations=300, discount=0.9)
    made = record(
        untrained(env), "FrozenLake-v1", env_kwargs={"is_slippery": False, **LAKE}, out=tmp_path / "lake.zarr",
        episodes=1, search=settings, search_rollouts=30,
    )  # fmt: skip
    assert made.episode(0).length == 4
    assert made.episode(0).facts["return"] == 1
    trace = made.search_trace(0)
    node, reached = 0, []
    for action in principal_variation(trace):
        node = int(np.flatnonzero((trace.parent == node) & (trace.action == action))[0])
        reached.append(int(trace.position[node, 0]))
    assert len(reached) == 4
    assert reached[-1] == 8
    assert (trace.reward[node], bool(trace.terminal[node])) == (1, True)
    # The same from the recording alone.
    [(_, visit)] = SearchedStep(made, 0).look_at([node])
    assert visit.observation == 8
    assert visit.exact


def test_a_search_keeps_the_pole_up_longer_than_its_prior(tmp_path):
    env = gymnasium.make("CartPole-v1")
    chosen = environment_settings(rule="uct", exploration=1.0, simulations=16)
    alone = record(untrained(env), "CartPole-v1", out=tmp_path / "alone.zarr", episodes=4, deterministic=False)
    planned = record(
        untrained(env), "CartPole-v1", out=tmp_path / "planned.zarr", steps=80, environments=1, search=chosen,
        search_rollouts=20,
    )  # fmt: skip
    assert alone.episodes["length"].max() < 60
    assert planned.episodes["length"].tolist() == [80]
    assert not planned.steps["terminated"][:].any()


# The live environment


WORLDS = {
    "an adapter": lambda: gymnasium.make("CartPole-v1"),
    "an adapter that": lambda: gymnasium.make("FrozenLake-v1", **LAKE),
    "deep copies": lambda: TimeLimit(RecordEpisodeStatistics(Coin(rounds=6)), 5),
    "deep copies of": lambda: TimeLimit(Coin(source="common", rounds=6), 5),
    "playing the episode's actions": lambda: EpisodeLog(TimeLimit(Anew(), 5)),
}
"""By the beginning of how their states are saved."""


def _inside(env):
    """All plain attributes of an environment and its wrappers, as numbers and bytes."""
    layer, found = env, []
    while True:
        plain = int | float | str | tuple | list | np.ndarray | None
        found.append({name: value for name, value in vars(layer).items() if isinstance(value, plain)})
        if layer is env.unwrapped:
            return json.dumps(found, default=lambda value: (str(value.dtype), value.tobytes().hex()))
        layer = layer.env


@pytest.mark.parametrize(("way", "make"), list(WORLDS.items()))
@pytest.mark.parametrize("deterministic", [True, False])
def test_the_live_environment_is_not_disturbed(way, make, deterministic):
    env, twin = make(), make()
    policy = SearchPolicy(untrained(env), environment_settings(simulations=12))
    stream = EpisodeRandom(3)
    seen = [one.reset(seed=3)[0] for one in (env, twin)]
    for _ in range(4):
        random.seed(1)
        np.random.seed(1)
        before, generators = _inside(env), generator_states(env)
        common = random.getstate(), np.random.get_state()[1].tolist()
        choice = policy.act(np.stack([seen[0]]), deterministic=deterministic, random=[stream], environments=[env])
        assert _inside(env) == before
        assert generator_states(env) == generators
        assert (random.getstate(), np.random.get_state()[1].tolist()) == common
        stepped = []
        for one in (env, twin):
            np.random.seed(2)
            stepped.append(one.step(choice.actions[0]))
        (*first, _), (*second, _) = stepped
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        assert policy.last_traces[0].simulations == 12
        assert policy.last_traces[0].facts["snapshots"].startswith(way)
        seen = [first[0], second[0]]
        if first[2] or first[3]:
            break


def test_the_recorded_episode_is_what_an_environment_without_a_search_does(lake):
    for row in range(len(lake)):
        assert lake.replay(row).exact
    assert lake.verify().whole


# The recording


def _lake(out, **given):
    env = gymnasium.make("FrozenLake-v1", **LAKE)
    kept = {"episodes": 4, "environments": 2, "seed": 3, "deterministic": False, "search": FEW} | given
    return record(untrained(env), "FrozenLake-v1", env_kwargs=LAKE, out=out, **kept)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Four episodes on slippery ice, two side by side."""
    return _lake(tmp_path_factory.mktemp("lake") / "lake.zarr")


def test_every_step_has_the_search_that_decided_it(lake):
    made = lake
    facts = made.attributes["search"]
    assert facts["game"] == "FrozenLake-v1"
    assert facts["settings"]["discount"] == 0.99
    assert facts["settings"]["value_scale"] == "tree"
    assert facts["environment"]["snapshots"].startswith("an adapter")
    drawn = 0
    for row in range(len(made)):
        trace = made.search_trace(row)
        assert audit(trace).divergence is None
        assert trace.chosen == made.steps["action"][row]
        assert trace.fingerprint == made.attributes["policy"]["fingerprint"]
        assert trace.position[0, 0] == made.steps["observation"][row]
        assert trace.value.dtype == np.float64
        assert trace.value[0] == pytest.approx(made.steps["value"][row], abs=1e-6)
        assert trace.facts["kind"] == "environment"
        drawn += len(np.unique(trace.incoming()[1:])) < trace.nodes - 1
    # Some of them met chance.
    assert drawn > 5


def test_what_is_packed_is_unpacked_as_it_was_with_outcomes_of_chance():
    env = gymnasium.make("FrozenLake-v1", **LAKE)
    env.reset(seed=0)
    trace = replace(search_environment(env, None, environment_settings(rule="uct", simulations=60), seed=1), chosen=2)
    room = TraceRoom(simulations=60, actions=4, words=0, rewards=True, digests=True)
    told = {name: fact for name, fact in trace.facts.items() if name != "chance"}
    facts = json.loads(json.dumps(search_facts(trace.game, trace.settings, trace.fingerprint, room, told)))
    back = unpack_trace(pack_trace(trace, room), facts, chosen=2)
    _alike(trace, back)
    assert back.facts == told
    assert np.array_equal(rebuild(back).value_sum, rebuild(trace).value_sum)
    with pytest.raises(WorkbenchError, match="environment that was searched is damaged"):
        unpack_trace(pack_trace(trace, room), facts | {"environment": "x"}, chosen=2)


def test_who_is_beside_it_changes_nothing(tmp_path, lake):
    alone, beside = _lake(tmp_path / "1.zarr", environments=1), lake
    for number in range(4):
        one, other = alone.episode(number), beside.episode(number)
        assert one.column("action").tolist() == other.column("action").tolist()
        for first, second in zip(one.rows, other.rows, strict=True):
            _alike(alone.search_trace(int(first)), beside.search_trace(int(second)))


def test_a_recording_that_was_cut_off_goes_on_as_it_would_have(tmp_path, lake, monkeypatch):
    whole, act = lake, SearchPolicy.act
    acts = iter(range(7))
    monkeypatch.setattr(SearchPolicy, "act", lambda self, *seen, **given: (next(acts), act(self, *seen, **given))[1])
    with pytest.raises(StopIteration):
        _lake(tmp_path / "cut.zarr")
    monkeypatch.undo()
    assert len(open_recording(tmp_path / "cut.zarr")) == 14 < len(whole)
    with pytest.raises(WorkbenchError, match="how the agent searches must be as it was"):
        _lake(tmp_path / "cut.zarr", resume=True, search={"simulations": 13})
    resumed = _lake(tmp_path / "cut.zarr", resume=True)
    assert np.array_equal(whole.steps["action"][:], resumed.steps["action"][:])
    assert np.array_equal(whole.steps["observation"][:], resumed.steps["observation"][:])
    assert whole.attributes["search"] == resumed.attributes["search"]
    for row in range(len(whole)):
        _alike(whole.search_trace(row), resumed.search_trace(row))


def test_actions_may_be_numbered_from_elsewhere(tmp_path):
    made = record(
        untrained(Wind()), Wind, out=tmp_path / "wind.zarr", steps=6, environments=1, search={"simulations": 40}
    )
    assert made.steps["action"][:].min() >= 2
    for row in range(len(made)):
        trace = made.search_trace(row)
        assert trace.chosen == made.steps["action"][row] - 2
    step = SearchedStep(made, 1, Wind())
    nodes = list(range(step.trace.nodes))
    for node, visit in step.look_at(nodes):
        assert not isinstance(visit, str), visit
        assert visit.exact
        assert digest(frozen(visit.environment.seen())) == step.trace.position[node, 0]


def test_a_memory_is_taken_along(tmp_path):
    made = record(untrained(Tangle(), Counting), Tangle, out=tmp_path / "t.zarr", steps=6, environments=2, search=FEW)
    for row in range(len(made)):
        trace = made.search_trace(row)
        depths = [len(trace.path(node)) - 1 for node in range(trace.nodes)]
        assert np.array_equal(trace.value, np.where(trace.terminal, 0, made.steps["t"][row] + depths))
        assert made.state["steps"][row] == made.steps["t"][row] + 1


def test_what_is_illegal_is_not_searched(tmp_path):
    policy = untrained(Masked())
    policy.takes_action_masks = True
    made = record(policy, lambda: TimeLimit(Masked(), 6), out=tmp_path / "m.zarr", episodes=2, search=FEW)
    for row in range(len(made)):
        trace = made.search_trace(row)
        assert trace.edge_action[trace.edges_of(0)].tolist() == np.flatnonzero(made.steps["action_mask"][row]).tolist()


def test_settings_of_games_are_taken_without_proofs(tmp_path):
    chosen = SearchSettings(simulations=8)
    made = record(untrained(Tangle()), Tangle, out=tmp_path / "t.zarr", steps=2, search=chosen)
    assert made.search_trace(0).settings == replace(chosen, prove=False)


# Back to the nodes


def test_nodes_are_visited_from_the_recording_alone(lake):
    made = lake
    row = int(made.episode(1).rows[min(2, made.episode(1).length - 1)])
    step = SearchedStep(made, row)
    assert step.observation == made.steps["observation"][row]
    nodes = list(range(step.trace.nodes))[::-1]
    for node, visit in step.look_at(nodes):
        assert int(visit.environment.s) == visit.observation == int(step.trace.position[node, 0])
        assert visit.exact
    # A search that cannot be made again: outcomes are drawn until they are the nodes'.
    other = SearchedStep(made, row)
    other.trace = replace(other.trace, seed=other.trace.seed + 1)
    visits = [(node, int(visit.environment.s), visit.exact) for node, visit in other.look_at(nodes)]
    assert sorted(node for node, _, _ in visits) == list(range(13))
    assert all(s == int(step.trace.position[node, 0]) for node, s, _ in visits)
    assert not all(exact for _, _, exact in visits)
    assert int(step.environment.unwrapped.s) == step.observation
    with pytest.raises(WorkbenchError, match="nodes 0 to 12; asked was for 99"):
        list(step.look_at([99]))
    with pytest.raises(WorkbenchError, match="gives no pictures"):
        list(step.frames([0]))


@pytest.mark.parametrize("given", [{}, {"search_rollouts": 5}, {"search": {"simulations": 30, "wave": 4}}])
def test_outcomes_that_never_come_twice_are_met_again(tmp_path, given):
    kept = {"steps": 4, "environments": 1, "deterministic": False, "search": {"simulations": 30}} | given
    made = record(untrained(Gust()), lambda: TimeLimit(Gust(), 9), out=tmp_path / "gust.zarr", **kept)
    step = SearchedStep(made, 3, TimeLimit(Gust(), 9))
    trace = step.trace
    assert len(set(trace.position[:, 0])) == trace.nodes
    visits = {}
    for node, visit in step.look_at(range(trace.nodes)):
        assert visit.exact
        visits[node] = digest(frozen(visit.environment.unwrapped.seen()))
        assert digest(frozen(visit.observation)) == visits[node]
    assert [visits[node] for node in range(trace.nodes)] == trace.position[:, 0].tolist()


def test_the_root_is_drawn_as_it_was_recorded(tmp_path):
    pytest.importorskip("pygame", reason="CartPole is drawn by pygame")
    env = gymnasium.make("CartPole-v1")
    made = record(
        untrained(env), "CartPole-v1", out=tmp_path / "c.zarr", steps=4, environments=1, frames=True, search=FEW
    )
    step = SearchedStep(made, 3, render=True)
    drawn = dict(step.frames([0, step.trace.nodes - 1]))
    assert drawn[0].exact
    assert np.array_equal(drawn[0].pixels, made.steps["frame"][3])
    assert not np.array_equal(drawn[step.trace.nodes - 1].pixels, drawn[0].pixels)
    step.close()
    other = gymnasium.make("CartPole-v1")
    other.unwrapped.gravity = 5.0
    with pytest.raises(WorkbenchError, match="comes to something else at step 3 than was recorded"):
        SearchedStep(made, 3, other)


def test_what_cannot_be_visited_is_a_sentence(tmp_path):
    games = record(searching_policy(), Playing, out=tmp_path / "games.zarr", episodes=1)
    with pytest.raises(WorkbenchError, match="of the game connect_four_4x5, whose positions follow"):
        SearchedStep(games, 0)
    nameless = record(untrained(Tangle()), Tangle, out=tmp_path / "t.zarr", steps=2, search=FEW)
    with pytest.raises(WorkbenchError, match="not known by name"):
        SearchedStep(nameless, 0)


# What is refused, before anything is written


@pytest.mark.parametrize(
    ("env", "given", "sentence"),
    [
        (Clock, {}, "cannot be saved and restored.*own: it has no get_state.*replay: .*info"),
        (Tangle, {"search": {"simulation": 3}}, "has no 'simulation'; how to search is said with: rule, simulations"),
        (Tangle, {"search": None, "search_rollouts": 5}, "pass search=… too"),
        (Tangle, {"search_rollouts": 0}, "1 to 100,000 steps"),
        (Playing, {"search_rollouts": 5}, "for environments; the positions of connect_four_4x5"),
        (
            lambda: gymnasium.wrappers.TransformAction(Tangle(), lambda one: int(one[0] > 0), spaces.Box(-1, 1, (1,))),
            {}, "needs discrete actions",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_said_beforehand(tmp_path, env, given, sentence):
    made = env()
    counted = isinstance(made.action_space, spaces.Discrete)
    policy = searching_policy().policy if env is Playing else untrained(made) if counted else continuous(made)
    with pytest.raises(WorkbenchError, match=sentence):
        record(policy, env, out=tmp_path / "x.zarr", steps=2, **({"search": FEW} | given))
    assert not (tmp_path / "x.zarr").exists()


def test_a_policy_without_values_is_told_to_play_out(tmp_path):
    policy = untrained(Tangle(), valued=False)
    with pytest.raises(WorkbenchError, match=r"says nothing of the value of a state.*search_rollouts=100"):
        record(policy, Tangle, out=tmp_path / "x.zarr", steps=2, search=FEW)
    assert not (tmp_path / "x.zarr").exists()
    made = record(policy, Tangle, out=tmp_path / "y.zarr", steps=2, search=FEW, search_rollouts=10)
    assert open_recording(made.path).search_trace(0).facts["values"] == "random rollouts of at most 10 steps"

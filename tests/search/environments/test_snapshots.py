"""A way to save and restore is used only where it has been seen to be exact; planted faults are found."""

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import RecordEpisodeStatistics, TimeLimit

from tests.search.environments.worlds import (
    Alive,
    Anew,
    Clock,
    Coin,
    Elsewhere,
    Forgetful,
    Remembering,
    Restarting,
    Tangle,
)
from workbench.errors import WorkbenchError
from workbench.search import audit
from workbench.search.environments import (
    EpisodeLog,
    PlayedEpisode,
    Rollout,
    environment_settings,
    open_snapshots,
    search_environment,
)
from workbench.search.environments.adapters import ADAPTERS, find_adapter
from workbench.search.environments.ways import WAYS

FEW = environment_settings(rule="uct", simulations=12)


def _begun(env, actions=(), seed=0):
    env.reset(seed=seed)
    for action in actions:
        env.step(action)
    return env


def _refused(snapshots):
    return dict(snapshots.refused)


def test_the_environments_own_methods_come_first():
    snapshots = open_snapshots(_begun(Remembering(), (1, 2)))
    assert snapshots.way.name == "own"
    assert snapshots.refused == ()


def test_a_restore_that_forgets_a_counter_is_found_and_mended():
    env = _begun(Forgetful(), (1, 2, 0))
    snapshots = open_snapshots(env)
    assert snapshots.way.name == "copy"
    assert "Forgetful.time changed" in _refused(snapshots)["own"]
    assert env.time == 3


def test_a_state_that_is_handed_out_itself_is_found():
    env = _begun(Alive(), (1, 2))
    before = list(env.state)
    snapshots = open_snapshots(env)
    assert snapshots.way.name == "copy"
    assert "from a restored state" in _refused(snapshots)["own"]
    assert env.state == before


def test_a_state_outside_of_what_is_copied_is_found():
    with pytest.raises(WorkbenchError, match=r"copy: after . actions from a restored state") as caught:
        open_snapshots(_begun(Elsewhere(), (1, 2)))
    words = str(caught.value)
    assert "own: it has no get_state" in words
    assert "replay: the episode so far is not known" in words
    assert "Elsewhere" in words


def test_such_an_environment_is_played_again():
    expected = _begun(EpisodeLog(Elsewhere()), (1, 2)).step(1)[1]
    env = _begun(EpisodeLog(Elsewhere()), (1, 2))
    snapshots = open_snapshots(env)
    assert snapshots.way.name == "replay"
    place = env.unwrapped.place
    trace = search_environment(env, None, FEW, seed=0, snapshots=snapshots, rollout=Rollout(depth=5))
    assert audit(trace).divergence is None
    assert env.unwrapped.place == place
    assert env.step(1)[1] == expected


def test_what_no_way_restores_is_named_with_what_diverged():
    with pytest.raises(WorkbenchError, match="info\\['calls'\\]"):
        open_snapshots(_begun(EpisodeLog(Clock()), (1,)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Anew, "copies of Anew begin anew"),
        (Restarting, r"a copy of it is not the same: Restarting\._np_random_seed"),
    ],
)
def test_copies_that_begin_anew_are_found_though_they_agree_with_each_other(make, words):
    with pytest.raises(WorkbenchError, match=words):
        open_snapshots(_begun(make(), (1, 2)))


def test_chance_inside_of_an_emulator_is_not_foreseen_but_refused():
    pytest.importorskip("ale_py", reason="Atari needs ale_py")
    from workbench.recording.environments import make_environment

    def begun(probability):
        name, options = "ALE/Breakout-v5", {"repeat_action_probability": probability, "obs_type": "ram"}
        return _begun(EpisodeLog(make_environment(name, kwargs=options)), (1, 0, 2))

    env, plain = begun(0.0), begun(0.0)
    assert open_snapshots(env).way.name == "adapter"
    search_environment(env, None, environment_settings(rule="uct", simulations=4), seed=0, rollout=Rollout(depth=2))
    for action in (1, 2, 3, 3):
        assert np.array_equal(env.step(action)[0], plain.step(action)[0])
    with pytest.raises(WorkbenchError, match=r"replay: its sticky actions \(probability 0\.25\)"):
        open_snapshots(begun(0.25))


@pytest.mark.parametrize("ways", [("elsewhere",), ()])
def test_a_way_that_does_not_exist_is_refused(ways):
    with pytest.raises(WorkbenchError, match="own, adapter, copy, replay"):
        open_snapshots(_begun(Tangle()), ways=ways)


def test_an_episode_that_was_another_one_is_not_believed():
    env = _begun(Elsewhere(), (1, 2))
    with pytest.raises(WorkbenchError, match="another one"):
        open_snapshots(env, ways=("replay",), episode=PlayedEpisode(seed=0, actions=(1,), observation=env.seen()))
    env = _begun(Elsewhere(), (1, 2))
    with pytest.raises(WorkbenchError, match="changed"):
        open_snapshots(env, ways=("replay",), episode=PlayedEpisode(seed=0, actions=(2, 2)))
    env = _begun(Elsewhere(), (1, 2))
    assert open_snapshots(env, ways=("replay",), episode=PlayedEpisode(seed=0, actions=(1, 2))).way.name == "replay"


def test_an_episode_without_a_seed_is_played_again():
    env = _begun(EpisodeLog(Coin(rounds=50)), (0, 1, 1))
    env.reset()
    state = str(env.unwrapped.np_random.bit_generator.state)
    env.step(0)
    assert open_snapshots(env, ways=("replay",)).way.name == "replay"
    assert str(env.unwrapped.np_random.bit_generator.state) != state


def test_a_deep_copy_of_the_lander_loses_its_state_and_is_refused():
    pytest.importorskip("Box2D", reason="LunarLander needs Box2D")
    env = _begun(EpisodeLog(gymnasium.make("LunarLander-v3")), (2, 0, 1, 2))
    snapshots = open_snapshots(env)
    assert snapshots.way.name == "replay"
    assert "copies of LunarLander begin anew" in _refused(snapshots)["copy"]
    trace = search_environment(env, None, FEW, seed=0, snapshots=snapshots, rollout=Rollout(depth=5))
    assert audit(trace).divergence is None
    plain = _begun(EpisodeLog(gymnasium.make("LunarLander-v3")), (2, 0, 1, 2))
    for action in (0, 3, 2, 1, 2):
        assert env.step(action)[0].tolist() == plain.step(action)[0].tolist()


def test_without_a_log_the_lander_cannot_be_searched():
    pytest.importorskip("Box2D", reason="LunarLander needs Box2D")
    env = _begun(gymnasium.make("LunarLander-v3"), (2, 0))
    with pytest.raises(WorkbenchError, match=r"LunarLander-v3 cannot be saved and restored.*EpisodeLog"):
        search_environment(env, None, FEW, seed=0)


KNOWN = {
    "CartPole-v1": {},
    "MountainCar-v0": {},
    "Acrobot-v1": {},
    "FrozenLake-v1": {},
    "CliffWalking-v1": {"is_slippery": True},
    "Taxi-v4": {"is_rainy": True, "fickle_passenger": True},
    "Blackjack-v1": {},
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_adapters_state_is_the_whole_state(name):
    """From each adapter's few attributes the very same episode follows, draw for draw, as from the environment."""
    env = _begun(gymnasium.make(name, **KNOWN[name]), seed=4)
    adapter = find_adapter(env.unwrapped)
    random = np.random.default_rng(0)
    for _ in range(3):
        state, chance = adapter.read(env.unwrapped), env.unwrapped.np_random.bit_generator.state
        actions = random.integers(env.action_space.n, size=6).tolist()
        played = [env.unwrapped.step(action) for action in actions]
        env.unwrapped.reset(seed=9)
        adapter.write(env.unwrapped, state)
        env.unwrapped.np_random.bit_generator.state = chance
        assert str([env.unwrapped.step(action) for action in actions]) == str(played)
        if adapter.over(env.unwrapped):
            env.unwrapped.reset(seed=5)


@pytest.mark.parametrize("name", ["FrozenLake-v1", "CliffWalking-v1", "Taxi-v4"])
def test_a_step_by_the_table_is_the_environments(name):
    slippery = {"Taxi-v4": {"is_rainy": True}}.get(name, {"is_slippery": True})
    env, other = (_begun(gymnasium.make(name, max_episode_steps=40, **slippery), seed=2) for _ in range(2))
    snapshots, random = open_snapshots(env), np.random.default_rng(0)
    assert snapshots.way.name == "adapter"
    with snapshots.session(7) as session:
        other.unwrapped.np_random.bit_generator.state = session.randomness.main.bit_generator.state
        for _ in range(40):
            action = int(random.integers(env.action_space.n))
            one, same = session.stepper.step(action), other.step(action)
            assert one[:4] == same[:4]
            if one[2] or one[3]:
                break
    assert env.unwrapped.s == _begun(gymnasium.make(name, **slippery), seed=2).unwrapped.s


@pytest.mark.parametrize("name", ["FrozenLake-v1", "Taxi-v4"])
def test_compiled_rollouts_have_the_return_of_stepping(name):
    env = _begun(gymnasium.make(name, is_slippery=True) if "Lake" in name else gymnasium.make(name, is_rainy=True))
    with open_snapshots(env).session(1) as session:
        stepper, stream = session.stepper, np.array([3], np.uint64)
        start = stepper.save()
        compiled = np.array([stepper.rollout(30, 0.9, stream) for _ in range(3000)])
        assert stepper.save() == start
        random, stepped = np.random.default_rng(0), []
        for _ in range(1500):
            stepper.restore(start)
            total = 0.0
            for step in range(30):
                _, reward, terminated, truncated, _ = stepper.step(int(random.integers(env.action_space.n)))
                total += 0.9**step * reward
                if terminated or truncated:
                    break
            stepped.append(total)
    error = np.hypot(compiled.std() / np.sqrt(len(compiled)), np.std(stepped) / np.sqrt(len(stepped)))
    assert abs(compiled.mean() - np.mean(stepped)) < 4 * error


def test_a_subclass_of_a_known_environment_is_not_taken_for_it():
    from gymnasium.envs.classic_control import CartPoleEnv

    class Windy(CartPoleEnv):
        pass

    assert find_adapter(Windy()) is None
    assert open_snapshots(_begun(Windy())).way.name == "copy"
    assert len({adapter.environment for adapter in ADAPTERS}) == len(ADAPTERS)
    assert [way.name for way in WAYS] == ["own", "adapter", "copy", "replay"]


@pytest.mark.parametrize("ways", [("own",), ("copy",), ("replay",)])
def test_what_a_wrapper_holds_of_the_environment_stays_the_environments(ways):
    class Counting(Remembering):
        def __init__(self):
            super().__init__()
            self.counter = np.zeros(1)

        def reset(self, **options):
            self.counter[0] = 0
            return super().reset(**options)

        def get_state(self):
            return super().get_state() | {"counter": self.counter[0]}

        def set_state(self, state):
            super().set_state(state)
            self.counter[0] = state["counter"]

        def step(self, action):
            self.counter += action
            return super().step(action)

    class Holding(gymnasium.Wrapper):
        def __init__(self, env):
            super().__init__(env)
            self.held = env.unwrapped.counter

        def step(self, action):
            seen, reward, *rest = self.env.step(action)
            return seen + self.held[0], reward, *rest

    env, plain = (_begun(EpisodeLog(Holding(Counting())), (1, 2)) for _ in range(2))
    snapshots = open_snapshots(env, ways=ways)
    search_environment(env, None, FEW, seed=0, snapshots=snapshots, rollout=Rollout(depth=3))
    for action in (2, 2, 1, 0):
        one, other = env.step(action), plain.step(action)
        assert one[0].tolist() == other[0].tolist()
        assert one[1] == other[1]


def test_wrappers_that_look_on_see_nothing_of_a_search():
    env = RecordEpisodeStatistics(TimeLimit(Tangle(), 4))
    env.reset(seed=0)
    env.step(0)
    search_environment(env, None, FEW, seed=0)
    assert env.episode_count == 0
    assert env.episode_lengths == 1


def test_the_maze_of_the_workbench_is_searched_by_its_own_methods():
    env = gymnasium.make("envs:CheeseMaze-v0", size=5)
    env.reset(seed=0)
    snapshots = open_snapshots(env)
    assert snapshots.way.name == "own"
    trace = search_environment(
        env,
        None,
        environment_settings(rule="uct", simulations=60),
        seed=0,
        snapshots=snapshots,
        rollout=Rollout(depth=10),
    )
    assert audit(trace).divergence is None
    assert trace.game == "CheeseMaze-v0"

"""How many simulations a second a search makes in gymnasium's environments, beside the same search in plain Python."""

import copy
import math
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np

from benchmarks.pairs import middle, paired
from benchmarks.results import Figure, Row, row
from workbench.search import SearchSettings
from workbench.search.environments import Rollout, environment_settings, open_snapshots, search_environment

TOYS = ("FrozenLake-v1", "CliffWalking-v1", "Taxi-v4")
SETTINGS = environment_settings(rule="uct", exploration=1.0, value_scale="none", simulations=800)
ROLLOUT = Rollout(depth=100)


class PlainNode:
    """A state of a plain search: a deep copy of the environment, and what is known of its actions."""

    def __init__(self, env: Any, reward: float, ended: bool, actions: int) -> None:
        self.env, self.reward, self.ended = env, reward, ended
        self.N, self.W = [0] * actions, [0.0] * actions
        self.children: dict[Any, PlainNode] = {}


def plain_uct(env: Any, settings: SearchSettings, depth: int, seed: int) -> PlainNode:
    """UCT as it is written down in a page: copies of the environment, random rollouts, dicts and lists.

    Outcomes of chance are told apart by observation and end; each copy draws from its own generator.
    """
    random, actions = np.random.default_rng(seed), int(env.action_space.n)
    root = PlainNode(copy.deepcopy(env), 0.0, False, actions)
    for simulation in range(settings.simulations):
        node, path, value = root, [], 0.0
        while not node.ended:
            action = _select(node, settings.exploration)
            world = copy.deepcopy(node.env)
            world.unwrapped.np_random = np.random.default_rng([seed, simulation, len(path)])
            observation, reward, terminated, truncated, _ = world.step(action)
            key = (action, np.asarray(observation).tobytes(), float(reward), terminated or truncated)
            path.append((node, action))
            known = key in node.children
            if not known:
                node.children[key] = PlainNode(world, float(reward), key[3], actions)
            node = node.children[key]
            if not known:
                value = 0.0 if node.ended else _roll(copy.deepcopy(world), settings.discount, depth, random)
                break
        for above, action in reversed(path):
            value = node.reward + settings.discount * value
            above.N[action] += 1
            above.W[action] += value
            node = above
    return root


def _select(node: PlainNode, exploration: float) -> int:
    if 0 in node.N:
        return node.N.index(0)
    here = math.log(1 + sum(node.N))
    scores = [w / n + exploration * math.sqrt(here / n) for n, w in zip(node.N, node.W, strict=True)]
    return scores.index(max(scores))


def _roll(env: Any, discount: float, depth: int, random: np.random.Generator) -> float:
    total, weight = 0.0, 1.0
    for _ in range(depth):
        _, reward, terminated, truncated, _ = env.step(int(random.integers(env.action_space.n)))
        total += weight * float(reward)
        if terminated or truncated:
            break
        weight *= discount
    return total


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`search/gymnasium_…`, each against plain UCT in the same environment."""
    runs = 2 if quick else 7
    rows = [
        _against_plain(figures[f"search/gymnasium_cartpole_{way}"], "CartPole-v1", way, runs, quick=quick)
        for way in ("copy", "adapter")
    ]
    toys = [_against_plain(figures["search/gymnasium_toy_text"], name, "adapter", runs, quick=quick) for name in TOYS]
    slowest = min(toys, key=lambda one: one.value)
    others = ", ".join(f"{one.value:,.0f} in {name}" for name, one in zip(TOYS, toys, strict=True))
    return [*rows, Row(**{**slowest.__dict__, "against": f"{slowest.against} (this is the slowest of {others})"})]


def _against_plain(figure: Figure, name: str, way: str, runs: int, *, quick: bool) -> Row:
    env: Any = gymnasium.make(name)
    env.reset(seed=0)
    snapshots = open_snapshots(env, ways=(way,))
    simulations = 20 if quick else SETTINGS.simulations
    settings = SearchSettings(**{**SETTINGS.__dict__, "simulations": simulations})
    # A copy of toy text copies its table as well.
    few = SearchSettings(**{**SETTINGS.__dict__, "simulations": 5 if quick else 100 if name == "CartPole-v1" else 20})
    # The compiled code is there before the clock runs.
    search_environment(env, None, few, seed=0, rollout=ROLLOUT, snapshots=snapshots)
    ours, plain = paired(
        lambda: _rate(
            lambda: search_environment(env, None, settings, seed=1, rollout=ROLLOUT, snapshots=snapshots), simulations
        ),
        lambda: _rate(lambda: plain_uct(env, few, ROLLOUT.depth, 1), few.simulations),
        runs,
        warm_up=not quick,
    )
    against = (
        f"the same UCT in plain Python with deep copies in {name}, {middle(plain)} simulations/s "
        f"(gymnasium {version('gymnasium')})"
    )
    return row(figure, ours, against)


def _rate(search: Callable[[], object], simulations: int) -> float:
    started = time.perf_counter()
    search()
    return simulations / (time.perf_counter() - started)

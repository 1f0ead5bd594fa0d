"""How fast the environments that ship are."""

import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np

from benchmarks.pairs import middle, paired
from benchmarks.results import Figure, Row, row
from workbench.recording.environments import make_environment

PEER = "MiniGrid-Empty-16x16-v0"


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`env/cheese_maze_steps_per_s`, against MiniGrid."""
    ours, peer = paired(
        _runner("envs:CheeseMaze-v0", 500 if quick else 200_000),
        _runner(PEER, 500 if quick else 20_000),
        runs=2 if quick else 7,
    )
    against = f"{PEER} made and stepped alike, {middle(peer)} steps/s (minigrid {version('minigrid')})"
    return [row(figures["env/cheese_maze_steps_per_s"], ours, against)]


def _runner(name: str, steps: int) -> Callable[[], float]:
    environment = make_environment(name)
    actions = np.random.default_rng(0).integers(0, int(environment.action_space.n), steps)  # type: ignore[attr-defined]
    environment.reset(seed=0)
    return lambda: _steps_per_second(environment, actions.tolist())


def _steps_per_second(environment: gymnasium.Env[Any, Any], actions: list[int]) -> float:
    environment.reset(seed=0)
    started = time.perf_counter()
    for action in actions:
        _, _, terminated, truncated, _ = environment.step(action)
        if terminated or truncated:
            environment.reset()
    return len(actions) / (time.perf_counter() - started)

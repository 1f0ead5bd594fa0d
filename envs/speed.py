"""How fast an environment steps, for benchmarks (no test asserts a time)."""

import time
from typing import Any

import gymnasium
import numpy as np


def steps_per_second(environment: gymnasium.Env[Any, Any], *, steps: int = 100_000, seed: int = 0) -> float:
    """Measure random steps a second, of legal actions where there are masks; resets and `info["truth"]` included.

    Args:
        environment: What is measured, with all its wrappers.
        steps: How many steps are timed, after a hundred that are not (they compile).
        seed: Seed of the first episode and of the actions, which are drawn before the clock starts.
    """
    actions: list[Any] = np.random.default_rng(seed).integers(0, 1 << 20, size=steps + 100).tolist()
    masked = environment.has_wrapper_attr("action_masks")
    if isinstance(environment.action_space, gymnasium.spaces.Discrete):
        actions = actions if masked else [action % int(environment.action_space.n) for action in actions]
    else:
        environment.action_space.seed(seed)
        actions = [environment.action_space.sample() for _ in actions]
    masks = environment.get_wrapper_attr("action_masks") if masked else None
    environment.reset(seed=seed)
    started = 0.0
    for number, action in enumerate(actions):
        if number == 100:
            started = time.perf_counter()
        if masks is not None:
            legal = masks().nonzero()[0]
            action = int(legal[action % len(legal)])
        _, _, terminated, truncated, _ = environment.step(action)
        if terminated or truncated:
            environment.reset()
    return steps / (time.perf_counter() - started)

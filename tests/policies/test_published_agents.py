"""Agents that others trained, of stable-baselines3 1.0 on or plain torch, load without trust and play as published."""

import json
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from tests.policies.conformance import check_policy
from tests.policies.example_networks import MATERIAL
from workbench.policies import EpisodeRandom, Policy, load_policy

pytest.importorskip("sb3_contrib")
pytestmark = pytest.mark.skipif(
    not MATERIAL.is_dir(), reason="the agents of others are not at hand (../shared/material)"
)
torch.set_num_threads(1)

MANIFEST = MATERIAL.parent / "agents.json"
ROWS: list[dict[str, Any]] = json.loads(MANIFEST.read_text()) if MANIFEST.is_file() else []
EPISODES = 5


def play(
    policy: Policy, environment: gymnasium.Env, seed: int, *, deterministic: bool = True, limit: int = 10_000
) -> float:
    """The return of one episode, or of its first `limit` steps."""
    observation, _ = environment.reset(seed=seed)
    state, start, stream, total = policy.initial_state(1), np.ones(1, bool), EpisodeRandom(seed), 0.0
    for _ in range(limit):
        batch = {key: np.asarray(part)[None] for key, part in observation.items() if key != "mission"} if isinstance(
            observation, dict
        ) else np.asarray(observation)[None]  # fmt: skip
        choice = policy.act(batch, state, start, deterministic=deterministic, random=[stream])
        observation, reward, terminated, truncated, _ = environment.step(choice.actions[0])
        total += float(reward)
        state, start = choice.output.state, np.zeros(1, bool)
        if terminated or truncated:
            break
    return total


def make(environment_id: str) -> gymnasium.Env:
    # Box2D warns as it is imported, and crashes the interpreter where a warning is an error.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return gymnasium.make(environment_id)
        except gymnasium.error.DependencyNotInstalled as error:
            pytest.skip(str(error))


@pytest.mark.parametrize("row", ROWS, ids=[row["policy"] for row in ROWS])
def test_stable_baselines3_agents(row: dict[str, Any]) -> None:
    kind, path = row["policy"].split(":")
    statistics = MATERIAL / row["vec_normalize"] if "vec_normalize" in row else None
    alone = load_policy(f"{kind}:{MATERIAL / path}", vec_normalize=statistics)
    # As many that some lie where a squashed action is not quite at its bound: there its gradient is exactly zero.
    alone.observation_space.seed(0)
    batch = np.stack([alone.observation_space.sample() for _ in range(16)])
    check_policy(alone, np.clip(batch, -10, 10))
    environment = make(row["env"])
    policy = load_policy(f"{kind}:{MATERIAL / path}", environment=environment, vec_normalize=statistics)
    returns = [play(policy, environment, 1000 + k) for k in range(EPISODES)]
    published = row["published"]
    error = 4 * max(published["std"], float(np.std(returns))) / EPISODES**0.5 + 0.01 * abs(published["mean"])
    assert abs(np.mean(returns) - published["mean"]) < error, returns


def test_the_door_key_agent() -> None:
    pytest.importorskip("minigrid")
    environment = gymnasium.make("MiniGrid-DoorKey-5x5-v0")
    policy = load_policy("tests.policies.example_networks:door_key", environment=environment)
    observation, _ = environment.reset(seed=0)
    check_policy(policy, {"image": np.stack([observation["image"]] * 3)})
    assert np.mean([play(policy, environment, 1000 + k) for k in range(10)]) > 0.94


def test_the_pong_agent() -> None:
    """It wins by about 19 points; it is ahead after its first 800 decisions."""
    ale = pytest.importorskip("ale_py")
    gymnasium.register_envs(ale)
    environment = make("Pong-v4")
    policy = load_policy("tests.policies.example_networks:pong", environment=environment)
    frames = np.stack([environment.observation_space.sample() for _ in range(3)])
    check_policy(policy, frames)
    assert play(policy, environment, 1000, deterministic=False, limit=800) >= 2


def test_what_is_at_hand_is_all_tested() -> None:
    files = {str(path.relative_to(MATERIAL)) for path in Path(MATERIAL).glob("*/*.zip")}
    assert files == {row["policy"].split(":")[1] for row in ROWS}

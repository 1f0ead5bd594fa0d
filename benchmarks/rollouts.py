"""Recording against the bare rollout: the same policy, environments, seeds and actions, with and without recording."""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from benchmarks.agents_measured import ATARI, ATARI_WRAPPERS, SEED, untrained_ppo
from benchmarks.pairs import middle, paired, ratios
from benchmarks.results import Figure, Row, row
from workbench.policies.types import EpisodeRandom, Policy
from workbench.recording import open_recording, record
from workbench.recording.columns import batch_observations
from workbench.recording.environments import make_environment
from workbench.recording.summary import bytes_on_disk

SLOTS = 8
MakeEnvironment = Callable[[], gymnasium.Env[Any, Any]]


def measure_cnn(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`recording/cnn_ratio` and `recording/bytes_ratio`."""

    def make() -> gymnasium.Env[Any, Any]:
        return make_environment(ATARI, wrappers=ATARI_WRAPPERS)

    policy = untrained_ppo("CnnPolicy", make)
    ratio, disk = _measure(policy, make, steps=64 if quick else 8_000, runs=2 if quick else 7)
    return [
        row(figures["recording/cnn_ratio"], *ratio),
        row(figures["recording/bytes_ratio"], disk, "the same arrays uncompressed, float32 and uint8 (1.0)"),
    ]


def measure_frames(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`recording/frames_ratio`."""

    def make() -> gymnasium.Env[Any, Any]:
        return make_environment(ATARI, wrappers=ATARI_WRAPPERS, render=True)

    policy = untrained_ppo("CnnPolicy", make)
    ratio, _ = _measure(policy, make, steps=64 if quick else 8_000, runs=2 if quick else 7, frames=True)
    return [row(figures["recording/frames_ratio"], *ratio)]


def measure_mlp(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`recording/mlp_ratio`."""

    def make() -> gymnasium.Env[Any, Any]:
        return make_environment("CartPole-v1")

    policy = untrained_ppo("MlpPolicy", make)
    ratio, _ = _measure(policy, make, steps=64 if quick else 200_000, runs=2 if quick else 7)
    return [row(figures["recording/mlp_ratio"], *ratio)]


def _measure(
    policy: Policy, make: MakeEnvironment, *, steps: int, runs: int, frames: bool = False
) -> tuple[tuple[list[float], str], list[float]]:
    """The ratios with the peer's text, and the bytes on disk ÷ raw bytes of each recording."""
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    disk: list[float] = []

    def recorded() -> float:
        out = folder / "recording.zarr"
        environments = [make() for _ in range(SLOTS)]
        handed_out = iter(environments)
        started = time.perf_counter()
        recording = record(
            policy,
            lambda: next(handed_out),
            steps=steps,
            out=out,
            seed=SEED,
            environments=SLOTS,
            deterministic=False,
            frames=frames,
        )
        elapsed = time.perf_counter() - started
        disk.append(bytes_on_disk(str(out)) / raw_bytes(str(out)))
        rate = len(recording) / elapsed
        shutil.rmtree(out)
        return rate

    def bare() -> float:
        environments = [make() for _ in range(SLOTS)]
        started = time.perf_counter()
        done = bare_rollout(policy, environments, steps=steps, seed=SEED, render=frames)
        for environment in environments:
            environment.close()
        return done / (time.perf_counter() - started)

    try:
        with_recording, without = paired(recorded, bare, runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    against = (
        f"bare rollout of the same policy and environments, {middle(without)} steps/s (torch {torch.__version__}); "
        f"recording, {middle(with_recording)} steps/s"
    )
    return (ratios(with_recording, without), against), disk[1:]


def bare_rollout(
    policy: Policy, environments: list[gymnasium.Env[Any, Any]], *, steps: int, seed: int, render: bool = False
) -> int:
    """Act as `record` does (`Policy.act` on a batch, one random stream an episode), and keep nothing but returns.

    Args:
        policy: What acts, sampling its actions.
        environments: Stepped side by side.
        steps: How many steps in all, at least.
        seed: Seed of the first episode; the next one started has the next.
        render: Also make each environment's picture at every step.

    Returns:
        How many steps were done.
    """
    slots = len(environments)
    observations = [environments[slot].reset(seed=seed + slot)[0] for slot in range(slots)]
    streams = [EpisodeRandom(seed + slot) for slot in range(slots)]
    started, done = slots, 0
    state = policy.initial_state(slots)
    starts = np.ones(slots, np.bool_)
    returns = np.zeros(slots)
    finished: list[float] = []
    while done < steps:
        if render:
            for environment in environments:
                environment.render()
        choice = policy.act(batch_observations(observations), state, starts, deterministic=False, random=streams)
        state = choice.output.state
        starts = np.zeros(slots, np.bool_)
        for slot, environment in enumerate(environments):
            observations[slot], reward, terminated, truncated, _ = environment.step(choice.actions[slot])
            returns[slot] += float(reward)
            if terminated or truncated:
                finished.append(float(returns[slot]))
                returns[slot] = 0.0
                starts[slot] = True
                observations[slot] = environment.reset(seed=seed + started)[0]
                streams[slot] = EpisodeRandom(seed + started)
                started += 1
        done += slots
    return done


def raw_bytes(path: str) -> int:
    """Bytes of all arrays of a recording, uncompressed, in their own dtypes."""
    recording = open_recording(path)
    groups = (recording.steps, recording.activations, recording.state)
    return sum(array.nbytes for group in groups for array in group.values())

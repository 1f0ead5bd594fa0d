"""Whether a second worker halves the time that a cluster takes to record."""

import shutil
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import torch

from benchmarks.agents_measured import ATARI, ATARI_WRAPPERS, SEED, untrained_ppo
from benchmarks.pairs import middle, paired, ratios
from benchmarks.results import Figure, Row, row
from benchmarks.rollouts import bare_rollout
from workbench.recording import record
from workbench.recording.environments import make_environment

EPISODES_SIDE_BY_SIDE = 2
"""A part has so many episodes: few enough that there are parts to be spread evenly."""

SECONDS_TO_PREPARE = 5.0
"""After so long the bare rollouts begin."""


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`cluster/two_workers_speedup`."""
    from distributed import Client, LocalCluster

    torch.set_num_threads(1)
    episodes, runs = (2, 1) if quick else (32, 5)
    policy = untrained_ppo("CnnPolicy", lambda: make_environment(ATARI, wrappers=ATARI_WRAPPERS))
    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    steps: set[int] = set()

    def rate(client: Client) -> float:
        """Steps a second, from the call to the last committed byte."""
        out = folder / "recording.zarr"
        started = time.perf_counter()
        recording = record(
            policy,
            ATARI,
            wrappers=ATARI_WRAPPERS,
            episodes=episodes,
            out=out,
            seed=SEED,
            environments=1 if quick else EPISODES_SIDE_BY_SIDE,
            deterministic=False,
            client=client,
        )
        elapsed = time.perf_counter() - started
        steps.add(len(recording))
        shutil.rmtree(out)
        return len(recording) / elapsed

    def cluster(workers: int) -> LocalCluster:
        return LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None)

    def bare_rate(client: Client) -> float:
        """Steps a second of bare rollouts that begin at the same time, one on each worker."""
        addresses = client.scheduler_info(n_workers=-1)["workers"]
        amount, begin = 16 if quick else 1_000, time.time() + (0 if quick else SECONDS_TO_PREPARE)
        rollouts = [client.submit(_bare_rollout, amount, begin, workers=[at], pure=False) for at in addresses]
        spans = client.gather(rollouts)
        return amount * len(spans) / (max(end for _, end in spans) - min(start for start, _ in spans))

    try:
        with cluster(1) as small, cluster(2) as large, Client(small) as one, Client(large) as two:
            with_two, with_one = paired(lambda: rate(two), lambda: rate(one), runs, warm_up=not quick)
            bare_two, bare_one = paired(lambda: bare_rate(two), lambda: bare_rate(one), runs, warm_up=not quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    against = (
        f"the same {min(steps):,} steps on one worker, {middle(with_one)} steps/s; two, {middle(with_two)} steps/s; "
        f"workers' processes started before (distributed {version('distributed')}); the machine's own limit: two bare "
        f"rollouts side by side do {middle(ratios(bare_two, bare_one))} times the steps of one"
    )
    return [row(figures["cluster/two_workers_speedup"], ratios(with_two, with_one), against)]


def _bare_rollout(steps: int, begin: float) -> tuple[float, float]:
    """When a rollout that records nothing began, not before it should, and ended, in a worker."""
    torch.set_num_threads(1)

    def make() -> gymnasium.Env[Any, Any]:
        return make_environment(ATARI, wrappers=ATARI_WRAPPERS)

    policy, environments = untrained_ppo("CnnPolicy", make), [make() for _ in range(EPISODES_SIDE_BY_SIDE)]
    time.sleep(max(0.0, begin - time.time()))
    started = time.time()
    bare_rollout(policy, environments, steps=steps, seed=SEED)
    ended = time.time()
    for environment in environments:
        environment.close()
    return started, ended

"""Recording against what people use instead: lists and `savez`, Minari's collector, TorchLens one step at a time."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from benchmarks.agents_measured import ATARI, ATARI_WRAPPERS, SEED, untrained_ppo
from benchmarks.pairs import middle, paired, ratios
from benchmarks.results import Figure, Row, row
from benchmarks.rollouts import SLOTS, bare_rollout
from workbench.policies.types import Policy
from workbench.recording import record
from workbench.recording.environments import make_environment
from workbench.recording.hooks import leaf_modules
from workbench.recording.summary import bytes_on_disk

ONE_AT_A_TIME_STEPS = 40
"""TorchLens traces some twenty passes a second."""


def make() -> gymnasium.Env[Any, Any]:
    """The environment of all of them."""
    return make_environment(ATARI, wrappers=ATARI_WRAPPERS)


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`recording/over_append`, `recording/over_minari` and `recording/over_torchlens`."""
    torch.set_num_threads(1)
    steps, runs = (64, 1) if quick else (4_000, 5)
    policy = untrained_ppo("CnnPolicy", make)
    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    stored: dict[str, float] = {}

    def ours() -> float:
        return _timed(folder, stored, "ours", lambda out: _record(policy, out, steps))

    def append() -> float:
        return _timed(folder, stored, "append", lambda out: _append(policy, out, steps))

    def minari() -> float:
        return _timed(folder, stored, "minari", lambda out: _minari(policy, out, steps))

    def torchlens() -> float:
        return _torchlens_rate(4 if quick else ONE_AT_A_TIME_STEPS)

    try:
        pairs = {
            "recording/over_append": paired(ours, append, runs, warm_up=not quick),
            "recording/over_minari": paired(ours, minari, runs, warm_up=not quick),
            "recording/over_torchlens": paired(ours, torchlens, runs, warm_up=not quick),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    mine = f"ours stores all that and the agent, {stored['ours'] / 1000:.0f} kB a step, committed as it goes"
    against = {
        "recording/over_append": (
            "hooks that append every layer's output to a list, with observations, actions, rewards, values and logits, "
            "saved by `numpy.savez_compressed` at the end: {rate} steps/s, "
            f"{stored['append'] / 1000:.0f} kB a step, all of it in memory until then; {mine} (numpy {np.__version__})"
        ),
        "recording/over_minari": (
            "`minari.DataCollector` around each environment, then `create_dataset`: {rate} steps/s, "
            f"{stored['minari'] / 1000:.0f} kB a step, observations, actions, rewards and ends only, no activation, "
            f"value or logit, all in memory until the end (minari {version('minari')})"
        ),
        "recording/over_torchlens": (
            "`torchlens.trace` of one observation at a time in one environment: {rate} steps/s; it keeps every "
            "operation's output and the graph of one pass in memory, and is not made for storing thousands "
            f"(torchlens {version('torchlens')})"
        ),
    }
    return [
        row(figures[name], ratios(first, second), against[name].format(rate=middle(second)))
        for name, (first, second) in pairs.items()
    ]


def _timed(folder: Path, stored: dict[str, float], name: str, work: Callable[[Path], int]) -> float:
    """Steps a second of a rollout, storing included; notes the bytes a step."""
    out = folder / name
    started = time.perf_counter()
    steps = work(out)
    rate = steps / (time.perf_counter() - started)
    stored[name] = bytes_on_disk(str(out)) / steps
    shutil.rmtree(out)
    return rate


def _record(policy: Policy, out: Path, steps: int) -> int:
    recording = record(policy, make, steps=steps, out=out, seed=SEED, environments=SLOTS, deterministic=False)
    return len(recording)


class _Appending:
    """A policy whose every pass and choice is appended to lists."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.lists: dict[str, list[Any]] = {}
        self._handles = [
            module.register_forward_hook(lambda _module, _arguments, output, name=name: self._append(name, output))
            for name, module in leaf_modules(policy.module).items()
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def _append(self, name: str, output: Any) -> None:
        self.lists.setdefault(name, []).append(output.detach().cpu().numpy().copy())

    def act(self, observations: Any, *arguments: Any, **named: Any) -> Any:
        choice = self._policy.act(observations, *arguments, **named)
        self.lists.setdefault("observation", []).append(observations)
        self.lists.setdefault("action", []).append(choice.actions)
        for name, tensor in (*choice.output.distribution.items(), ("value", choice.output.value)):
            self._append(name, tensor)
        return choice

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()


def _append(policy: Policy, out: Path, steps: int) -> int:
    appending: Any = _Appending(policy)
    done = bare_rollout(appending, [make() for _ in range(SLOTS)], steps=steps, seed=SEED)
    appending.remove()
    out.mkdir()
    np.savez_compressed(out / "rollout.npz", **{name: np.concatenate(parts) for name, parts in appending.lists.items()})
    return done


def _minari(policy: Policy, out: Path, steps: int) -> int:
    import minari

    os.environ["MINARI_DATASETS_PATH"] = str(out)
    # Minari stores what it takes for pictures as JPEG, with losses, and fails where they have four channels; with the
    # channels first it stores the numbers.
    collectors: list[Any] = [minari.DataCollector(_moved(make(), -1, 0)) for _ in range(SLOTS)]
    environments = [_moved(collector, 0, -1) for collector in collectors]
    done = bare_rollout(policy, environments, steps=steps, seed=SEED)
    for number, collector in enumerate(collectors):
        collector.create_dataset(dataset_id=f"rollout/{number}-v0", eval_env=None)
        collector.close()
    return done


def _moved(environment: gymnasium.Env[Any, Any], source: int, destination: int) -> gymnasium.Env[Any, Any]:
    """With one axis of its observations moved."""
    space = environment.observation_space
    assert isinstance(space, gymnasium.spaces.Box)
    moved = gymnasium.spaces.Box(0, 255, np.moveaxis(space.low, source, destination).shape, np.uint8)
    return gymnasium.wrappers.TransformObservation(
        environment, lambda observation: np.moveaxis(observation, source, destination), moved
    )


def _torchlens_rate(steps: int) -> float:
    """In a process of its own, since TorchLens changes torch for good."""
    program = f"import benchmarks.peers as peers, torch; torch.set_num_threads(1); print(peers.traced_rollout({steps}))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def traced_rollout(steps: int) -> float:
    """Steps a second of one environment, acted in at random, with each observation's pass traced by TorchLens.

    Args:
        steps: How many, after two that are not counted.
    """
    import torchlens

    policy = untrained_ppo("CnnPolicy", make)
    environment = make()
    environment.action_space.seed(SEED)
    observation, _ = environment.reset(seed=SEED)
    started = time.perf_counter()
    for number in range(steps + 2):
        if number == 2:
            started = time.perf_counter()
        with torch.no_grad():
            torchlens.trace(policy.module, policy.preprocess(np.asarray(observation)[None]))
        observation, _, terminated, truncated, _ = environment.step(environment.action_space.sample())
        if terminated or truncated:
            observation, _ = environment.reset()
    return steps / (time.perf_counter() - started)

"""Whether recording and reading stay as quick as they were while a recording grows."""

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium
import numpy as np
import torch

from benchmarks.agents_measured import SEED, untrained_ppo
from benchmarks.pairs import middle, seconds
from benchmarks.reading import random_step_ms
from benchmarks.results import Figure, Row, row
from benchmarks.rollouts import SLOTS, bare_rollout
from workbench.policies.types import Policy
from workbench.progress import Progress
from workbench.recording import open_recording, record
from workbench.recording.environments import make_environment

PIECES = 5
"""How many pieces the steps that are timed come in, each behind a bare rollout of as many steps."""


class _Paired:
    """A progress that stops the recording now and then for a bare rollout, and times both.

    The machine's speed may change within minutes by more than what is looked for: so each rate is one over the bare
    rollout's of the same moment.

    Args:
        bare: Does so many bare steps.
        ends: The lengths up to which steps are timed.
        window: How many steps before each.
    """

    def __init__(self, bare: Callable[[int], object], ends: Sequence[int], window: int) -> None:
        self._bare = bare
        self._piece = max(8, window // PIECES)
        self._starts = [end - window + self._piece * piece for end in ends for piece in range(PIECES)]
        self._begun: tuple[int, float] | None = None
        self._bare_seconds: list[float] = []
        self._seconds: list[float] = []

    def update(self, done: int, _total: int, _text: str = "") -> None:
        """Begin or end a piece, where one is due."""
        if self._begun is not None and done >= self._begun[0] + self._piece:
            begun, started = self._begun
            self._begun = None
            self._seconds.append((time.perf_counter() - started) / (done - begun))
        if self._begun is None and self._starts and done >= self._starts[0]:
            del self._starts[0]
            self._bare_seconds.append(seconds(lambda: self._bare(self._piece)) / self._piece)
            self._begun = (done, time.perf_counter())

    def close(self) -> None:
        """Nothing is open."""

    def ratios(self) -> list[float]:
        """Bare steps/s ÷ recorded steps/s at each length: how many times longer a recorded step takes."""
        pairs = zip(self._seconds, self._bare_seconds, strict=True)
        every = [recorded / bare for recorded, bare in pairs]
        return [median(every[start : start + PIECES]) for start in range(0, len(every), PIECES)]


def _lengths(*, quick: bool) -> tuple[int, ...]:
    return (200, 1_000, 4_000) if quick else (10_000, 100_000, 1_000_000)


def _make() -> gymnasium.Env[Any, Any]:
    return make_environment("CartPole-v1")


def measure_recording(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`recording/growth_slope`."""
    torch.set_num_threads(1)
    lengths, runs = _lengths(quick=quick), 2 if quick else 5
    policy, other = untrained_ppo("MlpPolicy", _make), untrained_ppo("MlpPolicy", _make)
    environments = [_make() for _ in range(SLOTS)]
    ends = (2 * lengths[0], *lengths[1:])
    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    costs: list[list[float]] = []
    try:
        for run in range(runs):
            out = folder / f"{run}.zarr"
            pairs = _Paired(lambda steps: bare_rollout(other, environments, steps=steps, seed=SEED), ends, lengths[0])
            _recorded(policy, out, lengths[-1] + SLOTS * 64, pairs)
            costs.append(pairs.ratios())
            shutil.rmtree(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    slopes = [slope(ends, cost) for cost in costs]
    return [row(figures["recording/growth_slope"], slopes, "no change (0); " + _at(ends, costs, "times the bare step"))]


def measure_reading(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`reading/growth_slope`."""
    torch.set_num_threads(1)
    lengths = _lengths(quick=quick)
    runs, samples = (2, 5) if quick else (5, 200)
    policy = untrained_ppo("MlpPolicy", _make)
    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    try:
        paths = [folder / f"{length}.zarr" for length in lengths]
        for length, path in zip(lengths, paths, strict=True):
            _recorded(policy, path, length, None)
        generator = np.random.default_rng(SEED)
        read = [_reading_times(paths, generator, samples) for _ in range(runs + 1)][1:]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    slopes = [slope(lengths, milliseconds) for milliseconds in read]
    return [row(figures["reading/growth_slope"], slopes, "no change (0); " + _at(lengths, read, "ms"))]


def _reading_times(paths: Sequence[Path], generator: np.random.Generator, samples: int) -> list[float]:
    """Median milliseconds of one step at random of each; one step of each in turn, as the machine's speed changes."""
    recordings = [open_recording(path) for path in paths]
    times = [[random_step_ms(recording, generator, 1) for recording in recordings] for _ in range(samples)]
    return [median(column) for column in zip(*times, strict=True)]


def slope(lengths: Sequence[int], values: Sequence[float]) -> float:
    """Relative change per tenfold length: the slope of ln(value) over log10(length), by least squares."""
    fitted: float = np.polynomial.polynomial.polyfit(np.log10(lengths), np.log(values), 1)[1]
    return math.expm1(fitted)


def _recorded(policy: Policy, out: Path, steps: int, progress: Progress | None) -> None:
    record(policy, _make, steps=steps, out=out, seed=SEED, environments=SLOTS, deterministic=False, progress=progress)


def _at(lengths: Sequence[int], runs: Sequence[Sequence[float]], unit: str) -> str:
    medians = (middle(list(values)) for values in zip(*runs, strict=True))
    return ", ".join(f"{median} {unit} at {length:,}" for median, length in zip(medians, lengths, strict=True))

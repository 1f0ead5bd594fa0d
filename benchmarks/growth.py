"""Whether recording and reading stay as quick as they were while a recording grows."""

import math
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from benchmarks.agents_measured import SEED, untrained_ppo
from benchmarks.pairs import middle
from benchmarks.reading import random_step_ms
from benchmarks.results import Figure, Row, row
from workbench.policies.types import Policy
from workbench.recording import open_recording, record
from workbench.recording.environments import make_environment


class _Clock:
    """A progress that notes when how many steps had been done."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float]] = []

    def update(self, done: int, _total: int, _text: str = "") -> None:
        """Note the moment."""
        self.marks.append((done, time.perf_counter()))

    def close(self) -> None:
        """Nothing is open."""

    def rate(self, start: int, stop: int) -> float:
        """Steps a second between two counts of steps."""
        begun = min(self.marks, key=lambda mark: abs(mark[0] - start))
        ended = min(self.marks, key=lambda mark: abs(mark[0] - stop))
        return (ended[0] - begun[0]) / (ended[1] - begun[1])


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`recording/growth_slope` and `reading/growth_slope`."""
    torch.set_num_threads(1)
    lengths = (200, 1_000, 4_000) if quick else (10_000, 100_000, 1_000_000)
    runs, samples = (2, 5) if quick else (5, 200)

    def make() -> gymnasium.Env[Any, Any]:
        return make_environment("CartPole-v1")

    policy = untrained_ppo("MlpPolicy", make)
    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    try:
        rates: list[list[float]] = []
        for run in range(runs):
            out = folder / f"long-{run}.zarr"
            clock = _recorded(policy, make, out, lengths[-1])
            window = lengths[0]
            ends = (2 * window, *lengths[1:])
            rates.append([clock.rate(end - window, end) for end in ends])
            if run:
                shutil.rmtree(out)
        for length in lengths[:-1]:
            _recorded(policy, make, folder / f"{length}.zarr", length)
        paths = [*(folder / f"{length}.zarr" for length in lengths[:-1]), folder / "long-0.zarr"]
        generator = np.random.default_rng(SEED)
        # Turn by turn, so that what disturbs the machine disturbs all lengths.
        times = [[random_step_ms(open_recording(path), generator, samples) for path in paths] for _ in range(runs + 1)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    read = times[1:]
    return [
        row(
            figures["recording/growth_slope"],
            [abs(slope((2 * lengths[0], *lengths[1:]), rate)) for rate in rates],
            "no change (0); " + _at((2 * lengths[0], *lengths[1:]), rates, "steps/s"),
        ),
        row(
            figures["reading/growth_slope"],
            [abs(slope(lengths, milliseconds)) for milliseconds in read],
            "no change (0); " + _at(lengths, read, "ms"),
        ),
    ]


def slope(lengths: Sequence[int], values: Sequence[float]) -> float:
    """Relative change per tenfold length: the slope of ln(value) over log10(length), by least squares."""
    fitted: float = np.polynomial.polynomial.polyfit(np.log10(lengths), np.log(values), 1)[1]
    return math.expm1(fitted)


def _recorded(policy: Policy, make: Any, out: Path, steps: int) -> _Clock:
    clock = _Clock()
    record(policy, make, steps=steps, out=out, seed=SEED, environments=8, deterministic=False, progress=clock)
    return clock


def _at(lengths: Sequence[int], runs: Sequence[Sequence[float]], unit: str) -> str:
    medians = (middle(list(values)) for values in zip(*runs, strict=True))
    return ", ".join(f"{median} {unit} at {length:,}" for median, length in zip(medians, lengths, strict=True))

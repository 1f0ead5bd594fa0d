"""Reading a recording of 100,000 steps: opening it, one step of it, one layer of it."""

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
import zarr

from benchmarks.agents_measured import ATARI, SEED, SMALL_ATARI_WRAPPERS, untrained_ppo
from benchmarks.pairs import middle, paired, seconds
from benchmarks.results import Figure, Row, row
from workbench.recording import Recording, open_recording, record
from workbench.recording.environments import make_environment

LAYER = "features_extractor.cnn.0"
STEPS = 100_000
SAMPLES = 200
"""Random steps of one run; its figure is their median."""


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`reading/open_ms`, `reading/random_step_ms` and `reading/layer_mb_per_s`.

    The recording is a real one: NatureCNN on Atari Breakout at 42×42×4, so that 100,000 steps of all layers fit on a
    small disk. The peers read the very same arrays from uncompressed `.npy` files by `numpy.memmap`.
    """
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    runs = 2 if quick else 7
    try:
        path = _make_recording(folder, 300 if quick else STEPS)
        recording = open_recording(path)
        opened, peer_opened = paired(
            lambda: 1000 * seconds(lambda: open_recording(path), 5),
            lambda: 1000 * seconds(lambda: list(zarr.open_group(path, mode="r").groups()), 5),
            runs,
        )
        plain = _as_memmaps(recording, folder / "plain")
        samples = 5 if quick else SAMPLES
        generator = np.random.default_rng(1)
        step, peer_step = paired(
            lambda: random_step_ms(open_recording(path), generator, samples),
            lambda: _random_memmap_step_ms(plain, generator, samples),
            runs,
        )
        layer, peer_layer = paired(lambda: _layer_rate(recording), lambda: _memmap_rate(plain[f"layer {LAYER}"]), runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    numpy = f"numpy.memmap of the same arrays, uncompressed (numpy {np.__version__})"
    return [
        row(
            figures["reading/open_ms"],
            opened,
            f"`zarr.open_group` and its groups, {middle(peer_opened)} ms (zarr {zarr.__version__})",
        ),
        row(figures["reading/random_step_ms"], step, f"{numpy}, {middle(peer_step)} ms"),
        row(figures["reading/layer_mb_per_s"], layer, f"{numpy}, {middle(peer_layer)} MB/s"),
    ]


def _make_recording(folder: Path, steps: int) -> str:
    def make() -> gymnasium.Env[Any, Any]:
        return make_environment(ATARI, wrappers=SMALL_ATARI_WRAPPERS)

    out = str(folder / "recording.zarr")
    record(untrained_ppo("CnnPolicy", make), make, steps=steps, out=out, seed=SEED, deterministic=False)
    return out


def _as_memmaps(recording: Recording, folder: Path) -> dict[str, np.memmap[Any, Any]]:
    """The same arrays as plain `.npy` files, opened by memory map: step columns by name, layers by `layer <name>`."""
    folder.mkdir()
    arrays = dict(recording.steps) | {f"layer {name}": array for name, array in recording.activations.items()}
    plain: dict[str, np.memmap[Any, Any]] = {}
    for number, (name, array) in enumerate(arrays.items()):
        file = folder / f"{number}.npy"
        written = np.lib.format.open_memmap(file, "w+", array.dtype, array.shape)
        for where, block in array.blocks():
            written[where] = block
        written.flush()
        plain[name] = np.load(file, mmap_mode="r", allow_pickle=False)
    return plain


def random_step_ms(recording: Recording, generator: np.random.Generator, samples: int) -> float:
    """Median milliseconds that all of one step at random takes, over so many samples."""
    times = []
    arrays = [*recording.steps.values(), *recording.activations.values()]
    for step in generator.integers(0, len(recording), samples):
        started = time.perf_counter()
        for array in arrays:
            array[int(step)]
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times))


def _random_memmap_step_ms(
    plain: dict[str, np.memmap[Any, Any]], generator: np.random.Generator, samples: int
) -> float:
    times = []
    length = len(next(iter(plain.values())))
    for step in generator.integers(0, length, samples):
        started = time.perf_counter()
        for array in plain.values():
            np.array(array[int(step)])
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times))


def _layer_rate(recording: Recording) -> float:
    array = recording.activations[LAYER]
    started = time.perf_counter()
    for _, block in array.blocks():
        block[0, 0]
    return array.nbytes / 1e6 / (time.perf_counter() - started)


def _memmap_rate(array: np.memmap[Any, Any]) -> float:
    rows = max(1, (64 << 20) * len(array) // array.nbytes)
    started = time.perf_counter()
    for start in range(0, len(array), rows):
        np.array(array[start : start + rows])
    return array.nbytes / 1e6 / (time.perf_counter() - started)

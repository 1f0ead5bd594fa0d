"""Clusters of this machine's processes, and environments that take their time, for the tests."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, LocalCluster

from tests.recording.toy import Counter
from workbench.recording import Recording


@contextlib.contextmanager
def workers(count: int) -> Iterator[Client]:
    """A client of so many worker processes, each with one thread."""
    with (
        LocalCluster(n_workers=count, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


class SlowCounter(Counter):
    """Counts, and takes 20 ms for each step."""

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        time.sleep(0.02)
        return super().step(action)


class BurningCounter(Counter):
    """Raises in the first step of an episode whose seed is 13."""

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        if self.seed == 13:
            raise RuntimeError("the motor is on fire")
        return super().step(action)


def same(one: Recording, other: Recording) -> None:
    """Check that two recordings are equal, bit for bit and row by row."""
    for name, column in one.episodes.items():
        np.testing.assert_array_equal(column, other.episodes[name], err_msg=name)
    for group in ("steps", "activations", "state"):
        ours, theirs = getattr(one, group), getattr(other, group)
        assert list(ours) == list(theirs)
        for name in ours:
            assert ours[name].dtype == theirs[name].dtype
            assert ours[name][:].tobytes() == theirs[name][:].tobytes(), name
    for number in range(one.number_of_episodes):
        np.testing.assert_array_equal(one.final_observation(number), other.final_observation(number))


def uncounted(path: str | Path) -> set[str]:
    """What is in the folder of parts and not in the list of those that count."""
    import json

    root = json.loads((Path(path) / "zarr.json").read_text())
    counted = {part["path"].partition("/")[2] for part in root["attributes"]["parts"]}
    return {entry.name for entry in (Path(path) / "parts").iterdir()} - counted - {"zarr.json"}

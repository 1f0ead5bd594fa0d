"""Whether two recordings hold the same, bit for bit, read with plain Zarr and not with the reader under test."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from workbench.recording import open_recording

GROUPS = ("steps", "activations", "state", "episodes")
TIMES = ("created", "closed", "resumed")


def attributes_of(path: Path) -> dict[str, Any]:
    """The root's, as they are on the disk."""
    attributes: dict[str, Any] = json.loads((path / "zarr.json").read_text())["attributes"]
    return attributes


def read_rows(path: Path) -> dict[str, np.ndarray]:
    """The committed rows of every array, by path."""
    root = zarr.open_group(path, mode="r")
    counts = {group: root.attrs["committed_episodes" if group == "episodes" else "committed_steps"] for group in GROUPS}
    return {
        f"{group}/{name}": np.asarray(array[: counts[group]])
        for group in GROUPS
        if group in root
        for name, array in _arrays(root[group])
    }


def _arrays(group: zarr.Group, below: str = "") -> list[tuple[str, zarr.Array]]:
    found = []
    with warnings.catch_warnings():
        # A kill may leave an array's folder without its metadata: nothing was in it yet.
        warnings.filterwarnings("ignore", "Object at .* is not recognized as a component")
        members = sorted(group.members())
    for name, member in members:
        found += _arrays(member, f"{below}{name}/") if isinstance(member, zarr.Group) else [(f"{below}{name}", member)]
    return found


def assert_begins_as(path: Path, whole: dict[str, np.ndarray]) -> int:
    """Check that the committed rows of a recording are the first ones of another, and that it says so of itself.

    Args:
        path: What is there of it.
        whole: The rows of the undisturbed one.

    Returns:
        How many steps are committed.
    """
    recording = open_recording(path)
    rows = read_rows(path)
    # Episodes that were cut off are at the end of the table, and are not what they would have become.
    ended = int(np.count_nonzero(rows.get("episodes/complete", np.empty(0))))
    for name, values in rows.items():
        values = values[:ended] if name.startswith("episodes/") else values
        if not len(values):
            continue
        expected = whole[name][: len(values)]
        assert (values.dtype, values.shape) == (expected.dtype, expected.shape), name
        assert values.tobytes() == expected.tobytes(), f"{name} differs in row {_first_unlike(values, expected)}"
    steps = len(recording)
    if steps:
        assert {name for name in rows if not name.startswith("episodes/")} == {
            name for name in whole if not name.startswith("episodes/")
        }
        _assert_table_fits(path)
    return steps


def _assert_table_fits(path: Path) -> None:
    """The reader's table of episodes counts every committed step once, and knows which episodes reached their end."""
    recording = open_recording(path)
    table, ids = recording.episodes, recording.steps["episode"][:]
    ends = recording.steps["terminated"][:] | recording.steps["truncated"][:]
    numbers, lengths = np.unique(ids, return_counts=True)
    np.testing.assert_array_equal(table["id"], numbers)
    np.testing.assert_array_equal(table["length"], lengths)
    np.testing.assert_array_equal(np.sort(ids[ends]), table["id"][table["complete"]])
    rewards = recording.steps["reward"][:]
    for number in (0, len(numbers) // 2, len(numbers) - 1):
        episode = recording.episode(number)
        np.testing.assert_array_equal(episode.column("t"), np.arange(episode.length))
        assert episode.total_reward == _added_up(rewards[episode.rows])


def _added_up(rewards: np.ndarray) -> float:
    """Added one after another, as the recorder does."""
    total = 0.0
    for reward in rewards.tolist():
        total += reward
    return total


def assert_same(path: Path, other: Path, *, but: tuple[str, ...] = ()) -> None:
    """Check that two closed recordings are equal in all rows, in what is kept of the agent and in what they say.

    Args:
        path: The one.
        other: The other.
        but: Attributes that may differ, beside times.
    """
    ours, theirs = read_rows(path), read_rows(other)
    assert sorted(ours) == sorted(theirs)
    for name, values in ours.items():
        assert (values.dtype, values.shape) == (theirs[name].dtype, theirs[name].shape), name
        assert values.tobytes() == theirs[name].tobytes(), (
            f"{name} differs in row {_first_unlike(values, theirs[name])}"
        )
    said = [{key: a for key, a in attributes_of(p).items() if key not in (*TIMES, *but)} for p in (path, other)]
    assert said[0] == said[1]
    agents = [open_recording(p).agent_arrays() for p in (path, other)]
    assert sorted(agents[0]) == sorted(agents[1])
    for name, array in agents[0].items():
        assert array[...].tobytes() == agents[1][name][...].tobytes(), name
    assert_exact_lengths(path)


def assert_exact_lengths(path: Path) -> None:
    """In a recording that was closed, arrays are exactly as long as what counts."""
    root = zarr.open_group(path, mode="r")
    for group in GROUPS:
        count = root.attrs["committed_episodes" if group == "episodes" else "committed_steps"]
        for name, array in _arrays(root[group]):
            assert array.shape[0] == count, f"{group}/{name}"


def _first_unlike(values: np.ndarray, expected: np.ndarray) -> int:
    return next(
        row for row, (one, two) in enumerate(zip(values, expected, strict=True)) if one.tobytes() != two.tobytes()
    )

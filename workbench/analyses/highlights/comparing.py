"""How a reel compares with others: those of random moments, of the first ones, and of the other algorithm.

Axis legend:
    S  sampled steps
    k  moments of a reel
    D  numbers of a state
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from workbench.analyses.highlights.states import StateSpace
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
TRIES = 200
"""Draws of one random moment before it is given up that another fits between those that are there."""
MOST_ROWS = 512
"""States that are read at a time."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A step with the window around it."""

    row: int
    episode: int
    """Number of the episode."""
    step: int
    rows: IntArray
    """Of the window."""
    start: int


class Windows:
    """Finds steps and the windows around them.

    Args:
        recording: Holds the episodes.
        length: l.
        after: Steps of a window after its moment.
    """

    def __init__(self, recording: "Recording", length: int, after: int) -> None:
        self._recording, self._before, self._after = recording, length - 1 - after, after
        ids = np.asarray(recording.episodes["id"])
        self._numbers: Mapping[int, int] = {int(one): number for number, one in enumerate(ids)}

    def of_row(self, row: int) -> Place:
        """The window around a row."""
        identity = int(self._recording.steps["episode"][row])
        if identity not in self._numbers:
            raise WorkbenchError(
                f"The recording is damaged: step {row} is of episode {identity}, which is not in its table."
            )
        return self.of_step(self._numbers[identity], int(self._recording.steps["t"][row]))

    def of_step(self, number: int, step: int) -> Place:
        """The window around a step of an episode, cut off where the episode begins and ends."""
        rows = self._recording.episode(number).rows
        start = max(0, step - self._before)
        shown = np.asarray(rows[start : step + self._after + 1], np.int64)
        return Place(row=int(rows[step]), episode=number, step=step, rows=shown, start=start)

    def first(self, count: int, interval: int) -> list[Place]:
        """The first k windows: one after another from the first episode's beginning on."""
        found: list[Place] = []
        for number in range(self._recording.number_of_episodes):
            length = int(self._recording.episodes["length"][number])
            steps = range(min(self._before, max(0, length - 1)), length, interval)
            for step in steps:
                if len(found) == count:
                    return found
                found.append(self.of_step(number, step))
        return found

    def random(self, count: int, interval: int, generator: np.random.Generator) -> list[Place]:
        """Windows around k steps drawn at random, as far apart as those of the highlights."""
        found: list[Place] = []
        for _ in range(count):
            for _ in range(TRIES):
                one = self.of_row(int(generator.integers(len(self._recording))))
                if all(one.episode != other.episode or abs(one.step - other.step) >= interval for other in found):
                    found.append(one)
                    break
        return found


def features_at(space: StateSpace, recording: "Recording", rows: IntArray) -> FloatArray:
    """States by their rows, `[n, D]`, some hundred read at a time."""
    parts = [space.at(recording, rows[start : start + MOST_ROWS]) for start in range(0, max(1, len(rows)), MOST_ROWS)]
    return np.concatenate(parts)


def nearest_distances(states: FloatArray, shown: FloatArray) -> FloatArray:
    """Of each of S states the distance to the nearest of those shown, `[S]`."""
    # |a − b|² = |a|² − 2ab + |b|², in which a difference of nearly equal numbers may come out below 0.
    squares = (states**2).sum(axis=1)[:, None] - 2 * states @ shown.T + (shown**2).sum(axis=1)[None]
    nearest = squares.argmin(axis=1)
    return np.asarray(np.sqrt(((states - shown[nearest]) ** 2).sum(axis=1)))


def pairwise(states: FloatArray) -> FloatArray:
    """Distances of k states to each other, `[k, k]`."""
    return np.asarray(np.sqrt(((states[:, None] - states[None]) ** 2).sum(axis=2)))


def mean_distance(states: FloatArray, seed: int) -> float:
    """Mean distance of two states drawn at random, by S pairs."""
    generator = np.random.default_rng([seed, 2])
    first, second = generator.integers(len(states), size=(2, 4 * len(states)))
    apart = first != second
    if not apart.any():
        return 0.0
    return float(np.sqrt(((states[first[apart]] - states[second[apart]]) ** 2).sum(axis=1)).mean())


def spread_of(states: Sequence[FloatArray]) -> tuple[float | None, float | None]:
    """Mean distance of two moments, and that of the two most alike, each a mean over draws; None of one moment."""
    means, least = [], []
    for one in states:
        if len(one) > 1:
            apart = pairwise(one)[np.triu_indices(len(one), 1)]
            means.append(apart.mean())
            least.append(apart.min())
    return (float(np.mean(means)), float(np.mean(least))) if means else (None, None)

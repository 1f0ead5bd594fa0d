"""Steps drawn from a recording for a map: at most so many, evenly over its episodes.

Axis legend: N points, E episodes.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.analyses.representation.sources import IntArray, episode_numbers
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

POINTS = 20_000
MOST_POINTS = 50_000
FEWEST_POINTS = 5


@dataclass(frozen=True, kw_only=True)
class Points:
    """Steps of a recording, in order of their rows."""

    rows: IntArray
    """`[N]` of `recording.steps`, in order."""
    episodes: IntArray
    """`[N]` the number of each one's episode."""
    times: IntArray
    """`[N]` its step in that episode."""
    all_steps: int
    """How many steps the recording has."""
    seed: int

    def __post_init__(self) -> None:
        for array in (self.rows, self.episodes, self.times):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def words(self) -> str:
        """For people: which steps they are."""
        episodes = len(np.unique(self.episodes))
        of = f"{episodes:,} episode{'s' * (episodes != 1)}"
        if len(self) == self.all_steps:
            return f"all {len(self):,} steps of {of}"
        return f"{len(self):,} of {self.all_steps:,} steps, drawn evenly over {of} (seed {self.seed})"


def draw_points(recording: "Recording", count: int = POINTS, *, seed: int = 0) -> Points:
    """Draw steps evenly over the episodes: as many of each as it has, and no more than are left to share.

    Every episode gives the same number where it has so many; what short ones cannot give, longer ones do.

    Args:
        recording: Whose steps.
        count: N at most; all steps where there are no more.
        seed: The same draws the same steps.

    Raises:
        WorkbenchError: More points are asked for than a map takes, or the recording holds too few.
    """
    if not FEWEST_POINTS <= count <= MOST_POINTS:
        raise WorkbenchError(f"A map has {FEWEST_POINTS} to {MOST_POINTS:,} points; came {count:,}.")
    total = len(recording)
    if total < FEWEST_POINTS:
        raise WorkbenchError(f"A map takes {FEWEST_POINTS} steps at least; {recording.path} holds {total}.")
    if total <= count:
        rows = np.arange(total)
    else:
        generator = np.random.default_rng(seed)
        lengths = np.asarray(recording.episodes["length"], np.int64)
        given = _evenly(lengths, count, generator)
        drawn = []
        for number in np.flatnonzero(given):
            mine = recording.episode(int(number)).rows
            drawn.append(generator.choice(mine, given[number], replace=False))
        rows = np.sort(np.concatenate(drawn))
    return Points(
        rows=rows.astype(np.int64),
        episodes=episode_numbers(recording, rows),
        times=np.asarray(recording.steps["t"][rows], np.int64),
        all_steps=total,
        seed=seed,
    )


def _evenly(lengths: IntArray, count: int, generator: np.random.Generator) -> IntArray:
    """How many points each episode gives: a common number, or all that it has; `count` in all."""
    given, left = np.zeros(len(lengths), np.int64), count
    while left:
        open_ones = np.flatnonzero(given < lengths)
        if left < len(open_ones):
            given[generator.choice(open_ones, left, replace=False)] += 1
            break
        each = left // len(open_ones)
        more = np.minimum(each, lengths[open_ones] - given[open_ones])
        given[open_ones] += more
        left -= int(more.sum())
    return given

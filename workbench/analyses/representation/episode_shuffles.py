"""A control for what goes together in a recording: concepts laid against other episodes.

Neighbouring steps resemble each other, so that two slowly changing numbers that have nothing to do with each other
often seem to go together (Harris, 2020, "Nonsense correlations in neuroscience"). Here each episode gets a concept's
values from another episode, step by step from its beginning (a shorter one is gone through again): the values keep how
common they are, how slowly they change and how they go with the time in the episode, and lose what they had to do with
the layer in this one. Where episodes can be exchanged for one another this is an exact permutation test. What follows
from the time in the episode alone stays in the control, and is no surprise beside it.

Axis legend: T steps of the recording, S steps that are looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.recording.reader import Recording

RowNumbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EpisodePlaces:
    """Where each episode's steps are, in their order."""

    order: RowNumbers
    """`[T]`, rows, episode by episode."""
    starts: RowNumbers
    """`[E]`, where each one begins in `order`."""
    lengths: RowNumbers
    """`[E]`."""
    episode_of_row: RowNumbers
    """`[T]`, 0 to E − 1."""
    place_of_row: RowNumbers
    """`[T]`, from 0 within the episode."""


def episode_places(recording: Recording) -> EpisodePlaces:
    """Find each episode's rows."""
    ids = np.asarray(recording.steps["episode"][:])
    # Rows of one episode are in its order already.
    order = np.argsort(ids, kind="stable")
    _, starts, lengths = np.unique(ids[order], return_index=True, return_counts=True)
    episode, place = np.empty(len(ids), np.int64), np.empty(len(ids), np.int64)
    episode[order] = np.repeat(np.arange(len(starts)), lengths)
    place[order] = np.arange(len(ids)) - np.repeat(starts, lengths)
    return EpisodePlaces(order, starts, lengths, episode, place)


def shuffled_rows(places: EpisodePlaces, rows: RowNumbers, count: int, *, seed: int) -> Iterator[RowNumbers]:
    """Rows of other episodes that take the place of some rows, `[S]`, again and again.

    Args:
        places: Of the recording's episodes.
        rows: `[S]`.
        count: How many times.
        seed: Of the shuffles.
    """
    generator = np.random.default_rng(seed)
    episodes = len(places.starts)
    for _ in range(count):
        donor = generator.permutation(episodes)[places.episode_of_row[rows]]
        within = places.place_of_row[rows] % places.lengths[donor]
        yield places.order[places.starts[donor] + within]

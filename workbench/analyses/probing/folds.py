"""Splits by whole episodes: neighbouring steps resemble each other, so that a split by step lets answers leak.

Axis legend: T steps, E episodes, F folds.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.reader import Recording

FOLDS = 5
FEWEST_FOLDS = 3
"""One is tested on, one chooses the strength of the penalty, one is learned from."""


@dataclass(frozen=True, kw_only=True)
class Folds:
    """Which fold and which episode every step is of."""

    count: int
    """F."""
    of_step: npt.NDArray[np.int8]
    """`[T]`, 0 to F − 1."""
    episode_of_step: npt.NDArray[np.int32]
    """`[T]`, number of the episode."""
    of_episode: npt.NDArray[np.int8]
    """`[E]`."""

    @property
    def episodes(self) -> int:
        """E."""
        return len(self.of_episode)

    def validates(self, fold: int) -> int:
        """The fold that chooses hyperparameters while `fold` is tested on."""
        return (fold + 1) % self.count


def split_episodes(recording: Recording, *, folds: int = FOLDS, seed: int = 0) -> Folds:
    """Deal the episodes out to folds at random, of about as many steps each.

    Args:
        recording: Holds the episodes.
        folds: F; fewer where there are fewer episodes.
        seed: Of the deal.

    Raises:
        WorkbenchError: There are fewer than three episodes.
    """
    episodes = recording.number_of_episodes
    if episodes < FEWEST_FOLDS:
        raise WorkbenchError(
            f"A probe is tested on episodes that it was not made from, which takes {FEWEST_FOLDS} of them at least; "
            f"{recording.path} holds {episodes}. Record more episodes."
        )
    count = min(folds, episodes)
    if count < FEWEST_FOLDS:
        raise WorkbenchError(f"There are at least {FEWEST_FOLDS} folds; came {folds}.")
    lengths = np.asarray(recording.episodes["length"])
    order = np.random.default_rng(seed).permutation(episodes)
    of_episode, filled = np.zeros(episodes, np.int8), np.zeros(count)
    # The longest first, each to the fold that has least; the permutation decides between equals.
    for number in order[np.argsort(-lengths[order], kind="stable")]:
        fold = int(np.argmin(filled))
        of_episode[number] = fold
        filled[fold] += lengths[number]
    ids = np.asarray(recording.episodes["id"])
    by_id = np.argsort(ids, kind="stable")
    numbers = by_id[np.searchsorted(ids[by_id], recording.steps["episode"][:])].astype(np.int32)
    return Folds(count=count, of_step=of_episode[numbers], episode_of_step=numbers, of_episode=of_episode)

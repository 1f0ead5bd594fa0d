"""Splits by whole episodes: neighbouring steps resemble each other, so that a split by step lets answers leak.

Axis legend: T steps, E episodes, F folds.
"""

import hashlib
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
    """Which fold and which episode every step is of; episodes that are copies of one another count as one."""

    count: int
    """F."""
    of_step: npt.NDArray[np.int8]
    """`[T]`, 0 to F − 1."""
    episode_of_step: npt.NDArray[np.int32]
    """`[T]`, number of the distinct episode, 0 to E − 1."""
    of_episode: npt.NDArray[np.int8]
    """`[E]`."""
    copies: int
    """Episodes that were left out of E, since they repeat another one step by step."""

    @property
    def episodes(self) -> int:
        """E."""
        return len(self.of_episode)

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known of the split."""
        if not self.copies:
            return ()
        return (f"{self.copies} episodes repeat others step by step and count as one with them",)

    def validates(self, fold: int) -> int:
        """The fold that chooses hyperparameters while `fold` is tested on."""
        return (fold + 1) % self.count


def split_episodes(
    recording: Recording, *, folds: int = FOLDS, seed: int = 0, observations: npt.NDArray[np.uint64] | None = None
) -> Folds:
    """Deal the episodes out to folds at random, of about as many steps each.

    Args:
        recording: Holds the episodes.
        folds: F; fewer where there are fewer episodes.
        seed: Of the deal.
        observations: `[T]`, a hash of each observation: episodes with the same observations and actions are copies (a
            deterministic agent in a world with one beginning), and go to one fold.

    Raises:
        WorkbenchError: There are fewer than three different episodes.
    """
    group_of, lengths = _distinct(recording, observations)
    episodes, given = len(lengths), recording.number_of_episodes
    if episodes < FEWEST_FOLDS:
        told = f"{given}" if episodes == given else f"{given}, of which {episodes} differ"
        raise WorkbenchError(
            f"What is made from episodes is tested on others, which takes {FEWEST_FOLDS} of them at least; "
            f"{recording.path} holds {told}. Record more episodes."
        )
    count = min(folds, episodes)
    if count < FEWEST_FOLDS:
        raise WorkbenchError(f"There are at least {FEWEST_FOLDS} folds; came {folds}.")
    order = np.random.default_rng(seed).permutation(episodes)
    of_episode, filled = np.zeros(episodes, np.int8), np.zeros(count)
    # The longest first, each to the fold that has least; the permutation decides between equals.
    for number in order[np.argsort(-lengths[order], kind="stable")]:
        fold = int(np.argmin(filled))
        of_episode[number] = fold
        filled[fold] += lengths[number]
    ids = np.asarray(recording.episodes["id"])
    by_id = np.argsort(ids, kind="stable")
    numbers = group_of[by_id[np.searchsorted(ids[by_id], recording.steps["episode"][:])]].astype(np.int32)
    return Folds(
        count=count, of_step=of_episode[numbers], episode_of_step=numbers, of_episode=of_episode,
        copies=given - episodes,
    )  # fmt: skip


def _distinct(
    recording: Recording, observations: npt.NDArray[np.uint64] | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Which distinct episode each one is, and how many steps each distinct one has with its copies."""
    lengths = np.asarray(recording.episodes["length"], np.int64)
    if observations is None:
        return np.arange(len(lengths)), lengths
    actions = np.asarray(recording.steps["action"][:])
    known: dict[bytes, int] = {}
    group_of = np.zeros(len(lengths), np.int64)
    for number in range(len(lengths)):
        rows = recording.episode(number).rows
        digest = hashlib.sha256(observations[rows].tobytes() + actions[rows].tobytes()).digest()
        group_of[number] = known.setdefault(digest, len(known))
    return group_of, np.bincount(group_of, lengths, minlength=len(known)).astype(np.int64)

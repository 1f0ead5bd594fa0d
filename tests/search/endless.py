"""A game without end or rules: every action is legal for ever, and each line leads to a position of its own."""

from typing import Any

import numpy as np


def _mixed(words: Any) -> Any:
    """The last step of splitmix64."""
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return words ^ (words >> np.uint64(31))


class Endless:
    """Its functions are plain numpy: nothing in a search needs them compiled."""

    name, actions, words, longest = "endless", 6, 2, 10**6
    observation_shape = (64,)
    action_names = tuple("abcdef")

    def start(self) -> Any:
        return np.array([1, 0], np.uint64)

    def describe(self, positions: Any, legal: Any, ended: Any, outcome: Any, player: Any) -> None:
        legal[:], ended[:], outcome[:] = True, 0, 0
        player[:] = positions[:, 1] % np.uint64(2)

    def play(self, positions: Any, actions: Any, after: Any, legal: Any, ended: Any, outcome: Any, player: Any) -> None:
        with np.errstate(over="ignore"):
            after[:, 0] = _mixed(positions[:, 0] * np.uint64(7) + actions.astype(np.uint64) + np.uint64(1))
        after[:, 1] = positions[:, 1] + np.uint64(1)
        self.describe(after, legal, ended, outcome, player)

    def observe(self, positions: Any, observations: Any) -> None:
        observations[:] = (positions[:, :1] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)

    def cells(self, position: Any) -> Any:
        return np.zeros((1, 1), np.int8)

    def action_cells(self) -> Any:
        return np.zeros((self.actions, 2), np.int16)

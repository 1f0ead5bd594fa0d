"""A game without end whose state is a vector, for a comparison with a search that knows arrays alone."""

from typing import Any

import numpy as np

WIDTH, ACTIONS = 32, 6


class LinearEvaluator:
    """Priors and values from one product of matrices."""

    name = fingerprint = "linear"

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.weights = random.standard_normal((WIDTH, ACTIONS)).astype(np.float32)
        self.worth = random.standard_normal(WIDTH).astype(np.float32)

    def __call__(self, seen: Any) -> Any:
        """`[B, 32]` → logits and values."""
        return seen @ self.weights, np.tanh(seen @ self.worth)


class Endless:
    """Every action is legal for ever: the state turns by one place, fades, and takes the action in."""

    name, actions, words, longest = "endless", ACTIONS, WIDTH // 2 + 1, 10**6
    observation_shape = (WIDTH,)
    action_names = tuple("abcdef")

    def start(self) -> Any:
        """All zeros."""
        return np.zeros(self.words, np.uint64)

    def describe(self, positions: Any, legal: Any, ended: Any, outcome: Any, player: Any) -> None:
        """Nothing ends; the last word counts moves."""
        legal[:], ended[:], outcome[:] = True, 0, 0
        player[:] = positions[:, -1] % np.uint64(2)

    def play(self, positions: Any, actions: Any, after: Any, legal: Any, ended: Any, outcome: Any, player: Any) -> None:
        """Turn, fade, take in."""
        state = np.roll(np.ascontiguousarray(positions[:, :-1]).view(np.float32), 1, axis=1) * np.float32(0.9)
        state[np.arange(len(state)), actions] += 1
        after[:, :-1] = state.view(np.uint64)
        after[:, -1] = positions[:, -1] + np.uint64(1)
        self.describe(after, legal, ended, outcome, player)

    def observe(self, positions: Any, observations: Any) -> None:
        """The state."""
        observations[:] = np.ascontiguousarray(positions[:, :-1]).view(np.float32)

    def cells(self, position: Any) -> Any:
        """No board."""
        return np.zeros((1, 1), np.int8)

    def action_cells(self) -> Any:
        """No board."""
        return np.zeros((ACTIONS, 2), np.int16)

"""Environments that hold a table of their transitions, as gymnasium's toy text does: stepped through by the table.

`P[s][a]` is a list of `(probability, next state, reward, terminated)`. A step through it is the environment's own,
draw for draw, and costs a tenth; random rollouts are compiled.

Axis legend:
    Z  states, A  actions, K  most outcomes of an action
"""

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.search.compiling import compiled
from workbench.search.environments.randomness import Randomness
from workbench.search.environments.stack import Stack

_NONE = 2.0
"""A probability where there is no outcome."""


class Table(NamedTuple):
    """A table of transitions as arrays."""

    cumulative: npt.NDArray[np.float64]
    """`[Z, A, K]`, 2 behind the last outcome."""
    following: npt.NDArray[np.int32]
    """`[Z, A, K]`"""
    reward: npt.NDArray[np.float64]
    """`[Z, A, K]`"""
    ended: npt.NDArray[np.bool_]
    """`[Z, A, K]`"""


def table_of(transitions: Any) -> Table:
    """The arrays of a table of transitions."""
    Z, A = len(transitions), len(transitions[0])
    flat = [transitions[s][a] for s in range(Z) for a in range(A)]
    counts = np.array([len(outcomes) for outcomes in flat])
    K = int(counts.max())
    entries = np.array([outcome for outcomes in flat for outcome in outcomes], np.float64)
    places = np.repeat(np.arange(Z * A), counts), np.concatenate([np.arange(count) for count in counts])
    whole = np.zeros((Z * A, K, 4))
    whole[places] = entries
    cumulative = np.cumsum(whole[..., 0], axis=1)
    cumulative[np.arange(K) >= counts[:, None]] = _NONE
    return Table(
        cumulative=np.ascontiguousarray(cumulative.reshape(Z, A, K)),
        following=np.ascontiguousarray(whole[..., 1].reshape(Z, A, K).astype(np.int32)),
        reward=np.ascontiguousarray(whole[..., 2].reshape(Z, A, K)),
        ended=np.ascontiguousarray(whole[..., 3].reshape(Z, A, K) > 0),
    )


@compiled
def _uniform(stream: npt.NDArray[np.uint64]) -> float:
    """The next number of SplitMix64 (Steele, Lea and Flood 2014), 0 to 1."""
    stream[0] += np.uint64(0x9E3779B97F4A7C15)
    z = stream[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) * 2.0**-53


@compiled
def _roll(
    cumulative: npt.NDArray[np.float64],
    following: npt.NDArray[np.int32],
    reward: npt.NDArray[np.float64],
    ended: npt.NDArray[np.bool_],
    state: int,
    steps: int,
    discount: float,
    stream: npt.NDArray[np.uint64],
) -> float:
    total, weight = 0.0, 1.0
    A, K = cumulative.shape[1], cumulative.shape[2]
    for _ in range(steps):
        action = min(int(_uniform(stream) * A), A - 1)
        k = 0
        if K > 1 and cumulative[state, action, 1] < _NONE:
            drawn = _uniform(stream)
            while k < K and cumulative[state, action, k] <= drawn:
                k += 1
            if k == K or cumulative[state, action, k] == _NONE:
                k = 0
        total += weight * reward[state, action, k]
        if ended[state, action, k]:
            break
        weight *= discount
        state = following[state, action, k]
    return total


class _Known:
    """What was made of the table of an environment, for the searches to come."""

    def __init__(self, transitions: Any) -> None:
        self.transitions = transitions
        self.rows: dict[tuple[int, int], tuple[list[float], list[Any]]] = {}
        self.table: Table | None = None


_KNOWN: weakref.WeakKeyDictionary[Any, _Known] = weakref.WeakKeyDictionary()


class TableSteps:
    """Steps through a table: the environment itself is not touched.

    Args:
        stack: With a step limit at most; its environment has `s` and `P`.
        randomness: Draws as the environment would.
        reference: Steps the environment itself, to compare with.
    """

    def __init__(self, stack: Stack, randomness: Randomness, reference: Any) -> None:
        self.stack, self.reference = stack, reference
        self._bare: Any = stack.bare
        self._transitions = self._bare.P
        self._limit = stack.limit
        known = _KNOWN.get(self._bare)
        if known is None or known.transitions is not self._transitions:
            known = _KNOWN[self._bare] = _Known(self._transitions)
        self._known, self._rows = known, known.rows
        self._draw = randomness.main.random
        self._s, self._elapsed = int(self._bare.s), stack.elapsed
        # Pictures show it: the way that an elf or a taxi looks.
        self._last = getattr(self._bare, "lastaction", None)
        self._several = False

    def save(self) -> tuple[int, int, Any]:
        """The state, the steps so far, and the last action."""
        return self._s, self._elapsed, self._last

    def restore(self, snapshot: tuple[int, int, Any]) -> None:
        """Go there."""
        self._s, self._elapsed, self._last = snapshot

    def step(self, action: int) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """The environment's own step, without its info."""
        place = self._s, action
        row = self._rows.get(place)
        if row is None:
            outcomes = self._transitions[self._s][action]
            row = self._rows[place] = np.cumsum([outcome[0] for outcome in outcomes]).tolist(), outcomes
        cumulative, outcomes = row
        # Drawn also where there is one outcome: the environment does.
        drawn = self._draw()
        self._several = len(outcomes) > 1
        k = 0
        if self._several:
            k = next((k for k, bound in enumerate(cumulative) if bound > drawn), 0)
        _, following, reward, ended = outcomes[k]
        self._s, self._last = int(following), action
        self._elapsed += 1
        return self._s, reward, ended, self._elapsed >= self._limit, {}

    def away(self) -> tuple[Callable[[Any], Any], float]:
        """The same step; rollouts are compiled."""
        return self.step, float(self._limit - self._elapsed)

    def mark(self) -> None:
        """Nothing to note: the table says what is chance."""

    def drew(self) -> bool:
        """Whether the last step had several outcomes."""
        return self._several

    def rollout(self, depth: int, discount: float, stream: npt.NDArray[np.uint64]) -> float:
        """The discounted return of random actions from here on; the state is left where it is.

        Args:
            depth: Most steps.
            discount: γ.
            stream: `[1]`, where the stream of random numbers is at; it goes on.
        """
        if self._known.table is None:
            self._known.table = table_of(self._transitions)
        steps = int(min(depth, self._limit - self._elapsed))
        return float(_roll(*self._known.table, self._s, steps, discount, stream))

    def show(self) -> Any:
        """The environment in this state, to be looked at; `end` puts it back."""
        self._bare.s, self._bare.lastaction = self._s, self._last
        return self._bare

    def end(self) -> None:
        """Put the environment back that was shown."""
        self.reference.end()

"""Choosing the k most important states in one pass, as HIGHLIGHTS and HIGHLIGHTS-DIV do, with memory for k of them.

HIGHLIGHTS (Amir and Amir 2018) keeps the k most important states met so far. After a state was taken, the next i − 1
of its episode are passed over, so that trajectories do not overlap. HIGHLIGHTS-DIV compares a state with the one among
the k that is most similar to it, and takes that one's place if it is more important; so less important states stay as
long as they are different from all others.

Two things are otherwise here, and both can be told apart from the paper's by `interval_rule`:

- The paper passes over a state that follows one that was taken, however much more important it is, and so may miss the
  very moment (`published`). Here each episode is cut into stretches of i steps, of which the most important state is
  the candidate; of two candidates closer than i the less important is dropped (`peak`). So every state that is the
  most important of those less than i steps away is a candidate, and no two candidates overlap.
- While fewer than k were taken, the paper takes every state, also one that was taken already; here (with either rule) a
  state whose distance to one of them is 0 competes with it.

Axis legend:
    n  rows of one block of steps
    D  numbers of a state
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntervalRule: TypeAlias = Literal["peak", "published"]


@dataclass(frozen=True, kw_only=True)
class State:
    """A step that may be shown."""

    row: int
    slot: int
    episode: int
    t: int
    importance: float
    features: FloatArray
    """`[D]`."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Steps in the order of recording, `[n]` each."""

    rows: npt.NDArray[np.int64]
    slots: npt.NDArray[np.int64]
    episodes: npt.NDArray[np.int64]
    t: npt.NDArray[np.int64]
    importance: FloatArray
    """NaN where it is not defined: such a step is never taken."""
    features: FloatArray
    """`[n, D]`."""

    def state(self, place: int) -> State:
        """One of them, which does not keep the others in memory."""
        return State(
            row=int(self.rows[place]),
            slot=int(self.slots[place]),
            episode=int(self.episodes[place]),
            t=int(self.t[place]),
            importance=float(self.importance[place]),
            features=self.features[place].copy(),
        )


class Kept:
    """The k states of a summary.

    Args:
        count: k.
        diverse: Whether a state competes with the most similar one (HIGHLIGHTS-DIV), else with the least important.
    """

    def __init__(self, count: int, *, diverse: bool) -> None:
        self._count, self._diverse = count, diverse
        self.states: list[State] = []

    def rival(self, features: FloatArray) -> int | None:
        """The place of the state that one with these features competes with; None where there is room for it."""
        if not self.states:
            return None
        if self._diverse:
            distances = [float(((one.features - features) ** 2).sum()) for one in self.states]
            nearest = int(np.argmin(distances))
            if len(self.states) == self._count or distances[nearest] == 0:
                return nearest
            return None
        if len(self.states) < self._count:
            return None
        return int(np.argmin([one.importance for one in self.states]))

    def offer(self, state: State) -> bool:
        """Take a state, if there is room or it is more important than its rival; gives whether it was taken."""
        if not np.isfinite(state.importance):
            return False
        place = self.rival(state.features)
        if place is None:
            self.states.append(state)
        elif state.importance > self.states[place].importance:
            self.states[place] = state
        else:
            return False
        return True

    def ranked(self) -> list[State]:
        """From the most important on; of equals the earlier row first."""
        return sorted(self.states, key=lambda one: (-one.importance, one.row))


@dataclass(frozen=True, kw_only=True)
class _Course:
    """Where a slot's episode stands."""

    episode: int
    stretch: int
    """Number of the stretch of i steps."""
    best: State
    """The most important of that stretch so far."""
    held: State | None
    """The candidate of the stretches before, until it is known that no better one follows within i steps."""


class Peaks:
    """Gives candidates that are at least i steps apart within an episode, in one pass.

    Args:
        interval: i.
    """

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._courses: dict[int, _Course] = {}

    def add(self, block: Block) -> list[State]:
        """Go on by a block; gives the candidates that are sure now, in an order that does not depend on the blocks."""
        sure: list[tuple[int, State]] = []
        defined = np.flatnonzero(np.isfinite(block.importance))
        order = defined[np.argsort(block.slots[defined], kind="stable")]
        if not len(order):
            return []
        keys = np.stack([block.slots[order], block.episodes[order], block.t[order] // self._interval])
        starts = np.flatnonzero(np.append(True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)))
        for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
            part = order[start:stop]
            # The first of equals, as it would be if they came one by one.
            best = block.state(int(part[np.argmax(block.importance[part])]))
            for state in self._go_on(best, int(keys[2, start])):
                sure.append((int(block.rows[part[0]]), state))
        return [state for _, state in sorted(sure, key=lambda one: (one[0], one[1].row))]

    def end(self) -> list[State]:
        """The candidates that are left when no more comes."""
        left = [state for course in self._courses.values() for state in _closed(course, self._interval)]
        self._courses.clear()
        return sorted(left, key=lambda one: one.row)

    def _go_on(self, best: State, stretch: int) -> Iterator[State]:
        course = self._courses.get(best.slot)
        if course is None or course.episode != best.episode:
            if course is not None:
                yield from _closed(course, self._interval)
            self._courses[best.slot] = _Course(episode=best.episode, stretch=stretch, best=best, held=None)
        elif course.stretch == stretch:
            if best.importance > course.best.importance:
                self._courses[best.slot] = replace(course, best=best)
        else:
            sure, held = _settled(course.held, course.best, self._interval)
            yield from sure
            self._courses[best.slot] = _Course(episode=best.episode, stretch=stretch, best=best, held=held)


def _settled(held: State | None, best: State, interval: int) -> tuple[list[State], State]:
    """What is sure, and what is held, once a stretch is over."""
    if held is None:
        return [], best
    if best.t - held.t >= interval:
        return [held], best
    return [], best if best.importance > held.importance else held


def _closed(course: _Course, interval: int) -> list[State]:
    sure, held = _settled(course.held, course.best, interval)
    return [*sure, held]


def choose(
    blocks: Iterable[Block], *, count: int, interval: int, interval_rule: IntervalRule = "peak"
) -> tuple[list[State], list[State]]:
    """Choose the states of a summary in one pass, once with HIGHLIGHTS-DIV and once with HIGHLIGHTS.

    Args:
        blocks: The steps; each block in the order of recording.
        count: k, how many at most.
        interval: i, steps of an episode between two states at least.
        interval_rule: `peak` or `published`, as the head of this module says.

    Returns:
        The states of HIGHLIGHTS-DIV and those of HIGHLIGHTS, each from the most important on.
    """
    both = (Kept(count, diverse=True), Kept(count, diverse=False))
    if interval_rule == "published":
        waits: tuple[dict[int, tuple[int, int]], ...] = ({}, {})
        for block in blocks:
            for kept, wait in zip(both, waits, strict=True):
                _as_published(block, kept, wait, interval)
    else:
        peaks = Peaks(interval)
        for block in blocks:
            for state in peaks.add(block):
                for kept in both:
                    kept.offer(state)
        for state in peaks.end():
            for kept in both:
                kept.offer(state)
    return both[0].ranked(), both[1].ranked()


def _as_published(block: Block, kept: Kept, wait: dict[int, tuple[int, int]], interval: int) -> None:
    """The paper's own rule; `wait` holds by slot the episode and time from which on a state may be taken again."""
    for place in range(len(block.rows)):
        slot, episode, t = int(block.slots[place]), int(block.episodes[place]), int(block.t[place])
        of, until = wait.get(slot, (episode, 0))
        if (of == episode and t < until) or not np.isfinite(block.importance[place]):
            continue
        if kept.offer(block.state(place)):
            wait[slot] = (episode, t + interval)

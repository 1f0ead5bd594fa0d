"""The ways to save and restore the state of an environment, in the order in which they are tried.

Each gives a stepper: something that steps, saves and restores, and leaves the real environment where it was at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium.utils import EzPickle

from workbench.errors import WorkbenchError
from workbench.search.environments.adapters import find_adapter
from workbench.search.environments.outcomes import difference
from workbench.search.environments.played import PlayedEpisode
from workbench.search.environments.portraits import changed, listed, portray
from workbench.search.environments.randomness import Randomness, States
from workbench.search.environments.stack import Stack, shared_parts
from workbench.search.environments.tables import TableSteps


class Stepper(Protocol):
    """What a search moves about in."""

    stack: Stack

    def save(self) -> Any:
        """A snapshot of the present state, without the generators; it stays good however often it is restored."""

    def restore(self, snapshot: Any) -> None:
        """Go to the state of a snapshot; the generators go on where they are."""

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, Any]:
        """One step of the environment with all its wrappers that do something."""

    def away(self) -> tuple[Callable[[Any], tuple[Any, Any, Any, Any, Any]], float]:
        """A quicker step for going where nobody comes back from but by `restore`, and how many there are at most."""

    def mark(self) -> None:
        """Before a step, for `drew`."""

    def drew(self) -> bool:
        """Whether the last step drew a random number, so that it might have had another outcome."""

    def show(self) -> Any:
        """The environment in the present state, for its `render` and `action_masks`; not to be stepped."""

    def end(self) -> None:
        """Put the real environment where it was."""


class InPlace:
    """The real environment is moved about, by functions that read and write its state.

    Args:
        stack: Its wrappers.
        randomness: Its generators.
        read: Gives a state of its own that later steps do not change.
        write: Puts one back, and keeps nothing of it that a step changes.
    """

    def __init__(
        self,
        stack: Stack,
        randomness: Randomness,
        read: Callable[[Any], Any],
        write: Callable[[Any, Any], Any],
    ) -> None:
        self.stack, self._read, self._write = stack, read, write
        self._bare = stack.bare
        self.step = stack.step
        self.mark, self.drew = randomness.mark, randomness.moved
        self._start = self.save()

    def save(self) -> Any:
        """The environment's state and its wrappers'."""
        return self._read(self._bare), self.stack.save()

    def away(self) -> tuple[Callable[[Any], Any], float]:
        """The step of the environment itself, where there is a limit at most above it."""
        return self.stack.away()

    def restore(self, snapshot: Any) -> None:
        """Write both."""
        state, layers = snapshot
        self._write(self._bare, state)
        self.stack.restore(layers)

    def show(self) -> Any:
        """The environment."""
        return self.stack.top

    def end(self) -> None:
        """Write the state that it was in."""
        self.restore(self._start)


class Copies:
    """Copies of the environment, by `copy.deepcopy`; the real one is never stepped.

    A snapshot is a copy itself: another is made only when it is stepped on. Generators, spaces and what draws are not
    copied.

    Args:
        stack: The environment's wrappers.
        randomness: Its generators.
    """

    def __init__(self, stack: Stack, randomness: Randomness) -> None:
        self.stack = stack
        self._shared = shared_parts(stack.bare, randomness.found)
        self._here, self._is_snapshot = stack.bare, True
        self._real: Any = stack.bare
        self.mark, self.drew = randomness.mark, randomness.moved

    def save(self) -> Any:
        """This copy; the next step is made on another."""
        self._is_snapshot = True
        return self._here, self.stack.layers()

    def restore(self, snapshot: Any) -> None:
        """Be at a snapshot; the next step is made on a copy of it."""
        self._here, layers = snapshot
        self._is_snapshot = True
        self.stack.take(layers, self._here)

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Step a copy."""
        self._own()
        return self.stack.step(action)

    def away(self) -> tuple[Callable[[Any], Any], float]:
        """The step of a copy."""
        self._own()
        return self.stack.away()

    def show(self) -> Any:
        """A copy: drawing may change it."""
        self._own()
        return self.stack.top

    def unlike(self) -> str | None:
        """What a copy has otherwise than the environment itself; None: nothing that can be seen.

        Copies that all begin anew agree with each other.
        """
        copied = self.show().unwrapped
        places = changed(portray(self._real), portray(copied))
        if places:
            return f"a copy of it is not the same: {listed(places)} differ"
        if self._real.render_mode == "rgb_array" and not np.array_equal(self._real.render(), copied.render()):
            return "a copy of it gives another picture"
        return None

    def _own(self) -> None:
        if self._is_snapshot:
            self._here, layers = self.stack.copy_of(self._here, self.stack.layers(), self._shared)
            self.stack.take(layers, self._here)
            self._is_snapshot = False

    def end(self) -> None:
        """Nothing to put back."""


class Replays:
    """The real environment is reset and the episode played again, up to the present state and from there on.

    A restored state costs as many steps as have led to it.

    Args:
        stack: The environment's wrappers.
        randomness: Its generators.
        episode: What has been played.
    """

    def __init__(self, stack: Stack, randomness: Randomness, episode: PlayedEpisode) -> None:
        self.stack, self._randomness, self._episode = stack, randomness, episode
        self.mark, self.drew = randomness.mark, randomness.moved
        # A snapshot is the way from the present state: (what came before, action, what the generators were at).
        self._way: tuple[Any, Any, States] | None = None
        self.last_observation: Any = None
        before = randomness.states()
        self._to_the_present()
        seen = episode.observation
        words = None if seen is None else difference(seen, self.last_observation, "the present observation")
        words = words or difference(before, randomness.states(), "the state of a generator")
        if words:
            raise WorkbenchError(
                f"the episode played again is another one ({words}); reset the environment, which is now there"
            )

    def save(self) -> Any:
        """The actions since the present state."""
        return self._way

    def restore(self, snapshot: Any) -> None:
        """Play it all again, with the chance of then."""
        stream = self._randomness.states()
        self._to_the_present()
        way: list[tuple[Any, States]] = []
        while snapshot is not None:
            before, action, states = snapshot
            way.append((action, states))
            snapshot = before
        for action, states in reversed(way):
            self._randomness.put(states)
            self._way = (self._way, action, states)
            self.stack.step(action)
        self._randomness.put(stream)

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, Any]:
        """One step, remembered."""
        self._way = (self._way, action, self._randomness.states())
        return self.stack.step(action)

    def away(self) -> tuple[Callable[[Any], Any], float]:
        """Steps that are not remembered."""
        return self.stack.away()

    def show(self) -> Any:
        """The environment."""
        return self.stack.top

    def end(self) -> None:
        """Play to the present state; the generators are then at what they were at."""
        self._to_the_present()

    def _to_the_present(self) -> None:
        episode, randomness = self._episode, self._randomness
        if episode.before is not None:
            randomness.put(episode.before)
        observation = self.stack.reset(episode.seed, episode.options)
        # A reset with a seed makes the environment's generator anew.
        randomness.refresh()
        for action in episode.actions:
            observation, *_ = self.stack.step(action)
        self.last_observation = observation
        self._way = None


Opened = Stepper | str


@dataclass(frozen=True, kw_only=True)
class Way:
    """A row of the table of ways."""

    name: str
    words: str
    """How it saves and restores, in a sentence."""
    open: Callable[[Stack, Randomness, PlayedEpisode | None], Opened]
    """A stepper at the present state, or why there is none."""


def _own_methods(stack: Stack, randomness: Randomness, _episode: PlayedEpisode | None) -> Opened:
    bare: Any = stack.bare
    if not callable(getattr(bare, "get_state", None)) or not callable(getattr(bare, "set_state", None)):
        return "it has no get_state and set_state"
    return InPlace(stack, randomness, lambda one: one.get_state(), lambda one, state: one.set_state(state))


def _adapter(stack: Stack, randomness: Randomness, _episode: PlayedEpisode | None) -> Opened:
    adapter = find_adapter(stack.bare)
    if adapter is None:
        return "there is no adapter for its class"
    unfit = adapter.unfit(stack.bare)
    if unfit is not None:
        return unfit
    in_place = InPlace(stack, randomness, adapter.read, adapter.write)
    return TableSteps(stack, randomness, in_place) if stack.counted and adapter.table(stack.bare) else in_place


def _copies(stack: Stack, randomness: Randomness, _episode: PlayedEpisode | None) -> Opened:
    bare = stack.bare
    anew = [part for part in (bare, *vars(bare).values()) if isinstance(part, EzPickle)]
    if anew and type(anew[0]).__setstate__ is EzPickle.__setstate__ and not hasattr(anew[0], "__deepcopy__"):
        return f"copies of {type(anew[0]).__name__} begin anew from its constructor's arguments (EzPickle)"
    return Copies(stack, randomness)


def _replays(stack: Stack, randomness: Randomness, episode: PlayedEpisode | None) -> Opened:
    adapter = find_adapter(stack.bare)
    unfit = adapter.unfit(stack.bare) if adapter is not None else None
    if unfit is not None:
        return unfit
    if episode is None:
        return (
            "the episode so far is not known (put EpisodeLog around the environment, or pass episode=PlayedEpisode(…))"
        )
    return Replays(stack, randomness, episode)


WAYS: tuple[Way, ...] = (
    Way(name="own", words="the environment's own get_state and set_state", open=_own_methods),
    Way(name="adapter", words="an adapter that reads and writes the few attributes of its state", open=_adapter),
    Way(name="copy", words="deep copies of the environment", open=_copies),
    Way(name="replay", words="playing the episode's actions again from its reset", open=_replays),
)
"""Ways to save and restore, the quickest first."""


def select_ways(names: tuple[str, ...] | None) -> tuple[Way, ...]:
    """The rows of these names, in the order of the table; all of them where none are given.

    Raises:
        WorkbenchError: There is no such way.
    """
    known = [way.name for way in WAYS]
    wrong = [name for name in names or () if name not in known]
    if wrong or names == ():
        raise WorkbenchError(f"The ways to save a state are {', '.join(known)}; got {', '.join(wrong) or 'none'}.")
    return tuple(way for way in WAYS if names is None or way.name in names)

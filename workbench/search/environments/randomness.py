"""The random generators that an environment draws from: found, reseeded while a search steps it, and put back.

A snapshot is of the state, not of the chance to come: a search that copied the generators would see the very outcomes
that will happen. So no snapshot holds a generator. While a search is on, they run on a stream of the search's own seed.
"""

import itertools
import random
import types
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import gymnasium
import numpy as np

GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
States: TypeAlias = tuple[Any, ...]
"""One state a generator, as each gives it."""

_DEPTH = 3
"""Objects within objects that are looked into."""
_MANY = 1000
"""Entries of a container that are looked at."""
_OPAQUE = ("numpy", "torch", "pygame", "builtins", "Box2D", "collections", "types", "functools")
"""Packages whose objects hold no generator of the environment's."""

_PLAIN = {int, float, str, dict, list, tuple, bool, np.ndarray}


def layers_of(env: gymnasium.Env[Any, Any]) -> list[Any]:
    """The wrappers, outermost first, and the environment below them."""
    layers: list[Any] = [env]
    while isinstance(layers[-1], gymnasium.Wrapper):
        layers.append(layers[-1].env)
    return layers


def find_generators(env: gymnasium.Env[Any, Any]) -> list[Any]:
    """All generators (numpy's of both kinds, Python's) held by an environment, its wrappers, their spaces and parts.

    Objects are looked into three deep, containers one deep. Generators in compiled code are not found.
    """
    found: list[Any] = []
    seen: set[int] = set()
    for layer in layers_of(env):
        _look_into(layer, _DEPTH, seen, found)
    return found


def _look_into(holder: Any, depth: int, seen: set[int], found: list[Any]) -> None:
    seen.add(id(holder))
    for value in list(vars(holder).values()):
        _look_at(value, depth, seen, found, inside=False)


def _look_at(value: Any, depth: int, seen: set[int], found: list[Any], *, inside: bool) -> None:
    if isinstance(value, int | float | str | bytes | np.ndarray) or value is None or id(value) in seen:
        return
    if isinstance(value, GENERATORS):
        seen.add(id(value))
        if not isinstance(value, random.SystemRandom):
            found.append(value)
    elif isinstance(value, dict | list | tuple | set | deque):
        if not inside:
            entries: Iterable[Any] = value.values() if isinstance(value, dict) else value
            for entry in itertools.islice(entries, _MANY):
                if type(entry) not in _PLAIN:
                    _look_at(entry, depth, seen, found, inside=True)
    elif depth > 0 and has_parts(value):
        _look_into(value, depth - 1, seen, found)


def has_parts(value: Any) -> bool:
    """Whether an object is one of the environment's own, with attributes to be looked into."""
    if isinstance(value, type | types.ModuleType | types.FunctionType | types.MethodType) or not hasattr(
        value, "__dict__"
    ):
        return False
    return type(value).__module__.partition(".")[0] not in _OPAQUE


class Randomness:
    """The generators of one environment, read and set together.

    Args:
        env: Its own generator is made where it has none yet, as its first use would.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self._env = env
        bare: Any = env.unwrapped
        self._made = getattr(bare, "_np_random", None) is None
        if self._made:
            _ = bare.np_random
        self._generators: list[Any] = []
        self._mark: Any = None
        self.refresh()

    @property
    def main(self) -> np.random.Generator:
        """The environment's own generator, `np_random`."""
        return self._env.unwrapped.np_random

    @property
    def found(self) -> list[Any]:
        """The generators."""
        return self._generators

    def refresh(self) -> None:
        """Find the generators again: a reset with a seed makes new ones."""
        self._generators = find_generators(self._env)

    def states(self) -> States:
        """What each generator is at."""
        return tuple(_state(generator) for generator in self._generators)

    def put(self, states: States) -> None:
        """Set each generator to what it was at."""
        for generator, state in zip(self._generators, states, strict=True):
            _set_state(generator, state)

    def reseed(self, *seed: int) -> None:
        """Begin a stream of its own in each generator."""
        for generator, one in zip(
            self._generators, np.random.SeedSequence(seed).spawn(len(self._generators)), strict=True
        ):
            _seed(generator, one)

    def mark(self) -> None:
        """Note what the generators are at, for `moved`."""
        self._mark = [_position(generator) for generator in self._generators]

    def moved(self) -> bool:
        """Whether anything was drawn since the mark."""
        return any(_position(one) != then for one, then in zip(self._generators, self._mark, strict=True))

    def forget(self) -> None:
        """Take away the generator that was made for the environment, if one was."""
        if self._made:
            bare: Any = self._env.unwrapped
            bare._np_random, bare._np_random_seed = None, None


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state() if isinstance(generator, np.random.RandomState) else generator.getstate()


def _set_state(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.setstate(state)


def _seed(generator: Any, seed: np.random.SeedSequence) -> None:
    if isinstance(generator, np.random.Generator):
        kind: Any = type(generator.bit_generator)
        generator.bit_generator.state = kind(seed).state
    else:
        generator.seed(int(seed.generate_state(1)[0]))


def _position(generator: Any) -> Any:
    """Something that changes with every draw, and can be compared."""
    if isinstance(generator, np.random.Generator):
        state: Any = generator.bit_generator.state
        inner = state["state"]
        if "inc" in inner:
            return inner["state"], state["has_uint32"], state["uinteger"]
        return repr({name: _listed(value) for name, value in state.items()})
    return _comparable(generator.get_state()) if isinstance(generator, np.random.RandomState) else generator.getstate()


def _comparable(state: Any) -> tuple[Any, ...]:
    name, keys, *rest = state
    return name, keys.tobytes(), *rest


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _listed(entry) for name, entry in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


class GlobalRandomness:
    """The two generators that belong to no environment, `random` and `np.random`: kept, reseeded, and put back."""

    def __init__(self, *seed: int) -> None:
        self._before = random.getstate(), np.random.get_state()
        self.reseed(*seed)

    def reseed(self, *seed: int) -> None:
        """Begin a stream of its own in both."""
        one, two = np.random.SeedSequence(seed).generate_state(2)
        random.seed(int(one))
        np.random.seed(int(two))
        self._seeded = self._now()

    def moved(self) -> bool:
        """Whether anything was drawn since they were seeded: some environments use them."""
        return self._now() != self._seeded

    def put_back(self) -> None:
        """Set both to what they were at in the beginning."""
        random.setstate(self._before[0])
        np.random.set_state(self._before[1])

    @staticmethod
    def _now() -> tuple[Any, ...]:
        return random.getstate(), _comparable(np.random.get_state())

"""Small environments whose best plan is known, and some that are hard to save and restore."""

import random
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import EzPickle


class World(gymnasium.Env):
    """What the others share: a number that is seen, and three actions or fewer."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def __init__(self, actions: int = 2) -> None:
        self.action_space = spaces.Discrete(actions)
        self.place, self.time = 0, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.time = 0, 0
        return self.seen(), {}

    def seen(self) -> Any:
        return np.array([self.place, self.time], np.float32)


class Corridor(World):
    """To the right there are 10 after `length` steps, to the left 1 at once; both end it."""

    def __init__(self, length: int = 5) -> None:
        super().__init__()
        self.length = length

    def step(self, action: Any) -> Any:
        self.time += 1
        self.place += 1 if action == 1 else -1
        right, left = self.place == self.length, self.place < 0
        return self.seen(), 10.0 * right + 1.0 * left, right or left, False, {}


class Tangle(World):
    """Deterministic, with rewards that look like chance, three actions, and an end here and there."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(3)
        self.table = np.random.default_rng(seed).integers(-3, 4, (17, 3))

    def step(self, action: Any) -> Any:
        self.time += 1
        reward = float(self.table[self.place, int(action)])
        self.place = (5 * self.place + 3 * int(action) + 1) % 17
        return self.seen(), reward, self.place == 11, False, {"place": self.place}


class Coin(World):
    """Guess what the next coin will be: 1 if it is right, −1 if it is wrong. No more can be known than half."""

    def __init__(self, source: str = "own", rounds: int = 3) -> None:
        super().__init__()
        self.source, self.rounds = source, rounds
        self.part = _Part()

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        seen = super().reset(seed=seed)
        if seed is not None:
            self.part.numpy = np.random.RandomState(seed)
            self.part.python = random.Random(seed)
        self.part.drawer = _Drawer(self.np_random)
        return seen

    def coin(self) -> int:
        if self.source == "own":
            return int(self.np_random.integers(2))
        if self.source == "common":
            return int(np.random.random() < 0.5)
        if self.source == "numpy":
            return int(self.part.numpy.randint(2))
        if self.source == "python":
            return self.part.python.randrange(2)
        return int(self.part.drawer.generator.integers(2))

    def step(self, action: Any) -> Any:
        self.time += 1
        return self.seen(), 1.0 if int(action) == self.coin() else -1.0, self.time >= self.rounds, False, {}


class _Part:
    numpy: Any = None
    python: Any = None
    drawer: Any = None


class _Drawer:
    def __init__(self, generator: Any) -> None:
        self.generator = generator


class Elsewhere(Tangle):
    """Keeps its place where no copy finds it."""

    everybody: ClassVar[list[int]] = [0]

    def reset(self, **options: Any) -> Any:
        self.everybody[0] = 0
        return super().reset(**options)

    def step(self, action: Any) -> Any:
        self.place = self.everybody[0]
        stepped = super().step(action)
        self.everybody[0] = self.place
        return stepped


class Forgetful(Tangle):
    """Its own `set_state` forgets the counter that ends the episode later on."""

    def get_state(self) -> Any:
        return {"place": self.place}

    def set_state(self, state: Any) -> None:
        self.place = state["place"]

    def step(self, action: Any) -> Any:
        seen, reward, _, _, info = super().step(action)
        return seen * [1, 0], reward, self.time >= 50, False, info


class Remembering(Tangle):
    """Its own methods hold everything."""

    def get_state(self) -> Any:
        return {"place": self.place, "time": self.time}

    def set_state(self, state: Any) -> None:
        self.place, self.time = state["place"], state["time"]


class Alive(Remembering):
    """Hands out its state itself instead of a copy."""

    def __init__(self) -> None:
        super().__init__()
        self.state = [0, 0]

    def reset(self, **options: Any) -> Any:
        seen = super().reset(**options)
        self.state = [0, 0]
        return seen

    def get_state(self) -> Any:
        return self.state

    def set_state(self, state: Any) -> None:
        self.state = state

    def step(self, action: Any) -> Any:
        self.place, self.time = self.state
        stepped = super().step(action)
        self.state[:] = [self.place, self.time]
        return stepped


class Anew(Tangle, EzPickle):
    """Its copies are made from the constructor's arguments, and begin at the start."""

    def __init__(self) -> None:
        EzPickle.__init__(self)
        super().__init__()


class Restarting(Tangle):
    """Its copies begin at the start, for reasons of their own."""

    def __deepcopy__(self, memo: Any) -> "Restarting":
        return Restarting()


class Clock(Tangle):
    """Says something else at every call, whatever its state."""

    calls = 0

    def step(self, action: Any) -> Any:
        Clock.calls += 1
        seen, reward, terminated, truncated, info = super().step(action)
        return seen, reward, terminated, truncated, info | {"calls": Clock.calls}


class Masked(Tangle):
    """Only two of the three actions are legal, which ones depends on the place; the third raises."""

    def action_masks(self) -> Any:
        return np.arange(3) != self.place % 3

    def step(self, action: Any) -> Any:
        assert int(action) != self.place % 3
        return super().step(action)


def generator_states(env: gymnasium.Env) -> Any:
    """What an environment's generator is at."""
    return env.unwrapped.np_random.bit_generator.state

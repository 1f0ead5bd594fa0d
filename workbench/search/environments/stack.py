"""The wrappers above an environment, as a search steps through them.

Wrappers that only look on are left out. A step limit alone is a counter. Others are stepped through copies of their
own, whose attributes are part of the state, so that the real ones are never touched.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium
from gymnasium.wrappers import TimeLimit

from workbench.errors import WorkbenchError
from workbench.search.environments.randomness import layers_of

LOOKING_ON = frozenset(
    {
        "gymnasium.wrappers.common.PassiveEnvChecker",
        "gymnasium.wrappers.common.OrderEnforcing",
        "gymnasium.wrappers.common.RecordEpisodeStatistics",
        "gymnasium.wrappers.rendering.RecordVideo",
        "gymnasium.wrappers.rendering.RenderCollection",
        "gymnasium.wrappers.rendering.HumanRendering",
        "stable_baselines3.common.monitor.Monitor",
        "workbench.recording.wrappers.RecordingEnvironment",
        "workbench.search.environments.played.EpisodeLog",
    }
)
"""Wrappers that change no observation, reward or end: they check, count, record or show."""

LayersState: TypeAlias = Any
"""A number of steps, or the attributes of each wrapper."""


def full_name(thing: Any) -> str:
    """The class of an object, with its module."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def name_of(env: gymnasium.Env[Any, Any]) -> str:
    """What an environment is called: its registered name, or its class."""
    bare = env.unwrapped
    return bare.spec.id if bare.spec is not None else type(bare).__name__


class Stack:
    """The part of an environment's wrappers that makes a difference, above the environment itself or a copy of it.

    Args:
        env: The real one, as people made it.
        generators: Of which there are no copies.

    Raises:
        WorkbenchError: A wrapper that does something cannot be copied.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], generators: Sequence[Any]) -> None:
        *wrappers, self.bare = layers_of(env)
        self._real = self.bare
        working = [layer for layer in wrappers if full_name(layer) not in LOOKING_ON]
        self.counted = all(type(layer) is TimeLimit for layer in working) and len(working) <= 1
        """Whether there is at most a step limit."""
        self.limit = math.inf
        self.elapsed = 0
        self._layers: list[Any] = []
        if self.counted:
            for layer in working:
                self.limit, self.elapsed = layer._max_episode_steps, layer._elapsed_steps or 0
            return
        self._shared = shared_parts(self.bare, generators)
        # What a wrapper holds of the environment stays the environment's.
        self._shared |= {id(value): value for value in vars(self.bare).values()}
        for layer in working:
            self._shared |= shared_parts(layer, ())
        below = self.bare
        for layer in reversed(working):
            # Not `copy`: some classes make their copies anew.
            own = object.__new__(type(layer))
            vars(own).update(vars(layer))
            own.env = below
            self._layers.insert(0, own)
            self._shared |= {id(layer): own, id(own): own}
            below = own
        self._shared |= {id(layer): self._layers[0] for layer in wrappers if id(layer) not in self._shared}
        self._shared[id(self.bare)] = self.bare
        try:
            self.restore(self.save())
        except Exception as error:
            raise WorkbenchError(f"its wrappers cannot be copied ({type(error).__name__}: {error})") from error

    @property
    def top(self) -> Any:
        """The outermost layer that does something, in the present state."""
        return self._layers[0] if self._layers else self.bare

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, Any]:
        """One step, as the real environment would make it."""
        if not self.counted:
            stepped: tuple[Any, Any, Any, Any, Any] = self._layers[0].step(action)
            return stepped
        observation, reward, terminated, truncated, info = self.bare.step(action)
        self.elapsed += 1
        if self.elapsed >= self.limit:
            truncated = True
        return observation, reward, terminated, truncated, info

    def away(self) -> tuple[Callable[[Any], Any], float]:
        """A quicker step, that does not count, and how many there may be."""
        return (self.bare.step, self.limit - self.elapsed) if self.counted else (self._layers[0].step, math.inf)

    def reset(self, seed: int | None, options: Any) -> Any:
        """Begin an episode; gives its first observation."""
        self.elapsed = 0
        return self.top.reset(seed=seed, options=options)[0]

    def save(self) -> LayersState:
        """A state of the wrappers that no later step changes."""
        return self.elapsed if self.counted else self._copied(self.layers(), dict(self._shared))

    def restore(self, state: LayersState) -> None:
        """Put such a state back."""
        if self.counted:
            self.elapsed = state
        else:
            self.take(self._copied(state, dict(self._shared)))

    def layers(self) -> LayersState:
        """The wrappers as they are now; the next step changes them."""
        if self.counted:
            return self.elapsed
        return [{name: value for name, value in vars(layer).items() if name != "env"} for layer in self._layers]

    def take(self, layers: LayersState, bare: Any = None) -> None:
        """Be wrappers as they were, above another copy of the environment where one is given."""
        if bare is not None:
            self.bare = bare
        if self.counted:
            self.elapsed = layers
            return
        for layer, attributes in zip(self._layers, layers, strict=True):
            below = vars(layer)["env"]
            vars(layer).clear()
            vars(layer).update(attributes)
            layer.env = below
        self._layers[-1].env = self.bare

    def copy_of(self, bare: Any, layers: LayersState, shared: Mapping[int, Any]) -> tuple[Any, LayersState]:
        """A copy of an environment and its wrappers: what both hold, both copies hold."""
        memo = dict(shared)
        below = copy.deepcopy(bare, memo)
        if self.counted:
            return below, layers
        # References to the layers themselves lead to these.
        memo |= {place: value for place, value in self._shared.items() if any(value is layer for layer in self._layers)}
        memo[id(self._real)] = below
        return below, self._copied(layers, memo)

    def _copied(self, layers: LayersState, memo: dict[int, Any]) -> LayersState:
        # One memo for all: what two layers share, they share in the copy.
        return [{name: copy.deepcopy(value, memo) for name, value in one.items()} for one in layers]


def shared_parts(holder: Any, generators: Sequence[Any]) -> dict[int, Any]:
    """What copies of an object share with it, as a memo for `deepcopy`: generators, spaces, what draws."""
    memo: dict[int, Any] = {id(generator): generator for generator in generators}
    for value in vars(holder).values():
        if (
            isinstance(value, gymnasium.Space | gymnasium.envs.registration.EnvSpec)
            or type(value).__module__.partition(".")[0] == "pygame"
        ):
            memo[id(value)] = value
    return memo

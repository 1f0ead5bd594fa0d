"""Playing episodes for evaluation: several environments side by side, nothing recorded but what is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
import numpy as np
import numpy.typing as npt

from workbench.policies.types import Policy, State


class Actor(Protocol):
    """Chooses actions for environments side by side; remembers what it needs between the steps of one wave."""

    def start(self, count: int, seeds: range) -> None:
        """Begin `count` episodes with these seeds."""

    def act(self, observations: list[Any], truths: list[Mapping[str, Any]]) -> npt.NDArray[Any]:
        """Give one action a row."""


MASK = "action_mask"
"""Which actions are legal, `[A]`: where the environment says it, it is handed on with the truth."""


class PolicyActor:
    """A policy that takes its mode, among the legal actions where it asks for them."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._state: State | None = None
        self._starts: npt.NDArray[np.bool_] = np.ones(0, dtype=np.bool_)

    def start(self, count: int, seeds: range) -> None:
        """Forget everything."""
        self._state = self._policy.initial_state(count)
        self._starts = np.ones(count, dtype=np.bool_)

    def act(self, observations: list[Any], truths: list[Mapping[str, Any]]) -> npt.NDArray[Any]:
        """Give the most probable (or the best, or the mean) action."""
        masks = None
        if getattr(self._policy, "takes_action_masks", False):
            masks = np.stack([np.asarray(truth[MASK], np.bool_) for truth in truths])
            masks[~masks.any(1)] = True  # of a game that is over, whose row goes on being computed
        choice = self._policy.act(
            np.stack(observations), self._state, self._starts, deterministic=True, action_masks=masks
        )
        self._state = choice.output.state
        self._starts = np.zeros_like(self._starts)
        return choice.actions


class TruthActor:
    """Does what one entry of the truth says: the exact solver, for instance."""

    def __init__(self, entry: str = "optimal_action") -> None:
        self._entry = entry

    def start(self, count: int, seeds: range) -> None:
        """Nothing to do."""

    def act(self, observations: list[Any], truths: list[Mapping[str, Any]]) -> npt.NDArray[Any]:
        """Give the entry's action, or 0 where it says that none matters."""
        return np.array([max(int(truth[self._entry]), 0) for truth in truths])


class RandomActor:
    """Draws among `actions` evenly, among the legal ones where the environment says which they are."""

    def __init__(self, actions: int) -> None:
        self._actions = actions
        self._random = np.random.default_rng(0)

    def start(self, count: int, seeds: range) -> None:
        """Seed with the first episode's seed."""
        self._random = np.random.default_rng(seeds.start)

    def act(self, observations: list[Any], truths: list[Mapping[str, Any]]) -> npt.NDArray[Any]:
        """Draw one action a row."""
        if MASK not in truths[0]:
            return self._random.integers(self._actions, size=len(observations))
        legal = np.stack([np.asarray(truth[MASK], np.bool_) for truth in truths])
        return np.asarray((self._random.random(legal.shape) * legal).argmax(1))


@dataclass(frozen=True, kw_only=True)
class PlayedEpisode:
    """What is kept of an episode. `T` steps."""

    total_reward: float
    actions: npt.NDArray[Any]
    """`[T, ...]`"""
    truth: Mapping[str, npt.NDArray[Any]]
    """`[T + 1, ...]` for each entry asked for, before every action and at the end."""
    terminated: bool


def play(
    actor: Actor,
    make: Callable[[], gymnasium.Env[Any, Any]],
    *,
    episodes: int,
    seed: int,
    keep: tuple[str, ...] = (),
    side_by_side: int = 50,
) -> list[PlayedEpisode]:
    """Play episodes with seeds `seed`, `seed + 1`, …

    Args:
        actor: What acts.
        make: Makes the environment.
        episodes: How many.
        seed: Seed of the first.
        keep: Entries of the truth to keep at every step.
        side_by_side: How many are played at a time.
    """
    environments = [make() for _ in range(min(side_by_side, episodes))]
    played: list[PlayedEpisode] = []
    for first in range(0, episodes, side_by_side):
        seeds = range(seed + first, seed + min(first + side_by_side, episodes))
        played += _wave(actor, environments[: len(seeds)], seeds, keep)
    for environment in environments:
        environment.close()
    return played


def _wave(
    actor: Actor, environments: list[gymnasium.Env[Any, Any]], seeds: range, keep: tuple[str, ...]
) -> list[PlayedEpisode]:
    count = len(environments)
    actor.start(count, seeds)
    begun = [environment.reset(seed=seed) for environment, seed in zip(environments, seeds, strict=True)]
    observations = [observation for observation, _ in begun]
    truths = [_told(info) for _, info in begun]
    rewards, terminations, running = [0.0] * count, [False] * count, [True] * count
    actions: list[list[Any]] = [[] for _ in range(count)]
    kept: list[dict[str, list[Any]]] = [{name: [truth[name]] for name in keep} for truth in truths]
    while any(running):
        chosen = actor.act(observations, truths)
        for index in range(count):
            if not running[index]:  # its row goes on being computed, and is ignored
                continue
            observation, reward, terminated, truncated, info = environments[index].step(chosen[index])
            observations[index], truths[index] = observation, _told(info)
            rewards[index] += float(reward)
            actions[index].append(chosen[index])
            for name in keep:
                kept[index][name].append(truths[index][name])
            terminations[index], running[index] = terminated, not (terminated or truncated)
    return [
        PlayedEpisode(
            total_reward=rewards[index],
            actions=np.array(actions[index]),
            truth={name: np.array(values) for name, values in kept[index].items()},
            terminated=terminations[index],
        )
        for index in range(count)
    ]


def _told(info: Mapping[str, Any]) -> dict[str, Any]:
    """The truth, and the legal actions where there are some that are not."""
    return {**info.get("truth", {}), **({MASK: info[MASK]} if MASK in info else {})}

"""Snapshots of an environment that were tried before they are trusted."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.wrappers import OrderEnforcing, TimeLimit

from workbench.errors import WorkbenchError
from workbench.search.environments.adapters import find_adapter
from workbench.search.environments.outcomes import PARTS, Outcome, difference, own_copy
from workbench.search.environments.played import PlayedEpisode, find_log
from workbench.search.environments.portraits import changed, keep, listed, mend, portray
from workbench.search.environments.randomness import GlobalRandomness, Randomness, layers_of
from workbench.search.environments.stack import Stack, name_of
from workbench.search.environments.ways import Copies, Stepper, Way, select_ways
from workbench.search.games import Game

PROBE_STEPS = 8
"""Random actions that a way is tried with."""
CHECKED = (
    f"{PROBE_STEPS} random actions (or as many as the episode had), played three times from the same state and twice "
    f"from the middle, gave the same observations, rewards, ends and infos; then the environment was where it had been"
)


class Session(NamedTuple):
    """An environment while a search moves about in it."""

    stepper: Stepper
    randomness: Randomness
    common: GlobalRandomness


@dataclass(frozen=True, kw_only=True)
class Snapshots:
    """How the state of one environment is saved and restored; found by `open_snapshots`, good for many searches."""

    env: gymnasium.Env[Any, Any]
    way: Way
    refused: tuple[tuple[str, str], ...]
    """The ways that were tried before, each with why it will not do."""
    always_chance: bool
    """Its steps draw from generators that all programs share, so that every step may have other outcomes."""

    @contextlib.contextmanager
    def session(self, *seed: int, episode: PlayedEpisode | None = None, watch: bool = True) -> Iterator[Session]:
        """Move about in the environment; at the end it is where it was, whatever happened.

        Args:
            seed: Of all chance while it lasts.
            episode: What has been played, for the way that plays it again; None: what an `EpisodeLog` knows.
            watch: Compare all that can be compared of its inside before and after.

        Raises:
            WorkbenchError: It is not where it was.
        """
        before = portray(self.env) if watch else None
        with _moving(self.env, self.way, seed, episode) as session:
            yield session
        places = changed(before, portray(self.env)) if before is not None else []
        if places:
            raise WorkbenchError(
                f"The search of {name_of(self.env)} did not leave it as it was: {listed(places)} changed. Reset it, "
                f"and search with another way than {self.way.words}: open_snapshots(env, ways=…)."
            )


@contextlib.contextmanager
def _moving(
    env: gymnasium.Env[Any, Any], way: Way, seed: Sequence[int], episode: PlayedEpisode | None
) -> Iterator[Session]:
    bare: Any = env.unwrapped
    # Undone in the reverse order, each whatever becomes of the others.
    with contextlib.ExitStack() as undo:
        common = GlobalRandomness(*seed)
        undo.callback(common.put_back)
        if bare.render_mode == "human":
            # Nobody wants to see every step of a search.
            undo.callback(setattr, bare, "render_mode", "human")
            bare.render_mode = None
        randomness = Randomness(env)
        undo.callback(randomness.forget)
        undo.callback(randomness.put, randomness.states())
        log = find_log(env)
        played = episode or (log.played if log is not None else None)
        stepper = way.open(Stack(env, randomness.found), randomness, played)
        if isinstance(stepper, str):
            raise WorkbenchError(stepper)
        undo.callback(stepper.end)
        randomness.reseed(*seed)
        yield Session(stepper, randomness, common)


def open_snapshots(
    env: gymnasium.Env[Any, Any],
    *,
    ways: tuple[str, ...] | None = None,
    episode: PlayedEpisode | None = None,
    seed: int = 0,
) -> Snapshots:
    """Find the first way to save and restore this environment's state that does so exactly.

    Each is tried from the present state: some random actions are played, the state is restored, and they are played
    again with equal chance; everything that the steps give must be the same, and the environment must be left as it
    was. What shows only after more steps than that is not seen.

    Args:
        env: In the middle of an episode, with discrete actions.
        ways: Names of those to be tried: own, adapter, copy, replay; None: all.
        episode: What has been played; None: what an `EpisodeLog` around the environment knows, or not known.
        seed: Of the actions that are tried.

    Raises:
        WorkbenchError: No way is exact: each is named with what diverged. Or there is no episode, or the actions are
            not discrete.
    """
    check_searchable(env)
    refused: list[tuple[str, str]] = []
    before, kept = portray(env), keep(env)
    for way in select_ways(ways):
        used: list[bool] = []
        try:
            with _moving(env, way, (seed, 1), episode) as session:
                reason = _try(session, env.action_space, seed)
                used.append(session.common.moved())
        except Exception as error:
            reason = str(error) if isinstance(error, WorkbenchError) else _words(error)
        places = changed(before, portray(env))
        if places:
            mend(kept)
            reason = reason or f"it does not leave the environment as it was: {listed(places)} changed"
        if reason is None:
            return Snapshots(env=env, way=way, refused=tuple(refused), always_chance=used[0])
        refused.append((way.name, reason))
    places = changed(before, portray(env))
    damage = f" The attempts have left {listed(places)} changed: reset the environment." if places else ""
    tried = "; ".join(f"{name}: {reason}" for name, reason in refused)
    raise WorkbenchError(
        f"The state of {name_of(env)} cannot be saved and restored, which a search needs. Tried were {tried}. Give the "
        f"environment get_state and set_state that hold all that its next steps depend on.{damage}"
    )


def check_searchable(env: gymnasium.Env[Any, Any]) -> None:
    """See that a search can begin here.

    Raises:
        WorkbenchError: The actions are not discrete; no episode is going on; it is a game of two players.
    """
    if not isinstance(env, gymnasium.Env):
        raise WorkbenchError(f"A search needs one gymnasium environment; got {type(env).__name__}.")
    name, bare = name_of(env), env.unwrapped
    if isinstance(getattr(bare, "game", None), Game):
        raise WorkbenchError(f"{name} is a game with rules of its own: search it with workbench.search.search.")
    check_discrete(env)
    layers = layers_of(env)
    begun = all(layer._has_reset for layer in layers if isinstance(layer, OrderEnforcing))
    limits: list[Any] = [layer for layer in layers if isinstance(layer, TimeLimit)]
    if not begun or any(layer._elapsed_steps is None for layer in limits):
        raise WorkbenchError(f"There is no episode of {name} to search in yet: call reset first.")
    adapter, log = find_adapter(bare), find_log(env)
    try:
        over = adapter is not None and adapter.over(bare)
    except (AttributeError, TypeError, AssertionError):
        # Its attributes are not there before the first reset.
        raise WorkbenchError(f"There is no episode of {name} to search in yet: call reset first.") from None
    over = over or any(int(layer._elapsed_steps) >= layer._max_episode_steps for layer in limits)
    if over or (log is not None and log.over) or getattr(bare, "_over", None) is True:
        raise WorkbenchError(f"The episode of {name} is over, and there is nothing to search: call reset first.")


def check_discrete(env: gymnasium.Env[Any, Any]) -> None:
    """See that an environment has actions that can be counted.

    Raises:
        WorkbenchError: It has others.
    """
    if not isinstance(env.action_space, spaces.Discrete):
        raise WorkbenchError(
            f"A search needs discrete actions, spaces.Discrete; {name_of(env)} has {env.action_space}. Put "
            f"gymnasium.wrappers.DiscretizeAction around it, or another wrapper that offers a list of actions."
        )


def legal_actions(shown: Any, actions: int) -> npt.NDArray[np.bool_] | None:
    """`[A]`, what the environment's method `action_masks` allows; None where it has none.

    Raises:
        WorkbenchError: It allows nothing, or has another length.
    """
    if not shown.has_wrapper_attr("action_masks"):
        return None
    legal = np.array(shown.get_wrapper_attr("action_masks")(), np.bool_)
    if legal.shape != (actions,) or not legal.any():
        raise WorkbenchError(f"action_masks of {name_of(shown)} must allow one of {actions} actions; it gave {legal}.")
    return legal


def _try(session: Session, space: Any, seed: int) -> str | None:
    """Play from the present state and again; gives what diverged, or None."""
    stepper, randomness = session.stepper, session.randomness
    random = np.random.default_rng([seed, 2])

    def reseed(stream: int) -> None:
        randomness.reseed(seed, stream)
        session.common.reseed(seed, stream)

    words = stepper.unlike() if isinstance(stepper, Copies) else None
    if words:
        return words
    start = stepper.save()
    reseed(3)
    actions: list[int] = []
    first: list[Outcome] = []
    while len(actions) < PROBE_STEPS and not (first and (first[-1].terminated or first[-1].truncated)):
        legal = legal_actions(stepper.show(), int(space.n))
        choices = np.arange(int(space.n)) if legal is None else np.flatnonzero(legal)
        actions.append(int(space.start) + int(random.choice(choices)))
        first.append(_step(stepper, actions[-1]))
    half = len(actions) // 2

    def again(begin: int, stream: int) -> list[Outcome]:
        reseed(stream)
        return [_step(stepper, action) for action in actions[begin:]]

    stepper.restore(start)
    words = _compare(first, again(0, 3), 0)
    if words:
        return words
    stepper.restore(start)
    reseed(3)
    for action in actions[:half]:
        _step(stepper, action)
    middle = stepper.save()
    rest = again(half, 4)
    stepper.restore(middle)
    words = _compare(rest, again(half, 4), half)
    if words:
        return words
    stepper.restore(start)
    words = _compare(first, again(0, 3), 0)
    reference = getattr(stepper, "reference", None)
    if words or reference is None:
        return words
    # It may have been moved to be looked at.
    reference.end()
    stepper, plain = reference, [outcome._replace(info={}) for outcome in first]
    words = _compare(plain, [outcome._replace(info={}) for outcome in again(0, 3)], 0)
    return words and f"its table of transitions is not what its step does: {words}"


def _step(stepper: Stepper, action: int) -> Outcome:
    observation, reward, terminated, truncated, info = stepper.step(action)
    # An environment may change its arrays in place.
    return Outcome(own_copy(observation), reward, terminated, truncated, own_copy(info))


def _compare(one: list[Outcome], other: list[Outcome], begin: int) -> str | None:
    for step, (first, second) in enumerate(zip(one, other, strict=True)):
        for part, a, b in zip(PARTS, first, second, strict=True):
            words = difference(a, b, part)
            if words:
                return f"after {begin + step + 1} actions from a restored state, {words} is not what it was"
    return None


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())[:160]
    return f"{type(error).__name__}{f': {text}' if text else ''}"

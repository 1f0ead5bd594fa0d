"""Doing a whole recording again, row by row, as its environments did it side by side, and checking that it is the same.

Axis legend: N rows of one block.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.columns import flatten_observation
from workbench.recording.environment_wrappers import Environment
from workbench.recording.reader import Recording
from workbench.recording.replay import episode_seed

BLOCK_BYTES = 32 << 20
"""How much of what is compared is held in memory at a time."""
MOST_ROWS = 4_096


@dataclass(kw_only=True)
class _Going:
    """An environment in an episode."""

    environment: Environment
    number: int
    episode_id: int
    observation: Any
    info: Mapping[str, Any]


class Moment(NamedTuple):
    """An environment where a recorded observation came from."""

    environment: Environment
    info: Mapping[str, Any]
    row: int | None
    """Of the steps; None after an episode's last action."""
    episode_id: int


def replayed_moments(recording: Recording, make_environment: Callable[[], Environment]) -> Generator[Moment]:
    """Each recorded step in the order of its rows, and behind an episode's last one what came after its last action.

    Who reads the environment leaves it as it is. As many environments are made as went on side by side.

    Args:
        recording: With actions, and a seed for each episode.
        make_environment: Makes the environment that was recorded.

    Raises:
        WorkbenchError: An observation, a reward or an end is not what was recorded, bit for bit; a seed is not known;
            or the environment does not take its seed or an action.
    """
    ids = recording.episodes["id"]
    seeds = [episode_seed(recording, number) for number in range(len(ids))]
    going: dict[int, _Going] = {}
    idle: list[Environment] = []
    try:
        for block in _blocks(recording):
            columns = {name: recording.steps[name][block] for name in _read(recording)}
            for place in range(block.stop - block.start):
                row = block.start + place
                slot, episode_id = int(columns["slot"][place]), int(columns["episode"][place])
                if slot not in going or going[slot].episode_id != episode_id:
                    if slot in going:
                        idle.append(going.pop(slot).environment)
                    number = int(np.searchsorted(ids, episode_id))
                    environment = idle.pop() if idle else make_environment()
                    going[slot] = _begin(environment, number, episode_id, seeds[number])
                now, t = going[slot], int(columns["t"][place])
                recorded = {name: column[place] for name, column in columns.items()}
                _compare(recording, now, t, recorded)
                yield Moment(now.environment, now.info, row, episode_id)
                if _step(recording, now, t, recorded):
                    _compare_final(recording, now, t + 1)
                    yield Moment(now.environment, now.info, None, episode_id)
                    idle.append(going.pop(slot).environment)
    finally:
        for environment in (*idle, *(one.environment for one in going.values())):
            environment.close()


def _read(recording: Recording) -> list[str]:
    needed = ("episode", "t", "slot", "action", "reward", "terminated", "truncated")
    return [*needed, *(name for name in recording.steps if name.partition("/")[0] == "observation")]


def _blocks(recording: Recording) -> Iterator[slice]:
    steps = len(recording)
    width = sum(recording.steps[name].nbytes for name in _read(recording)) // max(1, steps)
    rows = int(max(1, min(MOST_ROWS, BLOCK_BYTES // max(1, width))))
    return (slice(start, min(start + rows, steps)) for start in range(0, steps, rows))


def _begin(environment: Environment, number: int, episode_id: int, seed: int) -> _Going:
    try:
        observation, info = environment.reset(seed=seed)
    except Exception as error:
        raise _raised(number, f"its reset with seed {seed}", error) from error
    return _Going(environment=environment, number=number, episode_id=episode_id, observation=observation, info=info)


def _step(recording: Recording, now: _Going, t: int, recorded: Mapping[str, Any]) -> bool:
    """Do the recorded action; whether the episode is over."""
    action = recorded["action"]
    try:
        now.observation, reward, terminated, truncated, now.info = now.environment.step(action.copy())
    except Exception as error:
        raise _raised(now.number, f"the action of step {t}", error) from error
    was, found = float(recorded["reward"]), float(reward)
    # Vectorised environments hand rewards over as float32.
    if was not in (found, float(np.float32(found))) and not (np.isnan(was) and np.isnan(found)):
        raise _diverged(recording, now, f"the reward of step {t} is {found:g}, and {was:g} was recorded")
    ends = bool(terminated), bool(truncated)
    recorded_ends = bool(recorded["terminated"]), bool(recorded["truncated"])
    if ends != recorded_ends:
        raise _diverged(recording, now, f"it {_ended(*ends)} with step {t}, and {_ended(*recorded_ends)} when recorded")
    return any(ends)


def _ended(terminated: bool, truncated: bool) -> str:
    if not terminated and not truncated:
        return "goes on"
    return "terminates" if terminated else "is truncated"


def _compare(recording: Recording, now: _Going, t: int, recorded: Mapping[str, Any]) -> None:
    for key, value in _seen(recording, now, t).items():
        there: npt.NDArray[Any] = recorded[f"observation{key}"]
        if not _same(there, value):
            raise _diverged(recording, now, f"the observation of step {t} is not the one that was recorded")


def _compare_final(recording: Recording, now: _Going, t: int) -> None:
    for key, value in _seen(recording, now, t).items():
        there = recording.final_observation(now.number, key.removeprefix("/") or None)
        if there is not None and not _same(there, value):
            raise _diverged(recording, now, "the observation after its last action is not the one that was recorded")


def _seen(recording: Recording, now: _Going, t: int) -> dict[str, npt.NDArray[Any]]:
    found = flatten_observation(now.observation)
    recorded = {name.removeprefix("observation") for name in recording.steps if name.split("/")[0] == "observation"}
    if set(found) != recorded:
        raise _diverged(recording, now, f"the observation of step {t} has other parts than the one that was recorded")
    return found


def _same(recorded: npt.NDArray[Any], found: npt.NDArray[Any]) -> bool:
    if recorded.shape != found.shape:
        return False
    return np.array_equal(recorded, found.astype(recorded.dtype), equal_nan=recorded.dtype.kind == "f")


def _diverged(recording: Recording, now: _Going, what: str) -> WorkbenchError:
    from workbench.recording.facts import versions

    then = recording.attributes.get("versions") or {}
    both = [(name, then[name], found) for name, found in versions().items() if name in then]
    differing = [f"{name} was {before} and is {found}" for name, before, found in both if before != found]
    told = f" Of the libraries, {', '.join(differing)}." if differing else ""
    return WorkbenchError(
        f"Episode {now.number} goes another way when it is replayed: {what}. What is true in it now is not what was "
        f"true then, so nothing is taken from it. Replay needs the very environment that was recorded.{told}"
    )


def _raised(number: int, at: str, error: Exception) -> WorkbenchError:
    return WorkbenchError(
        f"Episode {number} cannot be replayed: the environment does not take {at} "
        f"({type(error).__name__}: {' '.join(str(error).split())[:200]}). Is it the one that was recorded?"
    )

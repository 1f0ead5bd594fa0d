"""What a change does to what the agent does: the same episodes with it held on and without.

Axis legend: E episodes.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import Estimate
from workbench.analyses.intervention.changed_policy import ChangedPolicy
from workbench.analyses.intervention.changes import Change
from workbench.analyses.paired_episodes import paired_estimates
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress, SilentProgress
from workbench.recording.episodes import Episode
from workbench.recording.reader import Recording
from workbench.recording.rollout import record

FloatArray = npt.NDArray[np.float64]

MOST_SQUARES = 4_096
"""A side of a grid."""

Measure: TypeAlias = Callable[[Episode], float]
"""One number of an episode: its return, whether it reached the goal, where it ended."""

MEASURES: Mapping[str, Measure] = {
    "return": lambda episode: episode.total_reward,
    "length": lambda episode: float(episode.length),
    "terminated": lambda episode: float(episode.terminated),
}

SHARES = ("terminated",)
"""Measures that are 1 or 0 of each episode."""
LOWEST: Mapping[str, float] = {"length": 1.0}
"""What a measure cannot be below: an episode has a step."""


@dataclass(frozen=True, kw_only=True)
class Visits:
    """How much of its time an agent spends on each square of a grid."""

    label: str
    """The truth label that says where it is."""
    without: FloatArray
    """`[rows, columns]`, share of an episode's steps, mean over the episodes: it sums to 1."""
    with_change: FloatArray
    """`[rows, columns]`."""
    walls: npt.NDArray[np.bool_] | None = None
    """`[rows, columns]`, which squares are walls in every episode, as the label `walls` says; None where there is none
    of that shape."""


@dataclass(frozen=True, kw_only=True)
class BehaviourEffect:
    """Episodes with and without a change, paired by their seeds."""

    words: str
    seeds: npt.NDArray[np.int64]
    """`[E]`."""
    without: Mapping[str, FloatArray]
    """By measure, `[E]`."""
    with_change: Mapping[str, FloatArray]
    """By measure, `[E]`."""
    estimates: Mapping[str, tuple[Estimate, Estimate, Estimate]]
    """By measure: without, with, and the paired difference with − without; 95 % intervals over episodes, of measures
    that take two values by Clopper and Pearson and, of their difference, by Newcombe (`paired_episodes`)."""
    visits: Visits | None = None
    """None where nobody asked for them."""


def behaviour_effect(
    policy: Policy,
    changes: Sequence[Change],
    environment: str | Callable[[], Any],
    *,
    episodes: int = 50,
    seed: int = 0,
    deterministic: bool = True,
    measures: Mapping[str, Measure] | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    wrappers: Sequence[str] = (),
    environments: int = 8,
    visits: str | None = None,
    progress: Progress | None = None,
) -> BehaviourEffect:
    """Let an agent act with a change held on, and without, in episodes of the same seeds.

    The episodes are recorded as any others (without layers), in a temporary folder that is removed.

    Args:
        policy: The policy, unchanged.
        changes: What is held on, all together.
        environment: By name, or a function that makes one.
        episodes: E.
        seed: Of the first episode.
        deterministic: Take the mode; else what is drawn is drawn alike with and without the change.
        measures: What is measured of each episode; by default `MEASURES`.
        env_kwargs: Options of an environment by name.
        wrappers: Around it.
        environments: Side by side.
        visits: A truth label of two numbers, the row and column on which the agent is: how often it is where is
            counted, too.
        progress: Is told how many episodes are done.
    """
    chosen = dict(measures or MEASURES)
    told = progress or SilentProgress()
    found: list[dict[str, FloatArray]] = []
    grids: list[FloatArray] = []
    walls: npt.NDArray[np.bool_] | None = None
    seeds = np.arange(seed, seed + episodes)
    with tempfile.TemporaryDirectory(prefix="rl-workbench-") as folder:
        # Without changes too it acts through the one that keeps others from changing the network meanwhile.
        for number, acting in enumerate((ChangedPolicy(policy, []), ChangedPolicy(policy, changes))):
            recording = record(
                acting,
                environment,
                out=Path(folder) / f"{number}.zarr",
                episodes=episodes,
                seed=seed,
                deterministic=deterministic,
                layers=[],
                environments=environments,
                env_kwargs=env_kwargs,
                wrappers=tuple(wrappers),
                progress=_Half(told, number, episodes),
            )
            found.append({name: _measured(recording, measure) for name, measure in chosen.items()})
            if visits is not None:
                grids.append(_visited(recording, visits))
                walls = _walls(recording) if walls is None else walls
    without, with_change = found
    return BehaviourEffect(
        words="; ".join(change.words for change in changes) or "nothing",
        seeds=seeds,
        without=without,
        with_change=with_change,
        estimates={
            name: paired_estimates(
                without[name], with_change[name], share=name in SHARES, lowest=LOWEST.get(name, -np.inf)
            )
            for name in chosen
        },
        visits=None if visits is None else _compared(visits, grids[0], grids[1], walls),
    )


def _visited(recording: Recording, label: str) -> FloatArray:
    """`[rows, columns]`."""
    places = [recording.episode(number).column(f"truth/{label}") for number in range(recording.number_of_episodes)]
    if any(one.ndim != 2 or one.shape[1] != 2 or (len(one) and one.min() < 0) for one in places):
        raise WorkbenchError(f"The label {label!r} is no square: visits need a row and a column, from 0 on.")
    every = np.concatenate(places)
    if every.max() >= MOST_SQUARES or (every != np.floor(every)).any():
        raise WorkbenchError(
            f"The label {label!r} is no square: it has parts of squares, or numbers beyond {MOST_SQUARES:,}."
        )
    grid = np.zeros(np.concatenate(places).astype(np.int64).max(axis=0) + 1)
    for one in places:
        np.add.at(grid, tuple(one.astype(np.int64).T), 1 / (len(one) * len(places)))
    return grid


def _walls(recording: Recording) -> npt.NDArray[np.bool_] | None:
    """What is a wall in every episode."""
    if "truth/walls" not in recording.steps or len(recording.steps["truth/walls"].shape) != 3:
        return None
    first = [int(recording.episode(number).rows[0]) for number in range(recording.number_of_episodes)]
    walls: npt.NDArray[np.bool_] = np.asarray(recording.steps["truth/walls"][np.array(first)]).astype(bool)
    return np.asarray(walls.all(axis=0))


def _compared(label: str, without: FloatArray, with_change: FloatArray, walls: npt.NDArray[np.bool_] | None) -> Visits:
    """On one grid: one of the two may never have come to the last rows."""
    rows, columns = np.maximum(without.shape, with_change.shape)
    if walls is not None and walls.shape[0] >= rows and walls.shape[1] >= columns:
        rows, columns = walls.shape
    else:
        walls = None
    padded = [np.pad(one, ((0, rows - len(one)), (0, columns - one.shape[1]))) for one in (without, with_change)]
    return Visits(label=label, without=padded[0], with_change=padded[1], walls=walls)


def _measured(recording: Recording, measure: Measure) -> FloatArray:
    return np.array([measure(recording.episode(number)) for number in range(recording.number_of_episodes)], np.float64)


class _Half:
    """Tells of two recordings as of one piece of work."""

    def __init__(self, told: Progress, number: int, episodes: int) -> None:
        self._told, self._before, self._total = told, number * episodes, 2 * episodes

    def update(self, done: int, total: int, message: str = "") -> None:
        self._told.update(self._before + done, self._total, message)

    def close(self) -> None:
        """The caller closes what it handed over."""

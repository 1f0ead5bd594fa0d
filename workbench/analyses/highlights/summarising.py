"""The moments of a recording that tell most about its agent, after HIGHLIGHTS and HIGHLIGHTS-DIV.

Axis legend:
    T  steps of the recording
    S  sampled steps
    D  numbers of a state
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.analyses.highlights.choosing import Block, IntervalRule, State, choose
from workbench.analyses.highlights.comparing import (
    Place,
    Windows,
    features_at,
    mean_distance,
    nearest_distances,
    pairwise,
    spread_of,
)
from workbench.analyses.highlights.importance import Measure, find_measure, importance_of
from workbench.analyses.highlights.reasons import reason
from workbench.analyses.highlights.reels import Highlight, Highlights, Reel
from workbench.analyses.highlights.states import StateSpace, state_space
from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.reading_decisions import draw_rows
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]
COUNT, LENGTH, AFTER = 5, 30, 10
SAMPLED_STEPS = 2_048
RANDOM_REELS = 10
MOST_MOMENTS, MOST_LENGTH = 100, 10_000
WORDS = {
    "diverse": "HIGHLIGHTS-DIV: important, and no two alike",
    "important": "HIGHLIGHTS: important",
    "random": f"moments drawn at random ({RANDOM_REELS} reels)",
    "first": "the first moments of the recording",
}


@dataclass
class _Sample:
    """Sampled steps, gathered as they pass."""

    rows: npt.NDArray[np.int64]
    episodes: npt.NDArray[np.int64]
    features: list[FloatArray] = field(default_factory=list)
    importance: list[FloatArray] = field(default_factory=list)

    def take(self, block: Block) -> None:
        """Those of a block."""
        low, high = np.searchsorted(self.rows, [block.rows[0], block.rows[-1] + 1])
        mine = self.rows[low:high] - block.rows[0]
        self.features.append(block.features[mine])
        self.importance.append(block.importance[mine])


def highlights(
    recording: Recording,
    *,
    count: int = COUNT,
    length: int = LENGTH,
    after: int | None = None,
    interval: int | None = None,
    measure: str | None = None,
    diverse: bool = True,
    layer: str | None = None,
    interval_rule: IntervalRule = "peak",
    seed: int = 0,
    progress: Progress | None = None,
) -> Highlights:
    """Find the k most important moments of a recording, and compare their reel with others.

    The recording is gone through once. Memory is needed for the moments, for a block of steps, and for the sample that
    the comparison is made on; an importance that is an expression is worked out for all steps at once.

    Args:
        recording: Holds what importance is told from, and what states are compared by.
        count: k, moments at most.
        length: l, steps of a moment's window.
        after: Steps of it after the moment; None takes a third, at most 10.
        interval: i, steps of an episode between two moments at least; None takes `length`.
        measure: How important a step is: a name of `MEASURES`, or an expression over recorded columns; None takes the
            first that can be had.
        diverse: HIGHLIGHTS-DIV, else HIGHLIGHTS; the other one is among the reels that it is compared with.
        layer: States are compared by it; None takes the observation.
        interval_rule: `peak`, or `published` for the paper's own (see `workbench.analyses.highlights.choosing`).
        seed: Of the sample, of random reels and of projections.
        progress: Is told how many steps have been gone through, and may raise `Cancelled`.

    Raises:
        WorkbenchError: An argument is out of its range; importance cannot be told so, or is defined nowhere; or the
            states hold numbers that are not finite.
    """
    told = progress or SilentProgress()
    after = min(AFTER, length // 3) if after is None else after
    interval = length if interval is None else interval
    _check(recording, count, length, after, interval)
    found = find_measure(recording, measure)
    space = state_space(recording, layer, seed=seed)
    rows = draw_rows(recording, SAMPLED_STEPS, seed=seed)
    sample = _Sample(rows=rows, episodes=np.asarray(recording.steps["episode"][rows], np.int64))
    defined = [0]
    blocks = _blocks(recording, found, space, sample, defined, told)
    of_diverse, of_important = choose(blocks, count=count, interval=interval, interval_rule=interval_rule)
    if not of_diverse:
        raise WorkbenchError(
            f"The importance {found.name} is a number at none of the {len(recording):,} recorded steps."
        )
    windows = Windows(recording, length, after)
    comparison = _Comparison(recording=recording, space=space, windows=windows, sample=sample, found=found, seed=seed)
    own, other = ("diverse", "important") if diverse else ("important", "diverse")
    chosen = {
        name: [windows.of_row(state.row) for state in states]
        for name, states in (("diverse", of_diverse), ("important", of_important))
    }
    reels = comparison.reels(own, chosen, other, count, interval)
    notes = [] if len(chosen[own]) == count else [_too_few(len(chosen[own]), count, interval)]
    return Highlights(
        moments=_moments(recording, found, of_diverse if diverse else of_important, chosen[own], comparison),
        measure=found.name,
        measure_words=found.words,
        unit=found.unit,
        states=space.words,
        diverse=diverse,
        count=count,
        length=length,
        after=after,
        interval=interval,
        interval_rule=interval_rule,
        seed=seed,
        any_step=estimate(comparison.importance, sample.episodes, lowest=0),
        steps=defined[0],
        sampled=len(rows),
        unit_distance=comparison.unit,
        reels=reels,
        notes=tuple(notes),
    )


def _check(recording: Recording, count: int, length: int, after: int, interval: int) -> None:
    if not len(recording):
        raise WorkbenchError(f"{recording.path} holds no step, and so no moment.")
    if not 1 <= count <= MOST_MOMENTS:
        raise WorkbenchError(f"A reel has 1 to {MOST_MOMENTS} moments; {count} were asked for.")
    if not 1 <= length <= MOST_LENGTH:
        raise WorkbenchError(f"A window has 1 to {MOST_LENGTH:,} steps; {length} were asked for.")
    if not 0 <= after < length:
        raise WorkbenchError(
            f"Of a window of {length} steps, 0 to {length - 1} may come after the moment; {after} were asked for."
        )
    if interval < length:
        raise WorkbenchError(
            f"Moments that are {interval} steps apart have windows of {length} steps that overlap; take an interval of "
            f"at least {length}."
        )


def _too_few(there: int, count: int, interval: int) -> str:
    return (
        f"{there} of {count} moments: the recording has no more that are at least {interval} steps apart and differ "
        f"from each other"
    )


def _blocks(
    recording: Recording, measure: Measure, space: StateSpace, sample: _Sample, defined: list[int], told: Progress
) -> Iterator[Block]:
    for rows, features in space.blocks():
        told.update(rows.start, len(recording), "steps")
        columns = {name: np.asarray(recording.steps[name][rows], np.int64) for name in ("slot", "episode", "t")}
        block = Block(
            rows=np.arange(rows.start, rows.stop),
            slots=columns["slot"],
            episodes=columns["episode"],
            t=columns["t"],
            importance=importance_of(recording, measure, rows),
            features=features,
        )
        defined[0] += int(np.isfinite(block.importance).sum())
        sample.take(block)
        yield block
    told.update(len(recording), len(recording), "steps")


@dataclass(kw_only=True)
class _Comparison:
    """What all reels of a recording are measured by."""

    recording: Recording
    space: StateSpace
    windows: Windows
    sample: _Sample
    found: Measure
    seed: int

    def __post_init__(self) -> None:
        self.states = np.concatenate(self.sample.features)
        self.importance = np.concatenate(self.sample.importance)
        # A recording of one state has no distances.
        self.unit = mean_distance(self.states, self.seed)
        self._scale = self.unit or 1.0

    def moment_states(self, places: Sequence[Place]) -> FloatArray:
        """States of some moments in units of the mean distance, `[k, D]`."""
        rows = np.array([one.row for one in places], np.int64)
        return features_at(self.space, self.recording, rows) / self._scale

    def reels(
        self, own: str, chosen: dict[str, list[Place]], other: str, count: int, interval: int
    ) -> tuple[Reel, ...]:
        """The highlights and those that they are compared with."""
        generator = np.random.default_rng([self.seed, 1])
        draws = {
            own: [chosen[own]],
            other: [chosen[other]],
            "random": [self.windows.random(count, interval, generator) for _ in range(RANDOM_REELS)],
            "first": [self.windows.first(count, interval)],
        }
        shown = {row for one in chosen[own] for row in one.rows.tolist()}
        covered = {name: self._coverage(places) for name, places in draws.items()}
        return tuple(self._reel(name, draws[name], covered, own, shown) for name in draws)

    def _coverage(self, draws: Sequence[Sequence[Place]]) -> FloatArray:
        """Distance of each sampled step to the nearest that is shown, `[S]`, a mean over draws."""
        distances = np.zeros(len(self.states))
        for places in draws:
            rows = np.unique(np.concatenate([one.rows for one in places]))
            distances += nearest_distances(self.states, features_at(self.space, self.recording, rows))
        return np.asarray(distances / len(draws) / self._scale)

    def _reel(
        self, name: str, draws: list[list[Place]], covered: dict[str, FloatArray], own: str, shown: set[int]
    ) -> Reel:
        every = [one for places in draws for one in places]
        diversity, nearest = spread_of([self.moment_states(places) for places in draws])
        episodes = self.sample.episodes
        return Reel(
            name=name,
            words=WORDS[name],
            moments=len(every),
            steps=round(sum(len(one.rows) for one in every) / len(draws)),
            episodes=len({one.episode for one in every}),
            importance=self._mean_importance(every),
            coverage=estimate(covered[name], episodes, lowest=0),
            less_covered=None if name == own else estimate(covered[name] - covered[own], episodes),
            diversity=diversity,
            nearest=nearest,
            common=sum(one.row in shown for one in every),
        )

    def _mean_importance(self, places: Sequence[Place]) -> Estimate:
        numbers = [float(importance_of(self.recording, self.found, slice(one.row, one.row + 1))[0]) for one in places]
        return estimate(numbers, [one.episode for one in places], lowest=0)


def _moments(
    recording: Recording, measure: Measure, states: Sequence[State], places: Sequence[Place], comparison: _Comparison
) -> tuple[Highlight, ...]:
    apart = pairwise(comparison.moment_states(places))
    np.fill_diagonal(apart, np.inf)
    sampled = comparison.importance[np.isfinite(comparison.importance)]
    found = []
    for number, (state, place) in enumerate(zip(states, places, strict=True)):
        alike = int(apart[number].argmin()) if len(places) > 1 else None
        later = place.rows[place.rows > place.row]
        following = int(later[0]) if len(later) else _next_row(recording, place)
        found.append(
            Highlight(
                rank=number + 1,
                row=place.row,
                episode=place.episode,
                step=place.step,
                importance=state.importance,
                share_below=float((sampled < state.importance).mean()) if len(sampled) else float("nan"),
                start=place.start,
                stop=place.start + len(place.rows),
                rows=place.rows,
                why=reason(recording, measure, place.row, following),
                most_alike=None if alike is None else alike + 1,
                distance=None if alike is None else float(apart[number, alike]),
            )
        )
    return tuple(found)


def _next_row(recording: Recording, place: Place) -> int | None:
    rows = recording.episode(place.episode).rows
    return int(rows[place.step + 1]) if place.step + 1 < len(rows) else None

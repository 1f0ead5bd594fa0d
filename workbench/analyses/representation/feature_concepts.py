"""What features go together with: each one's strongest correlation with a concept, beside shuffled episodes.

The strongest of many correlations is large by chance alone. So what it is compared with is the strongest of as many,
with the concepts laid against other episodes; and, since there are many features too, the strongest of any feature
(Westfall & Young, 1993), each as a multiple of what 95 of 100 of its own shuffles stay below: a feature that is rarely
active goes together with much by chance, and must not decide for the others.

Axis legend:
    S  steps that are looked at, drawn from the recording
    K  features
    C  columns: a concept's number, or whether it is of one of its classes
    R  shuffles
    G  groups of whole episodes
"""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.concepts import Concept, read_concept, telling_concepts
from workbench.analyses.intervals import FEWEST_EPISODES
from workbench.analyses.probing.scores import Interval, bootstrap_weights, interval
from workbench.analyses.reading_decisions import draw_rows
from workbench.analyses.representation.episode_means import MOST_GROUPS
from workbench.analyses.representation.episode_shuffles import EpisodePlaces, episode_places, shuffled_rows
from workbench.analyses.representation.features import LayerFeatures
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

MOST_STEPS = 4_096
MOST_OBSERVED = 8
"""Numbers of a vector observation that are concepts of their own."""
READ_STEPS = 256
"""So many are read at a time."""
SHUFFLES = 200
FEWEST_STEPS, FEWEST_WITH = 10, 3
"""A feature (or a class) that is there at fewer steps, or in fewer episodes, goes together with anything."""
LARGEST_CHANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class Column:
    """A concept's number, or whether it is of one class."""

    concept: str
    which: str
    """The class; empty for a number."""
    values: npt.NDArray[np.float64]
    """`[T]`; NaN where it is not defined."""

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.concept} is {self.which}" if self.which else self.concept


@dataclass(frozen=True, kw_only=True)
class FeatureConcept:
    """The concept that a feature goes together with most."""

    feature: int
    concept: str
    which: str
    """The class whose steps it is active at (or is not, where r is below 0); empty for a number."""
    correlation: Interval
    """Pearson's r of the activation (of a convolution: its largest) with the number, or with being of the class."""
    steps: int
    """n: at which the concept is defined, of those that were drawn."""
    episodes: int
    control: float
    """The strongest |r| with any concept that 95 of 100 shuffles stay below."""
    chance: float
    """Share of shuffles in which the feature goes together as strongly with any concept, (1 + those) / (1 + R)."""
    chance_of_any: float
    """Share of shuffles in which any feature does so with any concept."""

    @property
    def verdict(self) -> str:
        """In words."""
        if self.chance_of_any <= LARGEST_CHANCE:
            return "goes together with it more than any feature does by chance"
        if self.chance <= LARGEST_CHANCE:
            return "more than this feature does by chance; among so many features one such is no surprise"
        return "no more than with another episode's values: by chance, or by the time in the episode"


def usual_concepts(recording: Recording) -> list[Concept]:
    """All offered concepts that tell steps apart, and the numbers of a short vector observation."""
    found = telling_concepts(recording)
    shape = recording.steps["observation"].shape[1:] if "observation" in recording.steps else ()
    for place in range(shape[0] if len(shape) == 1 and shape[0] <= MOST_OBSERVED else 0):
        with contextlib.suppress(WorkbenchError):  # a number that is the same everywhere
            found.append(read_concept(recording, f"observation[{place}]"))
    return found


def concept_columns(concepts: Sequence[Concept]) -> list[Column]:
    """A column of each number, one of each concept of two classes (its last), and one a class of the others."""
    found = []
    for concept in concepts:
        values = concept.values.astype(np.float64)
        if concept.classes is None:
            found.append(Column(concept=concept.name, which="", values=np.where(concept.defined, values, np.nan)))
            continue
        there = range(1, 2) if len(concept.classes) == 2 else range(len(concept.classes))
        for place in there:
            column = np.where(concept.defined, values == place, np.nan)
            found.append(Column(concept=concept.name, which=concept.classes[place], values=column))
    return found


def feature_concepts(
    recording: Recording,
    features: LayerFeatures,
    concepts: Sequence[Concept] | None = None,
    *,
    shuffles: int = SHUFFLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[FeatureConcept | None, ...]:
    """The concept that each feature goes together with most.

    Args:
        recording: Of the features' network.
        features: K of them.
        concepts: Of the recording; None takes `usual_concepts`.
        shuffles: R.
        seed: Of the steps that are drawn, the shuffles and the intervals.
        progress: Is told how many shuffles are done, and may raise `Cancelled`.

    Returns:
        By feature; None where it is active too rarely to say, or there is no concept.
    """
    features.check_network(recording)
    rows = draw_rows(recording, MOST_STEPS, seed=seed)
    parts = [rows[start : start + READ_STEPS] for start in range(0, len(rows), READ_STEPS)]
    signals = np.concatenate([features.apply(recording, part).max(axis=1) for part in parts]).astype(np.float64)
    columns = concept_columns(usual_concepts(recording) if concepts is None else concepts)
    return strongest_concepts(
        signals, columns, rows, episode_places(recording), shuffles=shuffles, seed=seed,
        progress=progress or SilentProgress(),
    )  # fmt: skip


def strongest_concepts(
    signals: FloatArray,
    columns: Sequence[Column],
    rows: npt.NDArray[np.int64],
    places: EpisodePlaces,
    *,
    shuffles: int,
    seed: int,
    progress: Progress,
) -> tuple[FeatureConcept | None, ...]:
    """As `feature_concepts`, of activations `[S, K]` at some rows `[S]`."""
    episodes = places.episode_of_row[rows]
    count = int(signals.shape[1])
    common = np.array([_common(signals[:, k] > 0, episodes) for k in range(count)], bool)
    kept = [column for column in columns if _tells(column, rows, episodes)]
    if not kept or not common.any():
        return (None,) * count
    table = np.stack([column.values for column in kept], axis=1)
    active = signals[:, common] - signals[:, common].mean(axis=0)
    real = correlations(active, table[rows])
    best = np.abs(real).argmax(axis=1)
    largest = np.abs(real).max(axis=1)
    # So few episodes have so few orders, of which the recorded one is one.
    least = 1 / math.factorial(min(len(places.starts), 20))
    drawn = np.zeros((shuffles, len(largest)))
    for number, other in enumerate(shuffled_rows(places, rows, shuffles, seed=seed)):
        progress.update(number, shuffles, "shuffling episodes")
        drawn[number] = np.abs(correlations(active, table[other])).max(axis=1)
    usual = np.maximum(np.quantile(drawn, 1 - LARGEST_CHANCE, axis=0), 1e-12)
    any_of = (drawn / usual).max(axis=1)
    found: list[FeatureConcept | None] = [None] * count
    for place, k in enumerate(np.flatnonzero(common)):
        column = kept[int(best[place])]
        there = np.isfinite(column.values[rows])
        found[int(k)] = FeatureConcept(
            feature=int(k),
            concept=column.concept,
            which=column.which,
            correlation=_interval(signals[there, k], column.values[rows][there], episodes[there], seed),
            steps=int(there.sum()),
            episodes=len(np.unique(episodes[there])),
            control=float(usual[place]),
            chance=max(least, float((1 + (drawn[:, place] >= largest[place]).sum()) / (1 + shuffles))),
            chance_of_any=max(least, float((1 + (any_of >= largest[place] / usual[place]).sum()) / (1 + shuffles))),
        )
    return tuple(found)


def correlations(signals: FloatArray, columns: FloatArray) -> FloatArray:
    """Pearson's r of signals `[S, K]` with columns `[S, C]`, each over the steps at which the column is defined.

    Returns:
        `[K, C]`; 0 where one of the two does not vary there.
    """
    there = np.isfinite(columns)
    y = np.where(there, columns, 0.0)
    centre = y.sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    y = np.where(there, y - centre, 0.0)
    squares = (y**2).sum(axis=0)
    cross = signals.T @ y
    if there.all():
        spread = ((signals - signals.mean(axis=0)) ** 2).sum(axis=0)[:, None]
    else:
        mask = there.astype(np.float64)
        spread = (signals**2).T @ mask - (signals.T @ mask) ** 2 / np.maximum(there.sum(axis=0), 1)
    size = np.sqrt(np.maximum(spread, 0) * squares)
    flat = size <= 1e-12 * max(1e-300, float(np.abs(size).max(initial=0)))
    return np.where(flat, 0.0, cross / np.where(flat, 1.0, size))


def _common(there: npt.NDArray[np.bool_], episodes: npt.NDArray[np.int64]) -> bool:
    return bool(there.sum() >= FEWEST_STEPS and len(np.unique(episodes[there])) >= FEWEST_WITH)


def _tells(column: Column, rows: npt.NDArray[np.int64], episodes: npt.NDArray[np.int64]) -> bool:
    values = column.values[rows]
    if not column.which:
        return _common(np.isfinite(values), episodes)
    return _common(values == 1, episodes) and _common(values == 0, episodes)


def _interval(signal: FloatArray, values: FloatArray, episodes: npt.NDArray[np.int64], seed: int) -> Interval:
    """Pearson's r with its bootstrap interval over episodes."""
    f, y = signal - signal.mean(), values - values.mean()
    sums = np.zeros((MOST_GROUPS, 6))
    np.add.at(sums, episodes % MOST_GROUPS, np.stack([np.ones(len(f)), f, y, f * f, y * y, f * y], axis=1))
    sums = sums[sums[:, 0] > 0]
    value = float(_pearson(sums.sum(axis=0, keepdims=True))[0])
    if len(sums) < FEWEST_EPISODES:
        return Interval(value=value, low=float("nan"), high=float("nan"))
    return interval(value, _pearson(bootstrap_weights(len(sums), seed=seed) @ sums))


def _pearson(sums: FloatArray) -> FloatArray:
    """Of n, Σ f, Σ y, Σ f², Σ y², Σ f y, `[B, 6]`."""
    n, f, y, ff, yy, fy = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((fy - f * y / n) / np.sqrt((ff - f**2 / n) * (yy - y**2 / n)))

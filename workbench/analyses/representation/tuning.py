"""What units are tuned to: their mean activation by class (or bin) of a concept, and how selective they are.

Selectivity is the share of a unit's variance that the concept's classes explain, η² = Σ_b n_b (x̄_b − x̄)² / Σ (x − x̄)²
(the correlation ratio): 0 where all classes activate it alike, 1 where nothing else does. It is above 0 by chance too;
so it stands beside the largest η² of any concept laid against other episodes.

Axis legend:
    S  steps that are looked at, drawn from the recording
    U  units: channels of a convolution's output (their mean over its places), else the layer's numbers
    C  concepts
    b  classes of a concept, or bins of a number
    R  shuffles
    G  groups of whole episodes
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.concepts import Concept
from workbench.analyses.intervals import FEWEST_EPISODES
from workbench.analyses.probing.scores import bootstrap_weights
from workbench.analyses.reading_decisions import draw_rows
from workbench.analyses.representation.episode_means import MOST_GROUPS, Means, means_over_groups
from workbench.analyses.representation.episode_shuffles import episode_places, shuffled_rows
from workbench.analyses.representation.feature_concepts import usual_concepts
from workbench.analyses.representation.feature_samples import LayerSamples, layer_samples
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

MOST_STEPS, MOST_VALUES = 8_192, 4 << 20
"""Steps, and steps times units, that are held in memory."""
READ_STEPS = 256
BINS = 8
FEWEST_STEPS = 10
"""Of a class (or bin) with fewer there is no mean."""
SHUFFLES = 200
DRAWS = 500
LARGEST_CHANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How the units of a layer go with one concept."""

    layer: str
    concept: str
    words: str
    is_number: bool
    """Whether the classes are bins of a number, in its order."""
    classes: tuple[str, ...]
    """`[b]`, names; of bins their limits."""
    centres: FloatArray
    """`[b]`: of bins their mean value, else 0, 1, …"""
    class_steps: npt.NDArray[np.int64]
    """`[b]`."""
    steps: int
    episodes: int
    curves: Means
    """`[U, b]`, mean activation with its interval over episodes."""
    selectivity: Means
    """`[U]`, η² with its bootstrap interval over episodes; NaN of a unit that does not vary."""
    control: FloatArray
    """`[U]`, the largest η² of any concept that 95 of 100 shuffles stay below."""
    chance: FloatArray
    """`[U]`, share of shuffles in which any concept's η² is as large, (1 + those) / (1 + R)."""

    def __post_init__(self) -> None:
        for array in (self.centres, self.class_steps, self.control, self.chance):
            array.setflags(write=False)

    @property
    def selective(self) -> npt.NDArray[np.bool_]:
        """`[U]`, whether η² is larger than chance with as many concepts."""
        return np.asarray(self.chance <= LARGEST_CHANCE)


@dataclass(frozen=True)
class _Binned:
    """A concept's class of every step."""

    concept: Concept
    classes: tuple[str, ...]
    centres: FloatArray
    of_step: npt.NDArray[np.int16]
    """`[T]`; −1 where it is not defined."""


def unit_tuning(
    recording: Recording,
    layer: str,
    concepts: Sequence[Concept] | None = None,
    *,
    shuffles: int = SHUFFLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Tuning, ...]:
    """How every unit of a layer goes with concepts.

    Args:
        recording: Holds the layer.
        layer: Its name.
        concepts: Of the recording; None takes `usual_concepts`.
        shuffles: R.
        seed: Of the steps that are drawn, the shuffles and the intervals.
        progress: Is told how many shuffles are done, and may raise `Cancelled`.

    Returns:
        One a concept, in their order; those are left out of which fewer than two classes have 10 steps.

    Raises:
        WorkbenchError: There is no such layer, it is not finite, or no concept tells its steps apart.
    """
    told = progress or SilentProgress()
    samples = layer_samples(recording, layer, seed=seed)
    rows = draw_rows(recording, min(MOST_STEPS, max(FEWEST_STEPS, MOST_VALUES // samples.width)), seed=seed)
    signals = _signals(samples, rows)
    # Of numbers far from 0 little would be left of their differences.
    centre = signals.mean(axis=0)
    signals = signals - centre
    places = episode_places(recording)
    asked = usual_concepts(recording) if concepts is None else concepts
    binned = [one for one in map(_binned, asked) if (np.bincount(_there(one, rows)) >= FEWEST_STEPS).sum() > 1]
    if not binned:
        raise WorkbenchError(
            f"No concept of {recording.path} has two classes of at least {FEWEST_STEPS} steps each: there is nothing "
            f"that units could be tuned to."
        )
    real = np.stack([correlation_ratio(signals, one.of_step[rows], len(one.classes)) for one in binned])
    largest = np.zeros((shuffles, samples.width))
    for number, other in enumerate(shuffled_rows(places, rows, shuffles, seed=seed)):
        told.update(number, shuffles, "shuffling episodes")
        found = [correlation_ratio(signals, one.of_step[other], len(one.classes)) for one in binned]
        largest[number] = np.nanmax([np.nan_to_num(one) for one in found], axis=0)
    control = np.quantile(largest, 1 - LARGEST_CHANCE, axis=0)
    return tuple(
        _tuning(layer, one, signals, centre, rows, places.episode_of_row[rows], control, largest, ratio, seed)
        for one, ratio in zip(binned, real, strict=True)
    )


def correlation_ratio(signals: FloatArray, classes: npt.NDArray[np.int16], count: int) -> FloatArray:
    """η² of signals `[S, U]` with classes `[S]` (−1 where there is none), `[U]`; NaN of one that does not vary."""
    there = classes >= 0
    x, hot = signals[there], np.eye(count)[classes[there]]
    return _ratio(hot.sum(axis=0), hot.T @ x, np.square(x).sum(axis=0))


def _ratio(counts: FloatArray, sums: FloatArray, squares: FloatArray) -> FloatArray:
    """η² from n_b `[..., b]`, Σ x by class `[..., b, U]` and Σ x² `[..., U]`."""
    number = np.maximum(counts.sum(axis=-1), 1)[..., None]
    whole = sums.sum(axis=-2) ** 2 / number
    between = (sums**2 / np.maximum(counts, 1)[..., None]).sum(axis=-2) - whole
    total = squares - whole
    flat = total <= 1e-10 * np.maximum(squares, 1e-300)
    return np.where(flat, np.nan, np.clip(between / np.where(flat, 1.0, total), 0, 1))


def _signals(samples: LayerSamples, rows: npt.NDArray[np.int64]) -> FloatArray:
    """The units at some steps, `[S, U]`."""
    parts = [rows[start : start + READ_STEPS] for start in range(0, len(rows), READ_STEPS)]
    return np.concatenate([samples.read(part).mean(axis=1, dtype=np.float64) for part in parts])


def _binned(concept: Concept) -> _Binned:
    if concept.classes is not None:
        return _Binned(
            concept, concept.classes, np.arange(len(concept.classes), dtype=np.float64),
            np.asarray(concept.values, np.int16),
        )  # fmt: skip
    values = concept.values.astype(np.float64)
    defined = concept.defined
    edges = np.unique(np.quantile(values[defined], np.linspace(0, 1, BINS + 1)))
    inner = edges[1:-1]
    of_step = np.where(defined, np.searchsorted(inner, np.nan_to_num(values), side="right"), -1).astype(np.int16)
    present = np.unique(of_step[of_step >= 0])
    of_step = np.where(of_step >= 0, np.searchsorted(present, of_step), -1).astype(np.int16)
    centres = np.array([values[of_step == place].mean() for place in range(len(present))])
    limits = [(values[of_step == place].min(), values[of_step == place].max()) for place in range(len(present))]
    names = tuple((f"{a:.3g}" if a == b else f"{a:.3g} to {b:.3g}").replace("-", "−") for a, b in limits)
    return _Binned(concept, names, centres, of_step)


def _there(one: _Binned, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int16]:
    found = one.of_step[rows]
    return found[found >= 0]


def _tuning(
    layer: str,
    one: _Binned,
    signals: FloatArray,
    centre: FloatArray,
    rows: npt.NDArray[np.int64],
    episodes: npt.NDArray[np.int64],
    control: FloatArray,
    largest: FloatArray,
    ratio: FloatArray,
    seed: int,
) -> Tuning:
    groups = episodes % MOST_GROUPS
    mine = one.of_step[rows]
    there = mine >= 0
    count, units = len(one.classes), signals.shape[1]
    x = signals[there]
    counts = np.zeros((MOST_GROUPS, count))
    sums, squares = np.zeros((MOST_GROUPS, count, units)), np.zeros((MOST_GROUPS, units))
    np.add.at(counts, (groups[there], mine[there]), 1)
    np.add.at(sums, (groups[there], mine[there]), x)
    np.add.at(squares, groups[there], x**2)
    kept = counts.sum(axis=1) > 0
    counts, sums, squares = counts[kept], sums[kept], squares[kept]
    means = means_over_groups(sums, counts)
    rare = counts.sum(axis=0) < FEWEST_STEPS
    curves = [np.where(rare[:, None], np.nan, part + centre).T.copy() for part in (means.mean, means.low, means.high)]
    low, high = _bootstrapped(counts, sums, squares, seed)
    return Tuning(
        layer=layer,
        concept=one.concept.name,
        words=one.concept.words,
        is_number=one.concept.classes is None,
        classes=one.classes,
        centres=one.centres,
        class_steps=counts.sum(axis=0).astype(np.int64),
        steps=int(there.sum()),
        episodes=len(np.unique(episodes[there])),
        curves=Means(mean=curves[0], low=curves[1], high=curves[2]),
        selectivity=Means(mean=ratio, low=low, high=high),
        control=control,
        chance=np.where(np.isnan(ratio), 1.0, (1 + (largest >= np.nan_to_num(ratio)).sum(axis=0)) / (1 + len(largest))),
    )


def _bootstrapped(
    counts: FloatArray, sums: FloatArray, squares: FloatArray, seed: int
) -> tuple[FloatArray, FloatArray]:
    """The ends of η²'s interval over groups of episodes, `[U]`."""
    units = squares.shape[1]
    low, high = np.full(units, np.nan), np.full(units, np.nan)
    if len(counts) < FEWEST_EPISODES:
        return low, high
    weights = bootstrap_weights(len(counts), draws=DRAWS, seed=seed)
    numbers = weights @ counts
    for start in range(0, units, 64):
        part = slice(start, start + 64)
        drawn = _ratio(numbers, np.tensordot(weights, sums[..., part], axes=1), weights @ squares[:, part])
        known = np.isfinite(drawn).any(axis=0)
        ends = np.nanquantile(drawn[:, known], (0.025, 0.975), axis=0)
        low[part][known], high[part][known] = ends
    return low, high

"""Probes of each square: one linear probe for all squares, which reads a convolutional layer at the square's own place.

What a layer holds of a plan lies where the plan leads: whether a square will be stepped on is asked of the layer's
numbers at that square (1×1), or of these and its eight neighbours' (3×3), with the same weights everywhere (T. Bush et
al., "Interpreting Emergent Planning in Model-Free Reinforcement Learning", 2025; M. Taufeeque et al., 2024).

Squares differ in how often something is so, whatever is seen: beside the other baselines stands what is decided from
the square alone.

Axis legend:
    S  steps
    P, Q  rows and columns of places that have a square of the grid and a cell of the layer
    C  classes
    E  distinct episodes
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from torch import Tensor

from workbench.analyses.concepts import Concept
from workbench.analyses.concepts.squares import SquareConcept, read_square_concept
from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervention.decisions import layer_values
from workbench.analyses.probing.control_tasks import control_concept, observation_hashes
from workbench.analyses.probing.features import Features
from workbench.analyses.probing.fitting import Fitted, Setting
from workbench.analyses.probing.folds import FOLDS, Folds, split_episodes
from workbench.analyses.probing.kinds import find_kind
from workbench.analyses.probing.linear import LinearMap
from workbench.analyses.probing.probe import recording_fingerprint
from workbench.analyses.probing.results import Baseline, compare, notes_of, scored
from workbench.analyses.probing.scores import Interval, Tally, bootstrap_weights, interval
from workbench.analyses.probing.square_features import (
    Lattice,
    computed_squares,
    lattice_of,
    layer_squares,
    picture_squares,
    place_features,
    spatial_shape,
)
from workbench.analyses.probing.square_probe import SquareProbe
from workbench.analyses.random_weights import random_weights
from workbench.analyses.reading_decisions import draw_rows
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress, SilentProgress
from workbench.recording.object_storage import StorageError
from workbench.recording.reader import Recording

MOST_STEPS = 4_000
"""Steps that are read, drawn from the whole recording; each counts once a square."""
REACHES = (1, 3)


@dataclass(frozen=True, kw_only=True)
class SquareProbeResult:
    """How well a concept of squares can be read from a layer at the square, on episodes that were not learned from."""

    concept: str
    words: str
    layer: str
    reach: int
    """1, or 3 for a square with its neighbours."""
    classes: tuple[str, ...]
    steps: int
    """S."""
    episodes: int
    """E."""
    lattice: Lattice
    score: Interval
    """Balanced accuracy over all squares of all steps, 0 to 1."""
    macro_f1: Interval
    """Mean over the classes of F1 = 2 · right ÷ (decided + true), 0 to 1; common in the literature."""
    chance: float
    """1/C."""
    place: Baseline
    """What is decided from the square alone."""
    picture: Baseline | None
    """The same probe of the observed picture at the square; None where no picture of the grid is observed."""
    random_network: Baseline | None
    """The same probe of this layer with random weights; None where the agent could not be built or has a memory."""
    control: Baseline
    """The same probe of a random function of observation and square."""
    by_square: npt.NDArray[np.float64]
    """`[P, Q]`, balanced accuracy at each place over the classes that occur there; NaN where only one does."""
    tally: Tally
    """`[E, C, C]` squares by true and decided class."""
    probe: SquareProbe
    notes: tuple[str, ...]

    @property
    def decodable(self) -> bool:
        """Whether the score is above chance, above what the square alone says, and above a random function's."""
        return self.score.low > self.chance and self.place.difference.low > 0 and self.control.difference.low > 0

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.decodable:
            return "not decodable square by square here, beyond what the square alone says"
        more = [
            (self.picture, "no more than from the observed picture there"),
            (self.random_network, "no more than from the same network with random weights"),
        ]
        for baseline, words in more:
            if baseline is not None and not baseline.surpassed:
                return f"decodable square by square here, but {words}"
        compared = ["the square alone", "random labels"]
        compared += ["the observed picture there"] if self.picture is not None else []
        compared += ["random weights"] if self.random_network is not None else []
        return f"decodable square by square here, more than from {', '.join(compared[:-1])} and {compared[-1]}"


def probe_squares(
    recording: Recording,
    concepts: Sequence[str],
    layers: Sequence[str],
    *,
    reach: int = 1,
    policy: Policy | None = None,
    folds: int = FOLDS,
    steps: int = MOST_STEPS,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[SquareProbeResult, ...]:
    """Probe convolutional layers for concepts of squares.

    Args:
        recording: Holds the layers and truth labels of squares.
        concepts: Names (`read_square_concept`): `will_cross:truth.mouse`, `here:truth.cheese`, `truth.walls` …
        layers: Names of recorded layers of shape `[channels, rows, columns]`.
        reach: 1, or 3 to read the eight neighbours, too.
        policy: For the baseline with random weights; None leaves that one out.
        folds: As for `probe_layers`.
        steps: S at most, drawn from the whole recording.
        seed: Of the draw, the split, random weights and labels, and the bootstrap.
        progress: Is told how many layers are done, and may raise `Cancelled`.

    Returns:
        Layer by layer, each in the order of the concepts.

    Raises:
        WorkbenchError: There is no such concept or layer, the layer has no squares, or there are fewer than three
            episodes.
    """
    if reach not in REACHES:
        raise WorkbenchError(f"A probe of squares reaches 1 or 3 squares; came {reach}.")
    if not concepts or not layers:
        raise WorkbenchError("A probe of squares takes at least one concept and one layer.")
    shapes = {layer: spatial_shape(recording, layer) for layer in layers}
    told = progress or SilentProgress()
    hashes = observation_hashes(recording)
    split = split_episodes(recording, folds=folds, seed=seed, observations=hashes)
    rows = draw_rows(recording, steps, seed=seed)
    read = [read_square_concept(recording, name, rows) for name in dict.fromkeys(concepts)]
    asked = _Asked(recording, rows, split, hashes, seed)
    found: list[SquareProbeResult] = []
    besides: dict[tuple[int, int], _Besides] = {}
    for number, layer in enumerate(layers):
        told.update(number, len(layers), layer)
        channels, *cells = shapes[layer]
        lattice = lattice_of(read[0].grid, (cells[0], cells[1]))
        if lattice.places not in besides:
            # What does not depend on the layer is asked once for all of the same size.
            besides[lattice.places] = _Besides(asked, lattice, read, reach)
        beside = besides[lattice.places]
        own = asked.fit(
            layer_squares(recording, layer, rows, lattice, reach), lattice, [*beside.flat, *beside.controls]
        )
        untaught, why_not = _untaught(asked, policy, layer, channels, lattice, reach, beside.flat)
        for concept, flat, control in zip(read, beside.flat, beside.controls, strict=True):
            mine = own[flat.name]
            assert isinstance(mine.whole, LinearMap), "a linear kind"
            found.append(
                SquareProbeResult(
                    concept=concept.name,
                    words=concept.words,
                    layer=layer,
                    reach=reach,
                    classes=concept.classes,
                    steps=len(rows),
                    episodes=len(np.unique(split.episode_of_step[rows])),
                    lattice=lattice,
                    score=scored(asked.by_episode(mine, lattice), seed=seed),
                    macro_f1=_macro_f1(asked.by_episode(mine, lattice), seed),
                    chance=1 / len(np.unique(flat.values[flat.defined])),
                    place=asked.compare(mine, beside.place[flat.name], lattice),
                    picture=None
                    if beside.picture is None
                    else asked.compare(mine, beside.picture[flat.name], lattice),
                    random_network=None if untaught is None else asked.compare(mine, untaught[flat.name], lattice),
                    control=asked.compare(mine, own[control.name], lattice),
                    by_square=_by_square(mine.tally, lattice),
                    tally=asked.by_episode(mine, lattice),
                    probe=SquareProbe(
                        concept=concept.name, layer=layer, classes=concept.classes, reach=reach,
                        weight=mine.whole.weight.numpy().copy(), bias=mine.whole.bias.numpy().copy(),
                        shape=shapes[layer], fingerprint=recording_fingerprint(recording), seed=seed,
                    ),
                    notes=(*notes_of(mine.tally, concept.classes, set(mine.unmet)), *why_not, *split.notes),
                )
            )  # fmt: skip
    told.update(len(layers), len(layers))
    return tuple(found)


@dataclass(frozen=True)
class _Asked:
    """The steps that are read, and how their episodes are split."""

    recording: Recording
    rows: npt.NDArray[np.int64]
    split: Folds
    hashes: npt.NDArray[np.uint64]
    seed: int

    def fit(self, features: Features, lattice: Lattice, concepts: Sequence[Concept]) -> dict[str, Fitted]:
        """Probes whose steps are squares of steps; what comes of them is counted by episode and place."""
        count = int(np.prod(lattice.places))
        episodes = self.split.episode_of_step[self.rows].astype(np.int64)
        folds = replace(
            self.split,
            of_step=np.repeat(self.split.of_step[self.rows], count),
            episode_of_step=(episodes[:, None] * count + np.arange(count)).reshape(-1),
            of_episode=np.repeat(self.split.of_episode, count),
        )
        return find_kind("linear").fit(features, concepts, folds, Setting(rows=np.zeros(0, np.int64), seed=self.seed))

    def by_episode(self, fitted: Fitted, lattice: Lattice) -> Tally:
        """Its places counted together."""
        count = int(np.prod(lattice.places))
        return Tally(counts=fitted.tally.counts.reshape(-1, count, *fitted.tally.counts.shape[1:]).sum(axis=1))

    def compare(self, own: Fitted, other: Fitted, lattice: Lattice) -> Baseline:
        """Two probes on the same episodes, paired."""
        return compare(self.by_episode(own, lattice), self.by_episode(other, lattice), seed=self.seed)


class _Besides:
    """What layers of one size are compared with."""

    def __init__(self, asked: _Asked, lattice: Lattice, concepts: Sequence[SquareConcept], reach: int) -> None:
        count = int(np.prod(lattice.places))
        self.flat = [_flat(concept, lattice) for concept in concepts]
        # Each square of each observation has a number of its own.
        with np.errstate(over="ignore"):
            numbers = asked.hashes[asked.rows][:, None] + np.uint64(0x9E3779B97F4A7C15) * (
                1 + np.arange(count, dtype=np.uint64)
            )
        self.controls = [control_concept(one, numbers.reshape(-1), seed=asked.seed) for one in self.flat]
        self.place = asked.fit(place_features(asked.rows, lattice), lattice, self.flat)
        seen = picture_squares(asked.recording, asked.rows, lattice, reach)
        self.picture = None if seen is None else asked.fit(seen, lattice, self.flat)


def _flat(concept: SquareConcept, lattice: Lattice) -> Concept:
    """A concept whose steps are the squares of all steps, `[S · P · Q]`."""
    values = concept.values[:, lattice.square_rows][:, :, lattice.square_columns]
    flat = Concept(
        name=concept.name, words=concept.words, values=values.reshape(-1).astype(np.int16), classes=concept.classes
    )
    there = np.unique(flat.values[flat.defined])
    if len(there) < 2:
        raise WorkbenchError(f"The concept {concept.name!r} is the same on every square that the layer has a cell for.")
    return flat


def _untaught(
    asked: _Asked,
    policy: Policy | None,
    layer: str,
    channels: int,
    lattice: Lattice,
    reach: int,
    concepts: Sequence[Concept],
) -> tuple[dict[str, Fitted] | None, tuple[str, ...]]:
    """The probes of the layer with random weights, or None and why there are none."""
    if policy is None:
        return None, ()
    if policy.initial_state(1) is not None:
        return None, ("no baseline with random weights: what a memory holds was made by learned ones",)

    def values(rows: npt.NDArray[np.int64]) -> Tensor:
        with exclusively(policy), random_weights(policy.module, asked.seed):
            return layer_values(asked.recording, policy, layer, rows)

    try:
        features = computed_squares(f"layer {layer} with random weights", asked.rows, lattice, reach, channels, values)
        return asked.fit(features, lattice, concepts), ()
    except StorageError:
        # That will pass, and is no fact of the layer.
        raise
    except WorkbenchError as error:
        return None, (f"no baseline with random weights: {error}",)


def _macro_f1(tally: Tally, seed: int) -> Interval:
    weights = bootstrap_weights(len(tally.counts), seed=seed)

    def of(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        right = np.diagonal(sums, axis1=1, axis2=2)
        true, decided = sums.sum(axis=2), sums.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            each = np.where(true > 0, 2 * right / (true + decided), np.nan)
        return np.asarray(np.nanmean(each, axis=1))

    whole = tally.counts.sum(axis=0, keepdims=True)
    return interval(float(of(whole)[0]), of(np.tensordot(weights, tally.counts, axes=1)))


def _by_square(tally: Tally, lattice: Lattice) -> npt.NDArray[np.float64]:
    """`[P, Q]`."""
    count = int(np.prod(lattice.places))
    sums = tally.counts.reshape(-1, count, *tally.counts.shape[1:]).sum(axis=0)
    sizes, right = sums.sum(axis=2), np.diagonal(sums, axis1=1, axis2=2)
    found = np.full(count, np.nan)
    for place in np.flatnonzero((sizes > 0).sum(axis=1) > 1):
        there = sizes[place] > 0
        found[place] = (right[place][there] / sizes[place][there]).mean()
    return found.reshape(lattice.places)

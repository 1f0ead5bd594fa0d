"""Bilinear probes: what two places of a network know together, and neither alone.

The probe scores xᵀ W y for each class (or number), where x and y are what two layers, or two squares of a convolution,
give at the same step; with it go the terms of x and of y alone, so that what the pair adds is its score less the score
of these terms. Jenner et al. (2024) ask so whether a chess network looks ahead: x is where the first move goes to, y a
square that a later one may go to. Their W is of low rank and fitted by gradient descent; here x and y are brought down
to their main parts (principal components), and W is fitted as every other probe of this package: in closed form, from
moments, its penalty chosen on a fold apart. How many of W's singular values matter is in the result.

Axis legend:
    T  steps;  n  rows of one block
    K, H, W  channels, rows, columns of a convolution
    P  parts of x;  Q  parts of y
    C  columns: 1 for a number, else classes
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.concepts import Concept, read_concept
from workbench.analyses.concepts.types import MISSING
from workbench.analyses.probing.control_tasks import control_concept, observation_hashes
from workbench.analyses.probing.features import Features
from workbench.analyses.probing.fitting import Setting
from workbench.analyses.probing.folds import FOLDS, split_episodes
from workbench.analyses.probing.kinds import find_kind
from workbench.analyses.probing.linear import LinearMap
from workbench.analyses.probing.pair_probe import PairProbe, products
from workbench.analyses.probing.places import Place, PlaceReader, blocks_of
from workbench.analyses.probing.probe import recording_fingerprint
from workbench.analyses.probing.results import Baseline, compare, notes_of, scored
from workbench.analyses.probing.scores import Interval, Tally, metric_of
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

MOST_PARTS = 30
"""Of each of the two: their products are what is fitted."""


@dataclass(frozen=True, kw_only=True)
class PairResult:
    """How well a concept can be read from two places together, on episodes that the probe was not made from."""

    concept: str
    words: str
    first: Place
    second: Place
    classes: tuple[str, ...] | None
    steps: int
    """At which the concept is defined and both places exist."""
    episodes: int
    metric: str
    score: Interval
    chance: float
    additive: Baseline
    """The same without products: what the two say side by side."""
    first_alone: Baseline
    second_alone: Baseline
    control: Baseline
    """The same probe of a random function of the observation."""
    singular_values: FloatArray
    """`[C, min(P, Q)]` of W for standardised parts, the largest first: how many matter is its rank."""
    parts: tuple[int, int]
    """P and Q."""
    tally: Tally
    probe: PairProbe
    """Made from all episodes."""
    notes: tuple[str, ...]

    @property
    def shares_of_singular_values(self) -> FloatArray:
        """`[min(P, Q)]` of the class whose first is the largest, in shares of that one."""
        values = self.singular_values[int(self.singular_values[:, 0].argmax())]
        return np.asarray(values / max(float(values[0]), 1e-300))

    @property
    def decodable(self) -> bool:
        """Whether the score is above chance, and above what a random function of the observation gets."""
        return self.score.low > self.chance and self.control.difference.low > 0

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.decodable:
            return "not decodable from the two together by this probe"
        if self.additive.difference.low > 0:
            return "decodable from the two together, more than from what each of them says"
        return "decodable, and no more from the two together than from what each of them says"


def probe_pair(
    recording: Recording,
    concept: str | Concept,
    first: Place,
    second: Place,
    *,
    folds: int = FOLDS,
    seed: int = 0,
    progress: Progress | None = None,
) -> PairResult:
    """Probe two places of a network together.

    Args:
        recording: Holds the layers.
        concept: A name (`read_concept`), or a concept.
        first: x.
        second: y; may be another place of the same layer.
        folds: How many.
        seed: Of the split, the control task and the bootstrap.
        progress: Is told how far it is, and may raise `Cancelled`.

    Raises:
        WorkbenchError: There is no such layer, concept or place, or the places are nowhere inside of the layer.
    """
    told = progress or SilentProgress()
    read = read_concept(recording, concept) if isinstance(concept, str) else concept
    places = [PlaceReader(recording, one) for one in (first, second)]
    there = places[0].exists & places[1].exists
    read = _only_at(read, there)
    hashes = observation_hashes(recording)
    split = split_episodes(recording, folds=folds, seed=seed, observations=hashes)
    control = control_concept(read, hashes, seed=seed)
    told.update(0, 5, "main parts")
    bases = [_main_parts(one) for one in places]

    def features(name: str, make: Callable[[Tensor, Tensor], Tensor], width: int) -> Features:
        def blocks() -> Iterator[tuple[slice, Tensor]]:
            for rows in blocks_of(recording, first.layer, second.layer):
                x, y = (base(place.read(rows)) for base, place in zip(bases, places, strict=True))
                yield rows, make(x, y)

        return Features(name=name, shape=(width,), blocks=blocks)

    width, other = (base.count for base in bases)
    asked = {
        "pair": (lambda x, y: torch.cat([x, y, products(x, y)], dim=1), width + other + width * other),
        "additive": (lambda x, y: torch.cat([x, y], dim=1), width + other),
        "first": (lambda x, _: x, width),
        "second": (lambda _, y: y, other),
    }
    fit, setting = find_kind("linear").fit, Setting(rows=np.zeros(0, np.int64), seed=seed)
    found = {}
    for number, (name, (make, size)) in enumerate(asked.items()):
        told.update(number + 1, 5, name)
        found[name] = fit(features(name, make, size), [read, control] if name == "pair" else [read], split, setting)
    told.update(5, 5)
    tally = found["pair"][read.name].tally
    whole = found["pair"][read.name].whole
    assert isinstance(whole, LinearMap), "the linear kind gives no other"
    form = whole.weight[width + other :].T.reshape(-1, width, other)
    return PairResult(
        concept=read.name, words=read.words, first=first, second=second, classes=read.classes,
        steps=int(read.defined.sum()), episodes=len(np.unique(split.episode_of_step[read.defined])),
        metric=metric_of(tally), score=scored(tally, seed=seed),
        chance=0.0 if read.classes is None else 1 / len(np.unique(read.values[read.defined])),
        additive=compare(tally, found["additive"][read.name].tally, seed=seed),
        first_alone=compare(tally, found["first"][read.name].tally, seed=seed),
        second_alone=compare(tally, found["second"][read.name].tally, seed=seed),
        control=compare(tally, found["pair"][control.name].tally, seed=seed),
        singular_values=np.asarray(torch.linalg.svdvals(form).numpy()), parts=(width, other), tally=tally,
        probe=PairProbe(
            concept=read.name, classes=read.classes, first=first, second=second, seed=seed,
            fingerprint=recording_fingerprint(recording), first_mean=bases[0].mean.numpy(),
            first_weight=bases[0].weight.numpy(), second_mean=bases[1].mean.numpy(),
            second_weight=bases[1].weight.numpy(), weight=whole.weight.numpy().copy(), bias=whole.bias.numpy().copy(),
        ),
        notes=(*notes_of(tally, read.classes, set(found["pair"][read.name].unmet)), *split.notes),
    )  # fmt: skip


def _only_at(concept: Concept, there: npt.NDArray[np.bool_]) -> Concept:
    """The concept, defined where both places exist alone."""
    nothing = np.full_like(concept.values, np.nan if concept.is_number else MISSING)
    values = np.where(there, concept.values, nothing)
    left = Concept(name=concept.name, words=concept.words, values=values, classes=concept.classes)
    if len(np.unique(values[left.defined])) < 2:
        raise WorkbenchError(
            f"The concept {concept.name!r} is the same wherever both places are inside of their layers: there is "
            f"nothing to tell apart. Rows and columns count the layer's own squares, from 0."
        )
    return left


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """The main parts of a place, each with variance 1."""

    mean: Tensor
    weight: Tensor
    """`[numbers, P]`."""

    @property
    def count(self) -> int:
        return self.weight.shape[1]

    def __call__(self, values: Tensor) -> Tensor:
        return (values - self.mean) @ self.weight


def _main_parts(place: PlaceReader) -> _Parts:
    """The principal components with the most variance, over the steps at which the place exists; no labels."""
    count, total = 0, torch.zeros(place.numbers, dtype=torch.float64)
    gram = torch.zeros(place.numbers, place.numbers, dtype=torch.float64)
    for rows in blocks_of(place.recording, place.place.layer):
        x = place.read(rows)[torch.as_tensor(place.exists[rows])]
        count += len(x)
        total += x.sum(dim=0)
        gram.addmm_(x.T, x)
    if not count:
        raise WorkbenchError(f"{place.place.words} is at no step inside of the layer; its squares are counted from 0.")
    mean = total / count
    values, vectors = torch.linalg.eigh(gram / count - torch.outer(mean, mean))
    values, vectors = values.flip(0), vectors.flip(1)
    kept = max(1, min(MOST_PARTS, int((values > 1e-9 * values[0].clamp(min=1e-300)).sum())))
    return _Parts(mean=mean, weight=vectors[:, :kept] / values[:kept].clamp(min=1e-300).sqrt())

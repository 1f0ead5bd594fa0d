"""Probes of one kind, each fold decided by one that was made from the others, and what came of each episode.

Axis legend:
    T  steps
    F  folds
    D  numbers a step
    K  columns: 1 for a number, C for classes
    n  rows of one block
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.features import Features
from workbench.analyses.probing.folds import Folds
from workbench.analyses.probing.linear import LinearMap
from workbench.analyses.probing.moments import Group, read_moments
from workbench.analyses.probing.sampling import Sample, read_sample
from workbench.analyses.probing.scores import Tally


class ReadingMap(Protocol):
    """What a probe computes of features."""

    @property
    def bias(self) -> Tensor:
        """`[K]`; −∞ for a class that it was not taught, which it never decides for."""

    def __call__(self, x: Tensor) -> Tensor:
        """From `[n, D]` to `[n, K]`: the number, or log-probabilities of the classes but for a constant."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Folds that a probe is made from."""

    learn: tuple[int, ...]
    choose: int
    """The fold that its hyperparameters are chosen on."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """One concept's probes of some features."""

    tally: Tally
    whole: ReadingMap
    """Made from all folds."""
    unmet: frozenset[int]
    """Classes that some fold's probe did not meet."""
    by_fold: tuple[ReadingMap, ...] = ()
    """`[F]`, each made from the other folds; empty of a kind that has none."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What every kind of probe is told beside features, concepts and folds."""

    rows: npt.NDArray[np.int64]
    """The steps that kinds which go over steps are made from."""
    seed: int
    check: Callable[[], None] = lambda: None
    """Is called now and then; may raise `Cancelled`."""


Fit = Callable[[Features, Sequence[Concept], Folds, Setting], dict[str, Fitted]]
"""Makes the probes of every concept, by its name."""
FitMoments = Callable[[Group, Sequence[int], int], Mapping[str, ReadingMap]]
"""From a group of concepts with their moments, the folds to learn from and the one to choose on."""
FitSteps = Callable[[Sample, Sequence[Concept], Sequence[Split], Setting], Sequence[Mapping[str, ReadingMap]]]
"""From steps; gives the maps of each split."""


def splits_of(folds: Folds) -> list[Split]:
    """One for each fold that is tested on, and behind them one of all folds."""
    every = range(folds.count)
    tested = [
        Split(learn=tuple(one for one in every if one not in (fold, folds.validates(fold))),
              choose=folds.validates(fold))
        for fold in every
    ]  # fmt: skip
    return [*tested, Split(learn=tuple(every[:-1]), choose=every[-1])]


def from_moments(fit: FitMoments) -> Fit:
    """A kind of probe that needs moments alone: two passes over the features, whatever their number."""

    def fit_all(features: Features, concepts: Sequence[Concept], folds: Folds, setting: Setting) -> dict[str, Fitted]:
        return decide(features, concepts, folds, maps_from_moments(fit, features, concepts, folds, setting))

    return fit_all


def from_steps(fit: FitSteps) -> Fit:
    """A kind of probe that goes over steps, of which it takes `setting.rows`; all steps are decided."""

    def fit_all(features: Features, concepts: Sequence[Concept], folds: Folds, setting: Setting) -> dict[str, Fitted]:
        sample = read_sample(features, folds, setting.rows)
        return decide(features, concepts, folds, fit(sample, concepts, splits_of(folds), setting))

    return fit_all


def maps_from_moments(
    fit: FitMoments, features: Features, concepts: Sequence[Concept], folds: Folds, setting: Setting
) -> list[dict[str, ReadingMap]]:
    """The maps of each split, by concept."""
    groups = read_moments(features, concepts, folds)
    found = []
    for split in splits_of(folds):
        setting.check()
        found.append({name: one for group in groups for name, one in fit(group, split.learn, split.choose).items()})
    return found


def decide(
    features: Features, concepts: Sequence[Concept], folds: Folds, maps: Sequence[Mapping[str, ReadingMap]]
) -> dict[str, Fitted]:
    """Have each fold's steps decided by the probe that was not made from them.

    Args:
        features: What the probes read.
        concepts: What they read it for.
        folds: F.
        maps: Those of each fold, and of all folds at the end, `[F + 1]`.
    """
    by_fold, whole = maps[:-1], maps[-1]
    tallies = _tally(features, concepts, folds, by_fold)
    return {
        concept.name: Fitted(
            tally=tallies[concept.name],
            whole=whole[concept.name],
            unmet=frozenset(_unmet(concept, by_fold)),
            by_fold=tuple(one[concept.name] for one in by_fold),
        )
        for concept in concepts
    }


def says(
    maps: Sequence[Mapping[str, ReadingMap]], concepts: Sequence[Concept]
) -> Callable[[int, Tensor], list[Tensor]]:
    """What the probes of a fold say of rows `[n, D]`, concept by concept `[n, K]`; linear ones in one product."""
    sizes = [1 if concept.classes is None else len(concept.classes) for concept in concepts]
    joined = []
    for one in maps:
        found = [one[concept.name] for concept in concepts]
        linear = [each for each in found if isinstance(each, LinearMap)]
        joined.append(
            (torch.cat([each.weight for each in linear], dim=1), torch.cat([each.bias for each in linear]))
            if len(linear) == len(found)
            else None
        )

    def of(fold: int, values: Tensor) -> list[Tensor]:
        product = joined[fold]
        if product is None:
            return [maps[fold][concept.name](values) for concept in concepts]
        return list(torch.split(values @ product[0] + product[1], sizes, dim=1))

    return of


def _unmet(concept: Concept, by_fold: Sequence[Mapping[str, ReadingMap]]) -> set[int]:
    if concept.classes is None:
        return set()
    return {
        int(place)
        for maps in by_fold
        for place in torch.nonzero(torch.isinf(maps[concept.name].bias)).flatten()
        if (concept.values == int(place)).any()
    }


def _tally(
    features: Features, concepts: Sequence[Concept], folds: Folds, by_fold: Sequence[Mapping[str, ReadingMap]]
) -> dict[str, Tally]:
    """What the probes decide of each step, counted by episode."""
    counts = {
        concept.name: np.zeros((folds.episodes, 4))
        if concept.classes is None
        else np.zeros((folds.episodes, len(concept.classes), len(concept.classes)))
        for concept in concepts
    }
    said_by = says(by_fold, concepts)
    for rows, values in features.read():
        for fold in range(folds.count):
            mine = np.flatnonzero(folds.of_step[rows] == fold)
            if not len(mine):
                continue
            episodes = folds.episode_of_step[rows][mine]
            for concept, said in zip(concepts, said_by(fold, values[torch.as_tensor(mine)]), strict=True):
                _count(counts[concept.name], concept, concept.values[rows][mine], said, episodes)
    return {name: Tally(counts=one) for name, one in counts.items()}


def _count(
    counts: npt.NDArray[np.float64], concept: Concept, true: np.ndarray, said: Tensor, episodes: np.ndarray
) -> None:
    if concept.classes is not None:
        there = true >= 0
        decided = said.argmax(dim=1).numpy()
        np.add.at(counts, (episodes[there], true[there].astype(np.int64), decided[there]), 1)
        return
    there = np.isfinite(true)
    values, errors = true[there].astype(np.float64), (said[:, 0].numpy() - true)[there]
    sums = np.stack([np.ones(len(values)), values, values**2, errors**2], axis=1)
    np.add.at(counts, episodes[there], sums)

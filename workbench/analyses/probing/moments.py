"""One pass over a layer for all probes of it: counts, sums and Gram matrices, fold by fold.

What a ridge regression or a linear discriminant needs of any number of steps are these sums, so that memory does not
grow with the recording, and every concept shares the pass, the matrices and their decomposition.

Axis legend:
    F  folds
    D  numbers a step
    K  columns: one for a concept that is a number, one a class for others
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.features import Features
from workbench.analyses.probing.folds import Folds

LEAST_SHARED = 0.95
"""Of the steps of each class, what must be left of them for a concept to share others' steps."""
MOST_MOVED = 0.02
"""By how many standard deviations a number's mean and spread may change thereby."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Sums over the steps of each fold at which a set of concepts is defined; float64."""

    count: Tensor
    """`[F]` steps."""
    total: Tensor
    """`[F, D]` Σ x."""
    gram: Tensor
    """`[F, D, D]` Σ x xᵀ."""
    columns: Tensor
    """`[F, K]` Σ y."""
    cross: Tensor
    """`[F, D, K]` Σ x y."""

    def over(self, folds: Sequence[int]) -> "Moments":
        """The sums over some folds together; F is 1."""
        index = torch.as_tensor(list(folds))
        return Moments(
            **{name: getattr(self, name)[index].sum(dim=0, keepdim=True) for name in self.__dataclass_fields__}
        )

    def of(self, columns: slice) -> "Moments":
        """Those of some columns alone."""
        return Moments(
            count=self.count,
            total=self.total,
            gram=self.gram,
            columns=self.columns[:, columns],
            cross=self.cross[:, :, columns],
        )


@dataclass(frozen=True, kw_only=True)
class Group:
    """Concepts that are defined at nearly the same steps, and their columns side by side."""

    concepts: tuple[Concept, ...]
    places: tuple[slice, ...]
    """Each one's columns among K."""
    moments: Moments
    """About `centre`."""
    centre: Tensor
    """`[D]`, a typical step, which was taken away first: of numbers far from 0 little would be left of their
    differences."""


def columns_of(concept: Concept, rows: slice) -> Tensor:
    """A concept at some steps as columns `[n, K]`: its number, or one-hot; zeros where it is not defined."""
    values = concept.values[rows]
    if concept.classes is None:
        return torch.as_tensor(np.nan_to_num(values, nan=0.0)).double().unsqueeze(1)
    found = torch.zeros(len(values), len(concept.classes), dtype=torch.float64)
    there = np.flatnonzero(values >= 0)
    found[there, torch.as_tensor(values[there].astype(np.int64))] = 1.0
    return found


def read_moments(features: Features, concepts: Sequence[Concept], folds: Folds) -> tuple[Group, ...]:
    """Go once through the features.

    Args:
        features: What is read.
        concepts: Of the same recording.
        folds: Of its steps.

    Returns:
        The concepts in groups that share their steps.
    """
    groups = _grouped(concepts)
    size, count = features.width, folds.count
    centre: Tensor | None = None
    everywhere = _zeros(count, size, 0)
    masked = [_zeros(count, size, sum(map(_width, members))) for _, members in groups]
    for rows, values in features.read():
        if centre is None:
            centre = values.mean(dim=0)
        x = values - centre
        fold_of = folds.of_step[rows]
        for fold in range(count):
            inside = fold_of == fold
            if not inside.any():
                continue
            mine = torch.as_tensor(np.flatnonzero(inside))
            _add(everywhere, fold, x[mine])
            for (mask, members), sums in zip(groups, masked, strict=True):
                there = mine if mask is None else mine[torch.as_tensor(mask[rows][inside])]
                y = torch.cat([columns_of(concept, rows) for concept in members], dim=1)[there]
                _add_columns(sums, fold, x[there], y)
                if mask is not None:
                    # The rows where it is not defined are mostly few: they are taken away from the sums over all.
                    missing = mine[torch.as_tensor(~mask[rows][inside])]
                    if len(missing):
                        _subtract(sums, fold, x[missing])
    assert centre is not None, "a recording with three episodes has a step"
    return tuple(
        Group(
            concepts=tuple(members),
            places=_places(members),
            moments=Moments(
                count=everywhere.count + sums.count,
                total=everywhere.total + sums.total,
                gram=everywhere.gram + sums.gram,
                columns=sums.columns,
                cross=sums.cross,
            ),
            centre=centre,
        )
        for (_, members), sums in zip(groups, masked, strict=True)
    )


_Masked: TypeAlias = tuple[npt.NDArray[np.bool_] | None, list[Concept]]


def _grouped(concepts: Sequence[Concept]) -> list[_Masked]:
    """Concepts by the steps at which they are defined; those that differ in few steps share the steps of all of them.

    Concepts that are defined at every step are left as they are.
    """
    whole: list[Concept] = []
    exact: dict[bytes, tuple[npt.NDArray[np.bool_], list[Concept]]] = {}
    for concept in concepts:
        mask = concept.defined
        if bool(mask.all()):
            whole.append(concept)
        else:
            exact.setdefault(np.packbits(mask).tobytes(), (mask, []))[1].append(concept)
    groups: list[_Masked] = [(None, whole)] if whole else []
    shared: list[tuple[npt.NDArray[np.bool_], list[Concept]]] = []
    for mask, members in sorted(exact.values(), key=lambda one: -int(one[0].sum())):
        if shared:
            common = shared[-1][0] & mask
            if all(_hardly_changed(concept, common) for concept in (*shared[-1][1], *members)):
                shared[-1] = (common, [*shared[-1][1], *members])
                continue
        shared.append((mask, members))
    return [*groups, *shared]


def _hardly_changed(concept: Concept, kept: npt.NDArray[np.bool_]) -> bool:
    """Whether a concept is the same at some of its steps: no class much rarer, a number of the same spread."""
    before, after = concept.values[concept.defined], concept.values[kept]
    if concept.classes is not None:
        counts = [np.bincount(some.astype(np.int64), minlength=len(concept.classes)) for some in (before, after)]
        return bool((counts[1] >= LEAST_SHARED * counts[0]).all())
    if len(after) < LEAST_SHARED * len(before):
        return False
    spread = float(np.std(before, dtype=np.float64))
    moved = abs(float(np.mean(after, dtype=np.float64)) - float(np.mean(before, dtype=np.float64)))
    narrowed = abs(float(np.std(after, dtype=np.float64)) - spread)
    return max(moved, narrowed) <= MOST_MOVED * spread


def _width(concept: Concept) -> int:
    return 1 if concept.classes is None else len(concept.classes)


def _places(concepts: Sequence[Concept]) -> tuple[slice, ...]:
    ends = np.cumsum([_width(concept) for concept in concepts])
    return tuple(slice(int(end) - _width(concept), int(end)) for end, concept in zip(ends, concepts, strict=True))


def _zeros(folds: int, size: int, columns: int) -> Moments:
    def zeros(*shape: int) -> Tensor:
        return torch.zeros(folds, *shape, dtype=torch.float64)

    return Moments(
        count=zeros(), total=zeros(size), gram=zeros(size, size), columns=zeros(columns),
        cross=zeros(size, columns),
    )  # fmt: skip


def _add(sums: Moments, fold: int, x: Tensor) -> None:
    sums.count[fold] += len(x)
    sums.total[fold] += x.sum(dim=0)
    sums.gram[fold].addmm_(x.T, x)


def _add_columns(sums: Moments, fold: int, x: Tensor, y: Tensor) -> None:
    sums.columns[fold] += y.sum(dim=0)
    sums.cross[fold].addmm_(x.T, y)


def _subtract(sums: Moments, fold: int, x: Tensor) -> None:
    sums.count[fold] -= len(x)
    sums.total[fold] -= x.sum(dim=0)
    sums.gram[fold].addmm_(x.T, x, alpha=-1)

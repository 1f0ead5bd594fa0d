"""Multinomial logistic regression of classes, each class counting alike, with a penalty on squared weights.

Least mean of s_y · −log softmax(x W + b)_y + λ/2 ‖W‖², over standardised features x, with s_c = n / (C n_c) (balanced
class weights). scikit-learn's `LogisticRegression(C=1/(λ n), class_weight="balanced")` is the same.

The curvature of the loss is at most ½ Σ s xxᵀ / n for every class (Böhning, 1992), so that in the coordinates in which
this bound and the penalty are the identity, L-BFGS takes few steps. One decomposition serves all penalties.

Axis legend:
    n  steps
    D  numbers a step
    C  classes
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.fitting import ReadingMap, Setting, Split
from workbench.analyses.probing.least import least
from workbench.analyses.probing.linear import LinearMap
from workbench.analyses.probing.sampling import Sample

PENALTIES = tuple(10.0**power for power in (0, -1, -2, -3, -4, -5))
"""λ, the strongest first: each begins where the one before has ended."""


def fit_logistic(
    sample: Sample, concepts: Sequence[Concept], splits: Sequence[Split], setting: Setting
) -> list[Mapping[str, ReadingMap]]:
    """A probe of each concept for each split, its penalty chosen by the balanced loss on the fold apart."""
    found: list[Mapping[str, ReadingMap]] = []
    for split in splits:
        maps: dict[str, ReadingMap] = {}
        for concept in concepts:
            setting.check()
            assert concept.classes is not None, "the table says that it is for classes"
            learn, choose = (sample.places(concept, folds) for folds in (split.learn, [split.choose]))
            maps[concept.name] = _choose(
                sample.x, sample.columns(concept, learn), learn, sample.columns(concept, choose), choose,
                len(concept.classes),
            )  # fmt: skip
        found.append(maps)
    return found


def _choose(x: Tensor, y: Tensor, learn: np.ndarray, y_apart: Tensor, choose: np.ndarray, classes: int) -> LinearMap:
    both = np.concatenate([learn, choose])
    labels = torch.cat([y, y_apart])
    if not len(learn) or not len(choose):
        return fit_penalised(x[torch.as_tensor(both)], labels, classes, PENALTIES[2])
    apart, weights = x[torch.as_tensor(choose)].double(), class_weights(y_apart, classes)
    best, least = PENALTIES[2], float("inf")
    for penalty, found in fit_path(x[torch.as_tensor(learn)], y, classes, PENALTIES):
        loss = float((weights[y_apart] * -log_probabilities(found, apart, y_apart)).mean())
        if loss < least:
            best, least = penalty, loss
    return fit_penalised(x[torch.as_tensor(both)], labels, classes, best)


def log_probabilities(found: LinearMap, x: Tensor, y: Tensor) -> Tensor:
    """Of the true classes, `[n]`; a class that was never met counts as one chance in a million."""
    said = torch.log_softmax(found(x), dim=1)
    return said.gather(1, y.unsqueeze(1)).squeeze(1).clamp(min=float(np.log(1e-6)))


def class_weights(y: Tensor, classes: int) -> Tensor:
    """`[C]`, n / (C n_c) of the classes that are there."""
    counts = torch.bincount(y, minlength=classes).double()
    there = counts > 0
    return torch.where(there, len(y) / (counts.clamp(min=1) * max(1, int(there.sum()))), torch.zeros_like(counts))


def fit_penalised(x: Tensor, y: Tensor, classes: int, penalty: float, *, balanced: bool = True) -> LinearMap:
    """One logistic regression.

    Args:
        x: `[n, D]`.
        y: `[n]`, class numbers.
        classes: C.
        penalty: λ.
        balanced: Whether each class counts alike, or each step.
    """
    return fit_path(x, y, classes, [penalty], balanced=balanced)[0][1]


def fit_path(
    x: Tensor, y: Tensor, classes: int, penalties: Sequence[float], *, balanced: bool = True
) -> list[tuple[float, LinearMap]]:
    """Logistic regressions with several penalties, each begun where the one before has ended."""
    x = x.double()
    met = torch.unique(y)
    mean = x.mean(dim=0) if len(x) else torch.zeros(x.shape[1], dtype=torch.float64)
    centred = x - mean
    spread = centred.square().mean(dim=0).sqrt() if len(x) else torch.zeros_like(mean)
    alive = spread > 1e-5 * spread.max().clamp(min=1e-300)
    scale = torch.where(alive, 1 / spread.clamp(min=1e-300), torch.zeros_like(spread))
    if len(met) < 2:
        bias = torch.full((classes,), -torch.inf, dtype=torch.float64)
        bias[met] = 0.0
        nothing = torch.zeros(x.shape[1], classes, dtype=torch.float64)
        return [(penalty, LinearMap(weight=nothing, bias=bias, penalty=penalty)) for penalty in penalties]
    place = torch.searchsorted(met, y)
    weights = class_weights(place, len(met))[place] if balanced else torch.ones(len(y), dtype=torch.float64)
    z = centred * scale
    values, vectors = torch.linalg.eigh((z * (weights / len(z)).unsqueeze(1)).T @ z)
    rotated = z @ vectors
    found = []
    solution = torch.zeros(x.shape[1], len(met), dtype=torch.float64)
    offsets = torch.zeros(len(met), dtype=torch.float64)
    for penalty in penalties:
        stretch = (0.5 * values.clamp(min=0) + penalty).rsqrt()
        solution, offsets = _solve(rotated, place, weights, penalty, stretch, solution, offsets)
        weight = torch.zeros(x.shape[1], classes, dtype=torch.float64)
        weight[:, met] = scale.unsqueeze(1) * (vectors @ solution)
        bias = torch.full((classes,), -torch.inf, dtype=torch.float64)
        bias[met] = offsets - mean @ weight[:, met]
        found.append((penalty, LinearMap(weight=weight, bias=bias, penalty=penalty)))
    return found


def _solve(
    x: Tensor, y: Tensor, weights: Tensor, penalty: float, stretch: Tensor, start: Tensor, offsets: Tensor
) -> tuple[Tensor, Tensor]:
    """Weights `[D, C]` and offsets `[C]` of least loss, found in coordinates u with w = stretch · u."""
    features, classes = start.shape
    shares = (weights / len(x)).unsqueeze(1)
    true = torch.zeros(len(x), classes, dtype=torch.float64)
    true[torch.arange(len(x)), y] = 1.0

    def loss(parameters: Tensor) -> tuple[float, Tensor]:
        """And its gradient."""
        weight = stretch.unsqueeze(1) * parameters[:features]
        said = torch.log_softmax(x @ weight + parameters[features], dim=1)
        residual = shares * (said.exp() - true)
        gradient = stretch.unsqueeze(1) * (x.T @ residual + penalty * weight)
        value = float(0.5 * penalty * weight.square().sum() - (shares * true * said).sum())
        return value, torch.cat([gradient, residual.sum(dim=0, keepdim=True)])

    found = least(loss, torch.cat([start / stretch.unsqueeze(1), offsets.unsqueeze(0)]))
    return stretch.unsqueeze(1) * found[:features], found[features]

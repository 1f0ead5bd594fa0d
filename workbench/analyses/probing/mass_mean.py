"""Mass-mean probes: the difference of the classes' means, nothing fitted (Marks & Tegmark, 2023).

Without correction, a step x is given to the class with the nearest mean: the score of class c is μ_c·x − ½‖μ_c‖²,
which for two classes is the direction θ = μ₁ − μ₀ with its threshold half-way. With the covariance correction it is
θᵀ Σ⁻¹ x, with Σ the covariance of the steps about their classes' means: a linear discriminant. Neither has a
hyperparameter; of Σ a small share of the mean variance is added to the diagonal, for it need not have an inverse.

Axis legend: D numbers a step, C classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from workbench.analyses.probing.linear import LinearMap
from workbench.analyses.probing.moments import Group, Moments

RIDGE = 1e-6
"""Of the mean variance, on the diagonal of Σ."""


def fit_mass_mean(group: Group, learn: Sequence[int], choose: int) -> dict[str, LinearMap]:
    """The nearest mean, for each concept of a group."""
    return _fit(group, [*learn, choose], corrected=False)


def fit_corrected_mass_mean(group: Group, learn: Sequence[int], choose: int) -> dict[str, LinearMap]:
    """The nearest mean as Σ measures distances, for each concept of a group."""
    return _fit(group, [*learn, choose], corrected=True)


def _fit(group: Group, folds: Sequence[int], *, corrected: bool) -> dict[str, LinearMap]:
    moments = group.moments.over(folds)
    return {
        concept.name: _map(moments.of(place), group.centre, corrected=corrected)
        for concept, place in zip(group.concepts, group.places, strict=True)
    }


def _map(moments: Moments, centre: Tensor, *, corrected: bool) -> LinearMap:
    sizes = moments.columns[0]
    there = sizes > 0
    means = moments.cross[0] / sizes.clamp(min=1.0)
    weight = means
    if corrected:
        count = float(moments.count[0].clamp(min=1.0))
        within = (moments.gram[0] - (means * sizes) @ means.T) / count
        size = float(within.diagonal().mean().clamp(min=1e-300))
        weight = torch.linalg.solve(within + RIDGE * size * torch.eye(len(within), dtype=within.dtype), means)
    offsets = -0.5 * (means * weight).sum(dim=0)
    # A class that was never met is never decided for.
    bias = torch.where(there, offsets - centre @ weight, torch.full_like(offsets, -torch.inf))
    return LinearMap(weight=weight, bias=bias, penalty=0.0)

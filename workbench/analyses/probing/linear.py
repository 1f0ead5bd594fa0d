"""Linear probes from moments: ridge regression, and a linear discriminant of it that counts every class alike.

Numbers: ŷ = w·x + b, by ridge regression on standardised features (Hoerl & Kennard, 1970).

Classes: the one-hot classes are regressed on the features with the same penalty; in the C fitted numbers a linear
discriminant (Fisher, 1936) with equal priors decides, so that a rare class counts as much as a common one. This is
penalised discriminant analysis (Hastie, Buja & Tibshirani, 1995). Its softmax is a probability under equal priors.

Axis legend:
    D  numbers a step
    K  columns (1 for a number, C for classes)
    L  penalties that are tried
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.moments import Group, Moments

PENALTIES = tuple(10.0**power for power in (-6, -5, -4, -3, -2, -1, 0, 1))
"""λ, of features with variance 1 and a mean squared error."""
SMALLEST_SPREAD = 1e-6
"""Of the fitted numbers within a class, as a share of their variance: what is smaller is rounding."""
FLAT = 1e-10
"""Features whose variance is a smaller share of the largest never change."""


@dataclass(frozen=True, kw_only=True)
class LinearMap:
    """What a linear probe computes: `x @ weight + bias`."""

    weight: Tensor
    """`[D, K]`, in units of the features."""
    bias: Tensor
    """`[K]`."""
    penalty: float
    """λ that was chosen on steps apart."""

    def __call__(self, x: Tensor) -> Tensor:
        """`[n, K]`: the number, or log-probabilities of the classes but for a constant."""
        return x @ self.weight + self.bias


@dataclass(frozen=True)
class Spectrum:
    """A covariance of features, and its factor for each penalty, for all concepts alike."""

    mean: Tensor
    covariance: Tensor
    """`[D, D]`, of the features as they are."""
    scale: Tensor
    """`[D]`; 0 where a feature never changes."""

    @functools.cached_property
    def standardised(self) -> Tensor:
        """`[D, D]`, the features' correlations."""
        return self.covariance * self.scale.unsqueeze(0) * self.scale.unsqueeze(1)

    @functools.cached_property
    def _factors(self) -> dict[float, Tensor]:
        return {}

    def factor(self, penalty: float) -> Tensor:
        """The Cholesky factor of correlations + λ, made once for all concepts."""
        if penalty not in self._factors:
            shifted, added = self.standardised.clone(), penalty
            shifted.diagonal().add_(penalty)
            found, failed = torch.linalg.cholesky_ex(shifted)
            # Of features that hardly change, rounding may leave more than the least penalties take away.
            while bool(failed):
                shifted.diagonal().add_(added)
                added *= 10
                found, failed = torch.linalg.cholesky_ex(shifted)
            self._factors[penalty] = found
        return self._factors[penalty]


def fit_linear(group: Group, learn: Sequence[int], choose: int) -> dict[str, LinearMap]:
    """Fit a probe of each concept of a group.

    Args:
        group: Concepts with their moments.
        learn: Folds that are learned from.
        choose: The fold on which each concept's penalty is chosen; with it the probe is then fitted to both.

    Returns:
        By the concept's name.
    """
    # The matrices are added up, and taken apart, once for all concepts.
    learned, apart = group.moments.over(learn), group.moments.over([choose])
    both = group.moments.over([*learn, choose])
    first, second = spectrum_of(learned), spectrum_of(both)
    penalties = _best_penalties(group, first, learned, apart)
    cross = covariances(second, both)[0]
    found = {}
    for concept, place, penalty in zip(group.concepts, group.places, penalties, strict=True):
        weights = _weights(second, cross[:, place], penalty)
        found[concept.name] = finish(concept, second, both.of(place), weights, penalty, group.centre)
    return found


def spectrum_of(moments: Moments) -> Spectrum:
    """Mean, covariance and scale of some moments of features."""
    count = float(moments.count[0])
    mean = moments.total[0] / max(1.0, count)
    covariance = moments.gram[0] / max(1.0, count) - torch.outer(mean, mean)
    variance = covariance.diagonal().clamp(min=0)
    alive = variance > FLAT * float(variance.max().clamp(min=1e-300))
    scale = torch.where(alive, variance.clamp(min=1e-300).rsqrt(), torch.zeros_like(variance))
    return Spectrum(mean, covariance, scale)


def covariances(spectrum: Spectrum, moments: Moments) -> tuple[Tensor, Tensor]:
    """Of standardised features with the columns, `[D, K]`, and the columns' means `[K]`."""
    count = max(1.0, float(moments.count[0]))
    means = moments.columns[0] / count
    cross = moments.cross[0] / count - torch.outer(spectrum.mean, means)
    return spectrum.scale.unsqueeze(1) * cross, means


def _weights(spectrum: Spectrum, cross: Tensor, penalty: float) -> Tensor:
    """`[D, K]`, of the features themselves."""
    return spectrum.scale.unsqueeze(1) * torch.cholesky_solve(cross, spectrum.factor(penalty))


def spread_about(moments: Moments, mean: Tensor) -> Tensor:
    """Σ (x − m)(x − m)ᵀ, `[D, D]`."""
    shifted = torch.outer(moments.total[0], mean)
    return moments.gram[0] - shifted - shifted.T + float(moments.count[0]) * torch.outer(mean, mean)


def _best_penalties(group: Group, spectrum: Spectrum, learned: Moments, apart: Moments) -> list[float]:
    """For each concept the one with the least squared error on steps apart, from moments; all columns at a time.

    Args:
        group: The concepts.
        spectrum: Of what was learned from.
        learned: Its moments.
        apart: Those of the steps apart.
    """
    if float(apart.count[0]) == 0:
        return [1.0] * len(group.concepts)
    cross, means = covariances(spectrum, learned)
    around = spread_about(apart, spectrum.mean)
    errors = torch.stack(
        [squared_errors(spectrum, means, apart, _weights(spectrum, cross, one), around) for one in PENALTIES]
    )
    return [PENALTIES[int(errors[:, place].sum(dim=1).argmin())] for place in group.places]


def squared_errors(
    spectrum: Spectrum, means: Tensor, apart: Moments, weights: Tensor, spread: Tensor | None = None
) -> Tensor:
    """Σ (y − ŷ)² of steps apart, from their moments, but for what no weights change, `[K]`.

    Args:
        spectrum: Of what was learned from.
        means: `[K]`, its columns' means.
        apart: The moments of the steps apart.
        weights: `[D, K]`.
        spread: `spread_about(apart, spectrum.mean)`, where it is known.
    """
    around = spread_about(apart, spectrum.mean) if spread is None else spread
    mixed = apart.cross[0] - torch.outer(apart.total[0], means) - torch.outer(spectrum.mean, apart.columns[0])
    mixed = mixed + float(apart.count[0]) * torch.outer(spectrum.mean, means)
    return (weights * (around @ weights)).sum(dim=0) - 2 * (weights * mixed).sum(dim=0)


def finish(
    concept: Concept, spectrum: Spectrum, moments: Moments, weights: Tensor, penalty: float, centre: Tensor
) -> LinearMap:
    """Make a probe of fitted weights `[D, K]`: a number as it is, of classes a discriminant of the fitted numbers."""
    means = moments.columns[0] / max(1.0, float(moments.count[0]))
    if concept.classes is None:
        bias = means - (spectrum.mean + centre) @ weights
        return LinearMap(weight=weights, bias=bias, penalty=penalty)
    weight, offset = _discriminant(spectrum, moments, weights)
    return LinearMap(weight=weight, bias=offset - (spectrum.mean + centre) @ weight, penalty=penalty)


def _discriminant(spectrum: Spectrum, moments: Moments, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Of the fitted numbers z = (x − x̄) W: weights `[D, C]` and offsets `[C]` of the classes' discriminants."""
    count = max(1.0, float(moments.count[0]))
    sizes = moments.columns[0]
    there = sizes > 0
    class_means = (moments.cross[0] / sizes.clamp(min=1.0) - spectrum.mean.unsqueeze(1)).T @ weights
    class_means = torch.where(there.unsqueeze(1), class_means, torch.zeros_like(class_means))
    total = weights.T @ spectrum.covariance @ weights
    shares = sizes / count
    between = (class_means * shares.unsqueeze(1)).T @ class_means
    within = total - between
    # One-hot columns sum to 1, so that one direction of the fitted numbers is empty; and where classes are exactly
    # linear in the features nothing is left within them but rounding, of either sign. The floor keeps both apart.
    floor = SMALLEST_SPREAD * float(total.diagonal().mean().clamp(min=1e-300))
    values, vectors = torch.linalg.eigh(within)
    inverse = vectors @ torch.diag(1 / (values.clamp(min=0) + floor)) @ vectors.T
    directions = inverse @ class_means.T
    offsets = -0.5 * (class_means.T * directions).sum(dim=0)
    # A class that was never met is never decided for.
    return weights @ directions, torch.where(there, offsets, torch.full_like(offsets, -torch.inf))

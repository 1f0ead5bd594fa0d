"""Sparse linear probes: few of a layer's numbers, by a penalty on absolute weights (the lasso; Tibshirani, 1996).

Least 1/(2n) ‖y − X w − b‖² + α ‖w‖₁ over standardised features (scikit-learn's `Lasso(alpha=α)` of them), by coordinate
descent (Friedman, Hastie & Tibshirani, 2010) on the Gram matrix, so that it needs one pass over any number of steps.

Numbers are read so directly. Of classes each one-hot column is read so, and a linear discriminant with equal priors
decides in the fitted numbers, as in the linear kind. McGrath et al. (2021) probe with the same penalty: regression of
numbers, and logistic regression of what is true or false, for which the one-hot columns stand here.

Axis legend:
    D  numbers a step
    K  columns (1 for a number, C for classes), of all concepts of a group side by side
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.probing.linear import LinearMap, covariances, finish, spectrum_of, squared_errors
from workbench.analyses.probing.moments import Group

SHARES = tuple(10.0 ** (-power / 4) for power in range(15))
"""Of the least α at which nothing is read; the strongest penalty first."""
MOST_SWEEPS = 1_000
TOLERANCE = 1e-7
"""Of a standardised weight, as a share of the largest covariance with its column."""

FloatArray = npt.NDArray[np.float64]


def fit_sparse(group: Group, learn: Sequence[int], choose: int) -> dict[str, LinearMap]:
    """A probe of each concept of a group; α is chosen by squared error on the fold apart, alike for its columns."""
    learned, apart = group.moments.over(learn), group.moments.over([choose])
    both = group.moments.over([*learn, choose])
    first, second = spectrum_of(learned), spectrum_of(both)
    cross, means = covariances(first, learned)
    paths = lasso_path(first.standardised.numpy(), cross.numpy())
    errors = []
    for weights in paths:
        errors.append(squared_errors(first, means, apart, first.scale.unsqueeze(1) * torch.as_tensor(weights)))
    best = {
        place.start: int(torch.stack([one[place].sum() for one in errors]).argmin()) if float(apart.count[0]) else 8
        for place in group.places
    }
    cross, _ = covariances(second, both)
    paths = lasso_path(second.standardised.numpy(), cross.numpy(), until=max(best.values()) + 1)
    found = {}
    for concept, place in zip(group.concepts, group.places, strict=True):
        number = best[place.start]
        fitted = second.scale.unsqueeze(1) * torch.as_tensor(paths[number][:, place])
        found[concept.name] = finish(concept, second, both.of(place), fitted, SHARES[number], group.centre)
    return found


def lasso_path(gram: FloatArray, cross: FloatArray, *, until: int = len(SHARES)) -> list[FloatArray]:
    """Lasso weights of all columns, for one α after the other.

    Args:
        gram: `[D, D]`, XᵀX / n of standardised features.
        cross: `[D, K]`, Xᵀy / n.
        until: How many of `SHARES` are gone through.

    Returns:
        `[D, K]` standardised weights for each α = share × max |cross| of the column.
    """
    largest = np.abs(cross).max(axis=0, initial=0.0)
    weights = np.zeros_like(cross)
    found = []
    for share in SHARES[:until]:
        weights = lasso(gram, cross, share * largest, weights, tolerance=TOLERANCE * largest)
        found.append(weights)
    return found


def lasso(
    gram: FloatArray, cross: FloatArray, alphas: FloatArray, start: FloatArray, *, tolerance: FloatArray
) -> FloatArray:
    """Lasso weights of several columns by coordinate descent.

    Args:
        gram: `[D, D]`, XᵀX / n.
        cross: `[D, K]`, Xᵀy / n.
        alphas: `[K]`.
        start: `[D, K]`, where it begins.
        tolerance: `[K]`, the largest change of a weight in one sweep at which it ends.

    Returns:
        `[D, K]`.
    """
    weights = start.copy()
    # What is left of the covariances: c − G w, kept up to date.
    left = cross - gram @ weights
    diagonal = np.diagonal(gram)
    alive = np.flatnonzero(diagonal > 0)
    rows: npt.NDArray[np.int64] = alive
    whole = True
    for _ in range(MOST_SWEEPS):
        changed = np.zeros(cross.shape[1])
        for row in rows:
            old = weights[row].copy()
            pull = left[row] + diagonal[row] * old
            new = np.sign(pull) * np.maximum(np.abs(pull) - alphas, 0.0) / diagonal[row]
            step = new - old
            if step.any():
                weights[row] = new
                left -= gram[:, row, None] * step
                np.maximum(changed, np.abs(step), out=changed)
        settled = bool((changed <= tolerance).all())
        if settled and whole:
            break
        # Between sweeps over all features, those that are read by some column are gone through until they settle.
        whole = settled
        rows = alive if settled else alive[weights[alive].any(axis=1)]
    return weights

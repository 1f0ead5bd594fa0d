"""Principal components of a layer, by passes over the whole recording.

Layers of at most 1,024 numbers: one pass of sums and Gram matrices, and the eigenvectors of the covariance. Wider ones:
a randomised range finder with one power iteration (Halko, Martinsson and Tropp 2011, SIAM Review 53, algorithm 4.4
applied to the covariance), three passes, and the eigenvectors within the range that was found; the share of the
variance outside of it is known exactly, since the total is.

Axis legend:
    D  numbers a step
    K  components, from the largest variance down
    J  groups of episodes
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.analyses.representation.episode_groups import Measured, measured
from workbench.analyses.representation.moments import WIDEST_EXACT, LayerMoments, read_moments
from workbench.analyses.representation.sources import FloatArray, IntArray, Source, layer_source
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from workbench.recording import Recording

COMPONENTS = 50
OVERSAMPLING = 14
CONSTANT = 1e-12
"""A layer whose variance is less than this share of its mean square is the same everywhere, but for rounding."""
RANK = 1e-12
"""Components of less than this share of the variance are rounding, and left out."""


@dataclass(frozen=True, kw_only=True)
class PrincipalComponents:
    """The directions in which a layer varies most, over all recorded steps."""

    layer: str
    mean: FloatArray
    """`[D]`."""
    directions: FloatArray
    """`[K, D]` orthonormal rows; of each, the largest number is positive."""
    variance: FloatArray
    """`[K]`, divided by n − 1."""
    total_variance: float
    """Of all D numbers together."""
    shares: tuple[Measured, ...]
    """`[K]`: explained variance of each component ÷ total; the intervals are of the same directions in other
    episodes."""
    covered: Measured
    """The share of all K together."""
    method: str
    """In words: how they were found."""
    steps: int
    """n: all recorded steps."""
    episodes: int

    def __post_init__(self) -> None:
        for array in (self.mean, self.directions, self.variance):
            array.setflags(write=False)

    @property
    def share(self) -> FloatArray:
        """`[K]` explained variance ÷ total."""
        return np.asarray(self.variance / self.total_variance)

    def enough_for(self, share: float) -> int:
        """How many components explain so much of the variance; all where they do not."""
        return min(len(self.variance), int(np.searchsorted(np.cumsum(self.share), share - 1e-12)) + 1)

    def scores(self, values: FloatArray) -> FloatArray:
        """Steps `[n, D]` in these components, `[n, K]`."""
        return np.asarray((values - self.mean) @ self.directions.T)

    def scores_at(self, source: Source, rows: IntArray, *, progress: Progress | None = None) -> FloatArray:
        """The rows of a layer in these components, `[n, K]`, read block by block.

        Args:
            source: The layer.
            rows: `[n]` of the recording, in order.
            progress: Is told how many were read.
        """
        found = np.empty((len(rows), len(self.variance)))
        for start in range(0, len(rows), source.block_rows):
            part = rows[start : start + source.block_rows]
            found[start : start + len(part)] = self.scores(source.at(part))
            (progress or SilentProgress()).update(start + len(part), len(rows), f"reading points of {source.layer}")
        return found


def fit_components(
    recording: "Recording",
    layer: str,
    *,
    components: int = COMPONENTS,
    seed: int = 0,
    progress: Progress | None = None,
) -> PrincipalComponents:
    """Find the principal components of a recorded layer.

    Args:
        recording: Holds the layer.
        layer: Its name.
        components: K at most.
        seed: Of the random range (of wide layers), and of the groups of episodes that the intervals are made of.
        progress: Is told how many steps were read, and may raise `Cancelled`.

    Raises:
        WorkbenchError: There is no such layer, it is not finite, or the same at every step.
    """
    return components_of(layer_source(recording, layer), components=components, seed=seed, progress=progress)


def components_of(
    source: Source, *, components: int = COMPONENTS, seed: int = 0, progress: Progress | None = None
) -> PrincipalComponents:
    """Find the principal components of a layer of any source; see `fit_components`."""
    if components < 1:
        raise WorkbenchError(f"At least one component is asked for; came {components}.")
    if source.width <= WIDEST_EXACT:
        moments = read_moments(source, seed=seed, progress=progress)
        method = f"eigenvectors of the covariance of all {moments.steps:,} steps"
    else:
        kept = min(source.width, components + OVERSAMPLING)
        basis = leading_range(source, kept, seed, progress)
        moments = read_moments(source, basis=basis, seed=seed, progress=progress)
        method = f"randomised range finder of {kept} directions, all {moments.steps:,} steps, three passes"
    return principal_components(source, moments, components, method)


def principal_components(source: Source, moments: LayerMoments, components: int, method: str) -> PrincipalComponents:
    """From sums to components.

    Raises:
        WorkbenchError: The layer is the same at every step.
    """
    total = moments.total_variance()
    check_varies(source, moments)
    variance, vectors = np.linalg.eigh(moments.covariance())
    variance, vectors = variance[::-1], vectors[:, ::-1]
    kept = int(min(components, max(1, int((variance > RANK * total).sum()))))
    variance, vectors = np.maximum(variance[:kept], 0), vectors[:, :kept]
    shares, covered = _shares(moments, vectors, variance / total)
    directions = (vectors if moments.basis is None else moments.basis @ vectors).T
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    return PrincipalComponents(
        layer=source.layer,
        mean=moments.mean,
        directions=np.ascontiguousarray(directions * np.where(largest < 0, -1.0, 1.0)),
        variance=variance,
        total_variance=total,
        shares=shares,
        covered=covered,
        method=method,
        steps=moments.steps,
        episodes=moments.episodes,
    )


def check_varies(source: Source, moments: LayerMoments) -> None:
    """Refuse a layer that is the same everywhere.

    Raises:
        WorkbenchError: It is.
    """
    square = moments.total_variance() + float(moments.mean @ moments.mean)
    if moments.steps < 2 or moments.total_variance() <= CONSTANT * max(square, 1e-300):
        raise WorkbenchError(
            f"The {source.name} is the same at each of the {moments.steps:,} steps: there is nothing to map. Choose "
            f"another layer."
        )


def _shares(moments: LayerMoments, vectors: FloatArray, share: FloatArray) -> tuple[tuple[Measured, ...], Measured]:
    """The share of each component and of all, with the directions held while groups are left out."""
    left_out = []
    for weights in moments.groups.others if moments.groups.count > 1 else ():
        covariance, total = moments.covariance(weights), moments.total_variance(weights)
        along = np.einsum("dk,de,ek->k", vectors, covariance, vectors, optimize=True)
        left_out.append(along / total if total > 0 else np.full(len(along), np.nan))
    drawn = np.asarray(left_out).reshape(len(left_out), vectors.shape[1])
    each = tuple(
        measured(float(value), drawn[:, k], steps=moments.steps, episodes=moments.episodes)
        for k, value in enumerate(share)
    )
    return each, measured(float(share.sum()), drawn.sum(axis=1), steps=moments.steps, episodes=moments.episodes)


def leading_range(source: Source, kept: int, seed: int, progress: Progress | None) -> FloatArray:
    """Orthonormal columns `[D, kept]` whose span holds about the leading eigenvectors of the covariance."""
    drawn = np.random.default_rng(seed).standard_normal((source.width, kept))
    basis, _ = np.linalg.qr(drawn)
    for _ in range(2):
        basis, _ = np.linalg.qr(_covariance_times(source, basis, progress))
    return np.asarray(basis)


def _covariance_times(source: Source, basis: FloatArray, progress: Progress | None) -> FloatArray:
    """The covariance, times the number of steps, times the columns of a basis, in one pass."""
    product, total = np.zeros_like(basis), np.zeros(source.width)
    centre: FloatArray | None = None
    for rows, values in source.blocks():
        if centre is None:
            centre = values.mean(axis=0)
        values -= centre
        product += values.T @ (values @ basis)
        total += values.sum(axis=0)
        (progress or SilentProgress()).update(rows.stop, len(source.recording), f"reading {source.layer}")
    return np.asarray(product - np.outer(total, total @ basis) / len(source.recording))

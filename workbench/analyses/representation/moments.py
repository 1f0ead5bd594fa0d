"""One pass over a layer: counts, sums and Gram matrices, by groups of episodes.

Principal components, participation ratios and similarities of any number of steps follow from these sums, so that
memory does not grow with the recording.

Axis legend:
    J  groups of episodes
    D  numbers a step
    K  numbers a step in the basis that is read (D where there is none)
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.representation.episode_groups import MOST_GROUPS, Groups, group_episodes
from workbench.analyses.representation.sources import FloatArray, Source, episode_numbers
from workbench.progress import Progress, SilentProgress

WIDEST_EXACT = 1_024
"""Layers of at most so many numbers are read exactly; of wider ones, their leading directions."""
GROUP_BYTES = 96 << 20
"""How much the Gram matrices of all groups may take."""


@dataclass(frozen=True, kw_only=True)
class LayerMoments:
    """Sums over the steps of each group of episodes, float64, about `centre`."""

    groups: Groups
    count: FloatArray
    """`[J]` steps."""
    total: FloatArray
    """`[J, D]` Σ x."""
    squares: FloatArray
    """`[J]` Σ |x|², of all D numbers."""
    gram: FloatArray
    """`[J, K, K]` Σ z zᵀ, where z is x in the basis."""
    centre: FloatArray
    """`[D]`, a typical step, which was taken away first: of numbers far from 0 little would be left of their
    differences."""
    basis: FloatArray | None
    """`[D, K]` orthonormal columns; None where all D numbers are read."""

    @property
    def steps(self) -> int:
        """Of all groups."""
        return int(self.count.sum())

    @property
    def episodes(self) -> int:
        """E."""
        return len(self.groups.of_episode)

    @property
    def mean(self) -> FloatArray:
        """`[D]`, of all steps."""
        return np.asarray(self.centre + self.total.sum(axis=0) / self.count.sum())

    def covariance(self, weights: npt.NDArray[np.float64] | None = None) -> FloatArray:
        """The covariance in the basis, `[K, K]`, divided by n − 1.

        Args:
            weights: `[J]`, how often each group counts; None takes every one once.
        """
        own = np.ones(self.groups.count) if weights is None else weights
        count, total = float(own @ self.count), own @ self.total
        if self.basis is not None:
            total = total @ self.basis
        gram = np.tensordot(own, self.gram, axes=1)
        return np.asarray((gram - np.outer(total, total) / count) / max(count - 1, 1))

    def total_variance(self, weights: npt.NDArray[np.float64] | None = None) -> float:
        """The sum of the variances of all D numbers, divided by n − 1."""
        own = np.ones(self.groups.count) if weights is None else weights
        count, total = float(own @ self.count), own @ self.total
        return max(0.0, float(own @ self.squares - total @ total / count) / max(count - 1, 1))


def groups_for(episodes: int, width: int, *, seed: int = 0) -> Groups:
    """Groups of episodes, so few that Gram matrices of this width fit into memory for all of them."""
    room = max(5, GROUP_BYTES // (8 * max(1, width) ** 2))
    return group_episodes(episodes, most=int(min(MOST_GROUPS, room)), seed=seed)


def read_moments(
    source: Source,
    *,
    basis: FloatArray | None = None,
    groups: Groups | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> LayerMoments:
    """Go once through a layer.

    Args:
        source: What is read.
        basis: `[D, K]` orthonormal columns to read it in; None reads all D numbers.
        groups: Of the recording's episodes; None makes as many as fit into memory.
        seed: Of these groups.
        progress: Is told how many steps were read.
    """
    listener = progress or SilentProgress()
    recording, width = source.recording, source.width
    size = width if basis is None else basis.shape[1]
    own = groups or groups_for(recording.number_of_episodes, size, seed=seed)
    count, squares = np.zeros(own.count), np.zeros(own.count)
    total, gram = np.zeros((own.count, width)), np.zeros((own.count, size, size))
    centre: FloatArray | None = None
    for rows, values in source.blocks():
        if centre is None:
            centre = values.mean(axis=0)
        values -= centre
        group_of = own.of_episode[episode_numbers(recording, rows)]
        for group in np.unique(group_of):
            x = values[group_of == group]
            z = x if basis is None else x @ basis
            count[group] += len(x)
            total[group] += x.sum(axis=0)
            squares[group] += float(np.einsum("nd,nd->", x, x))
            gram[group] += z.T @ z
        listener.update(rows.stop, len(recording), f"reading {source.layer}")
    assert centre is not None, "a recording of a step has a block"
    return LayerMoments(groups=own, count=count, total=total, squares=squares, gram=gram, centre=centre, basis=basis)

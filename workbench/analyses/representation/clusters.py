"""Clusters of a layer's steps, with the evidence that they are there: silhouettes, and how far they come again.

K-means (Lloyd 1982) on principal components finds groups in anything. So beside the silhouettes (Rousseeuw 1987)
stand those of Gaussian numbers with the same covariance, in which there are none; and the clusters are found again on
episodes drawn with replacement, compared by the adjusted Rand index (Hubert and Arabie 1985; 0 by chance, 1 the same)
and cluster by cluster by the Jaccard index (Hennig 2007).

Axis legend:
    T  steps of the recording
    N  points
    K  components that are read
    C  clusters
    M  examples of a cluster
    B  draws
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.representation.kmeans import fit_kmeans, nearest_centre, silhouettes
from workbench.analyses.representation.points import POINTS, Points, draw_points
from workbench.analyses.representation.principal_components import COMPONENTS, PrincipalComponents, components_of
from workbench.analyses.representation.sources import FloatArray, IntArray, Source, episode_numbers, layer_source
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from workbench.recording import Recording

MOST_CLUSTERS = 64
TRIED = tuple(range(2, 13))
"""Numbers of clusters that are compared where none is given."""
COVERED, MOST_READ = 0.95, 20
"""K-means reads as many components as explain this share of the variance, and so many at most."""
SILHOUETTE_POINTS = 2_000
DRAWS = 20
EXAMPLES = 4


@dataclass(frozen=True, kw_only=True)
class Clustering:
    """A layer's steps in clusters, the most common first."""

    layer: str
    components: PrincipalComponents
    read: int
    """K."""
    centres: FloatArray
    """`[C, K]`, in principal components."""
    points: Points
    """What the clusters were found on."""
    labels: npt.NDArray[np.int16]
    """`[T]` the cluster of every step of the recording, 0 to C − 1."""
    steps: IntArray
    """`[C]` how many."""
    examples: IntArray
    """`[C, M]` rows: first the medoid (the point with the least sum of squared distances to its cluster), then those
    nearest to the centre in other episodes; −1 where there are no more."""
    silhouette: Estimate
    """Mean of (b − a) ÷ max(a, b) over a sample of points: 1 well apart, 0 between two clusters."""
    silhouette_of_chance: float
    """Of Gaussian numbers with the same covariance, in the same number of clusters."""
    tried: Mapping[int, float]
    """Silhouette by number of clusters, where the number was chosen by it; empty where it was given."""
    stability: FloatArray
    """`[B]` adjusted Rand index of the clusters of episodes drawn with replacement with these, on all points."""
    stability_of_cluster: FloatArray
    """`[C]` mean over the draws of the largest Jaccard index: above 0.75 it comes again, below 0.6 it does not
    (Hennig's rule of thumb)."""
    value: tuple[Estimate | None, ...]
    """`[C]` mean value that the critic gave; None where none was recorded."""
    reward: tuple[Estimate, ...]
    """`[C]` mean reward of a step."""
    notes: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        arrays = (self.centres, self.labels, self.steps, self.examples, self.stability, self.stability_of_cluster)
        for array in arrays:
            array.setflags(write=False)

    @property
    def count(self) -> int:
        """C."""
        return len(self.centres)

    @property
    def count_in_words(self) -> str:
        """How many, and where that number comes from."""
        if not self.tried:
            return f"{self.count} clusters"
        most, least = max(self.tried), min(self.tried)
        limit = ", the most that was tried" if self.count == most else ", the fewest" if self.count == least else ""
        steps = ", ".join(f"{number}: {value:.2f}" for number, value in sorted(self.tried.items()))
        return f"{self.count} clusters{limit} (silhouettes by their number: {steps})"

    @property
    def stability_in_words(self) -> str:
        """The mean adjusted Rand index and its spread over the draws."""
        if not len(self.stability):
            return "no figure (fewer than 2 episodes)"
        low, high = np.quantile(self.stability, (0.025, 0.975))
        return f"{self.stability.mean():.2f} (95 % of {len(self.stability)} draws: {low:.2f} to {high:.2f})"


def cluster_layer(
    recording: "Recording",
    layer: str,
    clusters: int | None = None,
    *,
    points: int = POINTS,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Clustering:
    """Find clusters of a layer's steps.

    Args:
        recording: Holds the layer.
        layer: Its name.
        clusters: C; None takes the number from 2 to 12 with the largest silhouette.
        points: They are found on at most so many steps, drawn evenly over episodes; all steps are then given to the
            nearest centre.
        draws: B of the stability.
        seed: Of all that is drawn.
        progress: Is told how far it is, and may raise `Cancelled`.

    Raises:
        WorkbenchError: More clusters than different points, a constant layer, no such layer, or no scikit-learn.
    """
    listener = progress or SilentProgress()
    source, drawn = layer_source(recording, layer), draw_points(recording, points, seed=seed)
    components = components_of(source, components=COMPONENTS, seed=seed, progress=progress)
    read = min(MOST_READ, components.enough_for(COVERED))
    scores = components.scores_at(source, drawn.rows, progress=progress)[:, :read]
    tried: dict[int, float] = {}
    if clusters is None:
        tried = _try_numbers(scores, drawn, seed, listener)
        clusters = max(tried, key=lambda number: (tried[number], -number))
    _check_number(clusters, scores)
    centres = fit_kmeans(scores, clusters, seed=seed)
    labels, values, rewards = _every_step(source, components, centres, listener)
    order = np.argsort(-np.bincount(labels, minlength=clusters), kind="stable")
    centres, labels = centres[order], np.argsort(order)[labels]
    found = nearest_centre(scores, centres)
    numbers = episode_numbers(recording, slice(0, len(recording)))
    quality = _silhouette(scores, found, drawn, seed)
    again, of_cluster = _stability(scores, found, clusters, drawn, draws, seed, listener)
    return Clustering(
        layer=layer,
        components=components,
        read=read,
        centres=centres,
        points=drawn,
        labels=labels.astype(np.int16),
        steps=np.bincount(labels, minlength=clusters),
        examples=_examples(scores, found, centres, drawn),
        silhouette=quality,
        silhouette_of_chance=_chance(scores, clusters, seed),
        tried=tried,
        stability=again,
        stability_of_cluster=of_cluster,
        value=tuple(None if values is None else _mean(values, numbers, labels, c) for c in range(clusters)),
        reward=tuple(_mean(rewards, numbers, labels, c) for c in range(clusters)),
        notes=_notes(drawn, again),
        seed=seed,
    )


def _check_number(clusters: int, scores: FloatArray) -> None:
    different = len(np.unique(scores, axis=0))
    if not 2 <= clusters <= min(MOST_CLUSTERS, different):
        raise WorkbenchError(
            f"There can be 2 to {min(MOST_CLUSTERS, different)} clusters of these {different:,} different points; came "
            f"{clusters}."
        )


def _try_numbers(scores: FloatArray, points: Points, seed: int, progress: Progress) -> dict[int, float]:
    different, tried = len(np.unique(scores, axis=0)), {}
    for place, number in enumerate(TRIED):
        if number < different:
            labels = nearest_centre(scores, fit_kmeans(scores, number, seed=seed))
            tried[number] = _silhouette(scores, labels, points, seed).mean
        progress.update(place + 1, len(TRIED), "choosing the number of clusters")
    if not tried:
        raise WorkbenchError(
            f"The layer takes {different} different values at these points: too few to choose a number of clusters by. "
            f"Give the number."
        )
    return tried


def _sample(count: int, seed: int) -> IntArray:
    generator = np.random.default_rng([seed, 2])
    return np.sort(generator.choice(count, min(SILHOUETTE_POINTS, count), replace=False))


def _silhouette(scores: FloatArray, labels: IntArray, points: Points, seed: int) -> Estimate:
    chosen = _sample(len(scores), seed)
    return estimate(silhouettes(scores[chosen], labels[chosen]), points.episodes[chosen])


def _chance(scores: FloatArray, clusters: int, seed: int) -> float:
    """The silhouette of as many clusters in Gaussian numbers with the same covariance."""
    generator = np.random.default_rng([seed, 3])
    spread = np.linalg.cholesky(np.cov(scores, rowvar=False).reshape(scores.shape[1], -1) + 1e-12 * scores.var() *
                                np.eye(scores.shape[1]))  # fmt: skip
    drawn = generator.standard_normal((min(len(scores), SILHOUETTE_POINTS), scores.shape[1])) @ spread.T
    if len(drawn) <= clusters:
        return float("nan")
    return float(np.nanmean(silhouettes(drawn, nearest_centre(drawn, fit_kmeans(drawn, clusters, seed=seed)))))


def _every_step(
    source: Source, components: PrincipalComponents, centres: FloatArray, progress: Progress
) -> tuple[IntArray, FloatArray | None, FloatArray]:
    """The cluster, the value and the reward of every step, `[T]` each."""
    recording, read = source.recording, centres.shape[1]
    labels = np.empty(len(recording), np.int64)
    for rows, block in source.blocks():
        labels[rows] = nearest_centre(components.scores(block)[:, :read], centres)
        progress.update(rows.stop, len(recording), "giving every step to a cluster")
    values = np.asarray(recording.steps["value"][:], np.float64) if "value" in recording.steps else None
    if values is not None and values.ndim > 1:
        values = None
    return labels, values, np.asarray(recording.steps["reward"][:], np.float64)


def _mean(values: FloatArray, episodes: IntArray, labels: Any, cluster: int) -> Estimate:
    mine = labels == cluster
    return estimate(values[mine], episodes[mine])


def _examples(scores: FloatArray, labels: IntArray, centres: FloatArray, points: Points) -> IntArray:
    found = np.full((len(centres), EXAMPLES), -1, np.int64)
    for cluster in range(len(centres)):
        mine = np.flatnonzero(labels == cluster)
        if not len(mine):
            continue
        # The sum of squared distances to the members is least for the member that is nearest to their mean.
        order = mine[np.argsort(((scores[mine] - scores[mine].mean(axis=0)) ** 2).sum(axis=1), kind="stable")]
        _, firsts = np.unique(points.episodes[order], return_index=True)
        chosen = order[np.sort(firsts)][:EXAMPLES]
        found[cluster, : len(chosen)] = points.rows[chosen]
    return found


def _stability(
    scores: FloatArray, labels: IntArray, clusters: int, points: Points, draws: int, seed: int, progress: Progress
) -> tuple[FloatArray, FloatArray]:
    from sklearn.metrics import adjusted_rand_score

    episodes = np.unique(points.episodes)
    if len(episodes) < 2:
        return np.zeros(0), np.full(clusters, np.nan)
    members = {episode: np.flatnonzero(points.episodes == episode) for episode in episodes}
    generator = np.random.default_rng([seed, 4])
    indices, alike = [], []
    for draw in range(draws):
        chosen = np.concatenate([members[one] for one in generator.choice(episodes, len(episodes))])
        if len(np.unique(scores[chosen], axis=0)) >= clusters:
            again = nearest_centre(scores, fit_kmeans(scores[chosen], clusters, seed=draw))
            indices.append(adjusted_rand_score(labels, again))
            alike.append(_jaccard(labels, again, clusters))
        progress.update(draw + 1, draws, "finding the clusters again in episodes drawn with replacement")
    if not indices:
        return np.zeros(0), np.full(clusters, np.nan)
    return np.array(indices), np.mean(alike, axis=0)


def _jaccard(labels: IntArray, again: IntArray, clusters: int) -> FloatArray:
    """The largest Jaccard index of each cluster with one of the others, `[C]`."""
    both = np.zeros((clusters, clusters))
    np.add.at(both, (labels, again), 1)
    union = both.sum(axis=1)[:, None] + both.sum(axis=0)[None, :] - both
    return np.asarray((both / np.maximum(union, 1)).max(axis=1))


def _notes(points: Points, stability: FloatArray) -> tuple[str, ...]:
    notes = [f"found on {points.words}"]
    if len(np.unique(points.episodes)) < 5:
        notes.append("fewer than 5 episodes: no interval, and little can be said of others")
    if len(stability) and stability.mean() < 0.6:
        notes.append("other episodes give other clusters: take them for a way to divide the layer, not for its parts")
    return tuple(notes)

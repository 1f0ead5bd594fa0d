"""What features do in a recording: where they are active, how often, and how much of the layer they explain.

Axis legend:
    T  steps of the recording
    P  places of a convolution's output; 1 of other layers
    D  numbers of a sample
    K  features
    G  groups of whole episodes
    N  top steps of a feature
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.probing.scores import Interval
from workbench.analyses.representation.episode_means import (
    MOST_GROUPS,
    Means,
    explained_share,
    group_episodes,
    means_over_groups,
)
from workbench.analyses.representation.feature_samples import SampleMoments, layer_samples, read_moments
from workbench.analyses.representation.features import LayerFeatures
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

TOP_STEPS = 9
NEIGHBOURHOOD = 10
"""Of an episode's steps that are closer than this, only the one that activates a feature most is shown."""


@dataclass(frozen=True, kw_only=True)
class FeatureReport:
    """Features as a recording shows them."""

    features: LayerFeatures
    steps: int
    episodes: int
    """Distinct ones."""
    held_out_episodes: int
    density: Means
    """`[K]`, share of the steps at which a feature is active (of a convolution: anywhere)."""
    sample_density: FloatArray
    """`[K]`, share of the samples (steps and places) at which it is active."""
    largest: FloatArray
    """`[K]`, its largest activation, in the layer's units."""
    top_rows: npt.NDArray[np.int64]
    """`[K, N]`, steps that activate it most, at most one of each neighbourhood; −1 where there are no more."""
    top_activations: FloatArray
    """`[K, N]`; NaN where there are no more."""
    active_features: float
    """How many features are active in a sample, on average."""
    explained: Interval
    """Share of the layer's variance that the features explain, on held-out episodes. The mean of the learned episodes
    explains 0 by definition."""
    explained_learned: float
    """The same on the episodes that they were made from."""
    pca: Interval
    """The same of as many principal components as there are features, on the held-out episodes."""
    pca_count: int
    """How many these are: never more than D."""
    more_than_pca: Interval
    """Paired difference."""
    pca_active: Interval
    """Of as many principal components as features are active on average."""
    pca_active_count: int
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        for array in (self.sample_density, self.largest, self.top_rows, self.top_activations):
            array.setflags(write=False)

    @property
    def dead(self) -> npt.NDArray[np.bool_]:
        """`[K]`, whether a feature is active at no step of the recording."""
        return np.asarray(self.density.mean == 0)

    @property
    def order(self) -> npt.NDArray[np.int64]:
        """`[K]`, the features by how much of the layer they carry (largest activation times share of samples)."""
        return np.argsort(-self.largest * self.sample_density, kind="stable")


def feature_report(
    recording: Recording, features: LayerFeatures, *, top: int = TOP_STEPS, progress: Progress | None = None
) -> FeatureReport:
    """Read features from a recording of their network, in one pass.

    Args:
        recording: The one that they were made from, or another one of the same network (of which the same share of
            episodes is looked at as if held out).
        features: What is read.
        top: N.
        progress: Is told how many steps were read, and may raise `Cancelled`.

    Raises:
        WorkbenchError: The recording is of another network, does not hold the layer, or has too few episodes.
    """
    told = progress or SilentProgress()
    features.check_network(recording)
    samples = layer_samples(recording, features.layer, seed=features.seed)
    learned, _ = read_moments(samples)
    components = principal_components(learned)[:, : features.count]
    groups = group_episodes(samples.episode_of_step)
    times = recording.steps["t"]
    count, total = features.count, len(recording)
    active_steps, steps_of = np.zeros((MOST_GROUPS, count)), np.zeros(MOST_GROUPS)
    active_samples, largest = np.zeros(count), np.zeros(count)
    errors, spreads = np.zeros((2, MOST_GROUPS)), np.zeros((2, MOST_GROUPS))
    along = np.zeros((MOST_GROUPS, components.shape[1]))
    best = _Best(count, top)
    for rows, block in samples.blocks():
        told.update(rows.start, total, "reading features")
        codes, rebuilt = features.of_samples(block)
        peaks = codes.max(axis=1)
        mine = groups[rows]
        np.add.at(active_steps, mine, peaks > 0)
        np.add.at(steps_of, mine, 1)
        active_samples += (codes > 0).sum(axis=(0, 1))
        largest = np.maximum(largest, peaks.max(axis=0))
        best.add(np.arange(rows.start, rows.stop), samples.episode_of_step[rows], np.asarray(times[rows]), peaks)
        centred = block - learned.mean
        for place, mask in enumerate((samples.learned[rows], ~samples.learned[rows])):
            np.add.at(
                errors[place], mine[mask], np.square(block[mask] - rebuilt[mask], dtype=np.float64).sum(axis=(1, 2))
            )
            np.add.at(spreads[place], mine[mask], np.square(centred[mask]).sum(axis=(1, 2)))
        apart = ~samples.learned[rows]
        np.add.at(along, mine[apart], np.square(centred[apart] @ components).sum(axis=1))
    there = steps_of > 0
    found_rows, found_activations = best.finish()
    mean_active = float(active_samples.sum() / (total * samples.places))
    few = int(np.clip(round(mean_active), 1, components.shape[1]))
    without = spreads[1][:, None] - along.cumsum(axis=1)
    notes = list(samples.notes)
    if features.parts:
        notes.append("the layer has values below 0: its positive and negative parts were factorised side by side")
    if samples.held_out_episodes < 5:
        notes.append(f"{samples.held_out_episodes} held-out episodes are too few for an interval")
    if not features.finished:
        notes.append("the making was stopped early")
    return FeatureReport(
        features=features,
        steps=total,
        episodes=len(np.unique(samples.episode_of_step)),
        held_out_episodes=samples.held_out_episodes,
        density=means_over_groups(active_steps[there], steps_of[there]),
        sample_density=active_samples / (total * samples.places),
        largest=largest,
        top_rows=found_rows,
        top_activations=found_activations,
        active_features=mean_active,
        explained=explained_share(errors[1], spreads[1]),
        explained_learned=float(1 - errors[0].sum() / spreads[0].sum()),
        pca=explained_share(without[:, -1], spreads[1]),
        pca_count=components.shape[1],
        more_than_pca=explained_share(errors[1], spreads[1], without[:, -1]),
        pca_active=explained_share(without[:, few - 1], spreads[1]),
        pca_active_count=few,
        notes=tuple(notes),
    )


def principal_components(moments: SampleMoments) -> FloatArray:
    """The directions of most variance, the first first, as columns `[D, D]`."""
    _, vectors = np.linalg.eigh(moments.covariance)
    return np.ascontiguousarray(vectors[:, ::-1])


class _Best:
    """The steps that activate each feature most, gathered block by block."""

    def __init__(self, count: int, top: int) -> None:
        self._top, self._kept = top, 8 * top
        # By feature: activations, rows, episodes (copies of one count as it), times; the largest first.
        self._found = [(np.zeros(0), *(np.zeros(0, np.int64) for _ in range(3))) for _ in range(count)]

    def add(
        self,
        rows: npt.NDArray[np.int64],
        ids: npt.NDArray[np.int32],
        times: npt.NDArray[Any],
        peaks: npt.NDArray[np.float32],
    ) -> None:
        """Take note of some steps: their rows, episodes, times and peaks `[n, K]`."""
        # One step a stretch of an episode: a plateau must not crowd out all others.
        _, stretch = np.unique(np.stack([ids, times // NEIGHBOURHOOD]), axis=1, return_inverse=True)
        stretch = stretch.reshape(-1)
        for k, own in enumerate(self._found):
            order = np.lexsort((-peaks[:, k], stretch))
            first = order[np.concatenate([[True], np.diff(stretch[order]) > 0])]
            first = first[peaks[first, k] > 0]
            new = (peaks[first, k].astype(np.float64), rows[first], ids[first], times[first])
            joined = [np.concatenate(pair) for pair in zip(own, new, strict=True)]
            keep = np.argsort(-joined[0], kind="stable")[: self._kept]
            self._found[k] = (joined[0][keep], joined[1][keep], joined[2][keep], joined[3][keep])

    def finish(self) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Rows and activations `[K, N]`, none of two closer than a neighbourhood."""
        rows = np.full((len(self._found), self._top), -1, np.int64)
        values = np.full((len(self._found), self._top), np.nan)
        for k, (activations, where, ids, times) in enumerate(self._found):
            taken: list[int] = []
            for place in range(len(where)):
                near = any(ids[place] == ids[one] and abs(times[place] - times[one]) < NEIGHBOURHOOD for one in taken)
                if not near and len(taken) < self._top:
                    taken.append(place)
            rows[k, : len(taken)], values[k, : len(taken)] = where[taken], activations[taken]
        return rows, values

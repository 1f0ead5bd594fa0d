"""How an agent goes from cluster to cluster: the semi-aggregated Markov chain of a layer.

After Zahavy, Ben-Zrihem and Mannor 2016 ("Graying the black box: Understanding DQNs", ICML): counts are of steps that
follow each other within an episode, staying is told apart from going, and the graph stands beside what a shuffled order
would give.

Axis legend: T steps, C clusters, R runs (steps in a row in one cluster), E episodes.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.representation.clusters import Clustering
from workbench.analyses.representation.episode_groups import group_episodes
from workbench.analyses.representation.sources import FloatArray, IntArray

if TYPE_CHECKING:
    from workbench.recording import Recording

SHUFFLES = 20


@dataclass(frozen=True, kw_only=True)
class TransitionGraph:
    """Where the agent goes from each cluster."""

    counts: IntArray
    """`[C, C]` steps from a cluster (row) to the next step's (column), within episodes; staying is on the diagonal."""
    probabilities: FloatArray
    """`[C, C]` of the next other cluster, given that the agent leaves; the diagonal is 0, and a row that nothing leaves
    is NaN."""
    stays: FloatArray
    """`[C]` share of the steps that have a next one in which it is in the same cluster; NaN where none has."""
    dwell: tuple[Estimate, ...]
    """`[C]` steps in a row in the cluster, once entered; cut short by the episode's ends."""
    starts: IntArray
    """`[C]` episodes that begin there."""
    ends: IntArray
    """`[C]` episodes that end there."""
    predictable: Estimate
    """How often the next other cluster is the one to which the other episodes most often go on from here."""
    predictable_shuffled: Estimate
    """The same where the runs of each episode stand in random order, over 20 orders; n is that of one."""
    predictable_always: Estimate
    """The same where the most common next cluster of the other episodes is said wherever one is."""
    episodes: int

    @property
    def leaves(self) -> IntArray:
        """`[C]` how often the agent goes from there to another cluster: n of `probabilities`."""
        return np.asarray(self.counts.sum(axis=1) - np.diagonal(self.counts))

    def __post_init__(self) -> None:
        for array in (self.counts, self.probabilities, self.stays, self.starts, self.ends):
            array.setflags(write=False)


def transition_graph(recording: "Recording", clustering: Clustering, *, seed: int = 0) -> TransitionGraph:
    """Count how an agent goes from cluster to cluster.

    Args:
        recording: The clusters' own.
        clustering: Gives the cluster of every step.
        seed: Of the groups of episodes that predict each other, and of the shuffles.
    """
    count = clustering.count
    counts = np.zeros((count, count), np.int64)
    starts, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    paths, lengths = [], []
    for number in range(recording.number_of_episodes):
        labels = clustering.labels[recording.episode(number).rows].astype(np.int64)
        if not len(labels):
            continue
        np.add.at(counts, (labels[:-1], labels[1:]), 1)
        starts[labels[0]] += 1
        ends[labels[-1]] += 1
        begins = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1])
        paths.append(labels[begins])
        lengths.append(np.diff(np.concatenate([begins, [len(labels)]])))
    return _graph(counts, starts, ends, paths, lengths, seed)


def _graph(
    counts: IntArray, starts: IntArray, ends: IntArray, paths: list[IntArray], lengths: list[IntArray], seed: int
) -> TransitionGraph:
    count = len(counts)
    going = counts * (1 - np.eye(count, dtype=np.int64))
    leaving, all_steps = going.sum(axis=1), counts.sum(axis=1)
    where, long = np.concatenate(paths), np.concatenate(lengths)
    of = np.repeat(np.arange(len(paths)), [len(path) for path in paths])
    with np.errstate(invalid="ignore", divide="ignore"):
        probabilities = np.where(leaving[:, None] > 0, going / leaving[:, None], np.nan)
        stays = np.where(all_steps > 0, np.diagonal(counts) / all_steps, np.nan)
    generator = np.random.default_rng([seed, 5])
    shuffled = [_shuffled(paths, generator) for _ in range(SHUFFLES)]
    chance = [_hits(one, count, seed) for one in shuffled]
    pooled = estimate(np.concatenate([one[0] for one in chance]), np.concatenate([one[2] for one in chance]))
    hits, always, episodes = _hits(paths, count, seed)
    return TransitionGraph(
        counts=counts,
        probabilities=probabilities,
        stays=stays,
        dwell=tuple(estimate(long[where == cluster], of[where == cluster], lowest=1) for cluster in range(count)),
        starts=starts,
        ends=ends,
        predictable=estimate(hits, episodes),
        predictable_shuffled=replace(pooled, steps=pooled.steps // SHUFFLES),
        predictable_always=estimate(always, episodes),
        episodes=len(paths),
    )


def _shuffled(paths: list[IntArray], generator: np.random.Generator) -> list[IntArray]:
    """The runs of each episode in random order; what comes to stand beside itself is one run."""
    found = []
    for path in paths:
        mixed = generator.permutation(path)
        found.append(mixed[np.concatenate([[True], np.diff(mixed) != 0])])
    return found


def _hits(paths: list[IntArray], clusters: int, seed: int) -> tuple[FloatArray, FloatArray, IntArray]:
    """At each leaving, whether the next cluster was foretold by groups of other episodes: from the cluster that is
    left, and without looking at it; and which episode that was.
    """
    groups = group_episodes(len(paths), seed=seed)
    sums = np.zeros((groups.count, clusters, clusters))
    for number, path in enumerate(paths):
        np.add.at(sums[groups.of_episode[number]], (path[:-1], path[1:]), 1)
    everywhere = sums.sum(axis=0)
    hits, always, episodes = [], [], []
    for number, path in enumerate(paths):
        others = everywhere - sums[groups.of_episode[number]]
        known = others.sum(axis=1) > 0
        common = others.sum(axis=0)
        # A cluster that no other episode left says nothing of where to go on: the most common next one is said.
        best = np.where(known, others.argmax(axis=1), common.argmax())
        hits.append(best[path[:-1]] == path[1:])
        always.append(common.argmax() == path[1:])
        episodes.append(np.full(len(path) - 1, number))
    return (
        np.concatenate(hits).astype(np.float64),
        np.concatenate(always).astype(np.float64),
        np.concatenate(episodes).astype(np.int64),
    )

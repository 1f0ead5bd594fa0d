"""What a probe says at every step of one episode, from probes that were not made from it, beside what is true.

Axis legend:
    T  steps of the episode
    C  classes
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.concepts import read_concept
from workbench.analyses.probing.control_tasks import observation_hashes
from workbench.analyses.probing.features import layer_features
from workbench.analyses.probing.fitting import Fitted, Setting
from workbench.analyses.probing.folds import Folds, split_episodes
from workbench.analyses.probing.kinds import find_kind
from workbench.analyses.probing.results import scored
from workbench.analyses.probing.sampling import MOST_STEPS, draw_episodes
from workbench.analyses.probing.scores import metric_of
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class HeldOutProbes:
    """The probes of one concept in one layer, one for each fold of the episodes."""

    concept: str
    words: str
    layer: str
    kind: str
    classes: tuple[str, ...] | None
    evidence: str
    """How good they are on episodes that they were not made from, in words."""
    folds: Folds
    fitted: Fitted
    projection: torch.Tensor | None
    """Of a layer that is read through random projections."""


@dataclass(frozen=True, kw_only=True)
class ProbeReadout:
    """What a probe says over one episode."""

    words: str
    """The concept and the layer."""
    evidence: str
    classes: tuple[str, ...] | None
    said: FloatArray
    """`[T, C]` probabilities under equal priors, or `[T]` numbers."""
    truth: FloatArray
    """`[T]`, the class's number (−1 where it is not defined), or the number (NaN there)."""


def held_out_probes(
    recording: Recording,
    concept: str,
    layer: str,
    *,
    kind: str = "linear",
    seed: int = 0,
    progress: Progress | None = None,
) -> HeldOutProbes:
    """Make the probes that a recording's own episodes can be shown with.

    Args:
        recording: Holds the layer.
        concept: A name (`read_concept`).
        layer: A recorded layer.
        kind: Of probe; one that decides folds.
        seed: Of the split.
        progress: Is told that it goes on, and may raise `Cancelled`.

    Raises:
        WorkbenchError: There is no such concept or layer, or the kind decides no folds.
    """
    told, row = progress or SilentProgress(), find_kind(kind)
    read = read_concept(recording, concept)
    folds = split_episodes(recording, seed=seed, observations=observation_hashes(recording))
    features = layer_features(recording, layer, seed=seed)
    setting = Setting(
        rows=draw_episodes(folds, MOST_STEPS, seed=seed), seed=seed, check=lambda: told.update(0, 1, layer)
    )
    fitted = row.fit(features, [read], folds, setting)[read.name]
    if not fitted.by_fold:
        raise WorkbenchError(f"A probe of kind {row.name!r} decides no episodes; take another kind, such as linear.")
    told.update(1, 1)
    chance = "" if read.classes is None else f"; chance is {1 / len(np.unique(read.values[read.defined])):.2f}"
    return HeldOutProbes(
        concept=read.name,
        words=read.words,
        layer=layer,
        kind=row.name,
        classes=read.classes,
        evidence=f"{row.name} probe, not made from this episode; {metric_of(fitted.tally)} "
        f"{scored(fitted.tally, seed=seed)}{chance}",
        folds=folds,
        fitted=fitted,
        projection=features.projection,
    )


def read_out(recording: Recording, probes: HeldOutProbes, number: int) -> ProbeReadout:
    """What the probes say over an episode.

    Args:
        recording: The one that they were made from.
        probes: Of one of its layers.
        number: Place of the episode in the recording, from 0.
    """
    rows = recording.episode(number).rows
    values = torch.as_tensor(np.asarray(recording.activations[probes.layer][rows]).reshape(len(rows), -1)).double()
    if probes.projection is not None:
        values = values @ probes.projection
    said = probes.fitted.by_fold[int(probes.folds.of_step[rows[0]])](values)
    concept = read_concept(recording, probes.concept)
    return ProbeReadout(
        words=f"{probes.words}, in {probes.layer}",
        evidence=probes.evidence,
        classes=probes.classes,
        said=(said[:, 0] if probes.classes is None else said.softmax(dim=1)).double().numpy(),
        truth=concept.values[rows].astype(np.float64),
    )

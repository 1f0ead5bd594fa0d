"""What a probe says at every step of one episode, from probes that were not made from it, beside what is true.

Axis legend:
    T  steps of the episode
    C  classes
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.concepts import Concept, read_concept
from workbench.analyses.probing.control_tasks import observation_hashes
from workbench.analyses.probing.features import Features, layer_features
from workbench.analyses.probing.fitting import Fitted, Setting
from workbench.analyses.probing.folds import FOLDS, Folds, split_episodes
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
    told = progress or SilentProgress()
    read = read_concept(recording, concept)
    features, folds, fitted = fit_held_out(
        recording, read, layer, kind=kind, seed=seed, check=lambda: told.update(0, 1, layer)
    )
    told.update(1, 1)
    chance = "" if read.classes is None else f"; chance is {1 / len(np.unique(read.values[read.defined])):.2f}"
    return HeldOutProbes(
        concept=read.name,
        words=read.words,
        layer=layer,
        kind=kind,
        classes=read.classes,
        evidence=f"{kind} probe, not made from this episode; {metric_of(fitted.tally)} "
        f"{scored(fitted.tally, seed=seed)}{chance}",
        folds=folds,
        fitted=fitted,
        projection=features.projection,
    )


def fit_held_out(
    recording: Recording,
    concept: Concept,
    layer: str,
    *,
    kind: str,
    folds: int = FOLDS,
    most_steps: int = MOST_STEPS,
    seed: int = 0,
    check: Callable[[], None] = lambda: None,
) -> tuple[Features, Folds, Fitted]:
    """The probes of each fold, with what they read and how the episodes are split; as `probe_layers` makes them.

    Raises:
        WorkbenchError: The kind decides no folds.
    """
    row = find_kind(kind)
    split = split_episodes(recording, folds=folds, seed=seed, observations=observation_hashes(recording))
    features = layer_features(recording, layer, seed=seed)
    setting = Setting(rows=draw_episodes(split, most_steps, seed=seed), seed=seed, check=check)
    fitted = row.fit(features, [concept], split, setting)[concept.name]
    if not fitted.by_fold:
        raise WorkbenchError(
            f"A probe of kind {row.name!r} is made anew as steps come and decides no fold of them; take another kind, "
            f"such as logistic."
        )
    return features, split, fitted


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

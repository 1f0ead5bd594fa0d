"""Probes of recorded layers: what they know, beside four baselines, on episodes that the probe was not made from.

Axis legend:
    T  steps
    F  folds
    D  numbers a step
    C  classes
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workbench.analyses.concepts import Concept, read_concept, telling_concepts
from workbench.analyses.probing.control_tasks import control_concept, observation_hashes
from workbench.analyses.probing.features import Features, layer_features, observation_features, random_features
from workbench.analyses.probing.folds import FOLDS, Folds, split_episodes
from workbench.analyses.probing.linear import LinearMap, fit_linear
from workbench.analyses.probing.moments import read_moments
from workbench.analyses.probing.probe import Probe, recording_fingerprint
from workbench.analyses.probing.results import ProbeResult, compare, notes_of, scored
from workbench.analyses.probing.scores import Tally
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress, SilentProgress
from workbench.recording.object_storage import StorageError
from workbench.recording.reader import Recording


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """One concept's probes of some features."""

    tally: Tally
    whole: LinearMap
    """Made from all folds."""
    unmet: set[int]
    """Classes that some fold's probe did not meet."""


def probe_layers(
    recording: Recording,
    concepts: Sequence[str | Concept] | None = None,
    layers: Sequence[str] | None = None,
    *,
    policy: Policy | None = None,
    folds: int = FOLDS,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[ProbeResult, ...]:
    """Probe layers for concepts, linearly.

    Every fifth of the episodes is decided by a probe that was made from the others; its penalty was chosen on a fifth
    apart. Intervals are over episodes.

    Args:
        recording: Holds the layers and what the concepts are made of.
        concepts: Names (`read_concept`), or concepts; None takes all that the recording offers.
        layers: Names of recorded layers; None takes all.
        policy: For the baseline with random weights; None leaves that one out.
        folds: F.
        seed: Of the split, of random weights and control tasks, and of the bootstrap.
        progress: Is told how many layers are done, and may raise `Cancelled`.

    Returns:
        Layer by layer, each in the order of the concepts.

    Raises:
        WorkbenchError: There is no such layer or concept, there are fewer than three episodes, or a layer holds numbers
            that are not finite.
    """
    told = progress or SilentProgress()
    read = _read(recording, concepts)
    names = list(recording.layers) if layers is None else list(layers)
    if not names:
        raise WorkbenchError(f"{recording.path} holds no layers; record with layers.")
    hashes = observation_hashes(recording)
    split = split_episodes(recording, folds=folds, seed=seed, observations=hashes)
    controls = [control_concept(concept, hashes, seed=seed) for concept in read]
    told.update(0, len(names) + 1, "the observation")
    raw = _fit(observation_features(recording, seed=seed), read, split)
    found: list[ProbeResult] = []
    for number, layer in enumerate(names):
        told.update(number + 1, len(names) + 1, layer)
        features = layer_features(recording, layer, seed=seed)
        own = _fit(features, [*read, *controls], split)
        untaught, why_not = _untaught(recording, policy, layer, read, split, seed)
        for concept, control in zip(read, controls, strict=True):
            fitted = own[concept.name]
            found.append(
                ProbeResult(
                    concept=concept.name,
                    words=concept.words,
                    layer=layer,
                    classes=concept.classes,
                    steps=int(concept.defined.sum()),
                    episodes=_episodes_with(concept, split),
                    metric="R²" if concept.classes is None else "balanced accuracy",
                    score=scored(fitted.tally, seed=seed),
                    chance=0.0 if concept.classes is None else 1 / _present(concept),
                    observation=compare(fitted.tally, raw[concept.name].tally, seed=seed),
                    random_network=None
                    if untaught is None
                    else compare(fitted.tally, untaught[concept.name].tally, seed=seed),
                    control=compare(fitted.tally, own[control.name].tally, seed=seed),
                    tally=fitted.tally,
                    probe=_probe(recording, concept, layer, features, fitted.whole, seed),
                    notes=(*notes_of(fitted.tally, concept.classes, fitted.unmet), *why_not, *split.notes),
                )
            )
    told.update(len(names) + 1, len(names) + 1)
    return tuple(found)


def tallies(features: Features, concepts: Sequence[Concept], folds: Folds) -> dict[str, Tally]:
    """What probes of any features decide of the steps that they were not made from, by concept.

    Args:
        features: What is read.
        concepts: What is asked of it.
        folds: How the episodes are dealt out.
    """
    return {name: one.tally for name, one in _fit(features, concepts, folds).items()}


def _untaught(
    recording: Recording, policy: Policy | None, layer: str, concepts: Sequence[Concept], folds: Folds, seed: int
) -> tuple[dict[str, _Fitted] | None, tuple[str, ...]]:
    """The probes of the layer with random weights, or None and why there are none."""
    if policy is None:
        return None, ()
    try:
        return _fit(random_features(recording, policy, layer, seed=seed), concepts, folds), ()
    except StorageError:
        # That will pass, and is no fact of the layer.
        raise
    except WorkbenchError as error:
        return None, (f"no baseline with random weights: {error}",)


def _read(recording: Recording, concepts: Sequence[str | Concept] | None) -> list[Concept]:
    if concepts is not None:
        read = [read_concept(recording, one) if isinstance(one, str) else one for one in concepts]
        wrong = [concept.name for concept in read if len(concept) != len(recording)]
        if wrong:
            raise WorkbenchError(f"The concept {wrong[0]!r} is not of this recording: it has another number of steps.")
    else:
        read = telling_concepts(recording)
    if not read:
        raise WorkbenchError("There is no concept to probe for; name one, such as action_in:1.")
    return list({concept.name: concept for concept in read}.values())


def _fit(features: Features, concepts: Sequence[Concept], folds: Folds) -> dict[str, _Fitted]:
    """Probes of every concept, each fold's made from the others; two passes over the features."""
    groups = read_moments(features, concepts, folds)
    every = list(range(folds.count))
    by_fold: list[dict[str, LinearMap]] = []
    for fold in every:
        choose = folds.validates(fold)
        learn = [one for one in every if one not in (fold, choose)]
        by_fold.append({name: one for group in groups for name, one in fit_linear(group, learn, choose).items()})
    whole = {name: one for group in groups for name, one in fit_linear(group, every[:-1], every[-1]).items()}
    tallies = _tally(features, concepts, folds, by_fold)
    unmet = {
        concept.name: set()
        if concept.classes is None
        else {
            int(place)
            for maps in by_fold
            for place in torch.nonzero(torch.isinf(maps[concept.name].bias)).flatten()
            if (concept.values == int(place)).any()
        }
        for concept in concepts
    }
    return {
        concept.name: _Fitted(tally=tallies[concept.name], whole=whole[concept.name], unmet=unmet[concept.name])
        for concept in concepts
    }


def _tally(
    features: Features, concepts: Sequence[Concept], folds: Folds, by_fold: Sequence[Mapping[str, LinearMap]]
) -> dict[str, Tally]:
    """What the probes decide of each step, counted by episode."""
    counts = {
        concept.name: np.zeros((folds.episodes, 4))
        if concept.classes is None
        else np.zeros((folds.episodes, len(concept.classes), len(concept.classes)))
        for concept in concepts
    }
    # One product for all concepts of a fold.
    weights = [torch.cat([maps[concept.name].weight for concept in concepts], dim=1) for maps in by_fold]
    biases = [torch.cat([maps[concept.name].bias for concept in concepts]) for maps in by_fold]
    ends = np.cumsum([1 if concept.classes is None else len(concept.classes) for concept in concepts])
    for rows, values in features.read():
        for fold in range(folds.count):
            mine = np.flatnonzero(folds.of_step[rows] == fold)
            if not len(mine):
                continue
            said = values[torch.as_tensor(mine)] @ weights[fold] + biases[fold]
            episodes = folds.episode_of_step[rows][mine]
            start = 0
            for concept, end in zip(concepts, ends, strict=True):
                _count(counts[concept.name], concept, concept.values[rows][mine], said[:, start:end], episodes)
                start = int(end)
    return {name: Tally(counts=one) for name, one in counts.items()}


def _count(counts: np.ndarray, concept: Concept, true: np.ndarray, said: Tensor, episodes: np.ndarray) -> None:
    if concept.classes is not None:
        there = true >= 0
        decided = said.argmax(dim=1).numpy()
        np.add.at(counts, (episodes[there], true[there].astype(np.int64), decided[there]), 1)
        return
    there = np.isfinite(true)
    values, errors = true[there].astype(np.float64), (said[:, 0].numpy() - true)[there]
    sums = np.stack([np.ones(len(values)), values, values**2, errors**2], axis=1)
    np.add.at(counts, episodes[there], sums)


def _present(concept: Concept) -> int:
    return len(np.unique(concept.values[concept.defined]))


def _episodes_with(concept: Concept, folds: Folds) -> int:
    return len(np.unique(folds.episode_of_step[concept.defined]))


def _probe(
    recording: Recording, concept: Concept, layer: str, features: Features, found: LinearMap, seed: int
) -> Probe:
    weight = found.weight if features.projection is None else features.projection @ found.weight
    return Probe(
        concept=concept.name, layer=layer, classes=concept.classes, weight=weight.numpy().copy(),
        bias=found.bias.numpy().copy(), shape=features.shape, fingerprint=recording_fingerprint(recording), seed=seed,
    )  # fmt: skip

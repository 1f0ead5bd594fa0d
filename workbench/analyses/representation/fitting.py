"""Making features of a recorded layer, by either method.

Axis legend: K features, D numbers of a sample.
"""

from pathlib import Path

import numpy as np

from workbench.analyses.probing.probe import recording_fingerprint
from workbench.analyses.representation.feature_samples import LayerSamples, SampleMoments, layer_samples, read_moments
from workbench.analyses.representation.features import METHODS, NMF, SPARSE_AUTOENCODER, LayerFeatures
from workbench.analyses.representation.nmf import draw_samples, fit_nmf, split_signs
from workbench.analyses.representation.sparse_autoencoder_training import (
    TrainingSettings,
    begin,
    load_training,
    sample_scale,
    train,
)
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

MOST_FEATURES = 4_096
UPDATES = 2_000
LEARNING_RATE = 2e-3
SPARSITY = 0.5
"""Cost of an activation where the L1 cost is chosen, in units of the scaled samples."""


def usual_count(method: str, width: int, total: int) -> int:
    """K where nobody chose it: 16 or D of a factorisation, twice D (at most 256) of an autoencoder; and never more than
    half of the samples.
    """
    wanted = min(16, width) if method == NMF else max(4, min(256, 2 * width))
    return max(1, min(wanted, total // 2))


def usual_active(count: int) -> int:
    """K where nobody chose it: an eighth of the features, 1 to 16."""
    return max(1, min(16, count // 8))


def fit_features(
    recording: Recording,
    layer: str,
    *,
    method: str = SPARSE_AUTOENCODER,
    count: int | None = None,
    active: int | None = None,
    sparsity: float | None = None,
    updates: int = UPDATES,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
) -> LayerFeatures:
    """Make features of a layer, from three to four fifths of the episodes; the others are held out.

    Args:
        recording: Holds the layer.
        layer: Its name.
        method: `sparse-autoencoder` or `nmf`.
        count: K; None takes `usual_count`.
        active: Of an autoencoder: how many features of a sample are kept (top-k); None takes `usual_active`.
        sparsity: Of an autoencoder: take the L1 cost with this weight in place of top-k.
        updates: Of an autoencoder: how many batches it is trained on.
        seed: Of the held-out episodes, and of all that is drawn.
        checkpoint: Of an autoencoder: a file in which the training is kept meanwhile, and from which it is gone on
            with where it is there.
        progress: Is told how far it is, and may raise `Cancelled`: what was made until then is kept.

    Raises:
        WorkbenchError: There is no such layer or method, the layer is constant or not finite, there are more features
            than samples, or the checkpoint is of something else.
        Cancelled: It was cancelled before anything was made.
    """
    told = progress or SilentProgress()
    if method not in METHODS:
        raise WorkbenchError(f"Features are made by {' or '.join(METHODS)}; came {method!r}.")
    if checkpoint is not None and method == NMF:
        raise WorkbenchError("A factorisation is quick and has no checkpoint to go on from; only autoencoders have.")
    samples = layer_samples(recording, layer, seed=seed)
    total = int(samples.learned.sum()) * samples.places
    number = usual_count(method, samples.width, total) if count is None else count
    if not 1 <= number <= MOST_FEATURES:
        raise WorkbenchError(f"There are 1 to {MOST_FEATURES:,} features; came {number:,}.")
    if number > total:
        what = "steps" if samples.places == 1 else "steps and places"
        raise WorkbenchError(
            f"{number:,} features cannot be told apart by {total:,} {what} of the layer {layer!r} that are learned "
            f"from; ask for fewer, or record more episodes."
        )
    moments, _ = read_moments(samples)
    if method == NMF:
        return _factorise(samples, moments, number, seed, told)
    if sparsity is not None and not sparsity >= 0:
        raise WorkbenchError(f"The cost of an activation is at least 0; came {sparsity:g}.")
    if updates < 1:
        raise WorkbenchError(f"A training has at least one update; came {updates}.")
    kept = None if sparsity is not None else (usual_active(number) if active is None else active)
    if kept is not None and not 1 <= kept <= number:
        raise WorkbenchError(f"Of {number} features 1 to {number} can be kept; came {kept}.")
    settings = TrainingSettings(
        count=number, active=kept, sparsity=SPARSITY if sparsity is None else sparsity, updates=updates,
        learning_rate=LEARNING_RATE, seed=seed,
    )  # fmt: skip
    return _train(samples, moments, settings, None if checkpoint is None else Path(checkpoint), told)


def _factorise(
    samples: LayerSamples, moments: SampleMoments, count: int, seed: int, progress: Progress
) -> LayerFeatures:
    drawn = draw_samples(samples, seed=seed)
    parts = bool(moments.low.min() < 0)
    directions, finished = fit_nmf(split_signs(drawn) if parts else drawn, count, seed=seed, progress=progress)
    signs = ", of which positive and negative parts stand side by side" if parts else ""
    return LayerFeatures(
        method=NMF,
        layer=samples.layer,
        shape=samples.shape,
        directions=directions,
        offset=np.zeros(samples.width, np.float32),
        encoder=None,
        encoder_bias=None,
        active=None,
        parts=parts,
        fingerprint=recording_fingerprint(samples.recording),
        seed=seed,
        made=(
            f"non-negative matrix factorisation of {len(drawn):,} samples of {samples.learned_episodes} episodes{signs}"
            f"{'' if finished else ' (stopped early)'}"
        ),
        finished=finished,
    )


def _train(
    samples: LayerSamples, moments: SampleMoments, settings: TrainingSettings, checkpoint: Path | None,
    progress: Progress,
) -> LayerFeatures:  # fmt: skip
    fingerprint = recording_fingerprint(samples.recording)
    if checkpoint is not None and checkpoint.exists():
        training = load_training(checkpoint, samples, settings, fingerprint)
    else:
        training = begin(settings, samples.width)
    finished = train(training, samples, moments, progress, checkpoint=checkpoint, fingerprint=fingerprint)
    model, scale = training.model, sample_scale(moments)
    sparse = f"top-{settings.active}" if settings.active is not None else f"L1 cost {settings.sparsity:g}"
    # Back into the layer's own units: x = mean + scale · x', and activations are scaled alike.
    return LayerFeatures(
        method=SPARSE_AUTOENCODER,
        layer=samples.layer,
        shape=samples.shape,
        directions=model.directions.numpy().copy(),
        offset=(moments.mean + scale * model.offset.double().numpy()).astype(np.float32),
        encoder=model.encoder.numpy().copy(),
        encoder_bias=(scale * model.encoder_bias.double().numpy()).astype(np.float32),
        active=settings.active,
        parts=False,
        fingerprint=fingerprint,
        seed=settings.seed,
        made=(
            f"sparse autoencoder ({sparse}), {training.done:,} of {settings.updates:,} updates on samples of "
            f"{samples.learned_episodes} episodes"
        ),
        finished=finished,
    )

"""Training a sparse autoencoder on a recording, block by block; it can be stopped, kept and gone on with.

Which samples each update sees follows from the seed and the update's number alone, so that a training that was stopped
and gone on with ends at the very numbers of one that was not. Samples are centred and scaled to a mean square of 1 a
number, so that one learning rate serves all layers.

Axis legend: T steps, D numbers of a sample, K features, n samples of an update.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.representation.feature_samples import LayerSamples, SampleMoments
from workbench.analyses.representation.sparse_autoencoder import Autoencoder, initial_autoencoder, loss_of
from workbench.errors import WorkbenchError
from workbench.progress import Cancelled, Progress

FORMAT = 1
LARGEST_FILE = 4 << 30
BATCH_SAMPLES = 256
WARM_UP, COOL_DOWN = 0.02, 0.2
"""Shares of the updates over which the learning rate rises and falls."""
DEAD_AFTER = 200
"""A feature that was not active in so many updates counts as dead, and is revived."""
KEEP_EVERY = 500
"""Updates between two checkpoints."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What a training is asked to do."""

    count: int
    """K."""
    active: int | None
    """k of top-k; None for the L1 cost."""
    sparsity: float
    """Cost of an activation, in units of the scaled samples."""
    updates: int
    learning_rate: float
    seed: int


@dataclass
class Training:
    """A training under way."""

    settings: TrainingSettings
    model: Autoencoder
    moments: dict[str, Tensor]
    """Adam's two running means of each parameter's gradient and of its square: `first/NAME`, `second/NAME`."""
    idle: Tensor
    """`[K]`, for how many updates each feature was not active."""
    done: int = 0
    """Updates."""
    errors: list[float] = field(default_factory=list)
    """Mean squared error a number of each update, as a share of the samples' variance."""

    @property
    def finished(self) -> bool:
        """Whether all updates are done."""
        return self.done >= self.settings.updates


def begin(settings: TrainingSettings, width: int) -> Training:
    """A training of which nothing is done.

    Args:
        settings: What is asked for.
        width: D.
    """
    model = initial_autoencoder(width, settings.count, settings.active, seed=settings.seed)
    moments = {
        f"{kind}/{name}": torch.zeros_like(tensor)
        for name, tensor in model.parameters.items()
        for kind in ("first", "second")
    }
    return Training(settings=settings, model=model, moments=moments, idle=torch.zeros(settings.count))


def train(
    training: Training,
    samples: LayerSamples,
    moments: SampleMoments,
    progress: Progress,
    *,
    checkpoint: Path | None = None,
    fingerprint: str | None = None,
) -> bool:
    """Go on with a training to its end.

    Args:
        training: Is changed.
        samples: What is learned from.
        moments: Of what is learned from.
        progress: Is told of the updates; where it raises `Cancelled`, what was trained is kept.
        checkpoint: Where it is kept meanwhile, and at the end.
        fingerprint: Of the network, for the checkpoint.

    Returns:
        Whether it went to the end.
    """
    mean = torch.as_tensor(moments.mean, dtype=torch.float32)
    scale = sample_scale(moments)
    variance = float(moments.variance) / scale**2
    settings = training.settings
    try:
        for batch in _batches(samples, settings.seed, training.done, settings.updates):
            x = (torch.as_tensor(batch) - mean) / scale
            error = _update(training, x)
            training.errors.append(error / variance)
            training.done += 1
            if checkpoint is not None and training.done % KEEP_EVERY == 0:
                save_training(training, checkpoint, samples, fingerprint)
            if training.done % 20 == 0 or training.finished:
                left = float(np.mean(training.errors[-20:]))
                progress.update(training.done, settings.updates, f"{left:.1%} of the variance is left")
    except Cancelled:
        if training.done == 0:
            raise
    if checkpoint is not None:
        save_training(training, checkpoint, samples, fingerprint)
    return training.finished


def sample_scale(moments: SampleMoments) -> float:
    """By which samples are divided: their numbers' root mean square about the mean."""
    return float(np.sqrt(moments.variance / len(moments.mean)))


def _update(training: Training, x: Tensor) -> float:
    """One step of Adam (Kingma & Ba, 2015) on a batch; directions keep length 1. Gives the mean squared error."""
    settings, step = training.settings, training.done + 1
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in training.model.parameters.items()}
    model = Autoencoder(**leaves, active=training.model.active)
    with torch.enable_grad():
        loss, error, active = loss_of(model, x, settings.sparsity, training.idle > DEAD_AFTER)
    gradients = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
    directions = training.model.directions
    # What would only change a direction's length is taken out of its gradient.
    along = (gradients["directions"] * directions).sum(dim=1, keepdim=True)
    gradients["directions"] = gradients["directions"] - along * directions
    rate = settings.learning_rate * _schedule(training.done, settings.updates)
    changed = {}
    for name, tensor in training.model.parameters.items():
        first, second = training.moments[f"first/{name}"], training.moments[f"second/{name}"]
        first.mul_(0.9).add_(gradients[name], alpha=0.1)
        second.mul_(0.999).addcmul_(gradients[name], gradients[name], value=0.001)
        corrected = (second / (1 - 0.999**step)).sqrt() + 1e-8
        changed[name] = tensor.detach() - rate * (first / (1 - 0.9**step)) / corrected
    changed["directions"] = changed["directions"] / changed["directions"].norm(dim=1, keepdim=True).clamp(min=1e-12)
    training.model = Autoencoder(**changed, active=settings.active)
    training.idle = torch.where(active, torch.zeros_like(training.idle), training.idle + 1)
    return float(error)


def _schedule(done: int, updates: int) -> float:
    """The learning rate's share: it rises over the first updates and falls over the last ones."""
    rise = (done + 1) / max(1.0, WARM_UP * updates)
    fall = (updates - done) / max(1.0, COOL_DOWN * updates)
    return float(min(1.0, rise, fall))


def _batches(samples: LayerSamples, seed: int, done: int, updates: int) -> Iterator[npt.NDArray[np.float32]]:
    """Batches `[n, D]` of updates `done` to `updates`: pass after pass, the blocks and the samples in them shuffled."""
    slices = samples.slices()
    sizes = [int(samples.learned[rows].sum()) * samples.places for rows in slices]
    number, turn = 0, 0
    while number < updates:
        for block in np.random.default_rng([seed, turn]).permutation(len(slices)):
            # The last batch of a block may be smaller than others.
            here = -(-sizes[block] // BATCH_SAMPLES)
            if number + here <= done:
                number += here
                continue
            rows = slices[block]
            x = samples.read(rows)[samples.learned[rows]].reshape(-1, samples.width)
            order = np.random.default_rng([seed, turn, int(block)]).permutation(len(x))
            for place in range(here):
                if done <= number < updates:
                    yield x[order[place * BATCH_SAMPLES : (place + 1) * BATCH_SAMPLES]]
                number += 1
        turn += 1


def save_training(training: Training, path: Path, samples: LayerSamples, fingerprint: str | None) -> None:
    """Keep a training as `.npz`, without pickle; the old one stays until the new one is whole."""
    told = {
        "format": FORMAT,
        "kind": "training of a sparse autoencoder",
        "settings": asdict(training.settings),
        "done": training.done,
        "layer": samples.layer,
        "width": samples.width,
        "fingerprint": fingerprint,
    }
    arrays: dict[str, Any] = {
        f"parameters/{name}": tensor.numpy() for name, tensor in training.model.parameters.items()
    }
    arrays |= {name: tensor.numpy() for name, tensor in training.moments.items()}
    partial = path.with_name(f".{path.stem}.partial.npz")
    try:
        np.savez(
            partial, **arrays, idle=training.idle.numpy(), errors=np.array(training.errors),
            facts=np.array(json.dumps(told)),
        )  # fmt: skip
        partial.replace(path)
    except OSError as error:
        raise WorkbenchError(f"{str(path)!r} could not be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def load_training(path: Path, samples: LayerSamples, settings: TrainingSettings, fingerprint: str | None) -> Training:
    """Read a training to go on with; nothing in the file is run.

    Args:
        path: What `save_training` wrote.
        samples: What is learned from.
        settings: What is asked for now; but for the number of updates it is what was asked for then.
        fingerprint: Of the network.

    Raises:
        WorkbenchError: The file cannot be read, or is a training of something else.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise WorkbenchError(f"{str(path)!r} is larger than any training.")
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            told: dict[str, Any] = json.loads(str(stored["facts"][()]))
            before = TrainingSettings(**told["settings"])
            if told["format"] != FORMAT:
                raise WorkbenchError(f"{str(path)!r} is a training of a format that this version does not know.")
            training = begin(replace(before, updates=settings.updates), int(told["width"]))
            names = [*(f"parameters/{name}" for name in training.model.parameters), *training.moments, "idle", "errors"]
            arrays = {name: np.array(stored[name]) for name in names}
    except WorkbenchError:
        raise
    except Exception as error:  # whatever a damaged file makes of the readers
        raise WorkbenchError(
            f"{str(path)!r} is no training that can be gone on with: {type(error).__name__}: {error}."
        ) from error
    _check_same(path, told, before, samples, settings, fingerprint)
    tensors = {name: torch.as_tensor(array, dtype=torch.float32) for name, array in arrays.items() if name != "errors"}
    expected = {f"parameters/{name}": t for name, t in training.model.parameters.items()}
    expected |= {**training.moments, "idle": training.idle}
    if any(tensors[name].shape != tensor.shape or not bool(tensors[name].isfinite().all())
           for name, tensor in expected.items()):  # fmt: skip
        raise WorkbenchError(f"{str(path)!r} is no training that can be gone on with: its numbers do not fit together.")
    parameters = {name: tensors[f"parameters/{name}"] for name in training.model.parameters}
    training.model = Autoencoder(**parameters, active=settings.active)
    training.moments = {name: tensors[name] for name in training.moments}
    training.idle, training.done = tensors["idle"], int(told["done"])
    training.errors = [float(one) for one in arrays["errors"]]
    return training


def _check_same(
    path: Path, told: dict[str, Any], before: TrainingSettings, samples: LayerSamples, settings: TrainingSettings,
    fingerprint: str | None,
) -> None:  # fmt: skip
    pairs = {
        "layer": (told["layer"], samples.layer),
        "numbers of a sample": (told["width"], samples.width),
        "network": (told["fingerprint"], fingerprint),
        **{
            name: (getattr(before, name), getattr(settings, name))
            for name in ("count", "active", "sparsity", "learning_rate", "seed")
        },
    }
    for name, (then, now) in pairs.items():
        if then != now:
            short = [str(one)[:40] for one in (then, now)]
            raise WorkbenchError(
                f"The training in {str(path)!r} is of another {name} ({short[0]}; asked for is {short[1]}); "
                f"go on with the same, or name another file to begin anew."
            )

"""Non-negative matrix factorisation: a layer's samples as sums of few directions, none of them taken away.

x ≈ c H with c ≥ 0 and H ≥ 0 (Lee & Seung, 1999, Nature 401), by coordinate descent (scikit-learn's `NMF`; Cichocki &
Phan, 2009). It is made for layers that give nothing below 0. Of others the positive and the negative parts stand side
by side, [max(x, 0), max(−x, 0)], which is said.

Axis legend: n samples, D numbers of a sample (twice as many where parts stand side by side), K features.
"""

import warnings

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.representation.feature_samples import LayerSamples, SampleArray
from workbench.errors import MissingExtraError
from workbench.progress import Cancelled, Progress

MOST_SAMPLES = 65_536
MOST_DRAWN_NUMBERS = 16 << 20
"""So many numbers are learned from at most, drawn from all steps: memory does not grow with the recording."""
ROUNDS, ITERATIONS_A_ROUND = 40, 10
SETTLED = 1e-4
"""A round that lowers the error by a smaller share is the last."""
MOST_ITERATIONS = 2_000
SOLVED = 1e-7
"""Relative change of the codes at which they are taken for solved."""


def split_signs(x: SampleArray) -> SampleArray:
    """Positive and negative parts side by side, `[n, 2 D]`."""
    return np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis=1)


def draw_samples(samples: LayerSamples, *, seed: int) -> SampleArray:
    """Samples drawn at random from the episodes that are learned from, `[n, D]`; all where there are few enough."""
    most = min(MOST_SAMPLES, max(1, MOST_DRAWN_NUMBERS // samples.width))
    total = int(samples.learned.sum()) * samples.places
    chosen = np.sort(np.random.default_rng(seed).choice(total, min(most, total), replace=False))
    parts, before = [], 0
    for rows, block in samples.blocks():
        x = block[samples.learned[rows]].reshape(-1, samples.width)
        inside = chosen[(chosen >= before) & (chosen < before + len(x))] - before
        parts.append(x[inside])
        before += len(x)
    return np.concatenate(parts)


def fit_nmf(x: SampleArray, count: int, *, seed: int, progress: Progress) -> tuple[npt.NDArray[np.float32], bool]:
    """The directions of a factorisation.

    Args:
        x: `[n, D]`, at least 0.
        count: K.
        seed: Of the start.
        progress: Is told of the rounds; where it raises `Cancelled`, what was found so far is kept.

    Returns:
        H of rows of length 1 (or 0, for what is never used), `[K, D]`; and whether it went to the end.
    """
    try:
        from sklearn.decomposition import NMF
        from sklearn.exceptions import ConvergenceWarning
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "maps", "Non-negative matrix factorisation") from error
    start = "nndsvda" if count <= min(x.shape) else "random"
    codes: npt.NDArray[np.float32] | None = None
    directions: npt.NDArray[np.float32] | None = None
    errors: list[float] = []
    finished = True
    for number in range(ROUNDS):
        try:
            progress.update(number, ROUNDS, f"error {errors[-1]:.3g}" if errors else "starting")
        except Cancelled:
            if directions is None:
                raise
            finished = False
            break
        model = NMF(
            count,
            init=start if codes is None else "custom",
            random_state=seed,
            max_iter=ITERATIONS_A_ROUND,
            tol=0,
        )
        with warnings.catch_warnings():
            # It is gone on with until the error no longer falls.
            warnings.simplefilter("ignore", ConvergenceWarning)
            codes = model.fit_transform(x, W=codes, H=directions)
        directions = model.components_
        errors.append(float(model.reconstruction_err_))
        if len(errors) > 1 and errors[-2] - errors[-1] <= SETTLED * errors[-2]:
            break
    assert directions is not None
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(np.where(lengths > 0, directions / np.maximum(lengths, 1e-30), 0), np.float32), finished


def solve_codes(x: Tensor, directions: Tensor) -> Tensor:
    """The codes of samples: argmin over c ≥ 0 of ‖x − c H‖², by accelerated projected gradient with restarts.

    Beck & Teboulle (2009) with the restart of O'Donoghue & Candès (2015); each step is 1 / the largest eigenvalue.

    Args:
        x: `[n, D]`.
        directions: H, `[K, D]`.

    Returns:
        `[n, K]` of the samples' type.
    """
    h = directions.double()
    gram, wanted = h @ h.T, x.double() @ h.T
    step = 1.0 / max(float(torch.linalg.eigvalsh(gram)[-1]), 1e-30)
    codes = torch.zeros_like(wanted)
    ahead, momentum = codes, torch.ones(len(x), 1, dtype=torch.float64, device=x.device)
    for _ in range(MOST_ITERATIONS):
        found = (ahead - step * (ahead @ gram - wanted)).clamp(min=0)
        moved = found - codes
        # Each sample by itself: what is said of one must not depend on the others beside it.
        back = ((ahead - found) * moved).sum(dim=1, keepdim=True) > 0
        following = (1 + (1 + 4 * momentum**2).sqrt()) / 2
        ahead = torch.where(back, found, found + (momentum - 1) / following * moved)
        momentum = torch.where(back, torch.ones_like(momentum), following)
        codes = found
        if bool((moved.norm(dim=1) <= SOLVED * codes.norm(dim=1).clamp(min=1e-30)).all()):
            break
    return codes.to(x)

"""Ways of taking parts of what stands at a site away, one after another, and of giving each part its score.

Axis legend:
    S  decisions that are explained
    M  perturbations of one decision
    n  rows of one batch
    H, W  rows and columns of pixels
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from workbench.analyses.decisions import Values
from workbench.analyses.saliency.blurring import gaussian_blur
from workbench.analyses.saliency.question import Question
from workbench.analyses.saliency.regions import Regions, patch_size
from workbench.errors import WorkbenchError
from workbench.policies.types import PolicyOutput
from workbench.progress import Progress

BLUR_STRIDE = 5
MASK_SIGMA = 5.0
BLUR_SIGMA = 3.0
"""Pixels; Greydanus et al. (2018) use these for frames of 80 × 80."""
SMALLEST_SIGMA = 0.8
"""Pixels; below that, blurring leaves a pixel nearly as it is."""


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """M ways of changing what stands at a site."""

    count: int
    """M."""
    apply: Callable[[Values, Tensor, Tensor], Values]
    """Of values `[n, ...]`, each row's decision `[n]` and number of the perturbation `[n]`: the changed values."""
    spread: Callable[[Tensor], dict[str, Tensor]]
    """From a score for each, `[S, M]`, to one for each number, `[S, ...]` by key (some keys may be missing)."""


@torch.no_grad()
def perturbed(
    question: Question,
    perturbation: Perturbation,
    read: Callable[[PolicyOutput, Tensor], Tensor],
    progress: Progress,
    message: str,
) -> Tensor:
    """Ask the policy about every perturbation of every decision.

    Args:
        question: What is explained.
        perturbation: What is changed.
        read: From an answer and each row's decision `[n]` to what is kept of it, `[n, ...]`.
        progress: Is told how many rows are done.
        message: What to call them.

    Returns:
        `[S, M, ...]`.
    """
    count, total = perturbation.count, len(question) * perturbation.count
    kept = []
    for part in question.batches(total):
        flat = torch.arange(part.start, part.stop)
        decision, number = flat // count, flat % count
        values = perturbation.apply(question.at(decision), decision, number)
        kept.append(read(question.output(values, decision), decision))
        progress.update(part.stop, total, message)
    return torch.cat(kept).reshape(len(question), count, *kept[0].shape[1:])


def blurs(
    question: Question, *, stride: int = BLUR_STRIDE, mask_sigma: float = MASK_SIGMA, sigma: float = BLUR_SIGMA
) -> list[Perturbation]:
    """Blur around one pixel of an image after another, as Greydanus et al. (2018) do: x(1 − m) + blur(x) m.

    The mask m is a Gaussian of `mask_sigma` pixels around every `stride`-th pixel, 1 at its centre. It is done to what
    enters the network, after all preprocessing. In images smaller than the paper's 80 × 80, all three shrink likewise.
    """
    found = []
    for key in _images(question, "blur"):
        tensor = question.values[key]
        height, width = tensor.shape[-2:]
        scale = min(1.0, min(height, width) / 80)
        step = max(1, round(stride * scale))
        spot, smear = (max(SMALLEST_SIGMA, size * scale) for size in (mask_sigma, sigma))
        rows, columns = torch.arange(0, height, step), torch.arange(0, width, step)
        down, across = (_bells(size, centres, spot) for size, centres in ((height, rows), (width, columns)))
        change = gaussian_blur(tensor, smear) - tensor
        found.append(_blur(key, down.to(tensor), across.to(tensor), change, tensor))
    return found


def _blur(key: str, down: Tensor, across: Tensor, change: Tensor, like: Tensor) -> Perturbation:
    grid = (len(down), len(across))

    def apply(values: Values, decision: Tensor, number: Tensor) -> Values:
        # Masks are products of two bells: only those of this batch are made.
        masks = down[number // grid[1]].unsqueeze(2) * across[number % grid[1]].unsqueeze(1)
        return {**values, key: torch.addcmul(values[key], masks.unsqueeze(1), change[decision])}

    def spread(scores: Tensor) -> dict[str, Tensor]:
        fine = functional.interpolate(
            scores.reshape(len(scores), 1, *grid).float(), like.shape[-2:], mode="bilinear", align_corners=False
        )
        return {key: (fine / like.shape[1]).expand(-1, like.shape[1], -1, -1)}

    return Perturbation(count=grid[0] * grid[1], apply=apply, spread=spread)


def windows(
    question: Question, baseline: Values, *, size: int | None = None, stride: int | None = None
) -> list[Perturbation]:
    """Put the baseline into one square window of an image after another (Zeiler and Fergus, 2014).

    Windows of `size` pixels stand every `stride` pixels (default: one beside the other, about 100 of them). Each pixel
    gets the mean over the windows that cover it, a window's score being shared by its numbers.
    """
    found = []
    for key in _images(question, "occlusion"):
        tensor = question.values[key]
        height, width = tensor.shape[-2:]
        side = size or patch_size(height, width)
        step = stride or side
        if step > side:
            raise WorkbenchError(f"Windows of {side} pixels every {step} would leave gaps; stride must not be larger.")
        masks = torch.zeros(0, height, width, dtype=torch.bool)
        for row in range(0, max(1, height - side + step), step):
            for column in range(0, max(1, width - side + step), step):
                mask = torch.zeros(1, height, width, dtype=torch.bool)
                mask[0, row : row + side, column : column + side] = True
                masks = torch.cat([masks, mask])
        found.append(_window(key, masks.to(tensor.device), baseline[key], tensor.shape[1]))
    return found


def _window(key: str, masks: Tensor, baseline: Tensor, channels: int) -> Perturbation:
    covered = masks.float()
    share = covered / (covered.sum(dim=(1, 2), keepdim=True) * channels)

    def apply(values: Values, decision: Tensor, number: Tensor) -> Values:
        return {**values, key: torch.where(masks[number].unsqueeze(1), baseline[decision], values[key])}

    def spread(scores: Tensor) -> dict[str, Tensor]:
        summed = torch.einsum("sm,mhw->shw", scores.float(), share) / covered.sum(dim=0).clamp(min=1)
        return {key: summed.unsqueeze(1).expand(-1, channels, -1, -1)}

    return Perturbation(count=len(masks), apply=apply, spread=spread)


def ablations(question: Question, regions: Regions, baseline: Values, keys: set[str] | None = None) -> Perturbation:
    """Put the baseline into one region after another; a region's score is shared by its numbers.

    Args:
        question: What is explained.
        regions: The regions.
        baseline: `[S, ...]` by key.
        keys: Only the regions of these keys; None takes all.
    """
    chosen = torch.arange(len(regions))
    if keys is not None:
        within = {int(label) for key in keys for label in regions.labels[key].flatten().tolist()} - {-1}
        chosen = torch.tensor(sorted(within), dtype=torch.int64)

    def apply(values: Values, decision: Tensor, number: Tensor) -> Values:
        taken = torch.zeros(len(number), len(regions), dtype=torch.bool)
        taken[torch.arange(len(number)), chosen[number]] = True
        others = {name: tensor[decision] for name, tensor in baseline.items()}
        return regions.replace(values, others, taken, decision)

    def spread(scores: Tensor) -> dict[str, Tensor]:
        whole = torch.zeros(len(scores), len(regions), dtype=scores.dtype)
        whole[:, chosen] = scores
        return share_out(question, regions, whole)

    return Perturbation(count=len(chosen), apply=apply, spread=spread)


def share_out(question: Question, regions: Regions, scores: Tensor) -> dict[str, Tensor]:
    """Share each region's score `[S, G]` equally among its numbers, `[S, ...]` by key: `Regions.sums` gives it back."""
    ones = {name: torch.ones_like(tensor) for name, tensor in question.values.items()}
    sizes = regions.sums(ones).clamp(min=1)
    each = torch.cat([scores.float() / sizes, torch.zeros(len(scores), 1)], dim=1)
    shared = {}
    for name, tensor in question.values.items():
        labels = regions.labels[name].expand(tensor.shape)
        shared[name] = each.gather(1, torch.where(labels < 0, len(regions), labels).flatten(1)).reshape(tensor.shape)
    return shared


def rest_of(
    question: Question, perturbations: list[Perturbation], regions: Regions, baseline: Values
) -> list[Perturbation]:
    """Add what a method for images leaves out: the numbers of an observation that has other parts beside its images."""
    images = {key for key, tensor in question.values.items() if tensor.ndim == 4}
    others = set(question.values) - images
    return [*perturbations, ablations(question, regions, baseline, others)] if others else perturbations


def _images(question: Question, method: str) -> list[str]:
    """The keys of the images at a site.

    Raises:
        WorkbenchError: There is none.
    """
    images = [key for key, tensor in question.values.items() if tensor.ndim == 4]
    if not images:
        shapes = ", ".join(
            f"{key or 'observation'} {list(tensor.shape[1:])}" for key, tensor in question.values.items()
        )
        raise WorkbenchError(
            f"The method {method!r} is for images [C, H, W], and there is none here ({shapes}); "
            f"for numbers there is feature_ablation."
        )
    return images


def _bells(size: int, centres: Tensor, sigma: float) -> Tensor:
    """exp(−½ (i − c)² / σ²) for each centre, `[centres, size]`."""
    return torch.exp(-0.5 * ((torch.arange(size)[None] - centres[:, None]) / sigma) ** 2)

"""Gradient ascent on what enters a network, for several restarts side by side.

Axis legend: B restarts, C, H, W channels, rows and columns of an image.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.progress import Progress

Measure: TypeAlias = Callable[[Mapping[str, Tensor]], Tensor]
"""From inputs by key, `[B, ...]`, to what is made greater, `[B]`."""


def uniform(low: Tensor, high: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Numbers drawn from their ranges, `[count, ...]`."""
    return low + (high - low) * torch.rand(count, *low.shape, generator=generator)


def starts(
    mean: dict[str, Tensor],
    low: dict[str, Tensor],
    high: dict[str, Tensor],
    drawn: dict[str, Tensor],
    noise: Tensor,
    restarts: int,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Where the restarts begin, `[B, ...]`: about the mean recorded input, every second one at the noise that reaches
    most: a unit that is silent on usual inputs has no gradient there.
    """
    best = noise.argsort(descending=True)[: restarts // 2]
    found = {}
    for name, one in mean.items():
        about = one + 0.1 * (high[name] - low[name]) * torch.randn(restarts, *one.shape, generator=generator)
        about[restarts - len(best) :] = drawn[name][best]
        found[name] = about
    return found


def ascend(
    measured: Measure,
    begun: dict[str, Tensor],
    mean: dict[str, Tensor],
    low: dict[str, Tensor],
    high: dict[str, Tensor],
    spread: float,
    *,
    steps: int,
    jitter: int,
    total_variation: float,
    distance: float,
    generator: torch.Generator,
    told: Progress,
) -> tuple[dict[str, Tensor], Tensor]:
    """Adam on shares of the range, 0 to 1. Gives the inputs `[B, ...]` and what they reach `[B]`."""
    width = {name: (high[name] - low[name]).clamp(min=1e-12) for name in low}
    centre = {name: (mean[name] - low[name]) / width[name] for name in low}
    shares = {name: ((one - low[name]) / width[name]).clamp(0, 1) for name, one in begun.items()}

    def inputs(of: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: low[name] + width[name] * one for name, one in of.items()}

    first = {name: torch.zeros_like(one) for name, one in shares.items()}
    second = {name: torch.zeros_like(one) for name, one in shares.items()}
    best = {name: one.clone() for name, one in shares.items()}

    def costs(of: Mapping[str, Tensor]) -> Tensor:
        found = torch.zeros(len(next(iter(of.values()))))
        for name, one in of.items():
            found = found + distance * (one - centre[name]).square().flatten(1).mean(dim=1)
            if one.ndim == 4:
                found = found + total_variation * _variation(one)
        return found

    with torch.no_grad():
        most = measured(inputs(best))
        score = most / spread - costs(best)
    for step in range(1, steps + 1):
        if step % 10 == 1:
            told.update(step - 1, steps, f"{float(most.max()):.3g} reached")
        leaves = {name: one.clone().requires_grad_() for name, one in shares.items()}
        shift = [int(n) for n in torch.randint(-jitter, jitter + 1, (2,), generator=generator)] if jitter else [0, 0]
        moved = {name: torch.roll(one, shift, dims=(-2, -1)) if one.ndim == 4 else one for name, one in leaves.items()}
        with torch.enable_grad():
            wanted = measured(inputs(moved)).sum() / spread
            if not wanted.requires_grad:
                raise WorkbenchError(
                    "The layer does not depend on the observation differentiably; nothing can be made."
                )
            wanted = wanted - costs(leaves).sum()
        gradients: tuple[Tensor | None, ...] = torch.autograd.grad(wanted, list(leaves.values()), allow_unused=True)
        rate = 0.05 * min(1.0, 4 * (1 - (step - 1) / steps))
        for name, gradient in zip(leaves, gradients, strict=True):
            if gradient is None:
                continue
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.99 * second[name] + 0.01 * gradient**2
            size = (second[name] / (1 - 0.99**step)).sqrt() + 1e-8
            shares[name] = (shares[name] + rate * first[name] / (1 - 0.9**step) / size).clamp(0, 1)
        if step % 10 == 0 or step == steps:
            with torch.no_grad():
                now = measured(inputs(shares))
                worth = now / spread - costs(shares)
            better = worth > score
            most, score = torch.where(better, now, most), torch.where(better, worth, score)
            for name, one in shares.items():
                best[name][better] = one[better]
    return {name: one.detach() for name, one in inputs(best).items()}, most.detach()


def _variation(images: Tensor) -> Tensor:
    """Anisotropic total variation of images `[B, C, H, W]`, as a mean over their numbers, `[B]`."""
    across = (images[..., :, 1:] - images[..., :, :-1]).abs().flatten(1).sum(dim=1)
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().flatten(1).sum(dim=1)
    return (across + down) / images[0].numel()

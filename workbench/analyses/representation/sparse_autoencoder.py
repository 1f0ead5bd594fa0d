"""A sparse autoencoder: a layer's samples as sums of few out of many directions.

a = (x − b) E + e,  f = relu(a),  x̂ = b + f W,  with the rows of W of length 1. It is sparse either since every f costs
(L1: Bricken et al., 2023, "Towards monosemanticity"), or since only the k largest of a sample are kept (top-k: Gao et
al., 2024, "Scaling and evaluating sparse autoencoders").

Axis legend: n samples, D numbers of a sample, K features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

AUXILIARY_WEIGHT = 1 / 32
"""Of the loss that revives dead features (Gao et al., 2024, appendix A.2)."""


@dataclass(frozen=True, kw_only=True)
class Autoencoder:
    """The parameters of a sparse autoencoder."""

    offset: Tensor
    """b, `[D]`."""
    encoder: Tensor
    """E, `[D, K]`."""
    encoder_bias: Tensor
    """e, `[K]`."""
    directions: Tensor
    """W, `[K, D]`, rows of length 1."""
    active: int | None
    """k; None where only the L1 cost makes it sparse."""

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Those that are trained, by name."""
        return {name: getattr(self, name) for name in ("offset", "encoder", "encoder_bias", "directions")}


def initial_autoencoder(width: int, count: int, active: int | None, *, seed: int) -> Autoencoder:
    """Random directions, read along themselves (E = Wᵀ).

    Args:
        width: D.
        count: K.
        active: k.
        seed: Of the directions.
    """
    drawn = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    directions = drawn / drawn.norm(dim=1, keepdim=True)
    return Autoencoder(
        offset=torch.zeros(width),
        encoder=directions.T.clone().contiguous(),
        encoder_bias=torch.zeros(count),
        directions=directions,
        active=active,
    )


def encode(model: Autoencoder, x: Tensor) -> Tensor:
    """F of samples `[n, D]`, `[n, K]`."""
    return sparse(before_sparsity(model, x), model.active)


def before_sparsity(model: Autoencoder, x: Tensor) -> Tensor:
    """A of samples `[n, D]`, `[n, K]`."""
    return (x - model.offset) @ model.encoder + model.encoder_bias


def sparse(a: Tensor, active: int | None) -> Tensor:
    """F of a, `[n, K]`: what is above 0, and of that the k largest."""
    positive = a.clamp(min=0)
    if active is None or active >= a.shape[1]:
        return positive
    values, places = positive.topk(active, dim=1)
    return torch.zeros_like(positive).scatter(1, places, values)


def decode(model: Autoencoder, f: Tensor) -> Tensor:
    """x̂ of f, `[n, D]`."""
    return model.offset + f @ model.directions


def loss_of(model: Autoencoder, x: Tensor, sparsity: float, dead: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What is made small.

    mean ‖x − x̂‖² + sparsity · mean Σ f (L1 only) + 1/32 · how much of x − x̂ the largest of the dead features leave.

    Args:
        model: The autoencoder.
        x: `[n, D]`.
        sparsity: Cost of an activation; of no account with top-k.
        dead: `[K]` bool, features that were not active for long.

    Returns:
        The loss; mean ‖x − x̂‖²; and `[K]`, whether each feature was active.
    """
    a = before_sparsity(model, x)
    f = sparse(a, model.active)
    left = x - decode(model, f)
    error = left.square().sum(dim=1).mean()
    loss = error if model.active is not None else error + sparsity * f.sum(dim=1).mean()
    waiting = int(dead.sum())
    if waiting:
        # They are taught what the living ones leave over.
        known = left.detach()
        revived = sparse(a.masked_fill(~dead, 0), min(waiting, max(1, x.shape[1] // 2)))
        missing = (known - revived @ model.directions).square().sum(dim=1).mean()
        size = known.square().sum(dim=1).mean().clamp(min=1e-12)
        loss = loss + AUXILIARY_WEIGHT * missing * (error.detach() / size)
    return loss, error.detach(), (f > 0).any(dim=0)

"""Networks that know nothing: their weights replaced by random ones, for as long as that is needed."""

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn


@contextlib.contextmanager
def restored(module: nn.Module) -> Iterator[None]:
    """Give a network its own weights back in the end, whatever happens."""
    kept = {name: tensor.detach().clone() for name, tensor in module.named_parameters()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, tensor in module.named_parameters():
                tensor.copy_(kept[name])


@torch.no_grad()
def randomise(parameters: Sequence[Tensor], generator: torch.Generator) -> None:
    """Draw each parameter from a normal distribution with its own mean and standard deviation.

    Parameters that are the same everywhere (biases of zero, a normalisation's scale of one) were not learned: they
    stay.
    """
    for tensor in parameters:
        spread = float(tensor.std()) if tensor.numel() > 1 else float(tensor.abs())
        if spread > 0:
            drawn = torch.randn(tensor.shape, generator=generator) * spread + float(tensor.mean())
            tensor.copy_(drawn.to(tensor))


@contextlib.contextmanager
def random_weights(module: nn.Module, seed: int) -> Iterator[None]:
    """While this lasts, every weight of a network is random; the same seed draws the same ones."""
    with restored(module):
        randomise(list(module.parameters()), torch.Generator().manual_seed(seed))
        yield

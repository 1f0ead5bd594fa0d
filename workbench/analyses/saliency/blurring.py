"""Gaussian blur of image tensors, as `scipy.ndimage.gaussian_filter` does it (reflecting borders, cut off at 4 σ).

Axis legend: B images, C channels, H and W rows and columns of pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional

CUT_OFF = 4.0
"""Standard deviations beyond which the kernel is zero; SciPy's own default."""


def gaussian_kernel(sigma: float) -> Tensor:
    """Weights at whole pixels, `[2·radius + 1]`, summing to 1."""
    radius = int(CUT_OFF * sigma + 0.5)
    places = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    return (weights / weights.sum()).float()


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """Blur every channel of `[B, C, H, W]` with a standard deviation of `sigma` pixels."""
    kernel = gaussian_kernel(sigma).to(images)
    blurred = _along(images.transpose(-1, -2), kernel).transpose(-1, -2)
    return _along(blurred, kernel)


def _along(images: Tensor, kernel: Tensor) -> Tensor:
    """Convolve the last axis; beyond its ends it is mirrored, edge pixels included, as often as needed."""
    size, radius = images.shape[-1], (len(kernel) - 1) // 2
    places = torch.arange(-radius, size + radius, device=images.device) % (2 * size)
    mirrored = torch.where(places < size, places, 2 * size - 1 - places)
    rows = images[..., mirrored].reshape(-1, 1, size + 2 * radius)
    return functional.conv1d(rows, kernel.view(1, 1, -1)).reshape(images.shape)

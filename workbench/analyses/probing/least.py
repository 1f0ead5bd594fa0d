"""The least value of a smooth convex function, by L-BFGS (Liu & Nocedal, 1989)."""

from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

MOST_ITERATIONS = 300
SMALLEST_GRADIENT = 1e-7
"""It ends where no component of the gradient is larger."""
REMEMBERED = 12
ENOUGH = 1e-4
"""Of the decrease that the slope promises (Armijo's condition)."""
MOST_HALVINGS = 30


def least(function: Callable[[Tensor], tuple[float, Tensor]], start: Tensor) -> Tensor:
    """Where a smooth convex function is least.

    Args:
        function: Gives value and gradient.
        start: Where it begins; best in coordinates in which the curvature is about 1.
    """
    place = start
    value, gradient = function(place)
    past: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=REMEMBERED)
    for _ in range(MOST_ITERATIONS):
        if float(gradient.abs().max()) <= SMALLEST_GRADIENT:
            break
        direction = -_curved(gradient, past)
        slope = float((direction * gradient).sum())
        step = 1.0
        for _ in range(MOST_HALVINGS):
            there = place + step * direction
            new_value, new_gradient = function(there)
            if new_value <= value + ENOUGH * step * slope:
                break
            step /= 2
        else:
            break
        moved, bent = there - place, new_gradient - gradient
        product = float((moved * bent).sum())
        if product > 1e-14 * float(bent.square().sum()):
            past.append((moved, bent, product))
        place, value, gradient = there, new_value, new_gradient
    return place


def _curved(gradient: Tensor, past: deque[tuple[Tensor, Tensor, float]]) -> Tensor:
    """The gradient over the curvature that the last steps have shown."""
    found, shares = gradient, []
    for moved, bent, product in reversed(past):
        share = float((moved * found).sum()) / product
        shares.append(share)
        found = torch.sub(found, bent, alpha=share)
    if past:
        _, bent, product = past[-1]
        found = found * (product / float(bent.square().sum()))
    for (moved, bent, product), share in zip(past, reversed(shares), strict=True):
        found = torch.add(found, moved, alpha=share - float((bent * found).sum()) / product)
    return found

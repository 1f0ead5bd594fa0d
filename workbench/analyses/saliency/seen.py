"""What an agent saw at a step, in a form that people can look at.

Axis legend: H, W rows and columns of pixels.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.decisions import Decisions
from workbench.analyses.saliency.question import Question, split_key


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One observation, or the part of it that is an image."""

    picture: npt.NDArray[np.uint8] | None
    """`[H, W]` or `[H, W, 3]`; None where no part of it is an image."""
    numbers: npt.NDArray[np.float64] | None
    """`[n]`, the observation as numbers, where it is no image."""


def seen_at(decisions: Decisions, place: int) -> Seen:
    """What the agent saw at one decision: the first image of its observation, else its numbers.

    An image is shown as it enters the network: of a stack of frames the last one, in grey.
    """
    for tensor in decisions.inputs.values():
        if tensor.ndim == 4:
            return Seen(picture=_as_bytes(tensor[place].cpu().numpy()), numbers=None)
    parts = [tensor[place].cpu().numpy().reshape(-1) for tensor in decisions.inputs.values()]
    return Seen(picture=None, numbers=np.concatenate(parts).astype(np.float64))


def seen_before(question: Question, place: int, *, stack: int = 1) -> list[npt.NDArray[np.uint8]] | None:
    """The pictures that led to one decision, the oldest first; None where it sees none.

    Args:
        question: Asked with a window, or of a frame stack.
        place: Which decision.
        stack: How many frames an image's channels hold side by side.

    Returns:
        `[P]` of `[H, W]` or `[H, W, 3]`, in the order of `SaliencyMaps.film`.
    """
    images = {split_key(name): tensor for name, tensor in question.values.items() if tensor.ndim == 4}
    if not images:
        return None
    key = next(iter(images))[0]
    found = []
    for _, lag in sorted((one for one in images if one[0] == key), key=lambda one: -one[1]):
        image = images[key, lag][place].cpu().numpy()
        # All frames of a stack are stretched alike.
        found += [_as_bytes(frame, like=image) for frame in image.reshape(stack, -1, *image.shape[1:])]
    return found


def _as_bytes(image: npt.NDArray[np.float32], like: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.uint8]:
    shown = np.moveaxis(image, 0, -1) if image.shape[0] == 3 else image[-1]
    range_of = image if like is None else like
    low, high = float(range_of.min()), float(range_of.max())
    # 0 to 1 and 0 to 255 are what images are made of; whatever else is there is stretched to its own range.
    top = 1.0 if low >= 0 and high <= 1 else 255.0 if low >= 0 and high <= 255 else None
    scaled = shown * (255.0 / top) if top else (shown - low) * (255.0 / max(high - low, 1e-12))
    return np.asarray(np.clip(scaled, 0, 255).round(), dtype=np.uint8)

"""Parts of what stands at a site: what is taken away, patched and ranked as a whole.

A pixel alone means nothing to an agent and a number of a vector does. So every method that takes parts away, and every
measure of a map, works on regions: patches of an image, numbers of a vector, channels of a convolution, named objects.

Axis legend:
    S  decisions that are explained
    G  regions
    n  rows of one batch
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor

from workbench.analyses.decisions import Values
from workbench.analyses.saliency.question import Question, split_key
from workbench.errors import WorkbenchError

IMAGE_REGIONS = 100
"""About how many patches an image is divided into where nobody said how large they are."""


@dataclass(frozen=True, kw_only=True)
class Regions:
    """A division of what stands at a site into G regions."""

    names: tuple[str, ...]
    """`[G]`."""
    labels: Mapping[str, Tensor]
    """By key, which region each number belongs to: int64 `[1 or S, *shape]`, −1 where it belongs to none."""
    kind: str
    """`numbers`, `patches of 8 × 8 pixels`, `channels`, `objects`."""

    def __len__(self) -> int:
        return len(self.names)

    def sums(self, attributions: Values) -> Tensor:
        """What each region gets of an attribution, `[S, G]`."""
        total: Tensor | None = None
        for key, attribution in attributions.items():
            flat = attribution.reshape(len(attribution), -1)
            labels = self.labels[key].reshape(len(self.labels[key]), -1).expand_as(flat)
            # What belongs to no region goes to a place of its own, which is left out.
            sums = torch.zeros(len(flat), len(self) + 1, dtype=flat.dtype, device=flat.device)
            sums.scatter_add_(1, torch.where(labels < 0, len(self), labels).to(flat.device), flat)
            total = sums if total is None else total + sums
        assert total is not None
        return total[:, :-1]

    def replace(self, values: Values, others: Values, taken: Tensor, index: Tensor) -> dict[str, Tensor]:
        """Put others in the place of some regions.

        Args:
            values: What stands there, `[n, ...]` by key.
            others: What comes in its place, `[n, ...]`.
            taken: `[n, G]` bool, the regions that are taken away.
            index: `[n]`, which decision's regions each row has.
        """
        replaced = {}
        # The last column is that of what belongs to no region: it stays.
        padded = torch.cat([taken, torch.zeros(len(taken), 1, dtype=torch.bool, device=taken.device)], dim=1)
        for key, tensor in values.items():
            labels = self.labels[key]
            if len(labels) == 1:
                mask = padded[:, labels[0]]
            else:
                rows = torch.arange(len(index)).view(-1, *(1,) * (labels.ndim - 1))
                mask = padded[rows, labels[index]]
            replaced[key] = torch.where(mask, others[key], tensor)
        return replaced


def existing_regions(question: Question, regions: Regions) -> Tensor:
    """Which regions are there at all, `[S, G]` bool: not those of a window's observations from before the episode."""
    exists = torch.ones(len(question), len(regions), dtype=torch.bool)
    history = question.decisions.history
    if question.window == 1 or history is None:
        return exists
    for key, labels in regions.labels.items():
        lag = split_key(key)[1]
        if lag:
            within = torch.unique(labels)
            exists[:, within[within >= 0]] &= history.exists[:, -lag].unsqueeze(1)
    return exists


def default_regions(question: Question, names: Sequence[str] | None = None) -> Regions:
    """Numbers of vectors, patches of images, channels of convolutional layers.

    Args:
        question: Says the site.
        names: Names of a vector observation's numbers, where they are known.
    """
    if question.layer is not None:
        return _layer_regions(question)
    space = question.decisions.policy.observation_space
    parts = dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}
    found, labels = list[str](), dict[str, Tensor]()
    kinds = list[str]()
    for key, tensor in question.values.items():
        shape, start = tensor.shape[1:], len(found)
        name, lag = split_key(key)
        prefix = (f"{name} " if name else "") + (f"{lag} step{'s' * (lag != 1)} before: " if lag else "")
        if len(shape) == 3:
            size = patch_size(shape[1], shape[2])
            new, grid = _patches(shape, size)
            kinds.append(f"patches of {size} × {size} pixels")
        elif (sizes := _one_hot_sizes(parts.get(name))) is not None and sum(sizes) == shape.numel():
            new = [f"component {i}" for i in range(len(sizes))] if len(sizes) > 1 else ["the observation"]
            grid = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).reshape(shape)
            kinds.append("numbers")
        else:
            known = list(names or ()) if not name and len(names or ()) == shape.numel() else None
            new = known or [f"number {i}" for i in range(shape.numel())]
            grid = torch.arange(shape.numel()).reshape(shape)
            kinds.append("numbers")
        labels[key] = (grid + start).unsqueeze(0)
        found += [prefix + one for one in new]
    return Regions(names=tuple(found), labels=labels, kind=" and ".join(dict.fromkeys(kinds)))


def patch_size(height: int, width: int) -> int:
    """Pixels a side, so that there are about `IMAGE_REGIONS` patches."""
    return max(1, round(math.sqrt(height * width / IMAGE_REGIONS)))


def patches(question: Question, size: int) -> Regions:
    """Square patches of `size` pixels of every image at the site.

    Raises:
        WorkbenchError: Something at the site is not an image.
    """
    if size < 1:
        raise WorkbenchError(f"A patch has at least one pixel a side; came {size}.")
    names, labels = list[str](), dict[str, Tensor]()
    for key, tensor in question.values.items():
        if tensor.ndim != 4:
            raise WorkbenchError(
                f"Patches are of images [C, H, W]; {key or 'the observation'} has shape {list(tensor.shape[1:])}."
            )
        new, grid = _patches(tensor.shape[1:], size)
        labels[key] = (grid + len(names)).unsqueeze(0)
        named, lag = split_key(key)
        prefix = (f"{named} " if named else "") + (f"{lag} step{'s' * (lag != 1)} before: " if lag else "")
        names += [prefix + name for name in new]
    return Regions(names=tuple(names), labels=labels, kind=f"patches of {size} × {size} pixels")


def _patches(shape: Sequence[int], size: int) -> tuple[list[str], Tensor]:
    channels, height, width = shape
    down, across = torch.arange(height) // size, torch.arange(width) // size
    columns = int(across[-1]) + 1
    grid = (down[:, None] * columns + across[None]).expand(channels, -1, -1)
    names = [f"row {r * size}, column {c * size}" for r in range(int(down[-1]) + 1) for c in range(columns)]
    return names, grid


def _one_hot_sizes(space: Any) -> list[int] | None:
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    if isinstance(space, spaces.MultiDiscrete):
        return [int(size) for size in space.nvec.reshape(-1)]
    return None


def _layer_regions(question: Question) -> Regions:
    assert question.layer is not None
    shape = question.values[question.layer].shape[1:]
    if len(shape) == 3:
        grid = torch.arange(shape[0]).view(-1, 1, 1).expand(shape)
        names, kind = [f"channel {i}" for i in range(shape[0])], "channels"
    else:
        grid = torch.arange(shape.numel()).reshape(shape)
        names, kind = [f"unit {i}" for i in range(shape.numel())], "units"
    return Regions(names=tuple(names), labels={question.layer: grid.unsqueeze(0)}, kind=kind)

"""What a probe reads: a recorded layer, the raw observation, or the same layer of a network with random weights.

Axis legend: T steps, n rows of one block, D numbers a step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.random_weights import random_weights
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.policies.types import Policy
    from workbench.recording import Recording

MOST_NUMBERS = 1_024
"""Of wider layers this many random projections are read instead (Johnson and Lindenstrauss): a linear probe of them is
one of the layer, of a random subspace."""
MOST_KEPT_BYTES = 96 << 20
"""Of a projected layer, what is kept for the next time that it is read."""
BLOCK_BYTES = 32 << 20
BLOCK_STEPS = 4_096


@dataclass(frozen=True, kw_only=True)
class Features:
    """Numbers at every step, read block by block."""

    name: str
    """`layer mlp.0`, `observation`, `layer mlp.0 with random weights`."""
    shape: tuple[int, ...]
    """Of one step, before projection."""
    blocks: Callable[[], Iterator[tuple[slice, Tensor]]]
    """Gives the rows, in order, and their numbers `[n, numbers]`; may be gone through several times."""
    projection: Tensor | None = None
    """`[numbers, D]` where the layer is wider than `MOST_NUMBERS`."""
    _kept: list[tuple[slice, Tensor]] = field(default_factory=list)
    """The projected blocks, while they are few: projecting a wide layer takes longer than all else."""

    @property
    def width(self) -> int:
        """D."""
        return int(np.prod(self.shape)) if self.projection is None else int(self.projection.shape[1])

    def read(self) -> Iterator[tuple[slice, Tensor]]:
        """The blocks as float64 `[n, D]`, projected where they are wide.

        Raises:
            WorkbenchError: A number is not finite.
        """
        if self._kept:
            yield from ((rows, values.double()) for rows, values in self._kept)
            return
        # In single precision, as layers are recorded: of wide ones this product is most of the work.
        projection = None if self.projection is None else self.projection.float()
        kept: list[tuple[slice, Tensor]] = []
        room = MOST_KEPT_BYTES
        for rows, values in self.blocks():
            # A sum is not finite if one of its terms is not, and seldom otherwise.
            if not bool(torch.isfinite(values.sum())) and not bool(torch.isfinite(values).all()):
                first = int(torch.nonzero(~torch.isfinite(values))[0][0]) + rows.start
                raise WorkbenchError(
                    f"The {self.name} holds numbers that are not finite (NaN or infinite), first at row {first:,}; no "
                    f"probe can be made of them."
                )
            if projection is None:
                yield rows, values.double()
                continue
            projected = values.float() @ projection
            room -= projected.nbytes
            if room >= 0:
                kept.append((rows, projected))
            else:
                kept.clear()
            yield rows, projected.double()
        self._kept.extend(kept)


def layer_features(recording: "Recording", layer: str, *, seed: int = 0) -> Features:
    """A recorded layer.

    Raises:
        WorkbenchError: It was not recorded.
    """
    array = recording.activations[layer]
    shape = tuple(array.shape[1:])

    def blocks() -> Iterator[tuple[slice, Tensor]]:
        # Of small layers no more steps at a time: what is made of a block in float64 is several times its size.
        for rows, values in array.blocks(min(BLOCK_BYTES, BLOCK_STEPS * array.nbytes // max(1, len(array)))):
            yield rows, _flat(values)

    return Features(
        name=f"layer {layer}", shape=shape, blocks=blocks, projection=_projection(int(np.prod(shape)), seed)
    )


def observation_features(recording: "Recording", *, seed: int = 0) -> Features:
    """The raw observation, all its parts side by side.

    Raises:
        WorkbenchError: None was recorded.
    """
    names = [name for name in recording.steps if name == "observation" or name.startswith("observation/")]
    if not names:
        raise WorkbenchError(f"{recording.path} holds no observations, which a layer is compared with.")
    width = sum(int(np.prod(recording.steps[name].shape[1:])) for name in names)

    def blocks() -> Iterator[tuple[slice, Tensor]]:
        for rows in _slices(len(recording), width):
            parts = [_flat(recording.steps[name][rows]) for name in names]
            yield rows, parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    return Features(name="observation", shape=(width,), blocks=blocks, projection=_projection(width, seed))


def random_features(recording: "Recording", policy: "Policy", layer: str, *, seed: int = 0) -> Features:
    """The same layer of the same network with random weights, at the recorded observations.

    It is for policies without a memory: what was recorded of a memory was made by the weights that were learned.
    Every weight is drawn anew with its tensor's own mean and standard deviation, so that the layer's scale is kept and
    what was learned is not.
    """
    from workbench.analyses.exclusive import exclusively
    from workbench.analyses.intervention.decisions import layer_values

    if policy.initial_state(1) is not None:
        raise WorkbenchError(
            "A policy with a memory has no baseline with random weights: what it remembered was made by learned ones."
        )

    def blocks() -> Iterator[tuple[slice, Tensor]]:
        for rows in _slices(len(recording), int(np.prod(recording.activations[layer].shape[1:]))):
            with exclusively(policy), random_weights(policy.module, seed):
                values = layer_values(recording, policy, layer, np.arange(rows.start, rows.stop))
            yield rows, values.flatten(1)

    shape = tuple(recording.activations[layer].shape[1:])
    return Features(
        name=f"layer {layer} with random weights",
        shape=shape,
        blocks=blocks,
        projection=_projection(int(np.prod(shape)), seed),
    )


def _slices(length: int, width: int) -> Iterator[slice]:
    """Of so many numbers a step that a block has about `BLOCK_BYTES`."""
    size = int(min(BLOCK_STEPS, max(16, BLOCK_BYTES // (8 * max(1, width)))))
    return (slice(start, min(start + size, length)) for start in range(0, length, size))


def _flat(values: npt.NDArray[Any]) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(values).reshape(len(values), -1))


def _projection(numbers: int, seed: int) -> Tensor | None:
    if numbers <= MOST_NUMBERS:
        return None
    drawn = torch.randn(numbers, MOST_NUMBERS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.div(drawn, numbers**0.5)

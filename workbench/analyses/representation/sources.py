"""What a map is made of: a recorded layer, or a layer of a live policy at recorded observations, read block by block.

Axis legend: T steps, n rows of one block, D numbers a step, E episodes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.policies.types import Policy
    from workbench.recording import Recording

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BLOCK_BYTES = 32 << 20
BLOCK_STEPS = 4_096


@dataclass(frozen=True, kw_only=True)
class Source:
    """Numbers at every step of a recording."""

    name: str
    """As errors call it: `layer mlp.0`."""
    layer: str
    recording: "Recording"
    """Whose steps they are."""
    shape: tuple[int, ...]
    """Of one step."""
    values_at: Callable[[Any], npt.NDArray[Any]]
    """From a slice of rows, or `[n]` row numbers, to what is there, `[n, *shape]`."""

    @property
    def width(self) -> int:
        """D."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def block_rows(self) -> int:
        """How many rows are read at a time."""
        return int(min(BLOCK_STEPS, max(16, BLOCK_BYTES // (8 * max(1, self.width)))))

    def at(self, rows: slice | IntArray) -> FloatArray:
        """What is there at some rows (at most a block of them), `[n, D]`.

        Raises:
            WorkbenchError: A number is not finite.
        """
        found = np.asarray(self.values_at(rows))
        values = found.reshape(len(found), -1).astype(np.float64)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            place = int(np.argmin(finite))
            row = rows.start + place if isinstance(rows, slice) else int(rows[place])
            raise WorkbenchError(
                f"The {self.name} holds numbers that are not finite (NaN or infinite), first at row {row:,}; no map "
                f"can be made of it. Choose another layer, or record again with an agent whose numbers are finite."
            )
        return values

    def blocks(self) -> Iterator[tuple[slice, FloatArray]]:
        """All rows in order, block by block, with their numbers `[n, D]`.

        Raises:
            WorkbenchError: A number is not finite.
        """
        for start in range(0, len(self.recording), self.block_rows):
            rows = slice(start, min(start + self.block_rows, len(self.recording)))
            yield rows, self.at(rows)


def layer_source(recording: "Recording", layer: str) -> Source:
    """A recorded layer.

    Raises:
        WorkbenchError: It was not recorded, or the recording holds no step.
    """
    if not len(recording):
        raise WorkbenchError(f"{recording.path} holds no step, so that there is nothing to map.")
    if layer not in recording.activations:
        there = ", ".join(recording.activations) or "none"
        raise WorkbenchError(f"The layer {layer!r} was not recorded in {recording.path}; its layers are: {there}.")
    array = recording.activations[layer]
    return Source(
        name=f"layer {layer}",
        layer=layer,
        recording=recording,
        shape=tuple(array.shape[1:]),
        values_at=lambda rows: array[rows],
    )


def policy_source(recording: "Recording", policy: "Policy", layer: str, *, random_seed: int | None = None) -> Source:
    """What a layer of a live policy gives at the recorded observations.

    Args:
        recording: Holds the observations.
        policy: The one that acted, or another one with the same observations; without a memory, since what was
            remembered was made by the one that acted.
        layer: Of this policy.
        random_seed: Draw every weight anew with its tensor's own mean and standard deviation; None keeps them.

    Raises:
        WorkbenchError: The policy has a memory, or no such layer.
    """
    from workbench.analyses.exclusive import exclusively
    from workbench.analyses.intervention.decisions import layer_values
    from workbench.analyses.random_weights import random_weights

    if policy.initial_state(1) is not None:
        raise WorkbenchError(
            "A policy with a memory cannot be put to recorded observations by themselves: what it remembered was made "
            "by the weights that acted. Compare recorded layers instead."
        )

    def values_at(rows: Any) -> npt.NDArray[Any]:
        numbers = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else np.asarray(rows)
        if random_seed is None:
            return layer_values(recording, policy, layer, numbers).cpu().numpy()
        with exclusively(policy), random_weights(policy.module, random_seed):
            return layer_values(recording, policy, layer, numbers).cpu().numpy()

    shape = values_at(slice(0, 1)).shape[1:]
    words = f"layer {layer}" + (" with random weights" if random_seed is not None else " of the other agent")
    return Source(name=words, layer=layer, recording=recording, shape=tuple(shape), values_at=values_at)


def episode_numbers(recording: "Recording", rows: slice | IntArray) -> IntArray:
    """Which episode some rows are of, `[n]`: its place among the recording's episodes."""
    ids = np.asarray(recording.episodes["id"])
    order = np.argsort(ids, kind="stable")
    return np.asarray(order[np.searchsorted(ids[order], recording.steps["episode"][rows])], np.int64)

"""The mean of a whole recording, where observations enter the network or at one of its layers.

It is a property of the recording and of the agent alone: whoever explains whatever, by whichever front end, has the
same one.

Axis legend: T steps of the recording, n of one block.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.decisions import as_values, channels_first
from workbench.analyses.reading_decisions import read_decisions, read_observations
from workbench.analyses.saliency.question import Question

if TYPE_CHECKING:
    from workbench.policies.types import Policy
    from workbench.recording import Recording

MOST_STEPS = 20_000
"""Of a longer recording so many steps are taken: one from each of so many equal stretches of it."""
MOST_LAYER_STEPS = 2_048
"""The same for a layer, which the network has to be run for."""
BLOCK_BYTES = 32 << 20
"""Of observations as they enter the network, at a time."""
MOST_ROWS = 2_048


class RecordedMean:
    """The mean over a recording's steps; taken where it is asked for, and kept."""

    def __init__(self, recording: "Recording", policy: "Policy") -> None:
        """Say of what.

        Args:
            recording: Whose steps.
            policy: Says what enters its network, or what its layers make of it.
        """
        self._recording, self._policy = recording, policy
        self._inputs: dict[str, Tensor] | None = None
        self._layers: dict[str, Tensor] = {}

    def read_again(self) -> "RecordedMean":
        """The same, with nothing kept of what a network made of the observations: its weights are others now."""
        fresh = RecordedMean(self._recording, self._policy)
        fresh._inputs = self._inputs
        return fresh

    def at(self, question: Question) -> dict[str, Tensor]:
        """The mean of what stands at a question's site, `[...]` by key (a window's keys without their lag)."""
        if question.layer is None:
            if self._inputs is None:
                self._inputs = self._mean_input(question)
            return self._inputs
        if question.layer not in self._layers:
            self._layers[question.layer] = self._mean_layer(question, question.layer)
        return {question.layer: self._layers[question.layer]}

    def _mean_input(self, question: Question) -> dict[str, Tensor]:
        inputs, layouts = question.decisions.inputs, question.decisions.layouts
        totals = {name: torch.zeros(tensor.shape[1:], dtype=torch.float64) for name, tensor in inputs.items()}
        rows = even_rows(len(self._recording), MOST_STEPS)
        size = sum(tensor[0].numel() * 4 for tensor in inputs.values())
        for block in _blocks(rows, size):
            entering = as_values(self._policy.preprocess(read_observations(self._recording, block)))
            for name, tensor in entering.items():
                first = channels_first(tensor.float(), layouts[name])
                totals[name] += first.sum(dim=0, dtype=torch.float64).cpu()
        return {name: (total / len(rows)).to(inputs[name]) for name, total in totals.items()}

    @torch.no_grad()
    def _mean_layer(self, question: Question, layer: str) -> Tensor:
        rows = even_rows(len(self._recording), MOST_LAYER_STEPS)
        here = question.values[layer]
        total = torch.zeros(here.shape[1:], dtype=torch.float64)
        inputs = question.decisions.inputs.values()
        for block in _blocks(rows, here[0].numel() * 4 + sum(tensor[0].numel() * 4 for tensor in inputs)):
            there = question.of(read_decisions(self._recording, question.decisions.policy, block)).values[layer]
            total += there.sum(dim=0, dtype=torch.float64).cpu()
        return (total / len(rows)).to(here)


def even_rows(count: int, most: int) -> npt.NDArray[np.int64]:
    """All of so many rows, or one from each of `most` equal stretches, always the same ones."""
    if count <= most:
        return np.arange(count, dtype=np.int64)
    # At equal distances they might all be of one of the environments that were stepped side by side.
    places = np.arange(most) + np.random.default_rng(0).random(most)
    return np.minimum((places * (count / most)).astype(np.int64), count - 1)


def _blocks(rows: npt.NDArray[np.int64], row_bytes: int) -> Iterator[npt.NDArray[np.int64]]:
    height = int(np.clip(BLOCK_BYTES // max(1, row_bytes), 1, MOST_ROWS))
    return (rows[start : start + height] for start in range(0, len(rows), height))

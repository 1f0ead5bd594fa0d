"""A policy's network as the evaluator of a search: asked as it is, or on ONNX Runtime.

Axis legend: that of `workbench.search.evaluators`.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workbench.errors import WorkbenchError
from workbench.policies.fingerprints import fingerprint_module
from workbench.policies.types import Inputs, Policy
from workbench.search.evaluators import Evaluation
from workbench.search.games import Game
from workbench.search.onnx_evaluator import OnnxEvaluator


class PolicyEvaluator:
    """A policy's logits and value, as a search asks for them.

    Args:
        policy: Without memory; its observations are those of the game.
    """

    def __init__(self, policy: Policy) -> None:
        if policy.initial_state(1) is not None:
            raise WorkbenchError(f"{policy.name} has a memory, which a search of positions cannot set; search without.")
        self.name = policy.name
        self.fingerprint = fingerprint_module(policy.module)
        self._policy = policy

    def __call__(self, observations: npt.NDArray[np.float32]) -> Evaluation:
        """One pass without gradients.

        Raises:
            WorkbenchError: The policy has no logits or Q-values, or no value.
        """
        with torch.inference_mode():
            logits, value = _guidance(self._policy, self._policy.preprocess(observations))
            return logits.float().numpy(), value.float().numpy()


def _guidance(policy: Policy, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Logits `[B, A]` and values `[B]`."""
    output = policy.forward(inputs)
    logits = output.logits if output.logits is not None else output.q_values
    value = output.value
    if logits is None or (value is None and output.q_values is None):
        raise WorkbenchError(
            f"{policy.name} cannot guide a search: it needs logits and a value, or Q-values; it gives "
            f"{', '.join(output.distribution) or 'neither'}{'' if value is not None else ' and no value'}."
        )
    return logits, value if value is not None else logits.max(1).values


class _Guiding(nn.Module):
    """A policy as a module that can be exported."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.network, self._policy = policy.module, policy

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return _guidance(self._policy, inputs)


def onnx_evaluator(policy: Policy, game: Game) -> OnnxEvaluator:
    """A policy's logits and value from ONNX Runtime, in a fraction of torch's time where batches are small.

    Args:
        policy: Without memory, on the processor; what it does to observations first is not part of the graph.
        game: Whose observations the policy sees; the answers are compared in some positions of it.

    Raises:
        WorkbenchError: The policy has a memory, no logits and value, or several inputs; it cannot be exported, or the
            answers differ.
        MissingExtraError: ONNX Runtime, or what torch exports with, is not installed.
    """
    fingerprint = PolicyEvaluator(policy).fingerprint

    def preprocess(observations: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        inputs = policy.preprocess(observations)
        if not isinstance(inputs, Tensor):
            raise WorkbenchError(f"{policy.name} has several inputs, which a search on ONNX Runtime cannot fill.")
        return inputs.numpy()

    return OnnxEvaluator.from_module(
        _Guiding(policy), game, fingerprint=fingerprint, preprocess=preprocess, name=policy.name
    )

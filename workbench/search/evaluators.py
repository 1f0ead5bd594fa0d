"""What tells the search about a position: priors over actions, and a value.

An evaluator is any callable from observations `[B, *observation_shape]` float32 to `(logits [B, A] float32,
values [B] float32)`, numpy arrays in row-major order; values are for the player to move, −1 to 1 in games. It may have
a `fingerprint`, a text that says which weights answered, and a `name` for people. One with `takes_positions = True` is
asked about the packed positions `[B, W]` uint64 of a game in place of what is seen of them; it leaves them as they are.

Axis legend:
    B  batch of positions, W  words of a packed position, A  actions
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.games import Game, observe
from workbench.search.tracing import frozen_trace, versions, watched_weights

Evaluation: TypeAlias = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
Evaluator: TypeAlias = Callable[[npt.NDArray[Any]], Evaluation]


@dataclass(frozen=True)
class UniformEvaluator:
    """Every action as good as the other, and nothing known of the value: what is left is the search alone."""

    actions: int
    name: str = "uniform"
    fingerprint: str = "uniform"

    def __call__(self, observations: npt.NDArray[np.float32]) -> Evaluation:
        """Zeros."""
        B = len(observations)
        return np.zeros((B, self.actions), np.float32), np.zeros(B, np.float32)


@dataclass(frozen=True)
class TableEvaluator:
    """Fixed pseudo-random priors and values, a function of the observation: to compare searches on.

    The same observation has the same answer in every batch, process and machine.
    """

    actions: int
    seed: int = 0
    spread: float = 1.0
    """Standard deviation of the logits."""
    name: str = "table"

    @property
    def fingerprint(self) -> str:
        """Says which table."""
        return f"table:{self.actions}:{self.seed}:{self.spread}"

    def __call__(self, observations: npt.NDArray[np.float32]) -> Evaluation:
        """Normal logits, and values evenly from −1 to 1."""
        import hashlib

        logits = np.empty((len(observations), self.actions), np.float32)
        values = np.empty(len(observations), np.float32)
        for row, observation in enumerate(observations):
            digest = hashlib.blake2b(np.ascontiguousarray(observation).tobytes(), digest_size=8).digest()
            random = np.random.default_rng([self.seed, int.from_bytes(digest, "little")])
            logits[row] = self.spread * random.standard_normal(self.actions)
            values[row] = random.uniform(-1, 1)
        return logits, values


class TorchEvaluator:
    """A torch module that maps observations `[B, ...]` to `(logits [B, A], value [B] or [B, 1])`.

    On the processor it is asked as a frozen trace, whose answers are compared with its own, within 1e-5, when it is
    made; where they differ, or it cannot be traced, it is asked as it is.

    Args:
        module: The network; it is put into evaluation mode, and its weights must not change while it is used. Weights
            that an optimizer changed between searches are noticed.
        device: Where it runs.
        traced: False: ask the module as it is in any case.
    """

    name = "torch"

    def __init__(self, module: Any, *, device: str = "cpu", traced: bool = True) -> None:
        import torch

        self.module = module.eval().to(device)
        self._torch, self._device, self._traced = torch, device, traced and device == "cpu"
        self._asked: Callable[[Any], Any] = self.module
        self._weights = watched_weights(self.module)
        self._versions: list[int] | None = None
        self._tracing = Lock()

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the weights, as recordings have it."""
        from workbench.policies.fingerprints import fingerprint_module

        return fingerprint_module(self.module)

    def __call__(self, observations: npt.NDArray[np.float32]) -> Evaluation:
        """One forward pass without gradients."""
        torch = self._torch
        with torch.inference_mode():
            inputs = torch.from_numpy(observations)
            if self._device != "cpu":
                inputs = inputs.to(self._device)
            if self._traced:
                self._keep_traced(inputs)
            logits, values = self._asked(inputs)
            if self._device != "cpu":
                logits, values = logits.cpu(), values.cpu()
            return logits.numpy(), values.numpy().reshape(-1)

    def _keep_traced(self, inputs: Any) -> None:
        now = versions(self._weights)
        if now == self._versions:
            return
        with self._tracing:
            if now != self._versions:
                self._asked = frozen_trace(self.module, inputs) or self.module
                self._versions = now


def fingerprint_of(evaluate: Evaluator) -> str:
    """Which weights answer, or an empty text where the evaluator does not say."""
    return str(getattr(evaluate, "fingerprint", ""))


def takes_positions(evaluate: Evaluator) -> bool:
    """Whether an evaluator is asked about packed positions in place of what is seen of them."""
    return bool(getattr(evaluate, "takes_positions", False))


def ask(evaluate: Evaluator, game: Game, positions: npt.NDArray[np.uint64]) -> Evaluation:
    """What an evaluator says of positions of a game, checked: logits `[B, A]` and values `[B]`.

    Args:
        evaluate: Is asked.
        game: Whose positions.
        positions: `[B, W]`.

    Raises:
        WorkbenchError: It gives no pair of arrays of these shapes.
    """
    given = evaluate(positions if takes_positions(evaluate) else observe(game, positions))
    return check_evaluation(given, len(positions), game.actions, evaluate)


def check_evaluation(evaluation: Any, rows: int, actions: int, evaluator: Any) -> Evaluation:
    """Check the first answer of an evaluator, whoever wrote it.

    Raises:
        WorkbenchError: It is no pair of arrays of these shapes.
    """
    name = getattr(evaluator, "name", type(evaluator).__name__)
    try:
        logits, values = evaluation
        shapes = f"{np.shape(logits)} and {np.shape(values)}"
    except (TypeError, ValueError):
        raise WorkbenchError(
            f"The evaluator {name} must give (logits, values); got {type(evaluation).__name__}."
        ) from None
    if np.shape(logits) != (rows, actions) or np.shape(values) != (rows,):
        raise WorkbenchError(
            f"The evaluator {name} must give logits [{rows}, {actions}] and values [{rows}] for {rows} positions; "
            f"got {shapes}."
        )
    return np.ascontiguousarray(logits, np.float32), np.ascontiguousarray(values, np.float32)

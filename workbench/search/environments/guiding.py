"""What tells a search about a state of an environment: a policy, any evaluator, or random rollouts.

Axis legend:
    B  batch of states, A  actions
"""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.evaluators import Evaluator, check_evaluation, fingerprint_of


class Judgement(NamedTuple):
    """What is said of some states."""

    logits: npt.NDArray[np.float32]
    """`[B, A]`"""
    values: npt.NDArray[np.float64] | None
    """`[B]`, the return that is expected from here on; None: nothing is known of it."""
    memories: Sequence[Any]
    """`[B]`, the recurrent state after each observation; None for a policy without memory."""


class Guide(Protocol):
    """What a search asks."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def words(self) -> str:
        """What priors and values are, for people."""

    @property
    def fingerprint(self) -> str:
        """Which weights answer; empty where there are none."""

    @property
    def takes_action_masks(self) -> bool:
        """Whether it wants to be told what is legal."""

    def judge(
        self,
        observations: Sequence[Any],
        memories: Sequence[Any],
        masks: Sequence[npt.NDArray[np.bool_]],
    ) -> Judgement:
        """Say what is known of states.

        Args:
            observations: `[B]`, as the environment gave them.
            memories: `[B]`, the recurrent state before each.
            masks: `[B]` of `[A]`, the legal actions.
        """

    def attentive(self) -> contextlib.AbstractContextManager[None]:
        """Held while a search lasts."""


@dataclass(frozen=True)
class Unguided:
    """Every action as good as the other, and nothing known of the value."""

    actions: int
    name: str = "none"
    words: str = "uniform priors"
    fingerprint: str = ""
    takes_action_masks: bool = False

    def judge(
        self, observations: Sequence[Any], memories: Sequence[Any], masks: Sequence[npt.NDArray[np.bool_]]
    ) -> Judgement:
        """Zeros."""
        B = len(observations)
        return Judgement(np.zeros((B, self.actions), np.float32), None, [None] * B)

    def attentive(self) -> contextlib.AbstractContextManager[None]:
        """Nothing."""
        return contextlib.nullcontext()


class EvaluatorGuide:
    """An evaluator as games have it, of observations that are arrays: `[B, ...]` → logits `[B, A]`, values `[B]`."""

    takes_action_masks = False
    words = "logits and values of an evaluator"

    def __init__(self, evaluate: Evaluator, actions: int) -> None:
        self.name = str(getattr(evaluate, "name", type(evaluate).__name__))
        self.fingerprint = fingerprint_of(evaluate)
        self._evaluate, self._actions = evaluate, actions

    def judge(
        self, observations: Sequence[Any], memories: Sequence[Any], masks: Sequence[npt.NDArray[np.bool_]]
    ) -> Judgement:
        """Ask the evaluator."""
        batch = np.stack([np.asarray(observation, np.float32) for observation in observations])
        logits, values = check_evaluation(self._evaluate(batch), len(batch), self._actions, self._evaluate)
        return Judgement(logits, values.astype(np.float64), memories)

    def attentive(self) -> contextlib.AbstractContextManager[None]:
        """Nothing."""
        return contextlib.nullcontext()


class GuidingPolicy:
    """A policy of the workbench as prior and value; make it once for many searches: it takes a fingerprint.

    Priors are the softmax of its logits, or of its Q-values divided by a temperature. The value is its critic's, or the
    largest Q-value. What watches the network (hooks) does not see the search's passes.

    Args:
        policy: Over discrete actions; one with a memory carries it along each branch of the tree.
        temperature: Of the softmax over Q-values, in units of return.

    Raises:
        WorkbenchError: The temperature is not above 0.
    """

    def __init__(self, policy: Any, *, temperature: float = 1.0) -> None:
        from workbench.policies.fingerprints import fingerprint

        if not 0 < temperature < math.inf:
            raise WorkbenchError(f"The temperature of priors from Q-values must be above 0; got {temperature}.")
        self.policy, self.temperature = policy, float(temperature)
        self.name = str(policy.name)
        self.fingerprint = fingerprint(policy)
        self.takes_action_masks = bool(getattr(policy, "takes_action_masks", False))
        self.words = f"logits and value of {self.name}"

    def judge(
        self, observations: Sequence[Any], memories: Sequence[Any], masks: Sequence[npt.NDArray[np.bool_]]
    ) -> Judgement:
        """One forward pass without gradients.

        Raises:
            WorkbenchError: The policy has neither logits nor Q-values.
        """
        import torch

        B = len(observations)
        with torch.inference_mode():
            inputs = self.policy.preprocess(batch_of(observations))
            starts = torch.as_tensor([memory is None for memory in memories])
            output = self.policy.forward(
                inputs,
                self._joined(memories),
                starts,
                torch.as_tensor(np.stack(masks)) if self.takes_action_masks else None,
            )
            value = output.value
            if output.logits is not None:
                logits = output.logits
            elif output.q_values is not None:
                logits = output.q_values / self.temperature
                value = output.q_values.max(1).values if value is None else value
                self.words = f"softmax of the Q-values of {self.name} ÷ {self.temperature:g}, and the largest of them"
            else:
                raise WorkbenchError(
                    f"{self.name} cannot guide a search: it needs logits or Q-values of discrete actions; it gives "
                    f"{', '.join(output.distribution) or 'neither'}."
                )
            after: list[Any] = [None] * B
            if output.state is not None:
                after = [{name: tensor[b : b + 1] for name, tensor in output.state.items()} for b in range(B)]
            return Judgement(
                logits.float().cpu().numpy(),
                None if value is None else value.reshape(B).double().cpu().numpy(),
                after,
            )

    def _joined(self, memories: Sequence[Any]) -> Mapping[str, Any] | None:
        import torch

        initial = self.policy.initial_state(1)
        if initial is None:
            return None
        each = [initial if memory is None else memory for memory in memories]
        return {name: torch.cat([memory[name] for memory in each]) for name in initial}

    @contextlib.contextmanager
    def attentive(self) -> Iterator[None]:
        """Nobody watches the network, and it is in evaluation mode."""
        hooks: list[tuple[Any, Any, Any]] = []
        for module in self.policy.module.modules():
            hooks.append((module, module._forward_hooks, module._forward_pre_hooks))
            module._forward_hooks, module._forward_pre_hooks = type(hooks[-1][1])(), type(hooks[-1][2])()
        try:
            yield
        finally:
            for module, after, before in hooks:
                module._forward_hooks, module._forward_pre_hooks = after, before


def guide_of(given: Any, actions: int) -> Guide:
    """What guides a search: as it is, or made of a policy, an evaluator, or nothing.

    Raises:
        WorkbenchError: It is none of these.
    """
    if given is None:
        return Unguided(actions)
    if hasattr(given, "judge"):
        guide: Guide = given
        return guide
    if hasattr(given, "preprocess") and hasattr(given, "forward"):
        return GuidingPolicy(given)
    if callable(given):
        return EvaluatorGuide(given, actions)
    raise WorkbenchError(
        f"A search is guided by a policy, or by a function from observations to (logits, values); got "
        f"{type(given).__name__}."
    )


def batch_of(observations: Sequence[Any]) -> Any:
    """Observations `[B]`, arrays or dicts of them, as one `[B, ...]` of each."""
    if isinstance(observations[0], Mapping):
        return {key: batch_of([one[key] for one in observations]) for key in observations[0]}
    return np.stack([np.asarray(observation) for observation in observations])

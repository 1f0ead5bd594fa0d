"""What every policy, of whatever library, looks like to the workbench.

Axis legend, used in all shape comments:
    B  batch (one row an environment slot, or one row a recorded step)
    A  discrete actions; for a MultiDiscrete space the sum over its components, in their order
    D  components of a continuous action
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias, runtime_checkable

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Observations: TypeAlias = npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]
"""A batch of raw observations as the environment gave them: `[B, *observation]`, or a dict of such by key."""

Inputs: TypeAlias = Tensor | Mapping[str, Tensor]
"""What enters the network: float tensors `[B, ...]`, or a dict of such; gradients can be taken to them."""

State: TypeAlias = Mapping[str, Tensor]
"""Recurrent state by name, every tensor `[B, ...]` (the batch is always the first axis)."""


@dataclass(frozen=True, kw_only=True)
class PolicyOutput:
    """What a policy says about a batch of observations, with gradients attached.

    Exactly one of `logits`, `mean` and `q_values` is the policy's account of its actions; the others are None. An
    actor-critic over discrete actions has `logits`, one over continuous actions `mean` (and `log_std` where it is
    stochastic), a value-based agent `q_values`.
    """

    logits: Tensor | None = None
    """`[B, A]` unnormalised log-probabilities (after masking of illegal actions, where there is a mask)."""
    mean: Tensor | None = None
    """`[B, D]` mean of the action before squashing to the bounds, or the action itself for a deterministic actor."""
    log_std: Tensor | None = None
    """`[B, D]` log standard deviation of the same; None for a deterministic actor."""
    q_values: Tensor | None = None
    """`[B, A]` expected return of each action."""
    value: Tensor | None = None
    """`[B]` the critic's estimate of the return (each adapter says which critic); None where there is none."""
    state: State | None = None
    """Recurrent state after this step; None for a policy without memory."""
    readings: Mapping[str, Tensor] = field(default_factory=dict)
    """`[B]` each, by name: numbers from inside the network that somebody asked for; policies leave it empty."""

    @property
    def distribution(self) -> Mapping[str, Tensor]:
        """The fields that describe the choice of action, by name: any of `logits`, `mean`, `log_std`, `q_values`."""
        fields = {"logits": self.logits, "mean": self.mean, "log_std": self.log_std, "q_values": self.q_values}
        return {name: tensor for name, tensor in fields.items() if tensor is not None}


Target: TypeAlias = Callable[[PolicyOutput], Tensor]
"""The number being explained: a function of a `PolicyOutput` that gives a differentiable tensor `[B]`."""


class EpisodeRandom:
    """The random stream of one episode: all that is random in acting in it, and nothing else, draws from it.

    It holds one generator of each kind that the libraries use for their own sampling, each seeded with `seed`, so
    that an episode acted in a batch draws what the same episode would draw alone from freshly seeded global generators.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._space: gymnasium.Space[Any] | None = None

    @cached_property
    def torch(self) -> torch.Generator:
        """What `torch.manual_seed(seed)` makes of the global generator."""
        return torch.Generator().manual_seed(self.seed)

    @cached_property
    def numpy(self) -> np.random.RandomState:
        """What `np.random.seed(seed)` makes of the global generator."""
        return np.random.RandomState(self.seed % 2**32)

    def sample(self, space: gymnasium.Space[Any]) -> Any:
        """Draw from `space` as a space seeded with this episode's seed would."""
        if self._space is None:
            self._space = copy.deepcopy(space)
            self._space.seed(self.seed)
        return self._space.sample()


@dataclass(frozen=True, kw_only=True)
class ActionChoice:
    """What a policy did with a batch of observations: the actions, and the output of the very pass that chose them."""

    actions: npt.NDArray[Any]
    """`[B, *action]` as the environment's `step` takes them, in the action space's dtype."""
    output: PolicyOutput
    search: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    """`[B, ...]` each: the searches that the actions were chosen by, packed; empty where nothing was searched."""


@runtime_checkable
class Policy(Protocol):
    """A trained agent as the workbench sees it. Adapters for what people have live beside this module."""

    @property
    def name(self) -> str:
        """The algorithm's usual name, for people: `PPO`, `SAC`, `RecurrentPPO`."""

    @property
    def observation_space(self) -> gymnasium.Space[Any]:
        """The space of the *raw* observations that `preprocess` takes."""

    @property
    def action_space(self) -> gymnasium.Space[Any]:
        """The space of the actions that `act` gives."""

    @property
    def module(self) -> nn.Module:
        """The network (policy and critic together) whose submodules hooks attach to; in evaluation mode."""

    def initial_state(self, batch_size: int) -> State | None:
        """Recurrent state at an episode's start, every tensor `[batch_size, ...]`; None for a policy without memory."""

    def preprocess(self, observations: Observations) -> Inputs:
        """Turn raw observations into what enters the network, after all that training put in front of it.

        Applies normalisation with stored statistics, image transposition and scaling, one-hot encoding. The result is
        detached floating-point; a caller who wants gradients calls `requires_grad_()` on it and passes it to `forward`.
        """

    def forward(
        self,
        inputs: Inputs,
        state: State | None = None,
        episode_starts: Tensor | None = None,
        action_masks: Tensor | None = None,
    ) -> PolicyOutput:
        """Run the network, differentiably.

        Args:
            inputs: What `preprocess` gives, `[B, ...]`.
            state: Recurrent state before this step; None means the initial state.
            episode_starts: `[B]` bool, True where the row is the first step of its episode: the state is reset there.
            action_masks: `[B, A]` bool, True for legal actions; None where all are legal or the policy takes no masks.
        """

    def act(
        self,
        observations: Observations,
        state: State | None = None,
        episode_starts: npt.NDArray[np.bool_] | None = None,
        *,
        deterministic: bool,
        random: Sequence[EpisodeRandom] | None = None,
        action_masks: npt.NDArray[np.bool_] | None = None,
    ) -> ActionChoice:
        """Choose actions from one forward pass, without gradients.

        Args:
            observations: Raw observations, `[B, *observation]`.
            state: Recurrent state before this step; None means the initial state.
            episode_starts: `[B]`, True where the row is the first step of its episode.
            deterministic: Take the mode (True) or sample (False) as the library's own `predict` does.
            random: One stream a row; needed when `deterministic` is False.
            action_masks: `[B, A]`, True for legal actions; None where all are legal or the policy takes no masks.
        """

"""What every kind of network is to the adapter, and the forward passes of the actor-critics.

Each forward pass calls the library's own submodules directly, actor and critic together, each as few times as possible,
so that hooks see one call a module; target networks are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from workbench.policies.shared_layers import SharedExtractor
from workbench.policies.types import Inputs, PolicyOutput, State


class Pass(NamedTuple):
    """One forward pass: what it says, and what its action rule needs besides."""

    output: PolicyOutput
    latent: Tensor
    """`[B, F]` features that enter the policy's last layer (for a deterministic actor: its output)."""


class Network(Protocol):
    """Runs the parts of a policy that act and judge."""

    @property
    def module(self) -> nn.Module:
        """The modules that `run` calls, under one roof."""

    @property
    def watched(self) -> nn.Module:
        """A part of the live policy whose `training` flag tells that somebody put it into training mode."""

    def initial_state(self, batch_size: int) -> State | None:
        """Recurrent state at an episode's start."""

    def run(self, inputs: Inputs, state: State | None, episode_starts: Tensor | None, masks: Tensor | None) -> Pass:
        """Run actor and critic once, differentiably."""


def _masked(logits: Tensor, sizes: tuple[int, ...], masks: Tensor | None) -> Tensor:
    """Normalise the logits of each component, and put -1e8 where an action is illegal, as sb3-contrib does."""
    masks = None if masks is None else masks.reshape(logits.shape).bool()
    columns = []
    start = 0
    for size in sizes:
        part = logits[:, start : start + size]
        part = part - part.logsumexp(dim=-1, keepdim=True)
        if masks is not None:
            part = torch.where(
                masks[:, start : start + size], part, torch.tensor(-1e8, dtype=part.dtype, device=part.device)
            )
        columns.append(part)
        start += size
    return columns[0] if len(columns) == 1 else torch.cat(columns, dim=1)


@dataclass(frozen=True)
class ActorCriticHead:
    """The end of an actor-critic: features of policy and critic to what the policy says.

    `continuous`: the output is a mean; `gsde`: with state-dependent exploration; `mask_sizes`: sizes of the components
    of a policy that takes action masks, else empty.
    """

    policy: Any
    continuous: bool
    gsde: bool
    mask_sizes: tuple[int, ...]

    def run(self, actor_latent: Tensor, critic_latent: Tensor, masks: Tensor | None, state: State | None) -> Pass:
        """Apply both heads to `[B, F]` each."""
        policy = self.policy
        if actor_latent is critic_latent and isinstance(policy.mlp_extractor, SharedExtractor):
            latent, judged = policy.mlp_extractor(actor_latent)
        else:
            latent = policy.mlp_extractor.forward_actor(actor_latent)
            judged = policy.mlp_extractor.forward_critic(critic_latent)
        value = policy.value_net(judged).flatten()
        raw = policy.action_net(latent)
        if not self.continuous:
            logits = _masked(raw, self.mask_sizes, masks) if self.mask_sizes else raw
            return Pass(PolicyOutput(logits=logits, value=value, state=state), latent)
        log_std = gsde_log_std(policy, latent) if self.gsde else policy.log_std.expand_as(raw)
        return Pass(PolicyOutput(mean=raw, log_std=log_std, value=value, state=state), latent)


def gsde_log_std(policy: Any, latent: Tensor) -> Tensor:
    """Log standard deviation `[B, D]` of an action under gSDE, over draws of the exploration matrix."""
    deviation = policy.action_dist.get_std(policy.log_std)
    variance = torch.mm(latent**2, deviation**2)
    return 0.5 * torch.log(variance + policy.action_dist.epsilon)


def _features(policy: Any, inputs: Inputs) -> tuple[Tensor, Tensor]:
    if policy.share_features_extractor:
        features = policy.features_extractor(inputs)
        return features, features
    return policy.pi_features_extractor(inputs), policy.vf_features_extractor(inputs)


@dataclass(frozen=True)
class ActorCriticNetwork:
    """PPO, A2C, TRPO and MaskablePPO. Its value is the value network's."""

    policy: Any
    head: ActorCriticHead

    @property
    def module(self) -> nn.Module:
        """The library's policy."""
        module: nn.Module = self.policy
        return module

    @property
    def watched(self) -> nn.Module:
        """The library's policy."""
        return self.module

    def initial_state(self, batch_size: int) -> State | None:
        """None: no memory."""
        return None

    def run(self, inputs: Inputs, state: State | None, episode_starts: Tensor | None, masks: Tensor | None) -> Pass:
        """Run features, actor and critic."""
        actor_features, critic_features = _features(self.policy, inputs)
        return self.head.run(actor_features, critic_features, masks, None)


@dataclass(frozen=True)
class RecurrentNetwork:
    """RecurrentPPO. Its value is the value network's; gradients of the value also flow through a shared LSTM.

    State: `actor_hidden`, `actor_cell` and, where the critic has an LSTM of its own, `critic_hidden`, `critic_cell`,
    each `[B, layers, units]`.
    """

    policy: Any
    head: ActorCriticHead

    @property
    def module(self) -> nn.Module:
        """The library's policy."""
        module: nn.Module = self.policy
        return module

    @property
    def watched(self) -> nn.Module:
        """The library's policy."""
        return self.module

    def initial_state(self, batch_size: int) -> State:
        """Zeros."""
        layers, _, units = self.policy.lstm_hidden_state_shape
        names = ["actor_hidden", "actor_cell"]
        if self.policy.lstm_critic is not None:
            names += ["critic_hidden", "critic_cell"]
        return {name: torch.zeros(batch_size, layers, units, device=self.policy.device) for name in names}

    def run(self, inputs: Inputs, state: State | None, episode_starts: Tensor | None, masks: Tensor | None) -> Pass:
        """Run features, LSTMs, actor and critic for one step."""
        policy = self.policy
        actor_features, critic_features = _features(policy, inputs)
        if state is None:
            state = self.initial_state(len(actor_features))
        elif episode_starts is not None:
            keep = (1.0 - episode_starts.float()).view(-1, 1, 1)
            state = {name: keep * part for name, part in state.items()}
        actor, hidden, cell = _step(policy.lstm_actor, actor_features, state["actor_hidden"], state["actor_cell"])
        after = {"actor_hidden": hidden, "actor_cell": cell}
        if policy.lstm_critic is not None:
            critic, hidden, cell = _step(
                policy.lstm_critic, critic_features, state["critic_hidden"], state["critic_cell"]
            )
            after |= {"critic_hidden": hidden, "critic_cell": cell}
        else:
            critic = actor if policy.shared_lstm else policy.critic(critic_features)
        return self.head.run(actor, critic, masks, after)


def _step(lstm: nn.Module, features: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Advance an LSTM by one step; torch wants the layers first, the workbench the batch."""
    state = (hidden.transpose(0, 1).contiguous(), cell.transpose(0, 1).contiguous())
    output, (hidden, cell) = lstm(features.unsqueeze(0), state)
    return output.squeeze(0), hidden.transpose(0, 1), cell.transpose(0, 1)


def gather(parts: Mapping[str, nn.Module]) -> nn.Module:
    """Put modules under one roof, so that a hook on any of them has the name that the library gives it."""
    return nn.ModuleDict(dict(parts)).eval()

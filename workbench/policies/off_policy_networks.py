"""Forward passes of the algorithms that learn from a replay buffer (DQN, QRDQN, SAC, TQC, TD3, DDPG), and of ARS."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workbench.policies.networks import Pass, gsde_log_std
from workbench.policies.types import Inputs, PolicyOutput, State

LOG_STD_BOUNDS = (-20.0, 2.0)
"""Where SAC and TQC cap the log standard deviation."""


@dataclass(frozen=True)
class ValueNetwork:
    """DQN. Its value is the greatest action value."""

    module: nn.Module
    watched: Any
    """The library's Q network."""

    def initial_state(self, batch_size: int) -> State | None:
        """None: no memory."""
        return None

    def run(self, inputs: Inputs, state: State | None, episode_starts: Tensor | None, masks: Tensor | None) -> Pass:
        """Run features and Q network."""
        features = self.watched.features_extractor(inputs)
        q_values = self.watched.q_net(features)
        return Pass(PolicyOutput(q_values=q_values, value=q_values.amax(dim=1)), features)


@dataclass(frozen=True)
class QuantileNetwork:
    """QRDQN. Action values are means over quantiles; the value is the greatest of them."""

    module: nn.Module
    watched: Any
    """The library's quantile network."""

    def initial_state(self, batch_size: int) -> State | None:
        """None: no memory."""
        return None

    def run(self, inputs: Inputs, state: State | None, episode_starts: Tensor | None, masks: Tensor | None) -> Pass:
        """Run features and quantile network."""
        network = self.watched
        features = network.features_extractor(inputs)
        quantiles = network.quantile_net(features).view(-1, network.n_quantiles, int(network.action_space.n))
        q_values = quantiles.mean(dim=1)
        return Pass(PolicyOutput(q_values=q_values, value=q_values.amax(dim=1)), features)


@dataclass(frozen=True)
class ContinuousNetwork:
    """SAC, TQC, TD3 and DDPG: an actor, and critics that judge the actor's own mode.

    The value is Q(s, mode action): the least over critics (TQC: the mean over all its quantiles). It has gradients also
    where actor and critic share their features, which the library cuts for training.
    """

    module: nn.Module
    watched: Any
    """The library's actor."""
    critic: Any
    stochastic: bool
    """SAC and TQC: a squashed Gaussian. Else the actor's output is the action."""
    quantiles: bool
    """TQC: each critic gives quantiles."""
    low: Tensor
    """`[D]` the action's lower bounds."""
    high: Tensor
    """`[D]` the action's upper bounds."""

    def initial_state(self, batch_size: int) -> State | None:
        """None: no memory."""
        return None

    def run(self, inputs: Inputs, state: State | None, episode_starts: Tensor | None, masks: Tensor | None) -> Pass:
        """Run the actor, then all critics on its mode."""
        actor = self.watched
        features = actor.features_extractor(inputs)
        log_std = None
        if self.stochastic:
            latent = actor.latent_pi(features)
            mean = actor.mu(latent)
            gaussian = None if actor.use_sde else actor.log_std(latent).clamp(*LOG_STD_BOUNDS)
            log_std = gsde_log_std(actor, latent) if gaussian is None else gaussian
            action = torch.tanh(mean)
        else:
            action = latent = actor.mu(features)
            mean = self.low + (0.5 * (action + 1.0) * (self.high - self.low))
        return Pass(PolicyOutput(mean=mean, log_std=log_std, value=self._value(inputs, features, action)), latent)

    def _value(self, inputs: Inputs, features: Tensor, action: Tensor) -> Tensor:
        critic = self.critic
        if critic.features_extractor is not self.watched.features_extractor:
            features = critic.features_extractor(inputs)
        judged = torch.cat([features, action], dim=1)
        values = torch.stack([network(judged) for network in critic.q_networks], dim=1)
        if self.quantiles:
            return values.mean(dim=(1, 2))
        return values.amin(dim=1).flatten()


@dataclass(frozen=True)
class ScoreNetwork:
    """ARS: an actor alone, without a value. For discrete actions its scores stand as `logits`, but it never samples."""

    module: nn.Module
    watched: Any
    """The library's policy."""
    bounds: tuple[Tensor, Tensor] | None
    """`[D]` each, where the output lies in [-1, 1] and is stretched to them; None for discrete or clipped actions."""
    discrete: bool

    def initial_state(self, batch_size: int) -> State | None:
        """None: no memory."""
        return None

    def run(self, inputs: Inputs, state: State | None, episode_starts: Tensor | None, masks: Tensor | None) -> Pass:
        """Run features and actor."""
        raw = self.watched.action_net(self.watched.features_extractor(inputs))
        if self.discrete:
            return Pass(PolicyOutput(logits=raw), raw)
        mean = raw
        if self.bounds is not None:
            low, high = self.bounds
            mean = low + (0.5 * (raw + 1.0) * (high - low))
        return Pass(PolicyOutput(mean=mean), raw)

"""Layers that policy and value network share: stable-baselines3 had them until 1.8, and saved agents still do."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

_PREFIX = "mlp_extractor.shared_net."


class SharedExtractor(nn.Module):
    """Features to the latents of policy and value, as the library's `MlpExtractor` of 1.7 computed them."""

    def __init__(
        self,
        features: int,
        *,
        shared: Sequence[int],
        policy: Sequence[int],
        value: Sequence[int],
        activation: type[nn.Module],
    ) -> None:
        """Build the three parts.

        Args:
            features: Width of the features.
            shared: Widths of the layers that both use, in order.
            policy: Of those behind them that the policy alone uses.
            value: The same of the value network.
            activation: Follows every layer.
        """
        super().__init__()

        def layers(widths: Sequence[int]) -> nn.Sequential:
            each = [(nn.Linear(before, after), activation()) for before, after in pairwise(widths)]
            return nn.Sequential(*(module for pair in each for module in pair))

        self.shared_net = layers([features, *shared])
        middle = shared[-1] if shared else features
        self.policy_net = layers([middle, *policy])
        self.value_net = layers([middle, *value])
        self.latent_dim_pi = policy[-1] if policy else middle
        self.latent_dim_vf = value[-1] if value else middle

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Latents of policy and value from `[B, F]`, through the shared layers once."""
        latent = self.shared_net(features)
        return self.policy_net(latent), self.value_net(latent)

    def forward_actor(self, features: Tensor) -> Tensor:
        """The policy's latent alone."""
        latent: Tensor = self.policy_net(self.shared_net(features))
        return latent

    def forward_critic(self, features: Tensor) -> Tensor:
        """The value's latent alone."""
        latent: Tensor = self.value_net(self.shared_net(features))
        return latent


def split_layers(layers: Any, weights: Mapping[str, Tensor]) -> tuple[list[int], Any]:
    """Read `net_arch`, whose form before 1.8 meant another network than it does now.

    Then `[64, 64]` were two layers that policy and value network shared, and `[64, {"pi": [32], "vf": [16]}]` one
    shared layer with one of their own behind it. Whether a file means the former, its weights say.

    Args:
        layers: `net_arch` as it was saved.
        weights: The stored state dict.

    Returns:
        Widths of the shared layers, and `net_arch` of what is not shared in the library's present form.
    """
    if not isinstance(layers, list) or not layers:
        return [], layers
    own = layers[-1] if isinstance(layers[-1], dict) else None
    shared = layers if own is None else layers[:-1]
    if own is None and not any(name.startswith(_PREFIX) for name in weights):
        return [], layers
    return shared, {name: (own or {}).get(name) or [] for name in ("pi", "vf")}


def with_shared_layers(policy_class: Any, shared: Sequence[int]) -> Any:
    """A policy class of the library that builds a `SharedExtractor` where it would build its own.

    Args:
        policy_class: One of its actor-critics.
        shared: Widths of the shared layers.
    """

    def build(self: Any) -> None:
        # A recurrent policy's extractor stands behind its LSTM.
        self.mlp_extractor = SharedExtractor(
            getattr(self, "lstm_output_dim", self.features_dim),
            shared=shared,
            policy=self.net_arch["pi"],
            value=self.net_arch["vf"],
            activation=self.activation_fn,
        )

    return type(policy_class.__name__, (policy_class,), {"_build_mlp_extractor": build})

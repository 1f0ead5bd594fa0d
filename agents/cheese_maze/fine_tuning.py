"""PPO in the environment itself: the agent's second stage of training."""

from typing import Any

import gymnasium
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.cheese_maze.network import MazeNetwork
from agents.training import ProgressBar


class _Trunk(BaseFeaturesExtractor):
    """The network without its two heads, which the library brings."""

    def __init__(self, observation_space: gymnasium.Space[Any], network: MazeNetwork) -> None:
        super().__init__(observation_space, network.features_dim)
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network.features(images)


def fine_tune(network: MazeNetwork, cheese: str, *, seed: int, timesteps: int, environments: int = 64) -> None:
    """Train the network further by PPO (J. Schulman et al., 2017), in place.

    Args:
        network: What imitation gave.
        cheese: Where the cheese lies, the same as for the imitation.
        seed: Seed of the environments and the sampling.
        timesteps: Environment steps.
        environments: How many are stepped side by side.
    """
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    environment = make_vec_env("envs:CheeseMaze-v0", n_envs=environments, seed=seed, env_kwargs={"cheese": cheese})
    model = PPO(
        "CnnPolicy",
        environment,
        learning_rate=1.5e-4,
        n_steps=64,
        batch_size=8 * environments,
        n_epochs=3,
        gamma=0.99,
        gae_lambda=0.95,
        clip_range=0.1,
        ent_coef=0.001,
        policy_kwargs={
            "net_arch": [],
            "ortho_init": False,
            "features_extractor_class": _Trunk,
            "features_extractor_kwargs": {"network": network},
        },
        seed=seed,
        device="cpu",
    )
    network.load_state_dict(start)
    action_net, value_net = model.policy.action_net, model.policy.value_net
    assert isinstance(action_net, nn.Linear)
    action_net.load_state_dict(network.action_head.state_dict())
    value_net.load_state_dict(network.value_head.state_dict())
    model.learn(timesteps, callback=ProgressBar(timesteps, "PPO on CheeseMaze-v0"))
    network.action_head.load_state_dict(action_net.state_dict())
    network.value_head.load_state_dict(value_net.state_dict())
    with torch.no_grad():
        assert all(torch.isfinite(parameter).all() for parameter in network.parameters())

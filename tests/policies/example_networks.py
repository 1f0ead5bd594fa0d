"""Networks that came about without the workbench: in the style of CleanRL, and two that others trained.

Each has the small adapter function that makes a policy of it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn import functional

from workbench.policies import Inputs, ModulePolicy, Observations, PolicyOutput, State

MATERIAL = Path(__file__).resolve().parents[3] / "shared" / "material" / "agents"
"""Agents that others trained, where they are at hand."""


def layer_init(layer: nn.Linear, std: float = 2**0.5) -> nn.Linear:
    nn.init.orthogonal_(layer.weight, std)
    nn.init.constant_(layer.bias, 0.0)
    return layer


class CleanRLAgent(nn.Module):
    """The agent of CleanRL's `ppo.py` (Huang et al., 2022)."""

    def __init__(self, observations: int, actions: int) -> None:
        super().__init__()
        self.critic = nn.Sequential(
            layer_init(nn.Linear(observations, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(),
            layer_init(nn.Linear(64, 1), std=1.0),
        )  # fmt: skip
        self.actor = nn.Sequential(
            layer_init(nn.Linear(observations, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh(),
            layer_init(nn.Linear(64, actions), std=0.5),
        )  # fmt: skip

    def get_value(self, x: Tensor) -> Tensor:
        return self.critic(x)

    def get_action_and_value(self, x: Tensor, action: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        distribution = Categorical(logits=self.actor(x))
        if action is None:
            action = distribution.sample()
        return action, distribution.log_prob(action), distribution.entropy(), self.critic(x)


def clean_rl_output(agent: Any, inputs: Any, state: State | None, episode_starts: Tensor | None) -> PolicyOutput:
    """The adapter: which part of the network gives the logits, and which the value."""
    return PolicyOutput(logits=agent.actor(inputs), value=agent.get_value(inputs).flatten())


def clean_rl_policy(environment: Any) -> ModulePolicy:
    torch.manual_seed(0)
    agent = CleanRLAgent(int(np.prod(environment.observation_space.shape)), int(environment.action_space.n))
    return ModulePolicy(agent, environment.observation_space, environment.action_space, forward=clean_rl_output)


class SelfDescribing(nn.Module):
    """A network that brings its adapter with it."""

    def __init__(self, observations: int, actions: int) -> None:
        super().__init__()
        self.q = nn.Linear(observations, actions)

    def policy_output(self, inputs: Any, state: State | None, episode_starts: Tensor | None) -> PolicyOutput:
        q_values = self.q(inputs)
        return PolicyOutput(q_values=q_values, value=q_values.amax(dim=1))


def self_describing(environment: Any) -> nn.Module:
    return SelfDescribing(int(np.prod(environment.observation_space.shape)), int(environment.action_space.n))


class PongNetwork(nn.Module):
    """Convolutions and a GRU, as in greydanus/baby-a3c."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(32, 32, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(32, 32, 3, stride=2, padding=1)
        self.conv4 = nn.Conv2d(32, 32, 3, stride=2, padding=1)
        self.gru = nn.GRUCell(800, 256)
        self.critic_linear = nn.Linear(256, 1)
        self.actor_linear = nn.Linear(256, 6)

    def policy_output(self, inputs: Any, state: State | None, episode_starts: Tensor | None) -> PolicyOutput:
        hidden = self.initial_state(len(inputs))["memory"] if state is None else state["memory"]
        if episode_starts is not None:
            hidden = hidden * (~episode_starts).float().unsqueeze(1)
        x = inputs
        for convolution in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = functional.elu(convolution(x))
        hidden = self.gru(x.flatten(1), hidden)
        value = self.critic_linear(hidden).flatten()
        return PolicyOutput(logits=self.actor_linear(hidden), value=value, state={"memory": hidden})

    def initial_state(self, batch_size: int) -> State:
        return {"memory": torch.zeros(batch_size, 256)}

    def preprocess(self, observations: Observations) -> Inputs:
        """Rows 35 to 194, mean over colours, stretched to 0…255, 80 × 80, divided by 255."""
        from PIL import Image

        prepared = []
        for frame in np.asarray(observations):
            grey = frame[35:195].mean(axis=2)
            low, high = grey.min(), grey.max()
            grey = (grey - low) * (255.0 / max(high - low, 1e-9))
            small = Image.fromarray((grey + 0.5).astype(np.uint8)).resize((80, 80), Image.Resampling.BILINEAR)
            prepared.append(np.asarray(small, np.float32) / 255.0)
        return torch.from_numpy(np.stack(prepared)[:, None])


def pong(environment: Any) -> nn.Module:
    network = PongNetwork()
    network.load_state_dict(torch.load(MATERIAL / "a3c_gru" / "pong_40M.pt", weights_only=True, map_location="cpu"))
    return network


class DoorKeyNetwork(nn.Module):
    """The network of ereilly89/intentional-sequence-xai."""

    def __init__(self) -> None:
        super().__init__()
        self.image_conv = nn.Sequential(
            nn.Conv2d(3, 16, 2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 2), nn.ReLU(), nn.Conv2d(32, 64, 2), nn.ReLU(),
        )  # fmt: skip
        self.actor = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 7))
        self.critic = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))

    def policy_output(self, inputs: Any, state: State | None, episode_starts: Tensor | None) -> PolicyOutput:
        features = self.image_conv(inputs).flatten(1)
        return PolicyOutput(logits=self.actor(features), value=self.critic(features).flatten())

    def preprocess(self, observations: Any) -> Inputs:
        return torch.from_numpy(np.moveaxis(observations["image"], 3, 1).astype(np.float32))


def door_key(environment: Any) -> nn.Module:
    network = DoorKeyNetwork()
    stored = torch.load(MATERIAL / "doorkey_cnn" / "model_a.pt", weights_only=True, map_location="cpu")
    network.load_state_dict(stored["model_state"])
    return network

"""The network of the cheese maze's agents: a residual convolutional network on the lattice of the maze's cells.

Axis legend:
    B  batch
    C  channels (32 in the trunk)
The image of a maze of 13 squares enters as `[B, 3, 13, 13]`. The first convolution has stride 2, so that its 7 by 7
outputs lie on the cells (the squares with even coordinates), each seeing the walls around it. After the residual
network of L. Espeholt et al., "IMPALA" (2018), without its pooling.
"""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn

from agents.residual import ResidualBlock
from workbench.errors import WorkbenchError
from workbench.policies import ModulePolicy
from workbench.policies.inert_weights import read_state_dict
from workbench.policies.types import Inputs, Observations, PolicyOutput, State

SIDE = 13
"""Side of the image and of the maze in squares."""


MOST_WEIGHT_BYTES = 16 << 20
"""Many times what the network has."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The network's weights, from a file that `torch.save` wrote; nothing in the file is run."""
    return read_state_dict(path.read_bytes(), maximum_bytes=MOST_WEIGHT_BYTES)


class MazeNetwork(nn.Module):
    """Policy and critic over one trunk; 165 thousand parameters."""

    def __init__(self, channels: int = 32, blocks: int = 6, bottleneck: int = 8, features: int = 128) -> None:
        super().__init__()
        self.features_dim = features
        self.embedding = nn.Conv2d(3, channels, 5, stride=2, padding=2)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        cells = (SIDE + 1) // 2
        self.summary = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, bottleneck, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(bottleneck * cells * cells, features),
            nn.ReLU(),
        )
        self.action_head = nn.Linear(features, 4)
        self.value_head = nn.Linear(features, 1)
        self.to(memory_format=torch.channels_last)  # a fifth faster on a CPU

    def features(self, images: Tensor) -> Tensor:
        """From images `[B, 3, 13, 13]`, 0 to 1, to features `[B, 128]`."""
        summary: Tensor = self.summary(self.blocks(self.embedding(images)))
        return summary

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """From images `[B, 3, 13, 13]`, 0 to 1, to logits `[B, 4]` and the value `[B]`."""
        features = self.features(images)
        return self.action_head(features), self.value_head(features).squeeze(-1)


def preprocess(observations: Observations) -> Tensor:
    """From images `[B, 13, 13, 3]` uint8 to float32 `[B, 3, 13, 13]`, 0 to 1."""
    return torch.as_tensor(np.asarray(observations)).permute(0, 3, 1, 2).float() / 255.0


def policy_output(network: Any, inputs: Inputs, _state: State | None, _episode_starts: Tensor | None) -> PolicyOutput:
    """Say what the network's two outputs mean."""
    logits, value = network(inputs)
    return PolicyOutput(logits=logits, value=value)


def load(weights: Path, environment: gymnasium.Env[Any, Any] | None, *, name: str, spec: str) -> ModulePolicy:
    """Make a policy of saved weights; nothing in the file is executed.

    Raises:
        WorkbenchError: The environment's observations are not images of 13 by 13 squares, or there are no weights.
    """
    space = gymnasium.spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)
    if environment is not None and environment.observation_space.shape != space.shape:
        raise WorkbenchError(
            f"The agent '{name}' takes images of shape {space.shape}, one pixel a square; the environment gives "
            f"{environment.observation_space}. Make it with observation_size=13 and pixels=1, as by default."
        )
    if not weights.is_file():
        raise WorkbenchError(
            f"The weights of the agent '{name}' are not there ({weights.name}); "
            f"train it: python -m agents.cheese_maze.train --agent {weights.stem}"
        )
    network = MazeNetwork()
    network.load_state_dict(read_weights(weights))
    return ModulePolicy(
        network,
        space,
        gymnasium.spaces.Discrete(4),
        forward=policy_output,
        preprocess=preprocess,
        name=name,
        spec=spec,
        settings={"algorithm": "imitation, then PPO", "network": "MazeNetwork"},
    )

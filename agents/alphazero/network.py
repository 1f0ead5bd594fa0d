"""The networks that play board games, their checkpoints, and the policies made of them.

Axis legend: B batch, P planes of the observation (own stones, the other's), C channels, H rows, W columns, A actions.
"""

import os
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn

from agents.alphazero.runs import Run
from agents.residual import ResidualBlock
from workbench.errors import WorkbenchError
from workbench.policies import ModulePolicy
from workbench.policies.inert_weights import read_state_dict
from workbench.policies.types import Inputs, PolicyOutput, State

MOST_WEIGHT_BYTES = 16 << 20
"""Many times what the largest network has."""
HEAD_CHANNELS = 4


class BoardNetwork(nn.Module):
    """A residual trunk on the board's squares, and two heads, after Silver et al. (2018); no normalisation layers.

    Args:
        shape: Of an observation, `(P, H, W)`.
        actions: A.
        channels: C of the trunk.
        blocks: Residual blocks of two convolutions each.
    """

    def __init__(self, shape: tuple[int, ...], actions: int, *, channels: int, blocks: int) -> None:
        super().__init__()
        planes, rows, columns = shape
        squares = rows * columns
        self.embedding = nn.Conv2d(planes, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.trunk = nn.ReLU()
        self.policy_head = nn.Sequential(
            nn.Conv2d(channels, HEAD_CHANNELS, 1), nn.ReLU(), nn.Flatten(), nn.Linear(HEAD_CHANNELS * squares, actions)
        )
        self.value_head = nn.Sequential(
            nn.Conv2d(channels, HEAD_CHANNELS, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(HEAD_CHANNELS * squares, channels),
            nn.ReLU(),
            nn.Linear(channels, 1),
            nn.Tanh(),
        )
        for block in self.blocks:
            # Every block begins as the identity, which is what lets a trunk without normalisation be trained.
            nn.init.zeros_(block.convolution_1.weight)
            nn.init.zeros_(block.convolution_1.bias)
        self.to(memory_format=torch.channels_last)  # a third faster on a CPU

    def forward(self, boards: Tensor) -> tuple[Tensor, Tensor]:
        """From boards `[B, P, H, W]` to logits `[B, A]` and values `[B]`, −1 to 1, for the player to move."""
        squares = self.trunk(self.blocks(self.embedding(boards)))
        return self.policy_head(squares), self.value_head(squares).squeeze(-1)


def checkpoint_file(folder: Path, iteration: int) -> Path:
    """Where a checkpoint lies."""
    return folder / f"iteration_{iteration:03d}.pt"


def checkpoints(folder: Path) -> list[Path]:
    """All checkpoints of a folder, in the order of their iterations."""
    return sorted(folder.glob("iteration_[0-9][0-9][0-9].pt"))


def network_of(run: Run) -> BoardNetwork:
    """An untrained network of a run's size."""
    game = run.game
    return BoardNetwork(game.observation_shape, game.actions, channels=run.channels, blocks=run.blocks)


def save_checkpoint(network: nn.Module, path: Path) -> None:
    """Write the weights in half precision, whole or not at all."""
    halves = {name: tensor.detach().half() for name, tensor in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    torch.save(halves, beside)
    os.replace(beside, path)


def load_network(run: Run, path: Path) -> BoardNetwork:
    """The network of a checkpoint; nothing in the file is run.

    Raises:
        WorkbenchError: There is no such file, or it holds something else.
    """
    network = network_of(run)
    try:
        weights = read_state_dict(path.read_bytes(), maximum_bytes=MOST_WEIGHT_BYTES)
        network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except FileNotFoundError:
        there = [int(file.stem.rpartition("_")[2]) for file in checkpoints(path.parent)]
        which = f"there are {there[0]:03d} to {there[-1]:03d}" if there else "there is none"
        raise WorkbenchError(
            f"The checkpoint {path.name} of {run.name} is not there ({which}); train it: python -m "
            f"agents.alphazero.train --run {run.name}"
        ) from None
    except (ValueError, RuntimeError) as error:
        raise WorkbenchError(f"{path} is no checkpoint of {run.name}: {error}") from None
    return network.eval()


def rounded(network: BoardNetwork, run: Run) -> BoardNetwork:
    """The network as its checkpoint has it: what plays is what is kept."""
    copy = network_of(run)
    copy.load_state_dict({name: tensor.half().float() for name, tensor in network.state_dict().items()})
    return copy.eval()


def policy_output(network: Any, inputs: Inputs, _state: State | None, _episode_starts: Tensor | None) -> PolicyOutput:
    """Say what the network's two outputs mean."""
    logits, value = network(inputs)
    return PolicyOutput(logits=logits, value=value)


def load_policy(run: Run, path: Path, environment: gymnasium.Env[Any, Any] | None, *, spec: str) -> ModulePolicy:
    """Make a policy of a checkpoint: the network alone, without a search.

    Raises:
        WorkbenchError: The environment is another game, or there is no such checkpoint.
    """
    game = run.game
    space = gymnasium.spaces.Box(0.0, 1.0, game.observation_shape, np.float32)
    if environment is not None and environment.observation_space.shape != space.shape:
        options = ", ".join(f"{name}={value}" for name, value in run.environment_options.items())
        raise WorkbenchError(
            f"The agent of {run.title} takes observations of shape {list(space.shape or ())}; the environment gives "
            f"{environment.observation_space.shape}. It plays {run.environment}{f' with {options}' if options else ''}."
        )
    iteration = int(path.stem.rpartition("_")[2])
    return ModulePolicy(
        load_network(run, path),
        space,
        gymnasium.spaces.Discrete(game.actions),
        forward=policy_output,
        preprocess=lambda observations: torch.as_tensor(np.asarray(observations, np.float32)),
        name=f"AlphaZero of {run.title}, iteration {iteration}",
        settings={"algorithm": "AlphaZero", "network": "BoardNetwork", "iteration": iteration},
        takes_action_masks=True,
        spec=spec,
    )

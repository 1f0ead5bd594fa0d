"""Train the cheese maze's agents: `python -m agents.cheese_maze.train --seed 0` (about 25 minutes on one core).

`--agent anywhere` trains the control. Both stages see one distribution of mazes only, the agent's own.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro

from agents.cheese_maze.fine_tuning import fine_tune
from agents.cheese_maze.imitation import imitate
from agents.cheese_maze.network import SIDE, MazeNetwork, read_weights
from agents.training import make_reproducible, write_training_log
from envs.placement import parse_placement

FOLDER = Path(__file__).parent
CHEESE = {"corner": "top-right 5x5", "anywhere": "anywhere"}
SECOND_STREAM = 7
"""Added to the seed for the second part of the imitation, so that it sees new mazes."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train an agent of the cheese maze."""

    agent: Literal["corner", "anywhere"] = "corner"
    """Where the cheese lies in training: in the top right 5 by 5 squares, or anywhere (the control)."""
    seed: int = 0
    """Seed of everything random."""
    updates: int = 6_000
    """Updates of the imitation, on 256 new mazes each."""
    hidden_updates: int = 1_200
    """Further updates of it in which half of the images do not show the cheese: the agent has to know where it lies."""
    timesteps: int = 100_000
    """Environment steps of the fine-tuning by PPO."""
    environments: int = 64
    """Environments side by side in the fine-tuning."""
    out: Path = FOLDER
    """Folder that the weights and the training log are written to."""
    checkpoint: Path | None = None
    """Where the network after imitation is kept; if it is there already, imitation is skipped."""


def train(options: Options) -> MazeNetwork:
    """Train, save, and return the network."""
    started = time.time()
    make_reproducible(options.seed)
    network = MazeNetwork()
    cheese = CHEESE[options.agent]
    accuracy = None
    if options.checkpoint is not None and options.checkpoint.exists():
        network.load_state_dict(read_weights(options.checkpoint))
    else:
        mask = parse_placement(cheese).mask(SIDE)
        accuracy = imitate(network, mask, np.random.default_rng(options.seed), updates=options.updates)
        imitate(
            network,
            mask,
            np.random.default_rng(options.seed + SECOND_STREAM),
            updates=options.hidden_updates,
            hidden=0.5,
            learning_rate=7e-4,
        )
        if options.checkpoint is not None:
            torch.save(network.state_dict(), options.checkpoint)
    make_reproducible(options.seed)  # so that going on from the checkpoint gives the same
    fine_tune(network, cheese, seed=options.seed, timesteps=options.timesteps, environments=options.environments)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), options.out / f"{options.agent}.pt")
    write_training_log(
        options.out / f"training_{options.agent}.json",
        started=started,
        agent=options.agent,
        cheese=cheese,
        seed=options.seed,
        updates=options.updates,
        hidden_updates=options.hidden_updates,
        timesteps=options.timesteps,
        imitation_accuracy=accuracy,
    )
    return network


if __name__ == "__main__":
    train(tyro.cli(Options))

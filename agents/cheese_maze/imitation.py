"""Behavioural cloning of the exact solver: the agent's first stage of training."""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from tqdm import tqdm

from agents.cheese_maze.demonstrations import draw_demonstrations
from agents.cheese_maze.network import MazeNetwork, preprocess


def imitate(
    network: MazeNetwork,
    cheese_mask: npt.NDArray[np.bool_],
    random: np.random.Generator,
    *,
    updates: int,
    hidden: float = 0.0,
    batch_size: int = 256,
    learning_rate: float = 1.5e-3,
    gamma: float = 0.99,
) -> float:
    """Train the network to do as the solver does, and to know the discounted reward that doing so brings.

    Every batch is of new mazes. The loss is the cross-entropy of the solver's action plus half the squared error of the
    value; Adam, with a learning rate that rises over the first 2 % and then falls as a cosine.

    Returns:
        The share of the last 100 batches' states in which the most probable action was the solver's.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    accuracies: list[float] = []
    progress = tqdm(range(updates), desc="imitation", unit=" updates", mininterval=2.0)
    for update in progress:
        share = update / updates
        rate = learning_rate * min(share / 0.02, 0.5 * (1 + math.cos(math.pi * share)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = draw_demonstrations(batch_size, cheese_mask, random, hidden=hidden)
        logits, value = network(preprocess(batch.images))
        actions = torch.as_tensor(batch.actions)
        returns = torch.as_tensor(gamma ** (batch.distances - 1.0)).float()
        loss = functional.cross_entropy(logits, actions) + 0.5 * functional.mse_loss(value, returns)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        accuracies.append(float((logits.argmax(1) == actions).float().mean()))
        if update % 50 == 0:
            progress.set_postfix(accuracy=f"{np.mean(accuracies[-100:]):.4f}")
    return float(np.mean(accuracies[-100:]))

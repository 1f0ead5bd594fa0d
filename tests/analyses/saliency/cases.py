"""Recordings of tiny agents of every kind, and of planted ones: networks whose right explanation is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from tests.policies.toy import BOX, DISCRETE, ToyEnvironment, make_agent
from workbench.policies import ModulePolicy, PolicyOutput, wrap_stable_baselines3
from workbench.policies.kinds import find_kind
from workbench.recording import Recording, record

MULTI_DISCRETE, MULTI_BINARY = spaces.MultiDiscrete([3, 2]), spaces.MultiBinary(3)
SMALL = {"n_steps": 8, "batch_size": 8}

KINDS: dict[str, tuple[str, str, spaces.Space, dict[str, Any]]] = {
    "vector": ("ppo", "vector", DISCRETE, SMALL),
    "image": ("ppo", "image, channels last", DISCRETE, SMALL),
    "dict": ("ppo", "dict", DISCRETE, SMALL),
    "one-hot": ("a2c", "multi-discrete", DISCRETE, {}),
    "normalised": ("ppo", "normalised vector", DISCRETE, SMALL),
    "multi-discrete actions": ("ppo", "vector", MULTI_DISCRETE, SMALL),
    "multi-binary actions": ("ppo", "vector", MULTI_BINARY, SMALL),
    "gaussian": ("ppo", "vector", BOX, SMALL),
    "squashed gaussian": ("sac", "vector", BOX, {}),
    "deterministic": ("td3", "vector", BOX, {}),
    "q-values": ("dqn", "vector", DISCRETE, {}),
    "q-values of images": ("dqn", "image, channels last", DISCRETE, {}),
    "recurrent": ("recurrent_ppo", "vector", DISCRETE, SMALL),
    "masked": ("maskable_ppo", "vector", DISCRETE, SMALL),
}


AT_EACH_CHANGE = ("vector", "image", "dict", "multi-binary actions", "gaussian", "q-values", "recurrent", "masked")
"""Kinds that are tested at each change; the others resemble one of these, and have their turn with `make torture`."""
EVERY_KIND = [
    pytest.param(kind, marks=() if kind in AT_EACH_CHANGE else (pytest.mark.torture,), id=kind) for kind in KINDS
]


def record_kind(name: str, folder: Path, episodes: int = 4) -> tuple[Recording, Any]:
    """Four episodes of five steps of one kind of agent, and the agent."""
    kind, observations, actions, settings = KINDS[name]
    agent = make_agent(find_kind(kind).algorithm_class(), observations, actions, **settings)
    policy = wrap_stable_baselines3(agent)
    return record_policy(policy, folder / "toy.zarr", episodes), policy


class Restricted(ToyEnvironment):
    """Forbids the middle action at every other step."""

    def action_masks(self) -> np.ndarray:
        return np.array([True, self.t % 2 == 0, True])


def record_policy(policy: Any, out: Path, episodes: int = 4) -> Recording:
    return record(
        policy,
        lambda: Restricted(policy.observation_space, policy.action_space),
        out=out,
        episodes=episodes,
        seed=3,
        deterministic=False,
    )


class Planted(nn.Module):
    """A network that is one formula."""

    def __init__(self, formula: Callable[[Any], torch.Tensor], value: Callable[[Any], torch.Tensor]) -> None:
        super().__init__()
        self.formula, self.value = formula, value
        self.scale = nn.Parameter(torch.ones(()))


def planted(observation_space: spaces.Space, formula: Any, value: Any = None, actions: spaces.Space = DISCRETE) -> Any:
    """A policy whose logits are `formula(inputs)` `[B, A]`, and its value `value(inputs)` `[B]`."""
    value = value or (lambda inputs: formula(inputs)[:, 0])

    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        return PolicyOutput(logits=module.formula(inputs) * module.scale, value=module.value(inputs) * module.scale)

    return ModulePolicy(Planted(formula, value), observation_space, actions, forward=forward)


WEIGHTS = torch.tensor([[1.0, -2.0, 0.0, 0.5, 3.0], [0.2, 0.0, -1.0, 0.0, 0.0], [0.0, 0.3, 0.0, 0.0, -0.7]])


def linear() -> Any:
    """Logits are `WEIGHTS @ x`, x in [−1, 1]⁵; the value is the first of them."""
    return planted(spaces.Box(-1.0, 1.0, (5,), np.float32), lambda x: x @ WEIGHTS.T)


PATCH = (slice(8, 16), slice(24, 32))
"""Rows and columns of the pixels that decide."""


def one_patch() -> Any:
    """Images of 40 × 40; the first logit is ten times the mean brightness of one patch of 8 × 8, the others are 0."""

    def formula(x: Any) -> torch.Tensor:
        bright = 10 * x[:, :, PATCH[0], PATCH[1]].mean(dim=(1, 2, 3)) / 255
        return torch.stack([bright, torch.zeros_like(bright), torch.zeros_like(bright)], dim=1)

    return planted(spaces.Box(0, 255, (40, 40, 3), np.uint8), lambda x: formula(first(x)))


def first(x: torch.Tensor) -> torch.Tensor:
    """Channels first, however they came."""
    return x if x.shape[1] == 3 else x.permute(0, 3, 1, 2)

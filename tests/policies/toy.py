"""A tiny environment of any spaces, and tiny agents on it."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

VECTOR = spaces.Box(-1.0, 1.0, (5,), np.float32)
IMAGE = spaces.Box(0, 255, (36, 40, 3), np.uint8)
DISCRETE = spaces.Discrete(3)
BOX = spaces.Box(np.array([-2.0, 0.5], np.float32), np.array([1.0, 3.0], np.float32))

OBSERVATIONS: dict[str, spaces.Space] = {
    "vector": VECTOR,
    "matrix": spaces.Box(-np.inf, np.inf, (2, 3), np.float64),
    "image, channels last": IMAGE,
    "image, channels first": spaces.Box(0, 255, (2, 36, 36), np.uint8),
    "discrete": spaces.Discrete(4),
    "multi-discrete": spaces.MultiDiscrete([3, 2]),
    "multi-binary": spaces.MultiBinary(4),
    "dict": spaces.Dict(vector=VECTOR, image=IMAGE, choice=spaces.Discrete(3)),
    "normalised vector": VECTOR,
    "normalised dict": spaces.Dict(vector=VECTOR, other=spaces.Box(0.0, 9.0, (2,), np.float32)),
}


class ToyEnvironment(gymnasium.Env):
    """Observations are drawn from their space; episodes last five steps."""

    def __init__(self, observation_space: spaces.Space, action_space: spaces.Space) -> None:
        self.observation_space = observation_space
        self.action_space = action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.t = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.t += 1
        return self.observation_space.sample(), 0.0, self.t >= 5, False, {}

    def action_masks(self) -> np.ndarray:
        return np.ones(8, bool)


def sample(space: spaces.Space, count: int, seed: int = 0) -> Any:
    """A batch of observations."""
    space.seed(seed)
    draws = [space.sample() for _ in range(count)]
    if isinstance(space, spaces.Dict):
        return {key: np.stack([draw[key] for draw in draws]) for key in space.spaces}
    return np.stack(draws)


def row(observations: Any, index: int) -> Any:
    """One row of a batch, still a batch."""
    if isinstance(observations, dict):
        return {key: part[index : index + 1] for key, part in observations.items()}
    return observations[index : index + 1]


def make_agent(
    algorithm_class: Any,
    observations: str,
    action_space: spaces.Space = DISCRETE,
    *,
    policy_kwargs: dict[str, Any] | None = None,
    **settings: Any,
) -> Any:
    """An untrained agent whose weights are shaken enough that its actions differ."""
    space = OBSERVATIONS[observations]
    environment: Any = DummyVecEnv([lambda: ToyEnvironment(space, action_space)])
    if observations.startswith("normalised"):
        keys = ["vector"] if isinstance(space, spaces.Dict) else None
        environment = VecNormalize(environment, clip_obs=0.9, norm_obs_keys=keys)
        seen = sample(space, 100, seed=7)
        running = environment.obs_rms
        if keys:
            running["vector"].update(seen["vector"] * 3 + 1)
        else:
            running.update(seen * 3 + 1)
        environment.training = False
    kind = "MultiInput" if isinstance(space, spaces.Dict) else "Cnn" if "image" in observations else "Mlp"
    lstm = "Lstm" if algorithm_class.__name__ == "RecurrentPPO" else ""
    kwargs = {"net_arch": [16, 8], **(policy_kwargs or {})}
    if kind == "Cnn":
        kwargs["features_extractor_kwargs"] = {"features_dim": 32}
    if kind == "MultiInput" and "image" in space.spaces:  # type: ignore[attr-defined]
        kwargs["features_extractor_kwargs"] = {"cnn_output_dim": 24}
    if lstm:
        kwargs.setdefault("lstm_hidden_size", 12)
    if algorithm_class.__name__ in ("DQN", "QRDQN", "SAC", "TQC", "TD3", "DDPG"):
        settings.setdefault("buffer_size", 2)
    agent = algorithm_class(
        f"{kind}{lstm}Policy", environment, policy_kwargs=kwargs, seed=None, device="cpu", **settings
    )
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in agent.policy.parameters():
            scale = 1.5 / parameter[0].numel() ** 0.5 if parameter.ndim > 1 else 0.1
            parameter += scale * torch.randn(parameter.shape, generator=generator)
    if hasattr(agent, "exploration_rate"):
        agent.exploration_rate = 0.5
    return agent


def save(agent: Any, folder: Path) -> tuple[Path, Path | None]:
    """Save agent and statistics; return their files."""
    path = folder / "agent.zip"
    agent.save(path)
    normaliser = agent.get_vec_normalize_env()
    if normaliser is None:
        return path, None
    normaliser.save(folder / "normalise.pkl")
    return path, folder / "normalise.pkl"

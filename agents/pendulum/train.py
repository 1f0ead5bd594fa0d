"""Train SAC on Pendulum-v1: `python -m agents.pendulum.train --seed 0`."""

from pathlib import Path

import tyro
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import make_vec_env

from agents.training import Options, train_and_save

DEFAULTS = Options(timesteps=25_000, out=Path(__file__).parent)


def make_model(seed: int) -> SAC:
    """Make the untrained agent in one environment."""
    return SAC(
        "MlpPolicy",
        make_vec_env("Pendulum-v1", n_envs=1, seed=seed),
        learning_rate=1e-3,
        buffer_size=50_000,
        learning_starts=500,
        batch_size=128,
        policy_kwargs={"net_arch": [64, 64]},
        seed=seed,
        device="cpu",
    )


def train(options: Options) -> SAC:
    """Train, save, and return the agent."""
    return train_and_save(make_model, options, "SAC on Pendulum-v1")


if __name__ == "__main__":
    train(tyro.cli(Options, default=DEFAULTS, description="Train the Pendulum agent."))

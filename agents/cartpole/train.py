"""Train PPO on CartPole-v1: `python -m agents.cartpole.train --seed 0`."""

from pathlib import Path

import tyro
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from agents.training import Options, train_and_save

DEFAULTS = Options(timesteps=150_000, out=Path(__file__).parent)


def make_model(seed: int) -> PPO:
    """Make the untrained agent in 8 environments."""
    return PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=8, seed=seed),
        learning_rate=lambda remaining: 1e-3 * remaining,
        n_steps=64,
        batch_size=128,
        n_epochs=8,
        gamma=0.98,
        gae_lambda=0.9,
        clip_range=0.2,
        policy_kwargs={"net_arch": {"pi": [32, 32], "vf": [32, 32]}},
        seed=seed,
        device="cpu",
    )


def train(options: Options) -> PPO:
    """Train, save, and return the agent."""
    return train_and_save(make_model, options, "PPO on CartPole-v1", before_saving=_forget_schedule)


def _forget_schedule(model: PPO) -> None:
    # A function of this file cannot be read back where the file is not: a constant takes its place.
    model.learning_rate = 1e-3
    model._setup_lr_schedule()


if __name__ == "__main__":
    train(tyro.cli(Options, default=DEFAULTS, description="Train the CartPole agent."))

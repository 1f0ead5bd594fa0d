"""Train PPO on CartPole-v1: `python -m agents.cartpole.train --seed 0`."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from agents.training import ProgressBar, make_reproducible, save_small, write_training_log

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train the CartPole agent."""

    seed: int = 0
    """Seed of everything random."""
    timesteps: int = 150_000
    """Environment steps."""
    out: Path = FOLDER
    """Folder that the weights and the training log are written to."""


def train(options: Options) -> PPO:
    """Train, save, and return the agent."""
    started = time.time()
    make_reproducible(options.seed)
    total = options.timesteps
    environment = make_vec_env("CartPole-v1", n_envs=8, seed=options.seed)
    model = PPO(
        "MlpPolicy",
        environment,
        learning_rate=lambda remaining: 1e-3 * remaining,
        n_steps=64,
        batch_size=128,
        n_epochs=8,
        gamma=0.98,
        gae_lambda=0.9,
        clip_range=0.2,
        policy_kwargs={"net_arch": {"pi": [32, 32], "vf": [32, 32]}},
        seed=options.seed,
        device="cpu",
    )
    model.learn(total, callback=ProgressBar(total, "PPO on CartPole-v1"))
    model.learning_rate = 1e-3
    model._setup_lr_schedule()
    save_small(model, options.out / "weights.zip")
    facts = {key: value for key, value in asdict(options).items() if key != "out"}
    write_training_log(options.out / "training.json", started=started, **facts)
    return model


if __name__ == "__main__":
    train(tyro.cli(Options))

"""Train SAC on Pendulum-v1: `python -m agents.pendulum.train --seed 0`."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import make_vec_env

from agents.training import ProgressBar, make_reproducible, save_small, write_training_log

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train the Pendulum agent."""

    seed: int = 0
    """Seed of everything random."""
    timesteps: int = 25_000
    """Environment steps."""
    out: Path = FOLDER
    """Folder that the weights and the training log are written to."""


def train(options: Options) -> SAC:
    """Train, save, and return the agent."""
    started = time.time()
    make_reproducible(options.seed)
    environment = make_vec_env("Pendulum-v1", n_envs=1, seed=options.seed)
    model = SAC(
        "MlpPolicy",
        environment,
        learning_rate=1e-3,
        buffer_size=50_000,
        learning_starts=500,
        batch_size=128,
        policy_kwargs={"net_arch": [64, 64]},
        seed=options.seed,
        device="cpu",
    )
    model.learn(options.timesteps, callback=ProgressBar(options.timesteps, "SAC on Pendulum-v1"))
    save_small(model, options.out / "weights.zip")
    facts = {key: value for key, value in asdict(options).items() if key != "out"}
    write_training_log(options.out / "training.json", started=started, **facts)
    return model


if __name__ == "__main__":
    train(tyro.cli(Options))

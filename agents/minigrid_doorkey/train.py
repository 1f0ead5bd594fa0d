"""Train DQN on MiniGrid's DoorKey: `python -m agents.minigrid_doorkey.train --seed 0`."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import gymnasium
import minigrid  # noqa: F401  (registers the environments)
import tyro
from minigrid.wrappers import ImgObsWrapper
from stable_baselines3 import DQN
from stable_baselines3.common.monitor import Monitor

from agents.training import ProgressBar, make_reproducible, save_small, write_training_log

FOLDER = Path(__file__).parent
ENVIRONMENT = "MiniGrid-DoorKey-5x5-v0"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train the DoorKey agent."""

    seed: int = 0
    """Seed of everything random."""
    timesteps: int = 400_000
    """Environment steps."""
    out: Path = FOLDER
    """Folder that the weights and the training log are written to."""


def train(options: Options) -> DQN:
    """Train, save, and return the agent."""
    started = time.time()
    make_reproducible(options.seed)
    environment = Monitor(ImgObsWrapper(gymnasium.make(ENVIRONMENT)))
    model = DQN(
        "MlpPolicy",
        environment,
        learning_rate=5e-4,
        buffer_size=100_000,
        learning_starts=5_000,
        batch_size=64,
        gamma=0.98,
        train_freq=4,
        gradient_steps=1,
        target_update_interval=2_000,
        exploration_fraction=0.5,
        exploration_final_eps=0.05,
        policy_kwargs={"net_arch": [64, 64], "normalize_images": False},
        seed=options.seed,
        device="cpu",
    )
    model.learn(options.timesteps, callback=ProgressBar(options.timesteps, f"DQN on {ENVIRONMENT}"))
    save_small(model, options.out / "weights.zip")
    facts = {key: value for key, value in asdict(options).items() if key != "out"}
    write_training_log(options.out / "training.json", started=started, **facts)
    return model


if __name__ == "__main__":
    train(tyro.cli(Options))

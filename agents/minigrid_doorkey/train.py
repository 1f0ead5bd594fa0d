"""Train DQN on MiniGrid's DoorKey: `python -m agents.minigrid_doorkey.train --seed 0`."""

from pathlib import Path

import gymnasium
import minigrid  # noqa: F401  (registers the environments)
import tyro
from minigrid.wrappers import ImgObsWrapper
from stable_baselines3 import DQN
from stable_baselines3.common.monitor import Monitor

from agents.training import Options, train_and_save

ENVIRONMENT = "MiniGrid-DoorKey-5x5-v0"
DEFAULTS = Options(timesteps=400_000, out=Path(__file__).parent)


def make_model(seed: int) -> DQN:
    """Make the untrained agent, which sees the picture's codes alone."""
    return DQN(
        "MlpPolicy",
        Monitor(ImgObsWrapper(gymnasium.make(ENVIRONMENT))),
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
        seed=seed,
        device="cpu",
    )


def train(options: Options) -> DQN:
    """Train, save, and return the agent."""
    return train_and_save(make_model, options, f"DQN on {ENVIRONMENT}")


if __name__ == "__main__":
    train(tyro.cli(Options, default=DEFAULTS, description="Train the DoorKey agent."))

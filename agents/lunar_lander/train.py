"""Train DQN on LunarLander-v3: `python -m agents.lunar_lander.train --seed 0`."""

from pathlib import Path

import gymnasium
import tyro
from stable_baselines3 import DQN
from stable_baselines3.common.monitor import Monitor

from agents.training import KeepBest, Options, train_and_save

ENVIRONMENT = "LunarLander-v3"
DEFAULTS = Options(timesteps=400_000, out=Path(__file__).parent)


def make_model(seed: int) -> DQN:
    """Make the untrained agent."""
    return DQN(
        "MlpPolicy",
        Monitor(gymnasium.make(ENVIRONMENT)),
        learning_rate=5e-4,
        buffer_size=100_000,
        learning_starts=1_000,
        batch_size=128,
        gamma=0.99,
        train_freq=4,
        gradient_steps=2,
        target_update_interval=500,
        exploration_fraction=0.3,
        exploration_final_eps=0.05,
        policy_kwargs={"net_arch": [128, 128]},
        seed=seed,
        device="cpu",
    )


def train(options: Options) -> DQN:
    """Train, save, and return the agent."""
    keep_best = KeepBest(lambda: gymnasium.make(ENVIRONMENT), every=10_000, episodes=20)
    return train_and_save(make_model, options, f"DQN on {ENVIRONMENT}", keep_best=keep_best)


if __name__ == "__main__":
    train(tyro.cli(Options, default=DEFAULTS, description="Train the LunarLander agent."))

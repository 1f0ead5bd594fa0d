"""Train RecurrentPPO on CueRecall-v0: `python -m agents.cue_recall.train --seed 0`."""

from pathlib import Path

import tyro
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.env_util import make_vec_env

from agents.training import Options, train_and_save

DEFAULTS = Options(timesteps=400_000, out=Path(__file__).parent)


def make_model(seed: int) -> RecurrentPPO:
    """Make the untrained agent in 16 environments."""
    return RecurrentPPO(
        "MlpLstmPolicy",
        make_vec_env("envs:CueRecall-v0", n_envs=16, seed=seed),
        learning_rate=1e-3,
        n_steps=64,
        batch_size=256,
        n_epochs=6,
        gamma=0.98,
        ent_coef=0.01,
        policy_kwargs={"lstm_hidden_size": 32, "net_arch": {"pi": [32], "vf": [32]}},
        seed=seed,
        device="cpu",
    )


def train(options: Options) -> RecurrentPPO:
    """Train, save, and return the agent."""
    return train_and_save(make_model, options, "RecurrentPPO on CueRecall-v0")


if __name__ == "__main__":
    train(tyro.cli(Options, default=DEFAULTS, description="Train the agent that remembers a cue."))

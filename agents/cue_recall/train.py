"""Train RecurrentPPO on CueRecall-v0: `python -m agents.cue_recall.train --seed 0`."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.env_util import make_vec_env

from agents.training import ProgressBar, make_reproducible, save_small, write_training_log

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train the agent that remembers a cue."""

    seed: int = 0
    """Seed of everything random."""
    timesteps: int = 400_000
    """Environment steps."""
    out: Path = FOLDER
    """Folder that the weights and the training log are written to."""


def train(options: Options) -> RecurrentPPO:
    """Train, save, and return the agent."""
    started = time.time()
    make_reproducible(options.seed)
    environment = make_vec_env("envs:CueRecall-v0", n_envs=16, seed=options.seed)
    model = RecurrentPPO(
        "MlpLstmPolicy",
        environment,
        learning_rate=1e-3,
        n_steps=64,
        batch_size=256,
        n_epochs=6,
        gamma=0.98,
        ent_coef=0.01,
        policy_kwargs={"lstm_hidden_size": 32, "net_arch": {"pi": [32], "vf": [32]}},
        seed=options.seed,
        device="cpu",
    )
    model.learn(options.timesteps, callback=ProgressBar(options.timesteps, "RecurrentPPO on CueRecall-v0"))
    save_small(model, options.out / "weights.zip")
    facts = {key: value for key, value in asdict(options).items() if key != "out"}
    write_training_log(options.out / "training.json", started=started, **facts)
    return model


if __name__ == "__main__":
    train(tyro.cli(Options))

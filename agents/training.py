"""What the training scripts share: their options, the course of a training, a progress bar, and saving small."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import gymnasium
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from tqdm import tqdm

TRANSIENT = (
    "_last_obs",
    "_last_episode_starts",
    "_last_original_obs",
    "_last_lstm_states",
    "ep_info_buffer",
    "ep_success_buffer",
)
"""Attributes that an algorithm needs only while it trains."""


SEED_OF_TRIALS = 3_000_000
"""Of the episodes in which an agent is tried while it trains: neither the card's nor the training's."""

Algorithm = TypeVar("Algorithm", bound=BaseAlgorithm)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train an agent."""

    seed: int = 0
    """Seed of everything random."""
    timesteps: int
    """Environment steps."""
    out: Path
    """Folder that the weights and the training log are written to."""


def train_and_save(
    make_model: Callable[[int], Algorithm],
    options: Options,
    description: str,
    *,
    before_saving: Callable[[Algorithm], None] | None = None,
    keep_best: "KeepBest | None" = None,
) -> Algorithm:
    """Train a stable-baselines3 algorithm, and write `weights.zip` and `training.json`.

    Args:
        make_model: Makes the untrained algorithm and its environment from a seed, when all generators are seeded.
        options: Of the training.
        description: A few words beside the progress bar.
        before_saving: What is done to the trained algorithm first.
        keep_best: Tries the agent out while it trains; the weights that did best are those that are saved.

    Returns:
        The trained algorithm.
    """
    started = time.time()
    make_reproducible(options.seed)
    model = make_model(options.seed)
    bar = ProgressBar(options.timesteps, description)
    model.learn(options.timesteps, callback=bar if keep_best is None else [bar, keep_best])
    if keep_best is not None:
        keep_best.restore()
    if before_saving is not None:
        before_saving(model)
    save_small(model, options.out / "weights.zip")
    facts = {key: value for key, value in asdict(options).items() if key != "out"}
    if keep_best is not None:
        facts["kept"] = {"step": keep_best.step, "mean_return": keep_best.best}
    write_training_log(options.out / "training.json", started=started, **facts)
    return model


class ProgressBar(BaseCallback):
    """A bar on standard error with the mean return of the last hundred training episodes."""

    def __init__(self, total_timesteps: int, description: str) -> None:
        super().__init__()
        self._total = total_timesteps
        self._description = description
        self._bar: tqdm[Any] | None = None

    def _on_training_start(self) -> None:
        self._bar = tqdm(total=self._total, desc=self._description, unit=" steps", mininterval=2.0)

    def _on_step(self) -> bool:
        assert self._bar is not None
        self._bar.update(self.num_timesteps - self._bar.n)
        if self.n_calls % 512 == 0 and self.model.ep_info_buffer:
            returns = [episode["r"] for episode in self.model.ep_info_buffer]
            self._bar.set_postfix(mean_return=f"{np.mean(returns):.2f}")
        return True

    def _on_training_end(self) -> None:
        assert self._bar is not None
        self._bar.close()


class KeepBest(BaseCallback):
    """Tries the agent out now and then, taking its best action, and keeps the weights that did best.

    The return of a value-based agent falls and rises again while it trains; its last weights are as good as any.
    """

    def __init__(self, make: Callable[[], gymnasium.Env[Any, Any]], *, every: int, episodes: int) -> None:
        super().__init__()
        self._make, self._every, self._episodes = make, every, episodes
        self._weights: dict[str, torch.Tensor] = {}
        self.best, self.step = -float("inf"), 0

    def _on_step(self) -> bool:
        if self.num_timesteps % self._every == 0:
            mean = self._mean_return()
            if mean > self.best:
                self.best, self.step = mean, self.num_timesteps
                self._weights = {name: one.clone() for name, one in self.model.policy.state_dict().items()}
        return True

    def restore(self) -> None:
        """Give the agent the weights that did best, if it was tried at all."""
        if self._weights:
            self.model.policy.load_state_dict(self._weights)

    def _mean_return(self) -> float:
        environment, returns = self._make(), []
        for episode in range(self._episodes):
            observation, _ = environment.reset(seed=SEED_OF_TRIALS + episode)
            total, over = 0.0, False
            while not over:
                action, _ = self.model.predict(observation, deterministic=True)
                observation, reward, terminated, truncated, _ = environment.step(action)
                total, over = total + float(reward), terminated or truncated
            returns.append(total)
        environment.close()
        return float(np.mean(returns))


def make_reproducible(seed: int) -> None:
    """Seed every generator that training draws from, and keep to one thread (results depend on the thread count)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)


def save_small(model: BaseAlgorithm, path: Path) -> None:
    """Save a stable-baselines3 algorithm without what only further training needs.

    Optimiser moments, buffers and last observations are left out.
    The result is an ordinary zip that the library's own `load` takes; the optimisers in it start afresh.
    """
    for module in model.policy.modules():
        _forget(getattr(module, "optimizer", None))
    _forget(getattr(model, "ent_coef_optimizer", None))
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path, exclude=[name for name in TRANSIENT if hasattr(model, name)])


def _forget(optimizer: torch.optim.Optimizer | None) -> None:
    if optimizer is not None:
        optimizer.state.clear()


def write_training_log(path: Path, *, started: float, **facts: Any) -> None:
    """Write what the card says about the training: settings, seed, wall-clock time, library versions."""
    import gymnasium
    import stable_baselines3

    facts["minutes"] = round((time.time() - started) / 60, 1)
    facts["versions"] = {
        "gymnasium": gymnasium.__version__,
        "stable_baselines3": stable_baselines3.__version__,
        "torch": torch.__version__,
    }
    path.write_text(json.dumps(facts, indent=2) + "\n")

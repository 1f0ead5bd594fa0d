"""The agents that are measured: untrained networks of the usual sizes, since speed does not depend on skill."""

from collections.abc import Callable
from typing import Any

import gymnasium

ATARI = "ALE/Breakout-v5"
ATARI_WRAPPERS = ("atari", "frame_stack:4")
SMALL_ATARI_WRAPPERS = ("atari", "resize:42", "frame_stack:4")
SEED = 0


def untrained_ppo(policy: str, make: Callable[[], gymnasium.Env[Any, Any]]) -> Any:
    """PPO with stable-baselines3's own network, not trained, as a workbench `Policy`.

    Args:
        policy: `CnnPolicy` or `MlpPolicy`.
        make: Makes the environment.
    """
    from stable_baselines3 import PPO

    from workbench.policies import wrap_stable_baselines3

    environment = make()
    algorithm = PPO(policy, environment, n_steps=8, batch_size=8, seed=SEED, device="cpu")
    environment.close()
    return wrap_stable_baselines3(algorithm)

"""What the numbers of an observation and the actions are called, where that is known."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

COMPONENT_NAMES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "CartPole": (
        ("cart position (m)", "cart velocity (m/s)", "pole angle (rad)", "pole angular velocity (rad/s)"),
        ("push left", "push right"),
    ),
    "Pendulum": (("cos(angle)", "sin(angle)", "angular velocity (rad/s)"), ("torque (N·m)",)),
    "MountainCar": (("position", "velocity"), ("accelerate left", "do nothing", "accelerate right")),
    "MountainCarContinuous": (("position", "velocity"), ("force",)),
    "Acrobot": (
        (
            "cos(first angle)",
            "sin(first angle)",
            "cos(second angle)",
            "sin(second angle)",
            "first angular velocity (rad/s)",
            "second angular velocity (rad/s)",
        ),
        ("torque −1", "torque 0", "torque +1"),
    ),
    "LunarLander": (
        (
            "horizontal position",
            "vertical position",
            "horizontal velocity",
            "vertical velocity",
            "angle (rad)",
            "angular velocity",
            "left leg touches",
            "right leg touches",
        ),
        ("do nothing", "fire left engine", "fire main engine", "fire right engine"),
    ),
    "FrozenLake": ((), ("left", "down", "right", "up")),
    "CliffWalking": ((), ("up", "right", "down", "left")),
    "Taxi": ((), ("south", "north", "east", "west", "pick up", "drop off")),
    "MiniGrid": ((), ("turn left", "turn right", "forward", "pick up", "drop", "toggle", "done")),
}
"""Names of the observation's components and of the actions, by the environment's name without its version."""


def component_names(
    env: gymnasium.Env[Any, Any], environment_id: str | None
) -> tuple[list[str] | None, list[str] | None]:
    """Names of a vector observation's components and of the actions, where they are known.

    The environment may say them itself, as `observation_names` and `action_names` in its `metadata`.
    """
    name = (environment_id or (env.spec.id if env.spec else "")).rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    base = name.rsplit("-v", 1)[0]
    known = COMPONENT_NAMES.get(base) or COMPONENT_NAMES.get(base.split("-")[0]) or ((), ())
    observation_names = list(env.metadata.get("observation_names") or known[0])
    action_names = list(env.metadata.get("action_names") or known[1])
    if not action_names and hasattr(env.unwrapped, "get_action_meanings"):
        action_names = [str(meaning).lower() for meaning in env.unwrapped.get_action_meanings()]
    shape = env.observation_space.shape or ()
    if shape != (len(observation_names),):
        observation_names = []
    if len(action_names) != _number_of_actions(env.action_space):
        action_names = []
    return observation_names or None, action_names or None


def _number_of_actions(space: spaces.Space[Any]) -> int:
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    return int(np.prod(space.shape or ()))

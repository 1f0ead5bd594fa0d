"""Do the spaces that a policy was trained on fit those of the environment that it shall act in?"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from workbench.errors import WorkbenchError
from workbench.policies.preprocessing import channels_first, is_image


def _difference(trained: gymnasium.Space[Any], given: gymnasium.Space[Any], normalised: bool) -> str | None:
    """Name what makes observations of `given` unfit for a policy trained on `trained`; None where nothing does."""
    if type(trained) is not type(given):
        return "another kind of space"
    if isinstance(trained, spaces.Dict) and isinstance(given, spaces.Dict):
        if set(trained.spaces) != set(given.spaces):
            return f"the keys {sorted(trained.spaces)} against {sorted(given.spaces)}"
        parts = ((key, _difference(part, given.spaces[key], normalised)) for key, part in trained.spaces.items())
        return next((f"'{key}': {part}" for key, part in parts if part), None)
    if isinstance(trained, spaces.Box):
        if given.shape != trained.shape and channels_first(given).shape != trained.shape:
            return f"the shape {list(trained.shape)} against {list(given.shape or ())}"
        if is_image(trained) != is_image(given) and not normalised:
            return "images of bytes (0 to 255) on one side only"
        return None
    if isinstance(trained, spaces.Discrete) and isinstance(given, spaces.Discrete):
        return None if trained.n == given.n else f"{trained.n} values against {given.n}"
    if isinstance(trained, spaces.MultiDiscrete) and isinstance(given, spaces.MultiDiscrete):
        return None if np.array_equal(trained.nvec, given.nvec) else f"{trained.nvec} values against {given.nvec}"
    return None if trained.shape == given.shape else f"the shape {trained.shape} against {given.shape}"


def check_observation_space(
    trained: gymnasium.Space[Any], environment: gymnasium.Env[Any, Any], *, normalised: bool, where: str
) -> None:
    """Raise unless observations of `environment` suit a policy trained on `trained`.

    Args:
        trained: What the network takes (images with channels first).
        environment: Where the policy shall act.
        normalised: Whether statistics are applied in between (bytes may then have become floats).
        where: The policy's name for the message.
    """
    given = environment.observation_space
    difference = _difference(trained, given, normalised)
    if difference:
        raise WorkbenchError(
            f"{where} was trained on observations {trained}, but the environment gives {given}: {difference}; use the "
            f"environment and the wrappers that it was trained with"
        )


def check_action_space(trained: gymnasium.Space[Any], environment: gymnasium.Env[Any, Any], where: str) -> None:
    """Raise unless actions of a policy trained on `trained` are what `environment` takes."""
    given = environment.action_space
    difference = _difference(trained, given, normalised=True)
    if difference is None and isinstance(trained, spaces.Box) and isinstance(given, spaces.Box):
        same = np.allclose(trained.low, given.low) and np.allclose(trained.high, given.high)
        difference = None if same else "other bounds"
    if difference:
        raise WorkbenchError(
            f"{where} gives actions {trained}, but the environment takes {given}: {difference}; use the environment "
            f"and the wrappers that it was trained with"
        )

"""What may be put around an environment by name: the one table, and the wrappers that nobody else has."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from workbench.errors import MissingExtraError, WorkbenchError

Environment: TypeAlias = gymnasium.Env[Any, Any]


class FrameStack(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The last `count` image or vector observations on the last axis, zero-padded at the start, as SB3 stacks them."""

    def __init__(self, env: Environment, count: int) -> None:
        super().__init__(env)
        box = env.observation_space
        if not isinstance(box, spaces.Box):
            raise WorkbenchError(f"frame_stack needs a Box observation; {env} has {box}.")
        self.observation_space = spaces.Box(
            low=np.repeat(box.low, count, axis=-1), high=np.repeat(box.high, count, axis=-1), dtype=box.dtype.type
        )
        self._stack = np.zeros(self.observation_space.shape, box.dtype)
        self._width = box.shape[-1]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start anew: everything before the first observation is zero."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._stack[:] = 0
        return self._push(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and drop the oldest observation for the newest."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._push(observation), reward, terminated, truncated, info

    def _push(self, observation: npt.NDArray[Any]) -> npt.NDArray[Any]:
        self._stack = np.roll(self._stack, -self._width, axis=-1)
        self._stack[..., -self._width :] = observation
        return self._stack.copy()


def _atari(env: Environment, argument: str | None) -> Environment:
    # SB3's wrapper, but whole lives and unclipped rewards: what is measured is the game's own return.
    try:
        from stable_baselines3.common.atari_wrappers import AtariWrapper
    except ImportError as error:  # pragma: no cover - stable-baselines3 is a core dependency
        raise MissingExtraError("opencv-python-headless", "atari", "The wrapper 'atari'") from error
    skip = _number(argument, 4, 64)
    return AtariWrapper(env, frame_skip=skip, terminal_on_life_loss=False, clip_reward=False)


def _minigrid(name: str) -> Callable[[Environment, str | None], Environment]:
    def wrap(env: Environment, _argument: str | None) -> Environment:
        try:
            from minigrid import wrappers as minigrid_wrappers
        except ImportError as error:
            raise MissingExtraError("minigrid", "minigrid", f"The wrapper {name!r}") from error
        wrapped: Environment = getattr(minigrid_wrappers, name)(env)
        return wrapped

    return wrap


def _number(argument: str | None, default: int, most: int) -> int:
    """The argument of a wrapper; a recording may name it, and a stack of a billion frames fills any memory."""
    number = int(argument) if argument else default
    if not 0 < number <= most:
        raise WorkbenchError(f"a wrapper takes a number from 1 to {most:,}; it was given {number:,}")
    return number


WRAPPERS: Mapping[str, Callable[[Environment, str | None], Environment]] = {
    "atari": _atari,
    "frame_stack": lambda env, count: FrameStack(env, _number(count, 4, 64)),
    "flatten": lambda env, _: gymnasium.wrappers.FlattenObservation(env),
    "time_limit": lambda env, steps: gymnasium.wrappers.TimeLimit(env, _number(steps, 1000, 10**9)),
    "resize": lambda env, size: gymnasium.wrappers.ResizeObservation(env, (_number(size, 84, 2048),) * 2),
    "grayscale": lambda env, _: gymnasium.wrappers.GrayscaleObservation(env, keep_dim=True),
    "minigrid_image": _minigrid("ImgObsWrapper"),
    "minigrid_full": _minigrid("FullyObsWrapper"),
    "minigrid_flat": _minigrid("FlatObsWrapper"),
    "minigrid_rgb": _minigrid("RGBImgPartialObsWrapper"),
}
"""What may be put around an environment by name, `name` or `name:argument`."""

"""Making environments by name, describing them in plain JSON, and making them again from that description.

Nothing in a description is code: wrappers are names from the table below, and a module named by an environment id is
imported only where a person typed that id, or where the module is one of `TRUSTED_MODULES`.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from workbench.errors import MissingExtraError, WorkbenchError

Environment = gymnasium.Env[Any, Any]

TRUSTED_MODULES = ("envs", "ale_py", "minigrid")
"""Modules that register environments and may be imported because a recording names them."""

_COMPANIONS = {"MiniGrid-": ("minigrid", "minigrid"), "BabyAI-": ("minigrid", "minigrid"), "ALE/": ("ale_py", "atari")}
_MISSING = {
    "box2d": "box2d",
    "Box2D": "box2d",
    "swig": "box2d",
    "ale_py": "atari",
    "cv2": "atari",
    "opencv": "atari",
    "mujoco": "mujoco",
    "minigrid": "minigrid",
    "pygame": "render",
}

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
    skip = int(argument) if argument else 4
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


WRAPPERS: Mapping[str, Callable[[Environment, str | None], Environment]] = {
    "atari": _atari,
    "frame_stack": lambda env, count: FrameStack(env, int(count or 4)),
    "flatten": lambda env, _: gymnasium.wrappers.FlattenObservation(env),
    "time_limit": lambda env, steps: gymnasium.wrappers.TimeLimit(env, int(steps or 1000)),
    "resize": lambda env, size: gymnasium.wrappers.ResizeObservation(env, (int(size or 84), int(size or 84))),
    "grayscale": lambda env, _: gymnasium.wrappers.GrayscaleObservation(env, keep_dim=True),
    "minigrid_image": _minigrid("ImgObsWrapper"),
    "minigrid_full": _minigrid("FullyObsWrapper"),
    "minigrid_flat": _minigrid("FlatObsWrapper"),
    "minigrid_rgb": _minigrid("RGBImgPartialObsWrapper"),
}
"""What may be put around an environment by name, `name` or `name:argument`."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentSpecification:
    """An environment by name: all that is needed to make it again."""

    id: str | None
    """As gymnasium names it; None for one that was handed over as an object and cannot be made again by name."""
    kwargs: Mapping[str, Any]
    wrappers: tuple[str, ...]

    def make(self, *, render: bool = False, trusted_only: bool = False) -> Environment:
        """Make the environment.

        Args:
            render: Ask for RGB frames.
            trusted_only: Refuse to import a module that is neither loaded nor one of `TRUSTED_MODULES`.
        """
        if self.id is None:
            raise WorkbenchError(
                "This recording's environment was handed over as an object and is not known by name; "
                "pass it: recording.replay(row, environment=...)."
            )
        if trusted_only and ":" in self.id:
            module = self.id.split(":", 1)[0]
            if module not in TRUSTED_MODULES and module not in sys.modules:
                raise WorkbenchError(
                    f"The recording names the environment {self.id!r}, which would import the module {module!r}. "
                    f"Import it yourself first, or pass environment=..., if you trust it."
                )
        return make_environment(self.id, kwargs=self.kwargs, wrappers=self.wrappers, render=render)


def make_environment(
    environment_id: str,
    *,
    kwargs: Mapping[str, Any] | None = None,
    wrappers: Sequence[str] = (),
    render: bool = False,
) -> Environment:
    """Make an environment by its gymnasium name.

    Args:
        environment_id: `CartPole-v1`, or `module:Name-v0` where importing `module` registers the environment.
        kwargs: Options of the environment.
        wrappers: Names of the table `WRAPPERS`, innermost first, each `name` or `name:argument`.
        render: Make it give RGB frames (`render_mode="rgb_array"`).

    Raises:
        WorkbenchError: There is no such environment or wrapper, or it cannot be made with these options.
    """
    for prefix, (module, extra) in _COMPANIONS.items():
        if environment_id.startswith(prefix):
            try:
                imported = importlib.import_module(module)
            except ImportError as error:
                raise MissingExtraError(module, extra, f"The environment {environment_id!r}") from error
            if module == "ale_py":
                gymnasium.register_envs(imported)
    options = dict(kwargs or {})
    if render:
        options.setdefault("render_mode", "rgb_array")
    if environment_id.startswith("ALE/") and any(name.split(":")[0] == "atari" for name in wrappers):
        options.setdefault("frameskip", 1)
        options.setdefault("repeat_action_probability", 0.0)
    try:
        env = gymnasium.make(environment_id, **options)
    except WorkbenchError:
        raise
    except Exception as error:
        raise _unmakeable(environment_id, options, error) from error
    for name in wrappers:
        kind, _, argument = name.partition(":")
        if kind not in WRAPPERS:
            raise WorkbenchError(f"There is no wrapper {kind!r}; there are: {', '.join(WRAPPERS)}.")
        try:
            env = WRAPPERS[kind](env, argument or None)
        except WorkbenchError:
            raise
        except Exception as error:
            raise WorkbenchError(f"The wrapper {name!r} does not fit {environment_id!r}: {error}") from error
    return env


def _unmakeable(environment_id: str, options: Mapping[str, Any], error: Exception) -> WorkbenchError:
    text = " ".join(str(error).split())
    for word, extra in _MISSING.items():
        if isinstance(error, ImportError | gymnasium.error.DependencyNotInstalled) and word in text:
            return MissingExtraError(word, extra, f"The environment {environment_id!r}")
    with_options = f" with {dict(options)}" if options else ""
    return WorkbenchError(f"The environment {environment_id!r} cannot be made{with_options}: {text[:300]}")


def describe_environment(env: Environment, specification: EnvironmentSpecification) -> dict[str, Any]:
    """The facts about an environment that a recording keeps, in plain JSON."""
    names, actions = component_names(env, specification.id)
    spec = env.spec
    return {
        "id": specification.id or (spec.id if spec is not None else None),
        "by_name": specification.id is not None,
        "kwargs": {key: value for key, value in specification.kwargs.items() if key != "render_mode"},
        "wrappers": list(specification.wrappers),
        "observation_space": describe_space(env.observation_space),
        "action_space": describe_space(env.action_space),
        "observation_names": names,
        "action_names": actions,
        "render_fps": float(env.metadata.get("render_fps") or 0) or None,
        "maximum_episode_steps": spec.max_episode_steps if spec is not None else None,
    }


def component_names(env: Environment, environment_id: str | None) -> tuple[list[str] | None, list[str] | None]:
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


def describe_space(space: spaces.Space[Any]) -> dict[str, Any]:
    """A space in plain JSON: its kind, shape, dtype and bounds (a single number where all are equal)."""
    if isinstance(space, spaces.Dict):
        return {"kind": "Dict", "spaces": {key: describe_space(part) for key, part in space.spaces.items()}}
    facts: dict[str, Any] = {
        "kind": type(space).__name__,
        "shape": list(space.shape or ()),
        "dtype": str(space.dtype),
    }
    if isinstance(space, spaces.Box):
        facts |= {"low": _bounds(space.low), "high": _bounds(space.high)}
    elif isinstance(space, spaces.Discrete):
        facts |= {"n": int(space.n), "start": int(space.start)}
    elif isinstance(space, spaces.MultiDiscrete):
        facts |= {"nvec": space.nvec.tolist()}
    return facts


def _bounds(values: npt.NDArray[Any]) -> Any:
    # JSON has no infinity: it is written as a string.
    if values.size and (values == values.flat[0]).all():
        return _finite(values.flat[0].item())
    return [_finite(value) for value in values.ravel().tolist()] if values.size <= 4096 else "varied"


def _finite(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)

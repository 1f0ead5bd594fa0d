"""Making environments by name, describing them in plain JSON, and making them again from that description.

Nothing in a description is code: wrappers are names from the table below, and a module named by an environment id is
imported only where a person typed that id, or where `named_modules.may_use` says that it may be.
"""

import contextlib
import importlib
import importlib.util
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium

from workbench.errors import MissingExtraError, NotImportedError, UnnamedEnvironmentError, WorkbenchError
from workbench.recording.component_names import component_names
from workbench.recording.environment_wrappers import WRAPPERS, Environment
from workbench.recording.named_modules import how_to_allow, may_use
from workbench.recording.space_descriptions import describe_space

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
    "numba": "envs",
    "pygame": "render",
}


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
            trusted_only: The name comes from a recording: refuse what would import a module that nobody imported.

        Raises:
            WorkbenchError: It is not known by name, or its module may not be imported, or it cannot be made.
        """
        if self.id is None:
            raise UnnamedEnvironmentError(
                "This recording's environment was handed over as an object and is not known by name; "
                "pass it: recording.replay(row, environment=...)."
            )
        if trusted_only:
            for module in _modules_of(self.id):
                if not may_use(module):
                    raise NotImportedError(
                        f"The recording names the environment {self.id!r}. {how_to_allow(module)} "
                        f"(or pass environment=...)."
                    )
            files = [name for name, value in self.kwargs.items() if _names_a_file(value)]
            if files:
                raise WorkbenchError(
                    f"The recording makes the environment {self.id!r} with {', '.join(files)} that may name a file, "
                    f"which is not opened because a recording names it; pass environment=..."
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
    _register_companions(environment_id)
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


def _register_companions(environment_id: str) -> None:
    """Import the package that registers an environment whose name says which it is."""
    for prefix, (module, extra) in _COMPANIONS.items():
        if environment_id.startswith(prefix):
            try:
                _register(module)
            except ImportError as error:
                raise MissingExtraError(module, extra, f"The environment {environment_id!r}") from error
            return
    if ":" not in environment_id and environment_id not in gymnasium.registry:
        # The older names of Atari games (`Pong-v4`, `PongNoFrameskip-v4`) have nothing to know them by.
        with contextlib.suppress(ImportError):
            _register("ale_py")


def _modules_of(environment_id: str) -> list[str]:
    """The modules that making an environment of this name would import, as far as they can be found."""
    if ":" in environment_id:
        return [environment_id.partition(":")[0]]
    companions = [module for prefix, (module, _) in _COMPANIONS.items() if environment_id.startswith(prefix)]
    if not companions and environment_id not in gymnasium.registry:
        companions = ["ale_py"]
    return [module for module in companions if importlib.util.find_spec(module) is not None]


def _names_a_file(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_names_a_file, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_names_a_file, value))
    return isinstance(value, str) and ("/" in value or "\\" in value or value.startswith((".", "~")))


def _register(module: str) -> None:
    imported = importlib.import_module(module)
    if module == "ale_py":
        gymnasium.register_envs(imported)


def _unmakeable(environment_id: str, options: Mapping[str, Any], error: Exception) -> WorkbenchError:
    # Gymnasium appends where the error was raised from, and with what: both are said here already.
    text = " ".join(str(error).split()).partition(" was raised from the environment creator for ")[0]
    for word, extra in _MISSING.items():
        if isinstance(error, ImportError | gymnasium.error.DependencyNotInstalled) and word in text:
            return MissingExtraError(word, extra, f"The environment {environment_id!r}")
    unknown = re.search(r"got an unexpected keyword argument '(\w+)'", text)
    if unknown is not None and unknown[1] in options and unknown[1] != "render_mode":
        known = ", ".join(_options_of(environment_id)) or "none"
        return WorkbenchError(f"The environment {environment_id!r} has no option {unknown[1]!r}; it has: {known}.")
    with_options = f" with {dict(options)}" if options else ""
    return WorkbenchError(f"The environment {environment_id!r} cannot be made{with_options}: {text[:300]}")


def _options_of(environment_id: str) -> list[str]:
    """What the environment's constructor takes, but for how it draws; nothing where that cannot be found out."""
    try:
        creator: Any = gymnasium.spec(environment_id.rpartition(":")[2]).entry_point
        if isinstance(creator, str):
            creator = gymnasium.envs.registration.load_env_creator(creator)
        parameters = inspect.signature(creator).parameters
    except (gymnasium.error.Error, ImportError, AttributeError, TypeError, ValueError):
        return []
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, parameter in parameters.items() if parameter.kind in named and name != "render_mode"]


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

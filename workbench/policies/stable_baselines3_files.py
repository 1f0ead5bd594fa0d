"""From a saved agent's file to a policy: rebuilt from its weights without trust, or loaded by the library with it."""

import copy
import inspect
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.policies.archive import Archive, read_archive
from workbench.policies.bounded_building import TooLargeError, bounded_building
from workbench.policies.inert_pickle import InertPickleError
from workbench.policies.inert_spaces import read_space
from workbench.policies.kinds import Kind, kind_of_archive, policy_class_name
from workbench.policies.normalisation import Normalisation, read_normalisation
from workbench.policies.policy_arguments import TRUST, read_policy_arguments
from workbench.policies.preprocessing import channels_first, is_image
from workbench.policies.shared_layers import split_layers, with_shared_layers
from workbench.policies.space_checks import check_action_space, check_observation_space
from workbench.policies.stable_baselines3 import StableBaselines3Policy, assemble_policy

VecNormalizeSource = str | Path | Mapping[str, np.ndarray[Any, Any]] | None
Environment = gymnasium.Env[Any, Any]


def _policy_class(kind: Kind, archive: Archive) -> Any:
    """Find the installed policy class that the file names among those of the algorithm."""
    known = {cls.__name__: cls for cls in kind.algorithm_class().policy_aliases.values()}
    package, _, name = policy_class_name(archive).rpartition(".")
    if package.split(".")[0] not in ("stable_baselines3", "sb3_contrib") or name not in known:
        what = f"'{package}.{name}'" if name else "defined within the file"
        raise WorkbenchError(
            f"the policy class of '{archive.path}' is {what}, not one of {kind.label}'s own "
            f"({', '.join(sorted(known))}), so it cannot be loaded without executing its code; {TRUST}"
        )
    return known[name]


def _stored_space(archive: Archive, key: str) -> gymnasium.Space[Any] | None:
    try:
        return read_space(archive.value(key))
    except InertPickleError:
        return None


def _seen_by_network(space: gymnasium.Space[Any], normalisation: Normalisation) -> gymnasium.Space[Any]:
    """Return what the library's wrappers make of an environment's observation space before the network sees it."""

    def one(key: str, part: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
        if key in normalisation and isinstance(part, spaces.Box) and is_image(part):
            clip = normalisation[key].clip
            return spaces.Box(-clip, clip, part.shape, dtype=np.float32)
        return channels_first(part)

    if isinstance(space, spaces.Dict):
        return spaces.Dict(OrderedDict((key, one(key, part)) for key, part in space.spaces.items()))
    return one("", space)


def _spaces(
    archive: Archive, environment: Environment | None, normalisation: Normalisation
) -> tuple[gymnasium.Space[Any], gymnasium.Space[Any]]:
    """Return observation and action space to build the network for, checked against the environment's."""
    where = f"'{archive.path}'"
    observation_space = _stored_space(archive, "observation_space")
    action_space = _stored_space(archive, "action_space")
    if environment is None:
        if observation_space is None or action_space is None:
            raise WorkbenchError(
                f"the spaces in {where} cannot be read without executing its code: name the environment too, or {TRUST}"
            )
        return observation_space, action_space
    if observation_space is None:
        # Copies, because building a CNN draws a sample from its space, which would move the environment's generator.
        observation_space = copy.deepcopy(_seen_by_network(environment.observation_space, normalisation))
    else:
        check_observation_space(observation_space, environment, normalised=bool(normalisation), where=where)
    if action_space is None:
        action_space = copy.deepcopy(environment.action_space)
    else:
        check_action_space(action_space, environment, where)
    return observation_space, action_space


def _current_names(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add the aliases that versions since 1.7 store for shared feature extractors to weights stored before."""
    complete = dict(weights)
    for name in expected:
        head, _, rest = name.partition(".")
        if name not in complete and head in ("pi_features_extractor", "vf_features_extractor"):
            source = weights.get(f"features_extractor.{rest}")
            if source is not None:
                complete[name] = source
    return complete


def _build(kind: Kind, archive: Archive, observation_space: Any, action_space: Any, device: str) -> Any:
    """Build the library's policy class and load the weights into it, strictly."""
    policy_class = _policy_class(kind, archive)
    accepted = inspect.signature(policy_class.__init__).parameters
    arguments = read_policy_arguments(archive, accepted)
    if "net_arch" in arguments:
        shared, arguments["net_arch"] = split_layers(arguments["net_arch"], archive.weights)
        if shared:
            policy_class = with_shared_layers(policy_class, shared)
    if kind.takes_gsde:
        arguments["use_sde"] = archive.data.get("use_sde") is True
    if kind.takes_schedule:
        arguments["lr_schedule"] = lambda progress: 0.0
    # First weights are drawn and overwritten: the caller's random state must not notice.
    with torch.random.fork_rng(devices=[]):
        try:
            with bounded_building(archive.weights):
                policy = policy_class(observation_space, action_space, **arguments)
        except TooLargeError as error:
            stored = sum(tensor.numel() for tensor in archive.weights.values())
            raise WorkbenchError(
                f"'{archive.path}' asks for a {policy_class.__name__} that takes {error}, but its weights hold "
                f"{stored:,} numbers"
            ) from error
        except Exception as error:
            raise WorkbenchError(
                f"'{archive.path}' asks for a {policy_class.__name__} on {_short(observation_space)} and "
                f"{_short(action_space)} that cannot be built: {_short(error)}"
            ) from error
    try:
        policy.load_state_dict(_current_names(archive.weights, policy.state_dict()), strict=True)
    except Exception as error:
        lines = [line.strip() for line in str(error).split("\n")[1:3]]
        raise WorkbenchError(
            f"the weights in '{archive.path}' do not fit its {policy_class.__name__}: {' '.join(lines)[:300]}"
        ) from error
    policy.set_training_mode(False)
    return policy.to(device)


def _short(value: Any) -> str:
    """A space or an error in one line, however large the file makes it."""
    text = " ".join(str(value).split())
    return text if len(text) <= 300 else f"{text[:300]}…"


def _load_with_trust(kind: Kind, archive: Archive, device: str) -> Any:
    """Let the library load the file, and run what it holds; return its algorithm object."""
    # What acting does not need, and what files of old versions hold in forms that no longer load.
    replaced: dict[str, Any] = {
        "learning_rate": 0.0, "lr_schedule": lambda progress: 0.0, "clip_range": lambda progress: 0.0,
        "clip_range_vf": None, "exploration_schedule": lambda progress: 0.0, "delta_std_schedule": lambda progress: 0.0,
        "buffer_size": 1, "seed": None, "ep_info_buffer": None, "ep_success_buffer": None, "action_noise": None,
        "_last_obs": None, "_last_original_obs": None, "_last_episode_starts": None,
    }  # fmt: skip
    for key in ("observation_space", "action_space"):
        space = _stored_space(archive, key)
        if space is not None:
            replaced[key] = space
    custom_objects = {key: value for key, value in replaced.items() if key in archive.data}
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return kind.algorithm_class().load(archive.path, device=device, custom_objects=custom_objects)
        except Exception as error:
            raise WorkbenchError(
                f"stable-baselines3 cannot load '{archive.path}' even with trust ({type(error).__name__}: {error})"
            ) from error


def load_stable_baselines3(
    kind: Kind,
    path: str | Path,
    *,
    environment: Environment | None = None,
    vec_normalize: VecNormalizeSource = None,
    device: str = "cpu",
    trust_pickle: bool = False,
    spec: str | None = None,
) -> StableBaselines3Policy:
    """Load a saved agent.

    Args:
        kind: The algorithm that saved it.
        path: The zip file.
        environment: Where it shall act; its spaces are checked, and serve where the file's cannot be read.
        vec_normalize: The file with the observation statistics that it was trained with.
        device: Where the network shall be, such as `cpu` or `cuda`.
        trust_pickle: Load by the library's own means, which executes code from the file.
        spec: The specification it was asked for by.

    Raises:
        WorkbenchError: The file cannot be read, is of another algorithm, or does not fit the environment.
    """
    archive = read_archive(path, trusted=trust_pickle)
    looks_like = kind_of_archive(archive)
    if looks_like is not None and looks_like is not kind:
        raise WorkbenchError(
            f"'{archive.path}' does not hold a {kind.label} agent but looks like {looks_like.label}: "
            f"use {looks_like.name}:{path}"
        )
    normalisation = read_normalisation(vec_normalize) if vec_normalize is not None else {}
    if trust_pickle:
        library_policy = _load_with_trust(kind, archive, device).policy
        if environment is not None:
            where = f"'{archive.path}'"
            check_observation_space(
                library_policy.observation_space, environment, normalised=bool(normalisation), where=where
            )
            check_action_space(library_policy.action_space, environment, where)
    else:
        library_policy = _build(kind, archive, *_spaces(archive, environment, normalisation), device)
    policy = assemble_policy(
        kind,
        library_policy,
        normalisation=(lambda: normalisation) if normalisation else None,
        observation_space=environment.observation_space
        if environment is not None
        else library_policy.observation_space,
        facts=archive.data,
        source=archive.path,
        spec=spec,
    )
    if archive.version:
        policy.settings["stable_baselines3"] = archive.version
    return policy

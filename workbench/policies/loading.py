"""Find a policy by its specification: `KIND:PATH` or `module:factory`."""

import importlib
import sys
from pathlib import Path
from typing import Any

import gymnasium
import torch
from torch import nn

from workbench.errors import WorkbenchError
from workbench.policies.kinds import KIND_NAMES, find_kind
from workbench.policies.module_policy import module_policy
from workbench.policies.stable_baselines3_files import VecNormalizeSource, load_stable_baselines3
from workbench.policies.types import Policy


def load_policy(
    spec: str,
    *,
    environment: gymnasium.Env[Any, Any] | None = None,
    vec_normalize: VecNormalizeSource = None,
    device: str = "cpu",
    trust_pickle: bool = False,
) -> Policy:
    """Load the policy that `spec` names.

    Args:
        spec: `KIND:PATH`, such as `ppo:path/to.zip`, or `module:factory`, where `factory(environment)` returns a
            `Policy` or a `torch.nn.Module` with a method `policy_output` (see `module_policy`).
        environment: Where it shall act: its spaces are checked, or handed to the factory.
        vec_normalize: File with the observation statistics of a stable-baselines3 agent (`VecNormalize.save`), or a
            policy's `normalisation` arrays.
        device: Where the network shall be, such as `cpu` or `cuda`.
        trust_pickle: Let the library load the file by its own means, which executes code from it.

    Raises:
        WorkbenchError: Anything about the specification, the file or the environment that does not fit.
    """
    _check_device(device)
    name, colon, rest = spec.partition(":")
    if not colon or not name or not rest:
        raise WorkbenchError(
            f"'{spec}' does not name a policy; expected KIND:PATH (KIND of {', '.join(KIND_NAMES)}) or module:factory"
        )
    if name in KIND_NAMES:
        return load_stable_baselines3(
            find_kind(name),
            rest,
            environment=environment,
            vec_normalize=vec_normalize,
            device=device,
            trust_pickle=trust_pickle,
            spec=spec,
        )
    if rest.endswith(".zip") or "/" in rest or not rest.isidentifier():
        find_kind(name)
    if vec_normalize is not None:
        raise WorkbenchError(f"normalisation statistics are for stable-baselines3 agents; '{spec}' must apply its own")
    return _call_factory(spec, name, rest, environment, device)


def _check_device(device: str) -> None:
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise WorkbenchError(f"'{device}' is not a device; expected cpu, cuda or cuda:0") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise WorkbenchError(f"the device '{device}' was asked for, but torch sees no CUDA device here; use cpu")


def _import(name: str) -> Any:
    """Import a module, looking also in the current folder, as `python -m` does."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.split(".")[0] or str(Path.cwd()) in sys.path:
            raise
    sys.path.append(str(Path.cwd()))
    return importlib.import_module(name)


def _call_factory(spec: str, module_name: str, name: str, environment: Any, device: str) -> Policy:
    try:
        module = _import(module_name)
    except ModuleNotFoundError as error:
        raise WorkbenchError(
            f"'{spec}' does not name a policy: '{module_name}' is neither a kind ({', '.join(KIND_NAMES)}) "
            f"nor a module that can be imported ({error})"
        ) from error
    factory = getattr(module, name, None)
    if not callable(factory):
        raise WorkbenchError(f"the module '{module_name}' has no function '{name}' that makes a policy")
    made = factory(environment)
    if isinstance(made, nn.Module) and not isinstance(made, Policy):
        if environment is None:
            raise WorkbenchError(f"'{spec}' gives a bare torch module: name the environment too, whose spaces it takes")
        made = module_policy(made, environment)
    if not isinstance(made, Policy):
        raise WorkbenchError(
            f"'{spec}' gave a {type(made).__name__}; expected a Policy, or a torch.nn.Module with policy_output"
        )
    if torch.device(device).type != "cpu":
        made.module.to(device)
    if getattr(made, "spec", None) is None:
        made.spec = spec  # type: ignore[attr-defined]
    return made

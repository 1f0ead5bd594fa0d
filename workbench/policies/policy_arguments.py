"""The arguments that a saved policy was built with, from inert records: numbers, and classes from a short list."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from workbench.errors import WorkbenchError
from workbench.policies.archive import Archive
from workbench.policies.inert_numpy import is_array, read_array, read_number
from workbench.policies.inert_pickle import InertGlobal, InertObject, InertPickleError, shown

TRUST = "--trust-pickle (trust_pickle=True) loads it, but runs whatever code the file holds: only for makers you trust"
"""What to do about a file that cannot be read inertly, and what that risks."""

_ACTIVATIONS = (
    "Tanh", "ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Mish", "SELU", "CELU", "Sigmoid", "Softplus", "Softsign",
    "Hardtanh", "Hardswish", "Hardsigmoid", "ReLU6", "LogSigmoid", "Tanhshrink", "Softshrink",
)  # fmt: skip
_EXTRACTORS = ("FlattenExtractor", "NatureCNN", "CombinedExtractor")
_DROPPED = frozenset({"optimizer_class", "optimizer_kwargs", "device", "ortho_init", "lr_schedule"})
"""What matters only to training, or to first weights that are overwritten."""
_MAXIMUM_LIST = 100
_MAXIMUM_PARTS = 10_000
"""Most parts of the arguments: a few shared references make a tiny file that unfolds to billions of them."""
_MAXIMUM_BITS = 62
_MAXIMUM_NAME = 200


def _class(name: str) -> type[Any] | None:
    """Return the class of that dotted name if it is one of those known to be harmless."""
    package, _, last = name.rpartition(".")
    if package in ("torch.nn.modules.activation", "torch.nn") and last in _ACTIVATIONS:
        found: type[Any] = getattr(nn, last)
        return found
    if package == "stable_baselines3.common.torch_layers" and last in _EXTRACTORS:
        from stable_baselines3.common import torch_layers

        extractor: type[Any] = getattr(torch_layers, last)
        return extractor
    return None


class _Plain:
    """Turns inert values into arguments, or says why they cannot be; counts the parts of all that it has turned."""

    def __init__(self) -> None:
        self._parts = 0

    def _count(self, parts: int, where: str) -> None:
        self._parts += parts
        if self._parts > _MAXIMUM_PARTS:
            raise InertPickleError(f"{where[:100]} and what precedes it has more than {_MAXIMUM_PARTS:,} parts")

    def __call__(self, value: Any, where: str, depth: int = 0) -> Any:
        self._count(1, where)
        if depth > 5:
            raise InertPickleError(f"{where} is nested too deep")
        if isinstance(value, int) and value.bit_length() > _MAXIMUM_BITS:
            raise InertPickleError(f"{where} is a number of more than {_MAXIMUM_BITS} bits")
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, Mapping):
            return {_name(key): self(part, f"{where}['{_name(key)}']", depth + 1) for key, part in value.items()}
        if isinstance(value, (list, tuple)) and len(value) <= _MAXIMUM_LIST:
            return [self(part, where, depth + 1) for part in value]
        if isinstance(value, InertGlobal):
            found = _class(value.name)
            if found is None:
                raise InertPickleError(f"{where} is {shown(value)}, not a part that is rebuilt without trust")
            return found
        if is_array(value):
            array = read_array(value)
            self._count(array.size, where)
            return array.tolist()
        if isinstance(value, InertObject) and value.name.endswith(".scalar"):
            return read_number(value)
        if isinstance(value, InertObject) and value.name == "collections.OrderedDict":
            return self(value.entries, where, depth + 1)
        raise InertPickleError(f"{where} holds {shown(value)}, not a part that is rebuilt without trust")


def _name(key: Any) -> str:
    if not isinstance(key, str) or len(key) > _MAXIMUM_NAME:
        raise InertPickleError(f"policy_kwargs holds something called {shown(key)}")
    return key


def read_policy_arguments(archive: Archive, accepted: Mapping[str, Any]) -> dict[str, Any]:
    """Read `policy_kwargs` of a saved agent.

    Args:
        archive: The saved agent.
        accepted: Names of the arguments that the policy class takes.

    Returns:
        Arguments for the policy's constructor, without those that matter only to training.

    Raises:
        WorkbenchError: It holds what cannot be rebuilt without trust, or what no policy of the installed version takes.
    """
    try:
        raw = archive.value("policy_kwargs")
        if not isinstance(raw, Mapping):
            raise InertPickleError(f"policy_kwargs is a {type(raw).__name__}")
        kept = {_name(key): value for key, value in raw.items() if key not in _DROPPED}
        plain = _Plain()
        arguments = {key: plain(value, f"policy_kwargs['{key}']") for key, value in kept.items()}
    except InertPickleError as error:
        raise WorkbenchError(
            f"'{archive.path}' cannot be loaded without executing its code: {error}; {TRUST}"
        ) from error
    arguments = {key: value for key, value in arguments.items() if key in accepted or value is not None}
    unknown = sorted(set(arguments) - set(accepted))
    if unknown:
        raise WorkbenchError(
            f"'{archive.path}' was built with {unknown}, which the installed stable-baselines3 does not know"
        )
    if "ortho_init" in accepted:
        arguments["ortho_init"] = False
    return arguments

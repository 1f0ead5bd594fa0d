"""What acted, kept inside the recording: the agent's own file or its parameters, and its normalisation statistics."""

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import zarr

from workbench.errors import NotImportedError, WorkbenchError
from workbench.policies.kinds import KIND_NAMES, kind_of_algorithm
from workbench.policies.types import Policy
from workbench.recording.layout import AGENT, compressors
from workbench.recording.lazy import LazyArrays
from workbench.recording.named_modules import how_to_allow, may_use

if TYPE_CHECKING:
    import gymnasium

FILE = "file"
PARAMETERS = "parameters"
NORMALISATION = "normalisation"


class AgentFile(NamedTuple):
    """The file that an agent came from, where it is no longer on the disk: it was kept in a recording."""

    name: str
    kind: str
    content: bytes


def write_agent(root: zarr.Group, policy: Policy) -> None:
    """Store the file that the policy was loaded from, or else its parameters; and what normalises its observations."""
    group = root.require_group(AGENT)
    source = getattr(policy, "source", None)
    algorithm = getattr(policy, "algorithm", None)
    kind = kind_of_algorithm(algorithm) if algorithm is not None else None
    kept: AgentFile | None = getattr(policy, "agent_file", None)
    if kept is not None:
        _write_file(group, kept.content, kept.name, kept.kind)
    elif source is not None and Path(source).is_file():
        spec = str(getattr(policy, "spec", None) or "")
        _write_file(group, Path(source).read_bytes(), Path(source).name, spec.partition(":")[0])
    elif kind is not None:
        _write_file(group, _saved(algorithm), f"{kind.name}.zip", kind.name)
    else:
        for name, tensor in policy.module.state_dict().items():
            value = tensor.detach().cpu()
            _write(group, f"{PARAMETERS}/{name}", (value.float() if "bfloat16" in str(value.dtype) else value).numpy())
    for name, value in (getattr(policy, "normalisation", None) or {}).items():
        _write(group, f"{NORMALISATION}/{name}", np.asarray(value))


def keeps_file(root: zarr.Group) -> bool:
    """Whether a recording holds the file that its agent can be loaded from."""
    return f"{AGENT}/{FILE}" in root


def _saved(algorithm: Any) -> bytes:
    """What the library's own `save` writes of a live algorithm, without the state of its optimisers."""
    whole, acting = io.BytesIO(), io.BytesIO()
    algorithm.save(whole)
    with zipfile.ZipFile(whole) as saved, zipfile.ZipFile(acting, "w") as kept:
        for name in saved.namelist():
            if "optimizer" not in name:
                kept.writestr(name, saved.read(name))
    return acting.getvalue()


def _write_file(group: zarr.Group, content: bytes, name: str, kind: str) -> None:
    facts = {"name": name, "kind": kind, "sha256": hashlib.sha256(content).hexdigest()}
    _write(group, FILE, np.frombuffer(content, np.uint8), facts)


def read_agent_policy(
    arrays: LazyArrays,
    attributes: Mapping[str, Any],
    environment: "gymnasium.Env[Any, Any]",
    *,
    trust_pickle: bool,
    device: str = "cpu",
) -> Policy:
    """Build the recorded policy again from the file inside the recording.

    An agent that came from a factory is built by that factory, if somebody has imported its package, and given the
    recorded parameters.

    Args:
        arrays: What the recording keeps of the agent.
        attributes: Of the recording's root.
        environment: Where it shall act.
        trust_pickle: Let the agent's file run its code.
        device: Where its network runs.

    Raises:
        WorkbenchError: The agent came from Python code that may not run just because the recording names it; its
            parameters are in `agent/parameters`. Or what is kept of it is damaged.
    """
    from workbench.policies import fingerprint, load_policy

    described = attributes.get("policy") or {}
    spec = str(described.get("spec") or "")
    if FILE not in arrays:
        module, colon, _ = spec.partition(":")
        by_factory = bool(colon) and module not in KIND_NAMES
        if by_factory and not may_use(module):
            raise NotImportedError(
                f"This recording's agent was made by {spec!r}. {how_to_allow(module)} "
                f"(its parameters can be had without: agent/parameters in the recording)."
            )
        if by_factory:
            policy = load_policy(spec, environment=environment, device=device)
            _restore_parameters(arrays, policy)
            _check_fingerprint(described, fingerprint(policy))
            return policy
        raise WorkbenchError(
            f"This recording's agent ({described.get('name')}) was handed over as an object, not loaded from a file; "
            f"build it yourself and load the parameters that the recording keeps under agent/parameters."
        )
    array = arrays[FILE]
    kind, checksum = array.attributes.get("kind"), array.attributes.get("sha256")
    if kind not in KIND_NAMES or array.ndim != 1 or array.dtype != np.uint8:
        raise WorkbenchError(
            f"The agent's file inside the recording should be bytes of an agent of a kind in {', '.join(KIND_NAMES)}; "
            f"it is {array.dtype} {list(array.shape)} of kind {str(kind)[:40]!r}."
        )
    content = array[:].tobytes()
    if hashlib.sha256(content).hexdigest() != checksum:
        raise WorkbenchError("The agent's file inside the recording is damaged: its checksum does not match.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.zip"
        path.write_bytes(content)
        policy = load_policy(
            f"{kind}:{path}",
            environment=environment,
            vec_normalize=_below(arrays, NORMALISATION) or None,
            device=device,
            trust_pickle=trust_pickle,
        )
    _check_fingerprint(described, fingerprint(policy))
    # It came from the recording, and the file that it was loaded from is gone.
    made: Any = policy
    made.spec = spec or f"{kind}:agent.zip"
    made.source = None
    made.agent_file = AgentFile(str(array.attributes.get("name") or "agent.zip")[:200], kind, content)
    return policy


def _check_fingerprint(described: dict[str, Any], came: str) -> None:
    expected = described.get("fingerprint")
    if expected != came:
        raise WorkbenchError(
            f"The agent built from the recording is not the one that acted: fingerprint {came[:12]} "
            f"instead of {str(expected)[:12]}."
        )


def _restore_parameters(arrays: LazyArrays, policy: Policy) -> None:
    """Give the network that a factory made the recorded parameters."""
    import torch

    recorded = {name.replace("/", "."): torch.as_tensor(value) for name, value in _below(arrays, PARAMETERS).items()}
    try:
        policy.module.load_state_dict(recorded)
    except RuntimeError as error:
        raise WorkbenchError(
            f"The recorded parameters do not fit the network that '{policy.name}' has now: {str(error)[:300]}"
        ) from error


def _below(arrays: LazyArrays, group: str) -> dict[str, np.ndarray[Any, Any]]:
    return {
        name.removeprefix(f"{group}/"): array[...] for name, array in arrays.items() if name.startswith(f"{group}/")
    }


def _write(group: zarr.Group, path: str, value: np.ndarray[Any, Any], attributes: dict[str, Any] | None = None) -> None:
    *parents, leaf = path.split("/")
    target = group.require_group("/".join(parents)) if parents else group
    array = target.create_array(
        leaf,
        shape=value.shape,
        chunks=tuple(max(1, size) for size in value.shape),
        dtype=value.dtype,
        compressors=compressors(),
        # xarray opens no array whose axes have no names.
        dimension_names=[f"{path}.axis_{place}" for place in range(value.ndim)],
        attributes=attributes or {},
        # Zeros are stored too: a layer that begins with them is no damage, as a missing chunk is.
        config={"write_empty_chunks": True},
    )
    if value.size:
        array[...] = value

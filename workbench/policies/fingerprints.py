"""One number that tells two agents apart: a digest of the network's weights and of the statistics before it."""

import hashlib
from typing import Any

import numpy as np
from torch import nn

from workbench.policies.types import Policy


def _add(digest: Any, name: str, array: np.ndarray[Any, Any]) -> None:
    array = np.ascontiguousarray(array)
    digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
    digest.update(array.tobytes())


def fingerprint(policy: Policy) -> str:
    """Return a SHA-256 (64 hexadecimal digits) over all that decides what the policy does.

    It covers the state dict of `policy.module` (name, element type, shape, bytes of each tensor, by name) and the
    normalisation statistics, if any. Two policies with equal fingerprints say the same about the same observation.
    """
    digest = hashlib.sha256()
    _add_weights(digest, policy.module)
    for name, array in sorted((getattr(policy, "normalisation", None) or {}).items()):
        _add(digest, f"normalisation/{name}", np.asarray(array))
    return digest.hexdigest()


def fingerprint_module(module: nn.Module) -> str:
    """Return the same of a network that is no policy."""
    digest = hashlib.sha256()
    _add_weights(digest, module)
    return digest.hexdigest()


def _add_weights(digest: Any, module: nn.Module) -> None:
    for name, tensor in sorted(module.state_dict().items()):
        values = tensor.detach().cpu()
        if values.dtype.is_floating_point and values.element_size() == 2:  # numpy has no bfloat16
            values = values.float()
        _add(digest, name, values.numpy())

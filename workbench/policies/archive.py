"""Read the zip file that stable-baselines3 saves, in memory and without executing anything in it."""

import base64
import binascii
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.policies.inert_pickle import InertPickleError, read_inert

MAXIMUM_BYTES = {"data": 512 * 2**20, "policy.pth": 4 * 2**30, "_stable_baselines3_version": 100}
"""The members that are read (no other is even opened), and how large each may be once unpacked."""
MAXIMUM_RATIO = 200
"""Most that a member may grow in unpacking; the library stores its members without compressing them."""


@dataclass(frozen=True)
class Archive:
    """What a saved agent's file says, read without trust."""

    path: Path
    data: Mapping[str, Any]
    """The JSON member: plain facts, and pickles as base64 text under `:serialized:`."""
    weights: Mapping[str, Tensor]
    """The policy's state dict."""
    version: str
    """Version of stable-baselines3 that saved it; empty where it does not say."""

    def value(self, key: str) -> Any:
        """Return one fact: JSON as it is, a pickle as plain data and inert records.

        Raises:
            InertPickleError: The fact is a pickle that cannot be followed, or is absent.
        """
        if key not in self.data:
            raise InertPickleError(f"there is no '{key}'")
        value = self.data[key]
        if not (isinstance(value, dict) and ":serialized:" in value):
            return value
        try:
            serialised = base64.b64decode(value[":serialized:"], validate=True)
        except (binascii.Error, ValueError, TypeError) as error:
            raise InertPickleError(f"'{key}' is not base64") from error
        return read_inert(serialised)


def resolve_path(path: str | Path) -> Path:
    """Return the file meant by `path`, with `.zip` added where that is what exists."""
    path = Path(path).expanduser()
    if not path.exists() and path.with_name(path.name + ".zip").exists():
        path = path.with_name(path.name + ".zip")
    if not path.exists():
        raise WorkbenchError(
            f"no agent at '{path}': expected the zip file that stable-baselines3 saved; check the path"
        )
    if path.is_dir():
        raise WorkbenchError(f"'{path}' is a folder: expected the zip file that stable-baselines3 saved")
    return path


def _checked_size(members: zipfile.ZipFile, limits: Mapping[str, int] | int, where: str) -> None:
    """Refuse members that would unpack to more than is sane, judged by the zip's own directory."""
    for member in members.infolist():
        limit = limits if isinstance(limits, int) else limits.get(member.filename)
        if limit is None:
            continue
        if member.file_size > limit:
            raise WorkbenchError(
                f"'{member.filename}' in {where} unpacks to {member.file_size:,} bytes; at most {limit:,} are read"
            )
        if member.file_size > 2**20 and member.file_size > MAXIMUM_RATIO * max(member.compress_size, 1):
            raise WorkbenchError(
                f"'{member.filename}' in {where} unpacks to over {MAXIMUM_RATIO} times its size: a zip bomb?"
            )


def read_weights(data: bytes, where: str) -> dict[str, Tensor]:
    """Read a state dict from the bytes of a `.pth` file.

    Args:
        data: The file's bytes.
        where: The file's name for error messages.

    Raises:
        WorkbenchError: Not a plain state dict of dense tensors.
    """
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as inner:
            _checked_size(inner, MAXIMUM_BYTES["policy.pth"], where)
    try:
        # Safe for a stranger's file: with weights_only, torch reads the pickle with its own restricted reader, which
        # rebuilds tensors and plain containers and calls nothing else; anything else in the file is an error.
        weights = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        first = str(error).strip().split("\n")[0][:200]
        raise WorkbenchError(
            f"the weights in {where} cannot be read as plain tensors ({type(error).__name__}: {first})"
        ) from error
    if not isinstance(weights, dict):
        raise WorkbenchError(
            f"the weights in {where} are a {type(weights).__name__}; expected a dict of tensors by name"
        )
    for name, tensor in weights.items():
        # A view with zero strides can claim terabytes on a few bytes; copying it would then spend them.
        if (
            not isinstance(name, str)
            or not isinstance(tensor, Tensor)
            or tensor.layout != torch.strided
            or (tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes())
        ):
            raise WorkbenchError(f"'{name}' in {where} is not a plain dense tensor")
    return weights


def read_archive(path: str | Path) -> Archive:
    """Read a saved agent.

    Args:
        path: The zip file; `.zip` may be left out.

    Raises:
        WorkbenchError: No such file, not a zip, cut short, too large, or not of stable-baselines3.
    """
    path = resolve_path(path)
    where = f"'{path}'"
    try:
        with zipfile.ZipFile(path) as members:
            names = set(members.namelist())
            missing = {"data", "policy.pth"} - names
            if missing:
                raise WorkbenchError(
                    f"{where} is a zip file, but not of stable-baselines3: it lacks {' and '.join(sorted(missing))}"
                )
            _checked_size(members, MAXIMUM_BYTES, where)
            raw = members.read("data")
            packed = members.read("policy.pth")
            version = ""
            if "_stable_baselines3_version" in names:
                version = members.read("_stable_baselines3_version").decode("ascii", "replace").strip()
    except WorkbenchError:
        raise
    except Exception as error:  # damaged zips fail in many ways: BadZipFile, zlib.error, EOFError, NotImplementedError
        with path.open("rb") as file:
            start = file.read(4)
        if start[:2] == b"PK":
            raise WorkbenchError(
                f"{where} is a damaged zip file, perhaps cut short ({error}); copy or save it again"
            ) from error
        raise WorkbenchError(f"{where} is not a zip file; expected the one that stable-baselines3 saved") from error
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise WorkbenchError(f"'data' in {where} is not JSON: expected what stable-baselines3 saves") from error
    if not isinstance(data, dict):
        raise WorkbenchError(f"'data' in {where} is a JSON {type(data).__name__}; expected an object")
    return Archive(path, data, read_weights(packed, f"'policy.pth' of {where}"), version)

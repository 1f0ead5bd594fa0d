"""Read the zip file that stable-baselines3 saves, in memory and without executing anything in it."""

import base64
import binascii
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from workbench.bounded_json import read_json
from workbench.errors import WorkbenchError
from workbench.policies.bounded_zip import BoundedZipError, open_zip
from workbench.policies.inert_pickle import InertPickleError, read_inert
from workbench.policies.inert_weights import read_state_dict

MAXIMUM_DATA_BYTES = 64 * 2**20
"""Longest member `data`; the spaces and the last observations in it are what makes it long."""
MAXIMUM_WEIGHT_BYTES = 192 * 2**20
"""Most bytes of the weights, 50 million parameters: loading needs three times as much memory for a moment."""
MAXIMUM_TRUSTED_BYTES = 16 * 2**30
"""The same of both in a file that is trusted."""
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,40}")


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
    path = Path(os.path.expanduser(path))
    if not os.path.exists(path) and os.path.exists(f"{path}.zip"):
        path = Path(f"{path}.zip")
    if not os.path.exists(path):
        raise WorkbenchError(
            f"no agent at '{path}': expected the zip file that stable-baselines3 saved; check the path"
        )
    if os.path.isdir(path):
        raise WorkbenchError(f"'{path}' is a folder: expected the zip file that stable-baselines3 saved")
    if not stat.S_ISREG(os.stat(path).st_mode):
        # Opening a FIFO waits for ever, and a device has no end.
        raise WorkbenchError(f"'{path}' is not a regular file: expected the zip file that stable-baselines3 saved")
    return path


def read_weights(data: bytes, where: str, *, maximum_bytes: int = MAXIMUM_WEIGHT_BYTES) -> dict[str, Tensor]:
    """Read a state dict from the bytes of a `.pth` file.

    Args:
        data: The file's bytes.
        where: The file's name for error messages.
        maximum_bytes: Most bytes of all tensors together.

    Raises:
        WorkbenchError: Not a plain state dict of dense tensors.
    """
    try:
        return read_state_dict(data, maximum_bytes=maximum_bytes)
    except ValueError as error:
        raise WorkbenchError(f"the weights in {where} cannot be read as plain tensors ({str(error)[:300]})") from error


def read_archive(path: str | Path, *, trusted: bool = False) -> Archive:
    """Read a saved agent.

    Args:
        path: The zip file; `.zip` may be left out.
        trusted: The file is its reader's own, and may be as large as it is.

    Raises:
        WorkbenchError: No such file, not a zip, cut short, too large, or not of stable-baselines3.
    """
    path = resolve_path(path)
    where = f"'{path}'"
    largest_data, largest = MAXIMUM_DATA_BYTES, MAXIMUM_WEIGHT_BYTES
    if trusted:
        largest_data = largest = MAXIMUM_TRUSTED_BYTES
    start = b""
    try:
        with path.open("rb") as file:
            start = file.read(2)
            with open_zip(file) as members:
                missing = {"data", "policy.pth"} - set(members.names)
                if missing:
                    raise WorkbenchError(
                        f"{where} is a zip file, but not of stable-baselines3: it lacks {' and '.join(sorted(missing))}"
                    )
                raw = members.read("data", largest_data)
                # Beside the tensors' own bytes there are their names, and the directory.
                packed = members.read("policy.pth", largest + 2**24)
                version = ""
                if "_stable_baselines3_version" in members.names:
                    version = members.read("_stable_baselines3_version", 100).decode("ascii", "replace").strip()
    except OSError as error:
        raise WorkbenchError(f"{where} cannot be read: {error.strerror or error}") from error
    except BoundedZipError as error:
        if start == b"PK":
            raise WorkbenchError(
                f"{where} is a damaged zip file, perhaps cut short or made to do harm ({error}); copy or save it again"
            ) from error
        raise WorkbenchError(f"{where} is not a zip file; expected the one that stable-baselines3 saved") from error
    try:
        data = read_json(raw, maximum_bytes=largest_data)
    except ValueError as error:
        raise WorkbenchError(
            f"'data' in {where} is not JSON: expected what stable-baselines3 saves ({str(error)[:100]})"
        ) from error
    del raw
    if not isinstance(data, dict):
        raise WorkbenchError(f"'data' in {where} is a JSON {type(data).__name__}; expected an object")
    weights = read_weights(packed, f"'policy.pth' of {where}", maximum_bytes=largest)
    return Archive(path, data, weights, version if _VERSION.fullmatch(version) else "")

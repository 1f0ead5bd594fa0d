"""Observation statistics of VecNormalize: read without trust, applied exactly as the library applies them."""

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.policies.bounded_zip import open_zip
from workbench.policies.inert_numpy import read_array, read_number
from workbench.policies.inert_pickle import MAXIMUM_BYTES, InertObject, InertPickleError, read_inert, shown


@dataclass(frozen=True, kw_only=True)
class ObservationStatistics:
    """Running mean and variance of one observation (or of one key of a Dict observation)."""

    mean: npt.NDArray[Any]
    """`[*observation]`"""
    variance: npt.NDArray[Any]
    """`[*observation]`"""
    count: float
    """How many observations they were taken over."""
    epsilon: float
    """Added to the variance before its root is taken."""
    clip: float
    """Largest absolute normalised value."""

    def apply(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Normalise `[B, *observation]`: clip((x - mean) / sqrt(variance + epsilon)), computed in double precision."""
        scaled = (observations - self.mean) / np.sqrt(self.variance + self.epsilon)
        clipped: npt.NDArray[Any] = np.clip(scaled, -self.clip, self.clip)
        return clipped.astype(np.float32)


Normalisation: TypeAlias = Mapping[str, ObservationStatistics]
"""Statistics by key of a Dict observation; a plain observation has the one key `""`."""

NormalisationSource: TypeAlias = Callable[[], Normalisation]
"""Gives the statistics as they are now: those of a live VecNormalize move while the agent trains."""


def normalisation_arrays(normalisation: Normalisation) -> dict[str, npt.NDArray[Any]]:
    """Lay statistics out by name: `mean`, `variance`, `count`, `epsilon`, `clip`, each after `key/` for a Dict."""
    return {
        f"{key}/{name}" if key else name: np.asarray(getattr(statistics, name))
        for key, statistics in normalisation.items()
        for name in ("mean", "variance", "count", "epsilon", "clip")
    }


def normalisation_from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> Normalisation:
    """Undo `normalisation_arrays`.

    Raises:
        WorkbenchError: Arrays are missing, or do not fit each other.
    """
    keys = {name.rpartition("/")[0] for name in arrays}

    def one(key: str) -> ObservationStatistics:
        names = ("mean", "variance", "count", "epsilon", "clip")
        part = {name: arrays.get(f"{key}/{name}" if key else name) for name in names}
        known = {name: value for name, value in part.items() if value is not None and value.dtype.kind in "iuf"}
        if len(known) < len(names) or any(known[name].size != 1 for name in ("count", "epsilon", "clip")):
            raise WorkbenchError(f"normalisation statistics need the arrays {', '.join(names)}; came {sorted(arrays)}")
        if known["mean"].shape != known["variance"].shape:
            raise WorkbenchError(
                f"normalisation statistics with a mean of shape {known['mean'].shape} beside a variance of shape "
                f"{known['variance'].shape}"
            )
        numbers = {name: float(known[name].item()) for name in ("count", "epsilon", "clip")}
        return ObservationStatistics(mean=known["mean"], variance=known["variance"], **numbers)

    return {key: one(key) for key in sorted(keys)}


def _statistics(running: Any, epsilon: float, clip: float) -> ObservationStatistics:
    state = running.state if isinstance(running, InertObject) else None
    if not isinstance(state, dict):
        raise InertPickleError("running statistics without contents")
    mean, variance = read_array(state["mean"]), read_array(state["var"])
    if mean.shape != variance.shape:
        raise InertPickleError(f"a mean of shape {mean.shape} beside a variance of shape {variance.shape}")
    count = float(read_number(state["count"]))
    return ObservationStatistics(mean=mean, variance=variance, count=count, epsilon=epsilon, clip=clip)


def _from_record(record: Any) -> Normalisation:
    if (
        not isinstance(record, InertObject)
        or not record.name.endswith(".VecNormalize")
        or not isinstance(record.state, dict)
    ):
        raise InertPickleError(f"{shown(record)} where a VecNormalize belongs")
    state = record.state
    if not state.get("norm_obs", True):
        return {}
    epsilon, clip = float(read_number(state["epsilon"])), float(read_number(state["clip_obs"]))
    running = state["obs_rms"]
    if isinstance(running, dict):
        keys = state.get("norm_obs_keys") or list(running)
        if not isinstance(keys, list) or not all(isinstance(key, str) and key in running for key in keys):
            raise InertPickleError("statistics by names that are none")
        return {key: _statistics(running[key], epsilon, clip) for key in keys}
    return {"": _statistics(running, epsilon, clip)}


def read_normalisation(path: str | Path | Mapping[str, npt.NDArray[Any]]) -> Normalisation:
    """Read the statistics of a saved VecNormalize, executing nothing from the file.

    Args:
        path: A pickle written by `VecNormalize.save` (of any version since 1.0), or a NumPy `.npz` file with the
            arrays of `normalisation_arrays`; or those arrays themselves, by name.

    Raises:
        WorkbenchError: No such file, or not a VecNormalize.
    """
    if isinstance(path, Mapping):
        return normalisation_from_arrays(path)
    path = Path(os.path.expanduser(path))
    if not os.path.isfile(path):
        raise WorkbenchError(f"no normalisation statistics at '{path}': expected the file that VecNormalize.save wrote")
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
        if len(content) > MAXIMUM_BYTES:
            raise InertPickleError(f"it has more than {MAXIMUM_BYTES:,} bytes")
        if path.suffix == ".npz":
            return normalisation_from_arrays(_read_npz(content))
        return _from_record(read_inert(content))
    except Exception as error:
        raise WorkbenchError(
            f"'{path}' does not hold normalisation statistics (expected the file that VecNormalize.save wrote): "
            f"{' '.join(str(error).split())[:300]}"
        ) from error


def _read_npz(content: bytes) -> dict[str, npt.NDArray[Any]]:
    with open_zip(io.BytesIO(content)) as members:
        arrays = {}
        for name in members.names:
            member = members.read(name, MAXIMUM_BYTES)
            # Of arrays of objects, and of a shape that the bytes do not fill, nothing is made.
            arrays[name.removesuffix(".npy")] = np.lib.format.read_array(io.BytesIO(member), allow_pickle=False)
        return arrays


def live_normalisation(vec_normalize: Any) -> NormalisationSource:
    """Read a live VecNormalize's statistics anew at each call."""

    def read() -> Normalisation:
        if not vec_normalize.norm_obs:
            return {}
        running = vec_normalize.obs_rms
        by_key = (
            {key: running[key] for key in vec_normalize.norm_obs_keys} if isinstance(running, dict) else {"": running}
        )
        settings = {"epsilon": float(vec_normalize.epsilon), "clip": float(vec_normalize.clip_obs)}
        return {
            key: ObservationStatistics(mean=part.mean, variance=part.var, count=float(part.count), **settings)
            for key, part in by_key.items()
        }

    return read

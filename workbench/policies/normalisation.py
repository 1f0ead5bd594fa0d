"""Observation statistics of VecNormalize: read without trust, applied exactly as the library applies them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.policies.inert_numpy import read_array, read_number
from workbench.policies.inert_pickle import InertObject, InertPickleError, read_inert


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
    """Undo `normalisation_arrays`."""
    keys = {name.rpartition("/")[0] for name in arrays}

    def one(key: str) -> ObservationStatistics:
        part = {
            name: arrays[f"{key}/{name}" if key else name] for name in ("mean", "variance", "count", "epsilon", "clip")
        }
        numbers = {name: float(part[name]) for name in ("count", "epsilon", "clip")}
        return ObservationStatistics(mean=part["mean"], variance=part["variance"], **numbers)

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
        raise InertPickleError(f"{record!r} where a VecNormalize belongs")
    state = record.state
    if not state.get("norm_obs", True):
        return {}
    epsilon, clip = float(read_number(state["epsilon"])), float(read_number(state["clip_obs"]))
    running = state["obs_rms"]
    if isinstance(running, dict):
        keys = state.get("norm_obs_keys") or list(running)
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
    path = Path(path).expanduser()
    if not path.is_file():
        raise WorkbenchError(f"no normalisation statistics at '{path}': expected the file that VecNormalize.save wrote")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return normalisation_from_arrays(dict(arrays))
        return _from_record(read_inert(path.read_bytes()))
    except Exception as error:
        raise WorkbenchError(
            f"'{path}' does not hold normalisation statistics (expected the file that VecNormalize.save wrote): {error}"
        ) from error


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

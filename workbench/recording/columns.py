"""From observations and infos, of whatever structure, to the flat columns of a recording."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.policies.types import Observations


def flatten_observation(observation: Any) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an observation by key: `""` for a plain one, `/key` for each of a dict (nested: `/key/key`).

    Text and other values that are not numbers are left out: an agent reads arrays.
    """
    if isinstance(observation, Mapping):
        flat: dict[str, npt.NDArray[Any]] = {}
        for key, value in observation.items():
            flat |= {f"/{key}{rest}": array for rest, array in flatten_observation(value).items()}
        return flat
    if isinstance(observation, tuple):
        raise WorkbenchError("Observations that are tuples cannot be recorded; put them in a Dict space.")
    array = np.asarray(observation)
    return {"": array} if array.dtype.kind in "biuf" else {}


def nest_observation(columns: Mapping[str, npt.NDArray[Any]]) -> Any:
    """The observation whose parts these are, by `key` or `key/key`."""
    if list(columns) == [""]:
        return columns[""]
    nested: dict[str, Any] = {}
    for key, value in columns.items():
        *parents, leaf = key.split("/")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return nested


def batch_observations(observations: Sequence[Any]) -> Observations:
    """One batch `[B, ...]` of single observations, by key where they are dicts (of dicts, where they are nested)."""
    if isinstance(observations[0], Mapping):
        batch: dict[str, Any] = {key: batch_observations([o[key] for o in observations]) for key in observations[0]}
        return batch
    return np.stack([np.asarray(observation) for observation in observations])


def truth_columns(infos: Sequence[Mapping[str, Any]], skipped: dict[str, str]) -> dict[str, npt.NDArray[Any]]:
    """The labels of `info["truth"]`, one column `truth/<name>` each.

    Args:
        infos: One info a row.
        skipped: Gets a reason for each label that is not a number or an array of numbers of fixed shape.
    """
    columns: dict[str, npt.NDArray[Any]] = {}
    for name in infos[0]["truth"]:
        if f"truth/{name}" in skipped:
            continue
        try:
            values = np.asarray([info["truth"][name] for info in infos])
        except KeyError as error:
            raise WorkbenchError(
                f'The environment\'s info["truth"] lacks {name!r} at one step and has it at others; '
                f"it must hold the same labels at each reset and step."
            ) from error
        except ValueError as error:
            raise WorkbenchError(f"The truth label {name!r} changes its shape between episodes: {error}") from error
        if values.dtype.kind in "biuf":
            columns[f"steps/truth/{name}"] = values
        else:
            skipped[f"truth/{name}"] = f"it is not a number or an array of numbers ({values.dtype})"
    return columns

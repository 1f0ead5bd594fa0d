"""The labels of known environments, read while they are recorded.

What an environment says itself, in `info["truth"]`, comes first: a labeller never takes its place.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.environment_wrappers import Environment
from workbench.recording.labellers import Labeller, find_labellers
from workbench.recording.layout import STEPS


class Labelling:
    """Reads the labels of environments that are alike, one for each slot.

    Args:
        facts: The recording's root attributes; gets `labellers`, which says what comes from which.
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        self._facts = facts
        self._chosen: list[tuple[Labeller, dict[str, str]]] | None = None
        """Labellers, each with the path of the array of each of its labels that is taken."""

    def columns(self, info: Mapping[str, Any], environments: Sequence[Environment]) -> dict[str, npt.NDArray[Any]]:
        """The labels of environments as they are now, by the path of their array.

        Args:
            info: What came with the first one's observation; what its `truth` says is left to it.
            environments: At least one.

        Raises:
            WorkbenchError: A labeller that could read its environment before cannot any more.
        """
        if self._chosen is None:
            self._chosen = self._choose(info, environments[0])
        columns = {}
        for labeller, paths in self._chosen:
            try:
                found = [labeller.read(environment.unwrapped) for environment in environments]
                for name, path in paths.items():
                    columns[path] = np.array([one[name] for one in found])
            except Exception as error:
                raise WorkbenchError(
                    f"The labeller {labeller.name!r} could read its environment at first, and now cannot "
                    f"({type(error).__name__}: {' '.join(str(error).split())[:200]}); record without labels "
                    f"(labels=False, --no-labels)."
                ) from error
        return columns

    def _choose(self, info: Mapping[str, Any], environment: Environment) -> list[tuple[Labeller, dict[str, str]]]:
        """Which labellers can be read, and which of their labels are taken; what is not is said in the attributes."""
        chosen: list[tuple[Labeller, dict[str, str]]] = []
        taken = set(info.get("truth") or {})
        told, skipped = {}, {}
        for labeller in find_labellers(environment):
            names = [label.name for label in labeller.labels]
            if (why := _why_unreadable(labeller, environment)) is not None:
                skipped[labeller.name] = why
                continue
            mine = [name for name in names if name not in taken]
            taken |= set(mine)
            if mine:
                chosen.append((labeller, {name: f"{STEPS}/truth/{name}" for name in mine}))
                told[labeller.name] = {label.name: label.words for label in labeller.labels if label.name in mine}
        self._facts["labellers"] = told
        if skipped:
            self._facts["skipped_labellers"] = skipped
        return chosen


def _why_unreadable(labeller: Labeller, environment: Environment) -> str | None:
    """Why a labeller does not fit an environment of a name that it knows; None where it does."""
    try:
        found = labeller.read(environment.unwrapped)
    except Exception as error:
        return f"it cannot read this environment ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
    names = {label.name for label in labeller.labels}
    if set(found) != names:
        return f"it gives {sorted(found)}, and says that it gives {sorted(names)}"
    odd = [name for name, value in found.items() if np.asarray(value).dtype.kind not in "biuf"]
    return f"its {odd[0]!r} is no number" if odd else None

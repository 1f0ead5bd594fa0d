"""The labels of known environments, read while they are recorded.

What an environment says itself, in `info["truth"]`, comes first: a labeller never takes its place.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.recording.environment_wrappers import Environment
from workbench.recording.labellers import Labeller, find_labellers


class Labelling:
    """Reads the labels of environments that are alike, one for each slot.

    Args:
        facts: The recording's root attributes; gets `labellers`, which says what comes from which.
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        self._facts = facts
        self._chosen: list[tuple[Labeller, frozenset[str]]] | None = None

    def infos(
        self, infos: Sequence[Mapping[str, Any]], environments: Sequence[Environment]
    ) -> Sequence[Mapping[str, Any]]:
        """The infos that came with the observations, with the labels added to their `truth`.

        Args:
            infos: One an environment.
            environments: In the state that the infos are of.

        Raises:
            WorkbenchError: A labeller that could read its environment before cannot any more.
        """
        if self._chosen is None:
            self._choose(infos[0], environments[0])
        if not self._chosen:
            return infos
        return [
            {"truth": {**self._read(environment), **(info.get("truth") or {})}}
            for info, environment in zip(infos, environments, strict=True)
        ]

    def _choose(self, info: Mapping[str, Any], environment: Environment) -> None:
        """Which labellers can be read, and which of their labels are taken; what is not is said in the attributes."""
        self._chosen, taken = [], set(info.get("truth") or {})
        told, skipped = {}, {}
        for labeller in find_labellers(environment):
            names = [label.name for label in labeller.labels]
            if (why := _why_unreadable(labeller, environment)) is not None:
                skipped[labeller.name] = why
                continue
            mine = frozenset(names) - taken
            taken |= mine
            if mine:
                self._chosen.append((labeller, mine))
                told[labeller.name] = {label.name: label.words for label in labeller.labels if label.name in mine}
        self._facts["labellers"] = told
        if skipped:
            self._facts["skipped_labellers"] = skipped

    def _read(self, environment: Environment) -> dict[str, Any]:
        labels: dict[str, Any] = {}
        for labeller, mine in self._chosen or ():
            try:
                found = labeller.read(environment.unwrapped)
            except Exception as error:
                raise WorkbenchError(
                    f"The labeller {labeller.name!r} could read its environment at first, and now cannot "
                    f"({type(error).__name__}: {' '.join(str(error).split())[:200]}); record without labels "
                    f"(labels=False, --no-labels)."
                ) from error
            labels |= found if len(mine) == len(found) else {name: found[name] for name in mine}
        return labels


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

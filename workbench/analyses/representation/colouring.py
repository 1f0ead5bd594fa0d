"""What the points of a map are coloured by: any concept, or the cluster.

Axis legend: N points, T steps of the recording, C classes.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.analyses.concepts import Concept, offered_concepts, read_concept
from workbench.analyses.representation.clusters import Clustering
from workbench.analyses.representation.points import Points
from workbench.analyses.representation.sources import FloatArray
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

CLUSTER = "cluster"
ALWAYS = ("action", "value", "reward", "episode", "t")
"""Expressions that most recordings have."""


@dataclass(frozen=True, kw_only=True)
class Colouring:
    """One class or one number a point."""

    name: str
    words: str
    values: FloatArray
    """`[N]`: 0 to C − 1, or a number; NaN where it is not defined."""
    classes: tuple[str, ...] | None
    """`[C]` names; None for a number."""

    def __post_init__(self) -> None:
        self.values.setflags(write=False)


def colour_points(
    recording: "Recording", points: Points, name: str | Concept, *, clustering: Clustering | None = None
) -> Colouring:
    """The colour of each point.

    Args:
        recording: Holds what it is made of.
        points: Of the map.
        name: A concept (`read_concept`), or `cluster`.
        clustering: Whose clusters, where these are asked for.

    Raises:
        WorkbenchError: What `read_concept` raises, or there are no clusters.
    """
    if name == CLUSTER:
        if clustering is None:
            raise WorkbenchError("To colour by cluster, give a number of clusters.")
        return Colouring(
            name=CLUSTER,
            words=f"cluster of {clustering.layer}",
            values=clustering.labels[points.rows].astype(np.float64),
            classes=tuple(f"cluster {number}" for number in range(clustering.count)),
        )
    concept = read_concept(recording, name) if isinstance(name, str) else name
    values = concept.values[points.rows].astype(np.float64)
    if concept.classes is not None:
        values[values < 0] = np.nan
    return Colouring(name=concept.name, words=concept.words, values=values, classes=concept.classes)


def offered_colours(recording: "Recording") -> list[str]:
    """Names of what may tell the steps of a recording apart: what most have, then its concepts.

    Concepts are not worked out for this, which takes long for some; one that is the same everywhere says so when it is
    asked for.
    """
    found = []
    for name in ALWAYS:
        try:
            read_concept(recording, name)
        except WorkbenchError:
            # The same everywhere, not recorded, or several numbers a step: asked for by name, it says so.
            continue
        found.append(name)
    return list(dict.fromkeys([*found, *offered_concepts(recording)]))

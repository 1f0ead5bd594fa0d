"""Maps of a layer: each step a point in a plane, by principal components or by UMAP, and how far to trust the map.

Axis legend: N points, K components.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.analyses.representation.neighbours import Trustworthiness, trustworthiness
from workbench.analyses.representation.points import POINTS, Points, draw_points
from workbench.analyses.representation.principal_components import COMPONENTS, PrincipalComponents, components_of
from workbench.analyses.representation.sources import FloatArray, layer_source
from workbench.analyses.representation.umap_layout import umap_layout
from workbench.errors import WorkbenchError
from workbench.progress import Progress

if TYPE_CHECKING:
    from workbench.recording import Recording

MapMethod: TypeAlias = Literal["pca", "umap"]

TRUST_POINTS = 1_000
"""Trustworthiness is of a sample: it takes the square of the number of points."""
NEIGHBOURS = 15
COVERED = 0.99
"""UMAP reads so many of the components as explain this share of the variance (50 at most)."""


@dataclass(frozen=True, kw_only=True)
class LayerMap:
    """A layer as a map."""

    layer: str
    method: MapMethod
    points: Points
    positions: npt.NDArray[np.float32]
    """`[N, 2]`: of PCA the scores of the first two components, in the layer's own unit; of UMAP without unit, and only
    neighbourhoods mean anything."""
    components: PrincipalComponents
    """Of all steps of the layer."""
    read: int
    """How many of them the map was made from."""
    trust: Trustworthiness | None
    """Of this map, on a sample; None where there are too few points."""
    trust_of_pca: Trustworthiness | None
    """Of the first two principal components, on the same points."""
    trust_of_chance: Trustworthiness | None
    """Of a random projection to a plane, on the same points."""
    trust_points: int
    """How many points that was measured on."""
    neighbours: int
    """Of UMAP; of trustworthiness, too, where there are points enough."""
    minimum_distance: float
    seed: int

    def __post_init__(self) -> None:
        self.positions.setflags(write=False)

    @property
    def axes(self) -> tuple[str, str]:
        """What the two axes are."""
        if self.method == "umap":
            return ("UMAP 1 (no unit)", "UMAP 2 (no unit)")
        first, second = (
            f"component {k + 1} ({100 * share.value:.3g} % of the variance)" if share is not None else "none"
            for k, share in enumerate([*self.components.shares[:2], None][:2])
        )
        return first, second


def map_layer(
    recording: "Recording",
    layer: str,
    *,
    method: MapMethod = "pca",
    points: int = POINTS,
    neighbours: int = NEIGHBOURS,
    minimum_distance: float = 0.1,
    seed: int = 0,
    progress: Progress | None = None,
) -> LayerMap:
    """Draw a map of a layer.

    Args:
        recording: Holds the layer.
        layer: Its name.
        method: `pca` (linear: the plane in which it varies most) or `umap` (keeps neighbours together; distances
            between groups, sizes and densities mean nothing).
        points: At most so many steps, drawn evenly over episodes.
        neighbours: Of UMAP, and k of trustworthiness.
        minimum_distance: Of UMAP: how closely points may lie.
        seed: Of all that is drawn; the same gives the same map.
        progress: Is told how far it is, and may raise `Cancelled`.

    Raises:
        WorkbenchError: No such layer, numbers that are not finite, the same at every step, too few points for so many
            neighbours, or a package that is missing.
    """
    if method not in ("pca", "umap"):
        raise WorkbenchError(f"A map is made by pca or umap; came {method!r}.")
    if not 0 <= minimum_distance < 1:
        raise WorkbenchError(f"The minimum distance of UMAP is from 0 to less than 1; came {minimum_distance:g}.")
    source = layer_source(recording, layer)
    drawn = draw_points(recording, points, seed=seed)
    components = components_of(source, components=COMPONENTS, seed=seed, progress=progress)
    scores = components.scores_at(source, drawn.rows, progress=progress)
    flat = _plane(scores)
    read = 2 if method == "pca" else components.enough_for(COVERED)
    positions = (
        flat
        if method == "pca"
        else umap_layout(
            scores[:, :read], neighbours=neighbours, minimum_distance=minimum_distance, seed=seed, progress=progress
        )
    )
    trust = _trust(scores, {"map": positions, "pca": flat}, drawn, neighbours, seed)
    return LayerMap(
        layer=layer,
        method=method,
        points=drawn,
        positions=np.asarray(positions, np.float32),
        components=components,
        read=min(read, scores.shape[1]),
        trust=trust.get("map"),
        trust_of_pca=trust.get("pca"),
        trust_of_chance=trust.get("chance"),
        trust_points=min(len(drawn), TRUST_POINTS),
        neighbours=neighbours,
        minimum_distance=minimum_distance,
        seed=seed,
    )


def _plane(scores: FloatArray) -> FloatArray:
    """The first two components; of a layer that varies in one direction alone, the second is 0."""
    return scores[:, :2] if scores.shape[1] > 1 else np.column_stack([scores[:, 0], np.zeros(len(scores))])


def _trust(
    scores: FloatArray, maps: dict[str, npt.NDArray[np.floating]], points: Points, neighbours: int, seed: int
) -> dict[str, Trustworthiness]:
    """Of each map, and of a random projection, on the same sample of the points."""
    generator = np.random.default_rng([seed, 1])
    count = min(TRUST_POINTS, len(points))
    chosen = np.sort(generator.choice(len(points), count, replace=False))
    nearest_to = min(neighbours, max(1, (count - 1) // 2 - 1))
    if count < 8 or np.ptp(scores[chosen], axis=0).max() == 0:
        return {}
    values, episodes = scores[chosen], points.episodes[chosen]
    chance = values @ generator.standard_normal((values.shape[1], 2))
    planes = {**{name: positions[chosen] for name, positions in maps.items()}, "chance": chance}
    return {name: trustworthiness(values, plane, episodes, neighbours=nearest_to) for name, plane in planes.items()}

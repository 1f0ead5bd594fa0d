"""UMAP (McInnes, Healy and Melville 2018, arXiv:1802.03426) by umap-learn, with progress, and able to be cancelled."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.representation.neighbours import check_neighbours, nearest
from workbench.analyses.representation.sources import FloatArray
from workbench.errors import MissingExtraError
from workbench.progress import Progress, SilentProgress

SMALL = 4_096
"""Of fewer points umap-learn works out all distances itself."""


def import_umap() -> Any:
    """The package `umap`, without its warning that one of its parts needs TensorFlow, which is not used.

    Raises:
        MissingExtraError: It is not installed.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        try:
            import umap
        except ImportError as error:
            raise MissingExtraError("umap-learn", "maps", "A UMAP of a layer") from error
    return umap


class Reports:
    """The file that umap-learn's bar is drawn on: what it says is handed on, and may be answered by `Cancelled`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def write(self, text: str) -> None:
        """Hand on how many rounds are done of how many."""
        done, slash, total = text.strip().partition("/")
        if slash and done.isdigit() and total.isdigit():
            self._progress.update(int(done), int(total), "laying out the map")

    def flush(self) -> None:
        """Nothing is kept back."""


def umap_layout(
    values: FloatArray,
    *,
    neighbours: int = 15,
    minimum_distance: float = 0.1,
    seed: int = 0,
    progress: Progress | None = None,
) -> npt.NDArray[np.float32]:
    """Lay points out in a plane so that neighbours stay together.

    Args:
        values: `[N, K]`.
        neighbours: How many of each are kept together.
        minimum_distance: How closely points may lie in the plane.
        seed: The same gives the same map, on one thread.
        progress: Is told of neighbours found and rounds done; may raise `Cancelled`.

    Returns:
        `[N, 2]`.

    Raises:
        WorkbenchError: umap-learn is not installed, or there are not more points than neighbours.
    """
    check_neighbours(len(values), neighbours)
    listener = progress or SilentProgress()
    listener.update(0, 1, "loading umap-learn, which takes some seconds")
    umap, data = import_umap(), values.astype(np.float32)
    options: dict[str, Any] = {}
    if len(values) >= SMALL:
        # Exactly, and so that it can be cancelled; umap-learn's own search is an approximation in one go. A point
        # counts as its own first neighbour.
        places, distances = nearest(values, neighbours - 1, progress=progress) if neighbours > 1 else _none(len(values))
        own = np.arange(len(values))[:, None]
        options["precomputed_knn"] = (
            np.concatenate([own, places], axis=1),
            np.concatenate([np.zeros((len(values), 1)), distances], axis=1).astype(np.float32),
        )
    model = umap.UMAP(
        n_neighbors=neighbours,
        min_dist=minimum_distance,
        random_state=seed,
        n_jobs=1,
        tqdm_kwds={
            "file": Reports(listener),
            "disable": False,
            "mininterval": 0.1,
            "bar_format": "{n_fmt}/{total_fmt}",
        },
        **options,
    )
    listener.update(0, 1, "building the neighbourhood graph")
    with warnings.catch_warnings():
        # New points are not put into the map, for which it would need its own index.
        warnings.filterwarnings("ignore", message=r"precomputed_knn\[2\]")
        # Points in parts that no neighbour joins are laid out all the same.
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        return np.asarray(model.fit_transform(data), np.float32)


def _none(points: int) -> tuple[Any, Any]:
    return np.empty((points, 0), np.int64), np.empty((points, 0))

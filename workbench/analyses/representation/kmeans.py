"""K-means and silhouettes, by scikit-learn."""

from typing import Any

import numpy as np

from workbench.analyses.representation.sources import FloatArray, IntArray
from workbench.errors import MissingExtraError

STARTS = 4
BLOCK = 4_096


def import_sklearn(module: str) -> Any:
    """A part of scikit-learn.

    Raises:
        MissingExtraError: It is not installed.
    """
    import importlib

    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "maps", "Clusters of a layer") from error


def fit_kmeans(values: FloatArray, clusters: int, *, seed: int) -> FloatArray:
    """The centres `[C, K]` of the best of some starts by k-means++.

    Args:
        values: `[N, K]`, at least C of them different.
        clusters: C.
        seed: Of the starts.
    """
    model = import_sklearn("cluster").KMeans(clusters, n_init=STARTS, random_state=seed)
    return np.asarray(model.fit(values).cluster_centers_, np.float64)


def nearest_centre(values: FloatArray, centres: FloatArray) -> IntArray:
    """Which centre each point is nearest to, `[N]`."""
    squares = (centres**2).sum(axis=1)
    found = np.empty(len(values), np.int64)
    for start in range(0, len(values), BLOCK):
        found[start : start + BLOCK] = (squares - 2 * values[start : start + BLOCK] @ centres.T).argmin(axis=1)
    return found


def silhouettes(values: FloatArray, labels: IntArray) -> FloatArray:
    """The silhouette of each point, `[N]`; NaN where there is but one cluster among them, or no two points in one."""
    different = len(np.unique(labels))
    if not 2 <= different < len(values):
        return np.full(len(values), np.nan)
    return np.asarray(import_sklearn("metrics").silhouette_samples(values, labels), np.float64)

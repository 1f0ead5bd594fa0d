"""A recording as xarray: the same lazy arrays, with their dimensions' names."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from xarray.backends import BackendArray
from xarray.core import indexing

from workbench.recording.lazy import LazyArray, LazyArrays

if TYPE_CHECKING:
    from workbench.recording.reader import Recording


class _Backend(BackendArray):
    """Lets xarray read a `LazyArray` where it is indexed."""

    def __init__(self, array: LazyArray) -> None:
        self._array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER_1VECTOR, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        first, rest = key[0], key[1:]
        values = self._array[first]
        if not rest:
            return values
        kept: list[Any] = [] if np.ndim(first) == 0 and not isinstance(first, slice) else [slice(None)]
        return values[tuple(kept) + rest]


def to_data_tree(recording: "Recording") -> xarray.DataTree:
    """All arrays of a recording as a lazy `DataTree` with groups `steps`, `activations`, `state` and `episodes`."""
    groups = {
        "steps": _dataset(recording.steps),
        "activations": _dataset(recording.activations),
        "state": _dataset(recording.state),
        "episodes": xarray.Dataset({name: ("episode", column) for name, column in recording.episodes.items()}),
    }
    tree = xarray.DataTree.from_dict({f"/{name}": dataset for name, dataset in groups.items()})
    tree.attrs = {key: value for key, value in recording.attributes.items() if isinstance(value, str | int | float)}
    return tree


def _dataset(arrays: LazyArrays) -> xarray.Dataset:
    return xarray.Dataset(
        {
            name.replace("/", "."): xarray.Variable(
                array.stored_dimensions, indexing.LazilyIndexedArray(_Backend(array))
            )
            for name, array in arrays.items()
        }
    )

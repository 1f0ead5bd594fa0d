"""The rows of a recording that is continued: how far each array had come, and whether it can go on."""

from collections.abc import Mapping

import numpy as np

from workbench.errors import WorkbenchError
from workbench.recording.layout import AGENT, EPISODES, STORED_GROUPS, chunk_rows
from workbench.recording.lazy import LazyArray
from workbench.recording.metadata import Metadata
from workbench.recording.segment import ArraySpecification
from workbench.recording.stored_array import StoredArray
from workbench.recording.stored_files import StoredFileError
from workbench.recording.table import StoredTail


class StoredRows:
    """What a recording holds of each array when its writing is taken up again.

    Args:
        metadata: Of the recording, as they were before.
        path: Of the recording, for messages.

    Raises:
        WorkbenchError: Its metadata or its table of episodes are damaged.
    """

    def __init__(self, metadata: Metadata, path: str) -> None:
        self._metadata = metadata
        self._path = path
        self.steps = int(metadata.attributes["committed_steps"])
        """How many steps are kept."""
        try:
            self._arrays: Mapping[str, StoredArray] = {
                f"{group}/{name}": array
                for group in STORED_GROUPS
                if group != AGENT
                for name, array in metadata.arrays(group).items()
            }
        except StoredFileError as error:
            raise WorkbenchError(f"{path} cannot be resumed, since it is damaged: {error}.") from error
        self.episodes = {p: _specify(a) for p, a in self._arrays.items() if p.startswith(f"{EPISODES}/")}
        """The columns of the episodes' table, by path."""
        self.number_of_episodes = self._count_whole(int(metadata.attributes["committed_episodes"]))
        """How many of its rows are kept: those of episodes that were recorded to their end."""

    @property
    def specifications(self) -> dict[str, ArraySpecification]:
        """All arrays as they are stored, by path."""
        return {path: _specify(array) for path, array in self._arrays.items()}

    def check(self, specifications: Mapping[str, ArraySpecification]) -> None:
        """Make sure that rows of these arrays can be appended.

        Raises:
            WorkbenchError: They are not those that are stored.
        """
        stored = {path for path in self._arrays if not path.startswith(f"{EPISODES}/")}
        if unlike := sorted(stored ^ set(specifications)):
            what = ", ".join(f"{path} ({'no more' if path in stored else 'new'})" for path in unlike[:6])
            raise WorkbenchError(
                f"{self._path} cannot be resumed: it holds other arrays than would be recorded: {what}."
            )
        for path, spec in specifications.items():
            array = self._arrays[path]
            there = (array.shape[1:], array.dtype, array.chunk_rows, array.dimension_names)
            wanted = (spec.row_shape, spec.dtype, chunk_rows(spec.row_bytes), tuple(spec.dimensions))
            if there != wanted:
                raise WorkbenchError(
                    f"{self._path} cannot be resumed: its {path} has rows of {array.dtype} {list(array.shape[1:])} in "
                    f"chunks of {array.chunk_rows}; rows of {spec.dtype} {list(spec.row_shape)} in chunks of "
                    f"{wanted[2]} would be recorded."
                )

    def tail(self, path: str) -> StoredTail:
        """Where an array goes on.

        Raises:
            WorkbenchError: The chunk that goes on is damaged.
        """
        array = self._arrays[path]
        rows = self.number_of_episodes if path.startswith(f"{EPISODES}/") else self.steps
        start = rows // array.chunk_rows * array.chunk_rows
        non_finite = (self._metadata.attributes.get("non_finite") or {}).get(path, 0)
        return StoredTail(rows, array.shape[0], self._lazy(path, rows)[start:rows], int(non_finite))

    def _lazy(self, path: str, rows: int) -> LazyArray:
        try:
            return LazyArray(self._arrays[path], self._metadata.files, rows)
        except StoredFileError as error:
            raise WorkbenchError(f"{self._path} cannot be resumed, since it is damaged: {error}.") from error

    def _count_whole(self, committed: int) -> int:
        if not committed:
            return 0
        if f"{EPISODES}/complete" not in self._arrays:
            raise WorkbenchError(f"{self._path} cannot be resumed, since it is damaged: it lacks episodes/complete.")
        whole = self._lazy(f"{EPISODES}/complete", committed)[:]
        count = int(np.count_nonzero(whole))
        if not whole[:count].all():
            raise WorkbenchError(
                f"{self._path} cannot be resumed: it has an episode that was left before its end, and whole ones "
                f"behind it. Begin a new recording (--overwrite, or another path)."
            )
        return count


def _specify(array: StoredArray) -> ArraySpecification:
    return ArraySpecification(
        row_shape=array.shape[1:],
        dtype=array.dtype,
        dimensions=tuple(name or "" for name in array.dimension_names),
        attributes=array.attributes,
    )

"""Carries rows from the acting thread to the store, in order, off the acting thread, committed or absent.

The acting thread fills a *segment* (a block of rows of every array). Full segments go through a bounded queue to one
writer thread, which compresses and writes them and then moves the committed count forward. The blocks are few and are
used again and again: a slow disk makes the acting thread wait for a free block, and never fills the memory.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from workbench.errors import WorkbenchError
from workbench.recording.layout import EPISODES, SEGMENTS, row_bytes, segment_rows
from workbench.recording.table import GrowingArray

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ArraySpecification:
    """What one array of a recording looks like."""

    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    dimensions: tuple[str, ...]
    """Names of all axes, the first of them `step` or `episode`."""
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Segment:
    """A block of rows of every array, filled by the acting thread."""

    def __init__(self, specifications: Mapping[str, ArraySpecification], rows: int) -> None:
        self.rows = rows
        self.filled = 0
        self.arrays = {name: np.empty((rows, *spec.row_shape), spec.dtype) for name, spec in specifications.items()}


class StoreWriter:
    """Writes segments and finished episodes to a Zarr group from a thread of its own.

    Args:
        root: The recording's root group.
        specifications: Every step array by its path, `steps/value`.
        batch: The largest number of rows that come at once.
        attributes: Gives the root attributes, without the committed counts; called at each commit on the writer thread.
        flush_seconds: The longest that a row waits before it is committed, while rows keep coming.
    """

    def __init__(
        self,
        root: zarr.Group,
        specifications: Mapping[str, ArraySpecification],
        *,
        batch: int,
        attributes: Callable[[], dict[str, Any]],
        flush_seconds: float = 2.0,
    ) -> None:
        self._root = root
        self._attributes = attributes
        # A row waits for its block at most half of the time, and its block for the commit the other half.
        self._commit_seconds = flush_seconds / 2
        self._tables = {name: _create(root, name, spec) for name, spec in specifications.items()}
        self._episode_tables: dict[str, GrowingArray] = {}
        bytes_a_row = sum(row_bytes(spec.row_shape, spec.dtype.itemsize) for spec in specifications.values())
        rows = segment_rows(bytes_a_row, batch)
        self._free: queue.SimpleQueue[Segment] = queue.SimpleQueue()
        for _ in range(SEGMENTS):
            self._free.put(Segment(specifications, rows))
        self._work: queue.SimpleQueue[Segment | list[Mapping[str, npt.NDArray[Any]]] | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._committed_steps = 0
        self._committed_episodes = 0
        self._last_commit = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="recording-writer", daemon=True)
        self._thread.start()

    @property
    def committed_steps(self) -> int:
        """Rows that a reader sees now."""
        return self._committed_steps

    @property
    def memory_bytes(self) -> int:
        """The most that the blocks and unfinished chunks ever hold."""
        chunks = sum(table._block.nbytes for table in self._tables.values())
        rows = segment_rows(sum(table.bytes_per_row for table in self._tables.values()), 1)
        return chunks + SEGMENTS * rows * sum(table.bytes_per_row for table in self._tables.values())

    def take_segment(self) -> Segment:
        """A free block to fill; waits for the writer thread when all are in use."""
        while True:
            self._raise_failure()
            with contextlib.suppress(queue.Empty):
                segment = self._free.get(timeout=1.0)
                segment.filled = 0
                return segment

    def submit(self, segment: Segment) -> None:
        """Hand over a block; the caller no longer touches it."""
        self._raise_failure()
        self._work.put(segment)

    def submit_episodes(self, episodes: list[Mapping[str, npt.NDArray[Any]]]) -> None:
        """Hand over the rows of finished episodes; commit them after all segments submitted before."""
        self._raise_failure()
        self._work.put(episodes)

    def close(self) -> None:
        """Write everything that was submitted, commit it, and set every array to its exact length."""
        self._work.put(None)
        self._thread.join()
        self._raise_failure()

    def non_finite(self) -> dict[str, int]:
        """How many values of each floating-point array were NaN or infinite, for those that had any."""
        return {name: table.non_finite for name, table in self._tables.items() if table.non_finite}

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise WorkbenchError(
                f"The recording could not be written further: {_reason(self._failure)}. "
                f"The first {self._committed_steps} steps are committed and can be opened; make room or choose "
                f"another place, and record again."
            ) from self._failure

    def _run(self) -> None:
        try:
            while (work := self._next()) is not None:
                if isinstance(work, Segment):
                    for name, table in self._tables.items():
                        table.append(work.arrays[name][: work.filled])
                    self._free.put(work)
                else:
                    for episode in work:
                        self._append_episode(episode)
                if time.monotonic() - self._last_commit >= self._commit_seconds:
                    self._commit()
            self._close()
        except BaseException as failure:
            logger.debug("writer thread failed", exc_info=True)
            self._failure = failure

    def _next(self) -> Segment | list[Mapping[str, npt.NDArray[Any]]] | None:
        while True:
            try:
                return self._work.get(timeout=self._commit_seconds)
            except queue.Empty:
                if self._rows() != self._committed_steps:
                    self._commit()

    def _rows(self) -> int:
        return min((table.rows for table in self._tables.values()), default=0)

    def _append_episode(self, episode: Mapping[str, npt.NDArray[Any]]) -> None:
        for name, value in episode.items():
            if name not in self._episode_tables:
                spec = ArraySpecification(
                    row_shape=value.shape,
                    dtype=value.dtype,
                    dimensions=("episode", *(f"{name.rsplit('/', 1)[-1]}_axis_{axis}" for axis in range(value.ndim))),
                )
                self._episode_tables[name] = _create(self._root, f"{EPISODES}/{name}", spec)
            self._episode_tables[name].append(value[None])

    def _commit(self) -> None:
        for table in (*self._tables.values(), *self._episode_tables.values()):
            table.flush()
        self._publish()

    def _publish(self) -> None:
        steps = self._rows()
        episodes = min((table.rows for table in self._episode_tables.values()), default=0)
        attributes = self._attributes() | {
            "committed_steps": steps,
            "committed_episodes": episodes,
            "non_finite": self.non_finite(),
        }
        self._root.update_attributes(attributes)
        self._committed_steps, self._committed_episodes = steps, episodes
        self._last_commit = time.monotonic()

    def _close(self) -> None:
        steps = self._rows()
        for table in self._tables.values():
            table.close(steps)
        for table in self._episode_tables.values():
            table.close(table.rows)
        self._publish()


def _create(root: zarr.Group, path: str, spec: ArraySpecification) -> GrowingArray:
    group_name, _, name = path.partition("/")
    *parents, leaf = name.split("/")
    group = root.require_group("/".join((group_name, *parents)))
    return GrowingArray(group, leaf, spec.row_shape, spec.dtype, spec.dimensions, dict(spec.attributes))


def _reason(failure: BaseException) -> str:
    if isinstance(failure, OSError) and failure.strerror:
        return f"{failure.strerror} ({failure.filename})" if failure.filename else failure.strerror
    return f"{type(failure).__name__}: {failure}"

"""Carries rows from the acting thread to the store, in order, off the acting thread, committed or absent.

The acting thread copies rows into a *segment*. Full segments go through a queue to one writer thread, which compresses
and writes them and then moves the committed count forward. The segments are few and are used again and again: when
none is free the acting thread waits, so that a slow disk slows the rollout and never fills the memory.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import zarr

from workbench.errors import WorkbenchError
from workbench.recording.layout import EPISODES, SEGMENTS, segment_rows
from workbench.recording.segment import ArraySpecification, Segment
from workbench.recording.table import GrowingArray

logger = logging.getLogger(__name__)


Episode: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""One row of the episodes' table."""


class StoreWriter:
    """Writes segments and finished episodes to a Zarr group from a thread of its own.

    Args:
        root: The recording's root group.
        specifications: Every step array by its path, `steps/value`.
        batch: The most rows that come at once.
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
        flush_seconds: float = 5.0,
    ) -> None:
        self._root = root
        self._attributes = attributes
        # A row waits for its block at most half of the time, and its block for the commit the other half.
        self._commit_seconds = flush_seconds / 2
        self._tables = {name: _create(root, name, spec) for name, spec in specifications.items()}
        self._episode_tables: dict[str, GrowingArray] = {}
        rows = max(batch, segment_rows(sum(spec.row_bytes for spec in specifications.values())))
        self._free: queue.SimpleQueue[Segment] = queue.SimpleQueue()
        for _ in range(SEGMENTS):
            self._free.put(Segment(specifications, rows))
        self._work: queue.SimpleQueue[Segment | list[Episode] | None] = queue.SimpleQueue()
        self._final: Mapping[str, Any] = {}
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

    def take_segment(self) -> Segment:
        """A free segment; waits for the writer thread while there is none."""
        while True:
            self._raise_failure()
            with contextlib.suppress(queue.Empty):
                segment = self._free.get(timeout=0.5)
                return segment

    def submit(self, segment: Segment) -> None:
        """Hand over a segment, which the caller no longer touches."""
        self._raise_failure()
        self._work.put(segment)

    def submit_episodes(self, episodes: list[Episode]) -> None:
        """Hand over the rows of finished episodes; they are committed after all segments submitted before."""
        self._raise_failure()
        self._work.put(episodes)

    def close(self, final: Mapping[str, Any]) -> None:
        """Write everything that was submitted, commit it, and set every array to its exact length.

        Args:
            final: Root attributes that are true only when all that has been done.
        """
        self._final = final
        self._work.put(None)
        self._thread.join()
        self._raise_failure()

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
                    for path, rows in work.blocks():
                        self._tables[path].append(rows)
                    work.clear()
                    self._free.put(work)
                else:
                    self._append_episodes(work)
                if time.monotonic() - self._last_commit >= self._commit_seconds:
                    self._commit()
            self._close()
        except BaseException as failure:
            logger.debug("writer thread failed", exc_info=True)
            self._failure = failure

    def _next(self) -> Segment | list[Episode] | None:
        while True:
            try:
                return self._work.get(timeout=self._commit_seconds)
            except queue.Empty:
                if self._rows() != self._committed_steps:
                    self._commit()

    def _rows(self) -> int:
        return min((table.rows for table in self._tables.values()), default=0)

    def _append_episodes(self, episodes: list[Episode]) -> None:
        before = max((table.rows for table in self._episode_tables.values()), default=0)
        for episode in episodes:
            for name, value in episode.items():
                if name not in self._episode_tables:
                    axes = (f"{name.replace('/', '.')}.axis_{axis}" for axis in range(value.ndim))
                    spec = ArraySpecification(row_shape=value.shape, dtype=value.dtype, dimensions=("episode", *axes))
                    table = self._episode_tables[name] = _create(self._root, f"{EPISODES}/{name}", spec)
                    # The episodes before had none: a column that comes late begins with gaps.
                    table.append(table.absent_rows(before))
        for name, table in self._episode_tables.items():
            gap = table.absent_rows(1)[0]
            table.append(np.stack([episode.get(name, gap) for episode in episodes]))

    def _commit(self) -> None:
        for table in (*self._tables.values(), *self._episode_tables.values()):
            table.flush()
        self._publish()

    def _publish(self, final: Mapping[str, Any] | None = None) -> None:
        steps = self._rows()
        episodes = min((table.rows for table in self._episode_tables.values()), default=0)
        attributes = (
            self._attributes()
            | dict(final or {})
            | {
                "committed_steps": steps,
                "committed_episodes": episodes,
                "non_finite": {path: table.non_finite for path, table in self._tables.items() if table.non_finite},
            }
        )
        self._root.update_attributes(attributes)
        self._committed_steps, self._committed_episodes = steps, episodes
        self._last_commit = time.monotonic()

    def _close(self) -> None:
        steps = self._rows()
        for table in self._tables.values():
            table.close(steps)
        for table in self._episode_tables.values():
            table.close(table.rows)
        self._publish(self._final)


def _create(root: zarr.Group, path: str, spec: ArraySpecification) -> GrowingArray:
    group_name, _, name = path.partition("/")
    *parents, leaf = name.split("/")
    group = root.require_group("/".join((group_name, *parents)))
    return GrowingArray(group, leaf, spec.row_shape, spec.dtype, spec.dimensions, dict(spec.attributes))


def _reason(failure: BaseException) -> str:
    if isinstance(failure, OSError) and failure.strerror:
        return f"{failure.strerror} ({failure.filename})" if failure.filename else failure.strerror
    return f"{type(failure).__name__}: {failure}"

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
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import zarr

from workbench.errors import WorkbenchError
from workbench.recording.chunks import make_group, write_root
from workbench.recording.layout import EPISODE_COLUMNS, EPISODES, SEGMENTS, segment_rows
from workbench.recording.lock import WriterLock
from workbench.recording.segment import ArraySpecification, Segment
from workbench.recording.stored_rows import StoredRows
from workbench.recording.table import GrowingArray, StoredTail

logger = logging.getLogger(__name__)

SHARE_OF_WAITING = 0.4
"""Of the flush interval: so long a row waits for its block, and so long the block for the commit, which takes time."""


Episode: TypeAlias = Mapping[str, Any]
"""One row of the episodes' table: numbers for `EPISODE_COLUMNS`, and arrays."""


class _Work(NamedTuple):
    """What is written and committed together, so that no episode ends in committed steps and is not in the table."""

    segment: Segment | None
    episodes: Sequence[Episode]
    attributes: Mapping[str, Any]
    """Of the root, as far as they depend on the rows."""


class StoreWriter:
    """Writes segments and finished episodes to a Zarr group from a thread of its own.

    Args:
        root: The recording's root group.
        specifications: Every step array by its path, `steps/value`.
        batch: The most rows that come at once.
        attributes: The root's, without the committed counts.
        flush_seconds: The longest that a row waits to be committed, while rows keep coming and the disk keeps up.
        lock: Says whether the recording is still where it was.
        stored: What is there already and is continued.

    Raises:
        WorkbenchError: What is there does not go on with these arrays.
    """

    def __init__(
        self,
        root: zarr.Group,
        specifications: Mapping[str, ArraySpecification],
        *,
        batch: int,
        attributes: Mapping[str, Any],
        flush_seconds: float = 5.0,
        lock: WriterLock | None = None,
        stored: StoredRows | None = None,
    ) -> None:
        self._root = root
        self._lock = lock
        self._attributes = attributes
        self._commit_seconds = flush_seconds * SHARE_OF_WAITING
        if stored is not None:
            stored.check(specifications)
        self._inside = lock.descriptor if lock is not None else None
        self._groups: set[str] = set()
        self._tables = {
            path: self._create(path, spec, stored.tail(path) if stored is not None else None)
            for path, spec in specifications.items()
        }
        self._episode_tables: dict[str, GrowingArray] = {}
        if stored is not None:
            self._episode_tables = {
                path.removeprefix(f"{EPISODES}/"): self._create(path, spec, stored.tail(path))
                for path, spec in stored.episodes.items()
            }
        rows = max(batch, segment_rows(sum(spec.row_bytes for spec in specifications.values())))
        self._free: queue.SimpleQueue[Segment] = queue.SimpleQueue()
        for _ in range(SEGMENTS):
            self._free.put(Segment(specifications, rows))
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._final: Mapping[str, Any] = {}
        self._failure: BaseException | None = None
        self._committed_steps = stored.steps if stored is not None else 0
        self._committed_episodes = stored.number_of_episodes if stored is not None else 0
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

    def submit(self, segment: Segment | None, episodes: Sequence[Episode], attributes: Mapping[str, Any]) -> None:
        """Hand over rows, which are committed together.

        Args:
            segment: Rows of the steps; the caller no longer touches it.
            episodes: Rows of the episodes that ended in these steps or before.
            attributes: The root's as they are after these rows, without the committed counts.
        """
        self._raise_failure()
        self._work.put(_Work(segment, episodes, attributes))

    def close(self, final: Mapping[str, Any]) -> None:
        """Write everything that was submitted, commit it, and set every array to its exact length.

        Args:
            final: Root attributes that are true only when all that has been done.
        """
        self._final = final
        self._work.put(None)
        self._thread.join()
        self._raise_failure()

    @property
    def alive(self) -> bool:
        """Whether its thread may still write: until it has been closed, or has failed."""
        return self._thread.is_alive()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise WorkbenchError(
                f"The recording could not be written further: {_reason(self._failure)}. "
                f"The first {self._committed_steps} steps are committed; when that has been mended, what "
                f"`record` began can be resumed (--resume)."
            ) from self._failure

    def _run(self) -> None:
        try:
            while (work := self._next()) is not None:
                # Before, too: chunks would go into whatever recording has taken this one's place.
                self._check_place()
                if work.segment is not None:
                    for path, rows in work.segment.blocks():
                        self._tables[path].append(rows)
                    work.segment.clear()
                    self._free.put(work.segment)
                if work.episodes:
                    self._append_episodes(work.episodes)
                self._attributes = work.attributes
                if time.monotonic() - self._last_commit >= self._commit_seconds:
                    self._commit()
            self._close()
        except BaseException as failure:
            logger.debug("writer thread failed", exc_info=True)
            self._failure = failure

    def _next(self) -> _Work | None:
        while True:
            wait = self._last_commit + self._commit_seconds - time.monotonic()
            try:
                return self._work.get(timeout=max(0.0, wait))
            except queue.Empty:
                if self._rows() != self._committed_steps:
                    self._commit()
                else:
                    self._last_commit = time.monotonic()

    def _rows(self) -> int:
        return min((table.rows for table in self._tables.values()), default=0)

    def _append_episodes(self, episodes: Sequence[Episode]) -> None:
        before = max((table.rows for table in self._episode_tables.values()), default=0)
        for episode in episodes:
            for name in [name for name in episode if name not in self._episode_tables]:
                value = np.asarray(episode[name], EPISODE_COLUMNS.get(name))
                axes = (f"{name.replace('/', '.')}.axis_{axis}" for axis in range(value.ndim))
                spec = ArraySpecification(row_shape=value.shape, dtype=value.dtype, dimensions=("episode", *axes))
                table = self._episode_tables[name] = self._create(f"{EPISODES}/{name}", spec)
                # The episodes before had none: a column that comes late begins with gaps.
                table.append(table.absent_rows(before))
        for name, table in self._episode_tables.items():
            gap = table.absent_rows(1)[0]
            values = [episode.get(name, gap) for episode in episodes]
            table.append(np.array(values, EPISODE_COLUMNS.get(name)))

    def _commit(self) -> None:
        self._check_place()
        for table in (*self._tables.values(), *self._episode_tables.values()):
            table.flush()
        self._publish()

    def _publish(self, final: Mapping[str, Any] | None = None) -> None:
        steps = self._rows()
        episodes = min((table.rows for table in self._episode_tables.values()), default=0)
        for table in (*self._tables.values(), *self._episode_tables.values()):
            table.settle()
        counts = {
            "committed_steps": steps,
            "committed_episodes": episodes,
            "non_finite": {path: table.non_finite for path, table in self._tables.items() if table.non_finite},
        }
        self._check_place()
        try:
            write_root(self._root.store, {**self._attributes, **(final or {}), **counts}, inside=self._inside)
        except FileNotFoundError:
            # Of a folder that was removed this says more.
            self._check_place()
            raise
        self._committed_steps, self._committed_episodes = steps, episodes
        self._last_commit = time.monotonic()

    def _create(self, path: str, spec: ArraySpecification, stored: StoredTail | None = None) -> GrowingArray:
        group = path.rpartition("/")[0]
        if group and group not in self._groups:
            make_group(self._root, group, self._inside)
            self._groups.add(group)
        return GrowingArray(
            self._root, path, spec.row_shape, spec.dtype, spec.dimensions, dict(spec.attributes), stored, self._inside
        )

    def _check_place(self) -> None:
        if self._lock is not None:
            self._lock.check()

    def _close(self) -> None:
        self._check_place()
        steps = self._rows()
        for table in (*self._tables.values(), *self._episode_tables.values()):
            # All of them before the first is closed: on the way to a store elsewhere they are together.
            table.flush()
        for table in self._tables.values():
            table.close(steps)
        for table in self._episode_tables.values():
            table.close(table.rows)
        self._publish(self._final)


def _reason(failure: BaseException) -> str:
    if isinstance(failure, WorkbenchError):
        return str(failure).rstrip(".")
    if isinstance(failure, OSError) and failure.strerror:
        return f"{failure.strerror} ({failure.filename})" if failure.filename else failure.strerror
    return f"{type(failure).__name__}: {failure}"

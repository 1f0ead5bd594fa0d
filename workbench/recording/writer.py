"""Carries rows from the acting thread to the store, in order, off the acting thread, committed or absent.

The acting thread gathers rows in a *segment*, by reference and without copying. Full segments go through a bounded
queue to one writer thread, which joins, compresses and writes them and then moves the committed count forward. When
the queue is full, the acting thread waits: a slow disk slows the rollout and never fills the memory.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch
import zarr
from torch import Tensor

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


Rows: TypeAlias = dict[str, npt.NDArray[Any] | Tensor]
"""The rows of one step, by array: `[B, ...]`."""

Segment: TypeAlias = list[tuple[int, Rows]]
"""Consecutive steps, each with its number of rows; all of them have their arrays in the same order, or lack some."""

Episode: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""One row of the episodes' table."""


class StoreWriter:
    """Writes segments and finished episodes to a Zarr group from a thread of its own.

    Args:
        root: The recording's root group.
        specifications: Every step array by its path, `steps/value`.
        attributes: Gives the root attributes, without the committed counts; called at each commit on the writer thread.
        flush_seconds: The longest that a row waits before it is committed, while rows keep coming.
    """

    def __init__(
        self,
        root: zarr.Group,
        specifications: Mapping[str, ArraySpecification],
        *,
        attributes: Callable[[], dict[str, Any]],
        flush_seconds: float = 2.0,
    ) -> None:
        self._root = root
        self._attributes = attributes
        # A row waits for its block at most half of the time, and its block for the commit the other half.
        self._commit_seconds = flush_seconds / 2
        self._tables = {name: _create(root, name, spec) for name, spec in specifications.items()}
        self._paths = tuple(specifications)
        self._episode_tables: dict[str, GrowingArray] = {}
        self._row_bytes = sum(row_bytes(spec.row_shape, spec.dtype.itemsize) for spec in specifications.values())
        self.segment_rows = segment_rows(self._row_bytes)
        """How many rows a segment should have."""
        self._work: queue.Queue[Segment | list[Episode] | None] = queue.Queue(maxsize=SEGMENTS)
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

    def submit(self, segment: Segment) -> None:
        """Hand over a segment, which the caller no longer touches; waits while too many are waiting."""
        self._put(segment)

    def submit_episodes(self, episodes: list[Episode]) -> None:
        """Hand over the rows of finished episodes; they are committed after all segments submitted before."""
        self._put(episodes)

    def close(self) -> None:
        """Write everything that was submitted, commit it, and set every array to its exact length."""
        self._put(None)
        self._thread.join()
        self._raise_failure()

    def non_finite(self) -> dict[str, int]:
        """How many values of each floating-point array were NaN or infinite, for those that had any."""
        return {name: table.non_finite for name, table in self._tables.items() if table.non_finite}

    def _put(self, work: Segment | list[Episode] | None) -> None:
        while True:
            self._raise_failure()
            with contextlib.suppress(queue.Full):
                self._work.put(work, timeout=0.5)
                return

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise WorkbenchError(
                f"The recording could not be written further: {_reason(self._failure)}. "
                f"The first {self._committed_steps} steps are committed and can be opened; make room or choose "
                f"another place, and record again."
            ) from self._failure

    @torch.no_grad()
    def _run(self) -> None:
        try:
            while (work := self._next()) is not None:
                if work and isinstance(work[0], tuple):
                    self._append(work)
                elif work:
                    self._append_episodes(cast(list[Episode], work))
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

    def _append(self, segment: Segment) -> None:
        # The interpreter is the acting thread's as well: the usual case runs no Python for each step.
        batches, steps = zip(*segment, strict=True)
        expected = sum(batches)
        whole = all(map(self._paths.__eq__, map(tuple, steps)))
        columns = zip(*(step.values() for step in steps), strict=True) if whole else ()
        by_path = dict(zip(self._paths, columns, strict=False))
        for path, table in self._tables.items():
            joined = _join(by_path[path]) if whole else _join_gaps(path, segment, table)
            if len(joined) != expected:
                raise WorkbenchError(
                    f"{path} has {len(joined)} rows for {expected} steps: its first axis is not the batch"
                )
            table.append(joined)

    def _rows(self) -> int:
        return min((table.rows for table in self._tables.values()), default=0)

    def _append_episodes(self, episodes: list[Episode]) -> None:
        for name, value in episodes[0].items():
            if name not in self._episode_tables:
                axes = (f"{name.replace('/', '.')}.axis_{axis}" for axis in range(value.ndim))
                spec = ArraySpecification(row_shape=value.shape, dtype=value.dtype, dimensions=("episode", *axes))
                self._episode_tables[name] = _create(self._root, f"{EPISODES}/{name}", spec)
        for name, table in self._episode_tables.items():
            missing = table.absent_rows(1)[0]
            table.append(np.stack([episode.get(name, missing) for episode in episodes]))

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
            "absent": {name: table.absent for name, table in self._tables.items() if table.absent},
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


def to_numpy(values: npt.NDArray[Any] | Tensor) -> npt.NDArray[Any]:
    """As a numpy array; bfloat16, which numpy does not know, as float32 (which holds it exactly)."""
    if isinstance(values, Tensor):
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy(force=True)
    return values


def _join(parts: Sequence[npt.NDArray[Any] | Tensor]) -> npt.NDArray[Any]:
    """All rows of one array."""
    if isinstance(parts[0], Tensor):
        return to_numpy(torch.cat(cast(list[Tensor], parts)))
    return np.concatenate(cast(list[npt.NDArray[Any]], parts))


def _join_gaps(path: str, segment: Segment, table: GrowingArray) -> npt.NDArray[Any]:
    """All rows of one array that some steps lack: those have NaN (or zero), and are counted."""
    parts = []
    for batch, rows in segment:
        if path in rows:
            parts.append(to_numpy(rows[path]))
        else:
            table.absent += batch
            parts.append(table.absent_rows(batch))
    return np.concatenate(parts)


def _create(root: zarr.Group, path: str, spec: ArraySpecification) -> GrowingArray:
    group_name, _, name = path.partition("/")
    *parents, leaf = name.split("/")
    group = root.require_group("/".join((group_name, *parents)))
    return GrowingArray(group, leaf, spec.row_shape, spec.dtype, spec.dimensions, dict(spec.attributes))


def _reason(failure: BaseException) -> str:
    if isinstance(failure, OSError) and failure.strerror:
        return f"{failure.strerror} ({failure.filename})" if failure.filename else failure.strerror
    return f"{type(failure).__name__}: {failure}"

"""From rows to the writer: lays out the store at the first row, and hands full segments over."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import zarr
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.recording.chunks import write_root
from workbench.recording.hooks import ActivationCapture
from workbench.recording.layout import ACTIVATIONS, trailing_dimensions
from workbench.recording.lock import WriterLock
from workbench.recording.segment import ArraySpecification, Segment, to_numpy
from workbench.recording.stored_rows import StoredRows
from workbench.recording.writer import SHARE_OF_WAITING, Episode, StoreWriter


class RowStream:
    """The rows of one recording on their way to its store; belongs to the acting thread.

    Args:
        root: The recording's root group.
        facts: Its root attributes; what becomes known of layers and absent rows is added here.
        slots: The most rows that come at once.
        flush_seconds: The longest that a row waits to be committed.
        activation_dtype: What floating-point activations are stored as; None keeps each tensor's own.
        capture: What knows the layers; None where there is no policy.
        lock: Says whether the recording is still where it was.
        stored: What is there already and is continued.
    """

    def __init__(
        self,
        root: zarr.Group,
        facts: dict[str, Any],
        *,
        slots: int,
        flush_seconds: float,
        activation_dtype: np.dtype[Any] | None,
        capture: ActivationCapture | None,
        lock: WriterLock | None = None,
        stored: StoredRows | None = None,
    ) -> None:
        self.number_of_steps = stored.steps if stored is not None else 0
        """Rows put so far, committed or not."""
        self._root = root
        self._facts = facts
        self._slots = slots
        self._flush_seconds = flush_seconds
        self._activation_dtype = activation_dtype
        self._capture = capture
        self._lock = lock
        self._stored = stored
        self._first: Mapping[str, Tensor] | None = None
        self._writer: StoreWriter | None = None
        self._segment: Segment | None = None
        self._submitted = self.number_of_steps
        self._last_submit = time.monotonic()

    def ready(self) -> None:
        """Wait until there is room for the next rows.

        Raises:
            WorkbenchError: What is there cannot be written.
        """
        if self._segment is None and self._writer is not None:
            self._current()

    def take(self, tensors: Mapping[str, Tensor], batch: int) -> None:
        """Take what the policy gave for the next rows; nobody may change the tensors any more.

        Raises:
            WorkbenchError: They are not of the shapes that the first ones had, or what is there cannot be written.
        """
        if self._writer is None:
            self._first = tensors
            return
        try:
            (self._segment or self._current()).take(tensors, batch)
        except (ValueError, KeyError) as error:
            raise self._changed(error) from error

    def drop(self) -> None:
        """Forget what was taken: it is not what acted."""
        self._first = None
        if self._segment is not None:
            self._segment.drop()

    def put(self, columns: Mapping[str, npt.NDArray[Any]], batch: int) -> bool:
        """Add rows, by reference: nobody may change the arrays any more.

        Returns:
            Whether the segment should be submitted before the next rows, when episodes that end here have been told.

        Raises:
            WorkbenchError: The policy has not acted before the first of them; or they are not of the shapes that the
                first ones had, or what is there cannot be written.
        """
        if self._writer is None:
            self._begin(columns, batch)
        segment = self._segment or self._current()
        try:
            absent = segment.put(columns, batch)
        except (ValueError, KeyError) as error:
            raise self._changed(error) from error
        if absent:
            self._count_absent(dict.fromkeys(absent, batch))
        self.number_of_steps += batch
        return (
            segment.rows - segment.filled < self._slots
            or time.monotonic() - self._last_submit > self._flush_seconds * SHARE_OF_WAITING
        )

    def submit(self, episodes: Sequence[Episode]) -> None:
        """Hand what there is to the writer thread.

        Args:
            episodes: Rows of the episodes' table, committed together with the steps.
        """
        assert self._writer is not None
        segment = self._segment if self._segment is not None and self._segment.filled else None
        if segment is not None:
            segment.join()
            self._submitted += segment.filled
            if segment.overwritten:
                self._report_overwritten(segment.overwritten)
        self._segment = None
        if segment is not None or episodes:
            self._writer.submit(segment, list(episodes), self._snapshot())
        self._last_submit = time.monotonic()

    def close(self, episodes: Sequence[Episode], final: Mapping[str, Any]) -> None:
        """Write and commit everything.

        Args:
            episodes: As for `submit`.
            final: Root attributes that are true once that has been done.
        """
        if self._writer is None and self._stored is not None:
            # Nothing was added, and yet the arrays may be longer than what counts.
            self._writer = self._start_writer(
                {path: spec for path, spec in self._stored.specifications.items() if path not in self._stored.episodes}
            )
        if self._writer is None:
            counts = {"committed_steps": 0, "committed_episodes": 0, "non_finite": {}}
            write_root(self._root.store, {**self._facts, **final, **counts})
            return
        if self._segment is not None:
            # An interrupt may have come between the rows and their count: what was not counted is not kept.
            self._segment.filled = min(self._segment.filled, self.number_of_steps - self._submitted)
        try:
            self.submit(episodes)
        finally:
            self._writer.close(final)

    @property
    def alive(self) -> bool:
        """Whether anything may still be written."""
        return self._writer is not None and self._writer.alive

    def _current(self) -> Segment:
        assert self._writer is not None
        if self._segment is None:
            self._segment = self._writer.take_segment()
        return self._segment

    def _changed(self, error: Exception) -> WorkbenchError:
        what = f"{error.args[0]} was not there at the first step" if isinstance(error, KeyError) else str(error)
        return WorkbenchError(
            f"At step {self.number_of_steps}, {what}. Every step must give the same observations, truth and "
            f"layers as the first one."
        )

    def _begin(self, columns: Mapping[str, npt.NDArray[Any]], batch: int) -> None:
        """The first rows say what there is: lay out the store."""
        if self._capture is not None and self._first is None:
            raise WorkbenchError(
                "The environment was stepped before the recorder's policy had acted. Choose the action with "
                "recorder.wrap_policy(), or make the Recorder without policy=... to record the environment alone."
            )
        tensors, self._first = self._first or {}, None
        layers = self._capture.layers if self._capture is not None else {}
        arrays: dict[str, npt.NDArray[Any] | Tensor] = {**columns, **tensors}
        specifications = {path: self._specify(path, values, layers.get(path, "")) for path, values in arrays.items()}
        self._facts["layers"] = {
            path.removeprefix(f"{ACTIVATIONS}/"): {
                "shape": list(specifications[path].row_shape),
                "dtype": str(specifications[path].dtype),
                "module": module,
            }
            for path, module in layers.items()
        }
        # Shared with the one who finds out what else must be skipped.
        skipped = self._capture.skipped if self._capture is not None else {}
        for name, reason in self._facts["skipped_layers"].items():
            skipped.setdefault(name, reason)
        self._facts["skipped_layers"] = skipped
        self._writer = self._start_writer(specifications)
        self.take(tensors, batch)

    def _start_writer(self, specifications: Mapping[str, ArraySpecification]) -> StoreWriter:
        return StoreWriter(
            self._root,
            specifications,
            batch=self._slots,
            attributes=self._snapshot(),
            flush_seconds=self._flush_seconds,
            lock=self._lock,
            stored=self._stored,
        )

    def _specify(self, path: str, values: npt.NDArray[Any] | Tensor, module: str) -> ArraySpecification:
        dtype = to_numpy(values[:0]).dtype
        if module and self._activation_dtype is not None and dtype.kind == "f":
            dtype = self._activation_dtype
        shape = tuple(values.shape[1:])
        return ArraySpecification(
            row_shape=shape,
            dtype=dtype,
            dimensions=("step", *trailing_dimensions(path, shape, module)),
            attributes={"module": module} if module else {},
            tensor=isinstance(values, Tensor),
            float32=isinstance(values, Tensor) and values.dtype == torch.float32,
        )

    def _snapshot(self) -> dict[str, Any]:
        """The facts as they are after the rows so far, for the writer: the acting thread goes on changing them."""
        return {key: dict(value) if isinstance(value, dict) else value for key, value in self._facts.items()}

    def _count_absent(self, rows: Mapping[str, int]) -> None:
        counted = self._facts["absent"]
        self._facts["absent"] = counted | {path: counted.get(path, 0) + count for path, count in rows.items()}

    def _report_overwritten(self, rows: Mapping[str, int]) -> None:
        self._count_absent(rows)
        for path in rows:
            name = path.removeprefix(f"{ACTIVATIONS}/")
            self._facts["skipped_layers"].setdefault(name, "something overwrote it after the pass, in some rows")


def activation_dtype(name: str | None) -> np.dtype[Any] | None:
    """The dtype that activations are stored as, by its name.

    Raises:
        WorkbenchError: It is neither `float16` nor `float32`.
    """
    if name is None:
        return None
    if name not in ("float16", "float32"):
        raise WorkbenchError(f"Activations can be stored as float16 or float32; {name!r} is neither.")
    return np.dtype(name)

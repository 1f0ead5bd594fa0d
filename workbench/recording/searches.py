"""Reading the searches of an agent that plans."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording.reader import Recording
    from workbench.search.trace import SearchTrace


def read_trace(recording: "Recording", row: int) -> "SearchTrace | None":
    """The search of a step, unpacked and checked; None where nothing was searched.

    Args:
        recording: Any.
        row: Row of `steps`.

    Raises:
        WorkbenchError: There is no such row, or what is stored is damaged.
    """
    if not recording.searches:
        return None
    if not 0 <= row < len(recording):
        raise WorkbenchError(f"There is no step {row}: the recording has {len(recording)}, numbered from 0.")
    stored = {name: array[row] for name, array in recording.search.items()}
    return _unpacked(recording, row, stored, int(recording.steps["action"][row]))


def read_traces(
    recording: "Recording", *, block_bytes: int = 32 << 20, most: int | None = None, damaged: list[int] | None = None
) -> "Iterator[tuple[int, SearchTrace | None, npt.NDArray[np.uint64] | None]]":
    """All searches in the order of the steps, read in blocks: memory does not grow with the recording.

    Args:
        recording: With searches, or none.
        block_bytes: About how much is held at a time.
        most: Only so many steps, the first ones; None: all.
        damaged: Rows whose search cannot be read are added to it and passed over; None: they are an error.

    Yields:
        Row, search (None where nothing was searched) and the position at its root `[W]` (None where it is not kept).

    Raises:
        WorkbenchError: What is stored is damaged; the message names the step.
    """
    if not recording.searches:
        return
    total = len(recording) if most is None else min(most, len(recording))
    arrays = dict(recording.search.items())
    row_bytes = sum(array.nbytes for array in arrays.values()) // max(1, len(recording))
    height = min(array.chunks[0] for array in arrays.values())
    rows = max(1, block_bytes // max(1, row_bytes) // height) * height
    for start in range(0, total, rows):
        block = slice(start, min(total, start + rows))
        read = {name: array[block] for name, array in arrays.items()}
        actions = recording.steps["action"][block]
        for place in range(block.stop - block.start):
            stored = {name: values[place] for name, values in read.items()}
            try:
                trace = _unpacked(recording, start + place, stored, int(actions[place]))
            except WorkbenchError:
                if damaged is None:
                    raise
                damaged.append(start + place)
                continue
            yield start + place, trace, stored.get("position") if trace is not None else None


def _unpacked(
    recording: "Recording", row: int, stored: dict[str, npt.NDArray[Any]], chosen: int
) -> "SearchTrace | None":
    from workbench.search.packing import unpack_trace

    try:
        return unpack_trace(stored, recording.attributes["search"], chosen=chosen)
    except (WorkbenchError, KeyError, IndexError, ValueError, TypeError) as error:
        said = str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
        raise WorkbenchError(f"The search of step {row} of {recording.path} cannot be read: {said}") from error

"""Reading the searches of an agent that plans."""

from typing import TYPE_CHECKING

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
    from workbench.search.packing import unpack_trace

    facts = recording.attributes["search"]
    stored = {name: array[row] for name, array in recording.search.items()}
    try:
        return unpack_trace(stored, facts, chosen=int(recording.steps["action"][row]))
    except (WorkbenchError, KeyError, IndexError, ValueError, TypeError) as error:
        said = str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
        raise WorkbenchError(f"The search of step {row} of {recording.path} cannot be read: {said}") from error

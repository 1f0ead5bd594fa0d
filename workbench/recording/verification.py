"""Reading all of a recording to find out what of it is damaged."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.progress import Progress
from workbench.recording.column_rules import check_steps
from workbench.recording.layout import ACTIVATIONS, EPISODES, STEPS, STORED_GROUPS
from workbench.recording.lazy import LazyArray

if TYPE_CHECKING:
    from workbench.recording.reader import Recording


@dataclass(frozen=True, kw_only=True)
class Damage:
    """Rows of an array that cannot be read."""

    array: str
    """`steps/reward`; a group's name where none of its arrays can be found."""
    first_row: int
    last_row: int
    """Included; those of one chunk, the least that can be damaged."""
    why: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What reading all of a recording came to."""

    damage: tuple[Damage, ...]
    arrays: int
    """How many were read."""
    bytes_read: int
    """Of all rows, uncompressed."""

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage


def verify(recording: "Recording", progress: Progress) -> Verification:
    """Read every chunk that holds committed rows, a few at a time, and compare each with its checksum.

    Beyond that, every array that the recording says it has must be there, and the table of episodes must fit the steps.
    The root's attributes have no checksum: a number that was changed there without a trace is not found.

    Args:
        recording: Any, also one that is being written.
        progress: Is told how many bytes have been read.
    """
    damage: list[Damage] = []
    arrays: dict[str, LazyArray] = {}
    for group in STORED_GROUPS:
        try:
            found = recording.stored_arrays(group)
            if group == STEPS and len(recording):
                check_steps(found, recording.path)
        except WorkbenchError as error:
            damage.append(_whole(group, len(recording), str(error)))
            continue
        arrays |= {f"{group}/{name}": array for name, array in found.items()}
        if group == ACTIVATIONS and len(recording):
            lacking = [name for name in recording.attributes.get("layers") or {} if name not in found]
            damage += [_whole(f"{group}/{name}", len(recording), "the array is not there") for name in lacking]
    total, done = sum(array.nbytes for array in arrays.values()), 0
    try:
        for path, array in arrays.items():
            progress.update(done, total, path)
            damage += [
                Damage(array=path, first_row=first, last_row=last, why=why) for first, last, why in array.find_damage()
            ]
            done += array.nbytes
        progress.update(done, total, "")
    finally:
        progress.close()
    if not damage:
        try:
            _ = recording.episodes
        except WorkbenchError as error:
            damage.append(_whole(EPISODES, len(recording), str(error)))
    return Verification(damage=tuple(damage), arrays=len(arrays), bytes_read=total)


def _whole(array: str, rows: int, why: str) -> Damage:
    return Damage(array=array, first_row=0, last_row=max(0, rows - 1), why=why)

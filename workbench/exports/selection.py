"""Which episode and which layers of a recording are meant, or a clear error."""

import fnmatch
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Episode, Recording


def select_episode(recording: "Recording", number: int) -> "Episode":
    """The episode of that number, from 0; negative ones count from the end.

    Raises:
        WorkbenchError: There is none, or it has no steps.
    """
    episode = recording.episode(number)
    if not len(episode.rows):
        raise WorkbenchError(f"Episode {number} of {recording.path!r} has no recorded step.")
    return episode


def select_layers(recording: "Recording", patterns: str | Sequence[str]) -> list[str]:
    """The layers that are named, or match a shell pattern, in the recording's order.

    Raises:
        WorkbenchError: A name or pattern matches none; the message says which there are.
    """
    there = list(recording.layers)
    chosen: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        found = [name for name in there if name == pattern] or fnmatch.filter(there, pattern)
        if not found:
            raise WorkbenchError(
                f"The recording {recording.path!r} has no layer {pattern!r}. "
                f"Its layers are: {', '.join(there) or 'none'}."
            )
        chosen.update(found)
    return [name for name in there if name in chosen]

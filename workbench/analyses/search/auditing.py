"""Repeat every selection of every search of a recording."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.searches import read_traces
from workbench.search.replay import Divergence, audit

if TYPE_CHECKING:
    from workbench.recording.reader import Recording

MOST_KEPT = 1_000


@dataclass(frozen=True, kw_only=True)
class DivergentSearch:
    """A search that is not what its rules give."""

    row: int
    """Of the recording's steps."""
    divergence: Divergence
    """Where it first leaves them."""


@dataclass(frozen=True, kw_only=True)
class RecordingAudit:
    """What an audit of a recording found."""

    searches: int
    selections: int
    """How many were repeated; those of a search after its first divergence are not."""
    divergent: tuple[DivergentSearch, ...]
    """The first 1,000 of them."""
    divergences: int
    """How many searches diverge."""

    @property
    def clean(self) -> bool:
        """Whether every selection is what the rules select."""
        return self.divergences == 0


def audit_recording(recording: "Recording", progress: Progress | None = None) -> RecordingAudit:
    """Repeat the selections of all searches, one search after the other.

    Args:
        recording: Of an agent that plans.
        progress: Is told how many steps are done, and may raise `Cancelled`.

    Raises:
        WorkbenchError: Nothing was searched; or a search is damaged, so that it cannot be read.
    """
    if not recording.searches:
        raise WorkbenchError(f"{recording.path} holds no searches that could be audited.")
    told, total = progress or SilentProgress(), len(recording)
    searches = selections = divergences = 0
    found: list[DivergentSearch] = []
    for row, trace, _ in read_traces(recording):
        told.update(row, total, "")
        if trace is None:
            continue
        result = audit(trace)
        searches, selections = searches + 1, selections + result.selections
        if result.divergence is not None:
            divergences += 1
            if len(found) < MOST_KEPT:
                found.append(DivergentSearch(row=row, divergence=result.divergence))
    told.update(total, total, "")
    return RecordingAudit(searches=searches, selections=selections, divergent=tuple(found), divergences=divergences)

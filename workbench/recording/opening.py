"""What a recorder writes to: a new recording, or one that is continued, and the right to write there."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import zarr

from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.recording.agent import write_agent
from workbench.recording.layout import GROUPS
from workbench.recording.lock import WriterLock
from workbench.recording.resume import take_up
from workbench.recording.store import create_group, lock_for_writing, occupied, open_group, written_together
from workbench.recording.stored_rows import StoredRows


class Opened(NamedTuple):
    """A recording that may be written."""

    root: zarr.Group
    facts: dict[str, Any]
    """Its root attributes."""
    stored: StoredRows | None
    """What was there and is continued; None where it is a new recording."""
    lock: WriterLock | None
    """To be released by whoever closes it; None for a URL, where nothing keeps two writers apart."""


def open_to_write(path: str, facts: dict[str, Any], *, overwrite: bool, resume: bool, agent: Policy | None) -> Opened:
    """Lock the place and begin a recording there, or take up the one that is there.

    Args:
        path: Path or URL.
        facts: What is known of the recording, for its root.
        overwrite: Replace a recording that is there.
        resume: Go on with the recording that is there, if there is one.
        agent: What is kept in a new recording; None where the agent is not.

    Raises:
        WorkbenchError: The place cannot be written, somebody else is writing there, or what is to be resumed is
            complete or was recorded otherwise.
    """
    lock = None
    try:
        lock = lock_for_writing(path)
        if resume and occupied(path):
            stored, facts = take_up(path, facts)
            if stored is not None:
                return Opened(open_group(path), facts, stored, lock)
            # It was killed before its first row: it is begun again.
            overwrite = True
        return Opened(_create(path, facts, overwrite=overwrite, agent=agent), facts, None, lock)
    except BaseException as error:
        if lock is not None:
            lock.release()
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise WorkbenchError(f"A recording cannot be written at {path}: {reason}.") from error
        raise


def _create(path: str, facts: Mapping[str, Any], *, overwrite: bool, agent: Policy | None) -> zarr.Group:
    root = create_group(path, overwrite=overwrite, attributes={**facts, "committed_steps": 0, "committed_episodes": 0})
    with written_together(root) as begun:
        for group in GROUPS:
            begun.require_group(group)
        if agent is not None:
            write_agent(begun, agent)
    return root

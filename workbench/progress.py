"""Progress is injected: library code reports to a two-method protocol, and is silent unless somebody listens."""

from typing import Protocol


class Progress(Protocol):
    """What long-running work reports to."""

    def update(self, done: int, total: int, message: str = "") -> None:
        """Say that `done` of `total` units of work are finished; `message` is a short note on what goes on now.

        An implementation may raise `Cancelled` to stop the work: whatever has been done until then is kept.
        """

    def close(self) -> None:
        """Say that there is nothing more to come; called once, also after an error."""


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Raised by a `Progress` to stop the work that reports to it."""


class SilentProgress:
    """The default: nobody listens."""

    def update(self, done: int, total: int, message: str = "") -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

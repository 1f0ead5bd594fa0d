"""A piece of work in a thread of its own, so that the pages stay alive, with a state that any page can read."""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from workbench.errors import WorkbenchError
from workbench.progress import Cancelled

logger = logging.getLogger(__name__)

Asked = TypeVar("Asked")
Made = TypeVar("Made")


class Job(Generic[Asked, Made]):
    """Work under way; it is the `Progress` that the work reports to, and can be cancelled."""

    def __init__(
        self, asked: Asked, work: "Callable[[Job[Asked, Made]], Made]", *, name: str, total: int = 1, message: str = ""
    ) -> None:
        """Take work over; `start` begins it.

        Args:
            asked: What is asked for.
            work: Does it, and reports to the job; what it gives is kept in `made`.
            name: Of the thread, and for the log.
            total: How many units of work there are, as far as that is known.
            message: What is shown until the work reports something.
        """
        self.asked = asked
        self.stage = ""
        """What is being done, where the work says so."""
        self.done, self.total, self.message = 0, total, message
        self.made: Made | None = None
        self.error: str | None = None
        self.cancelled = False
        self._work, self._name = work, name
        self._cancel = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to stop at its next word of progress; what the work keeps until then is kept."""
        self._cancel.set()

    @property
    def running(self) -> bool:
        """Whether it still goes on."""
        return self._thread.is_alive()

    @property
    def asked_to_stop(self) -> bool:
        """Whether somebody has cancelled it."""
        return self._cancel.is_set()

    @property
    def cancelling(self) -> bool:
        """Whether it was asked to stop and has not stopped yet."""
        return self._cancel.is_set() and self.running

    def update(self, done: int, total: int, message: str = "") -> None:
        """Take note of the progress; raises `Cancelled` where that was asked for."""
        self.done, self.total, self.message = done, total, message
        if self._cancel.is_set():
            self.cancelled = True
            raise Cancelled

    def close(self) -> None:
        """Nothing more will come."""

    def wait(self, seconds: float) -> bool:
        """Wait for the end; whether it has come."""
        self._thread.join(seconds)
        return not self.running

    def _run(self) -> None:
        try:
            self.made = self._work(self)
        except Cancelled:
            self.error = "It was stopped before anything was made."
        except (WorkbenchError, OSError) as error:
            self.error = str(error)
        except Exception as error:
            logger.exception("The %s of the dashboard failed", self._name)
            self.error = f"{type(error).__name__}: {error}"

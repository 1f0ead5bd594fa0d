"""Holding Ctrl-C back for the microseconds in which a row and the bookkeeping of its episode do not agree."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """A context manager, entered again and again: Ctrl-C within comes when it is left, and at once outside.

    What may take long or hang (the environment, the network, a full queue) stays outside, so that Ctrl-C always helps.
    It has an effect only after `install`, in the main thread: no other thread is interrupted.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._waiting = False
        self._previous: Callable[[int, FrameType | None], Any] | None = None

    def install(self) -> None:
        """Stand in front of whatever handles Ctrl-C now."""
        previous = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(previous):
            self._previous = previous
            signal.signal(signal.SIGINT, self._handle)

    def remove(self) -> None:
        """Give Ctrl-C back."""
        if self._previous is not None and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, self._previous)

    def __enter__(self) -> Self:
        self._depth += 1
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._waiting and not self._depth:
            self._waiting = False
            if self._previous is not None:
                self._previous(signal.SIGINT, None)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._depth:
            self._waiting = True
        elif self._previous is not None:
            self._previous(number, frame)

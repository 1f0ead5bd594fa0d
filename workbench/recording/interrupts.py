"""Holding Ctrl-C back while a row and the bookkeeping of its episode do not agree, and while a recording is closed."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
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
        self._insisting = False
        self._installed = False
        self._previous: Callable[[int, FrameType | None], Any] | None = None

    def install(self) -> None:
        """Stand in front of whatever handles Ctrl-C now."""
        previous = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(previous):
            self._previous = previous
            self._installed = True
            signal.signal(signal.SIGINT, self._handle)

    def remove(self) -> None:
        """Give Ctrl-C back."""
        self._installed = False
        if self._previous is not None and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, self._previous)

    @contextlib.contextmanager
    def until_the_second(self) -> Iterator[None]:
        """As entering it, for what may take a while: who presses Ctrl-C again does not want to wait for it."""
        installed = self._installed
        if not installed:
            self.install()
        try:
            with self:
                self._insisting = True
                yield
        finally:
            self._insisting = False
            if not installed:
                self.remove()

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
        if self._depth and not (self._waiting and self._insisting):
            self._waiting = True
        elif self._previous is not None:
            self._previous(number, frame)

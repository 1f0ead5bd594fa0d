"""A progress bar of a page, as the library takes one."""

import math
import time
from collections.abc import Callable
from typing import Any

SECONDS_BEFORE = 3.0
"""After so long something is said of how long it will take."""


class ProgressBar:
    """Shows how much of a piece of work is done."""

    def __init__(self, bar: Any, title: str, unit: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a bar over.

        Args:
            bar: What `st.progress` gave.
            title: What is being done.
            unit: Of what so many are done; without one, the message says what is being done.
            clock: Gives seconds.
        """
        self._bar, self._title, self._unit = bar, title, unit
        self._clock, self._began, self._first, self._last = clock, clock(), 0, 0

    def update(self, done: int, total: int, message: str = "") -> None:
        """Show that so much of it is done."""
        said = f"{done} of {total} {self._unit}" if self._unit else message
        said = " · ".join(filter(None, (said, self._left(done, total))))
        self._bar.progress(min(1.0, done / max(1, total)), f"{self._title}: {said}" if said else self._title)

    def _left(self, done: int, total: int) -> str:
        """How long it will take at the pace so far; nothing before there is one."""
        if done < self._last:
            # Another piece of work has begun.
            self._began, self._first = self._clock(), done
        self._last = done
        passed, made = self._clock() - self._began, done - self._first
        if made <= 0 or done >= total or passed < SECONDS_BEFORE:
            return ""
        return f"about {seconds_in_words(passed / made * (total - done))} left"

    def close(self) -> None:
        """Nothing to do: whoever made the bar takes it away."""


def seconds_in_words(seconds: float) -> str:
    """A stretch of time that is known roughly: `20 s`, `3 min`, `2 h`."""
    if seconds < 95:
        return f"{max(5, 5 * math.ceil(seconds / 5))} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 95 * 60 else f"{math.ceil(seconds / 3600)} h"

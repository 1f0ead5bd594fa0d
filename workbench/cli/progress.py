"""The progress bar of the commands: on standard error, and only where somebody looks at it."""

import sys
from typing import Any


class TerminalProgress:
    """A bar on a terminal; nothing where standard error is a file or a pipe."""

    def __init__(self, description: str, unit: str) -> None:
        self._description = description
        self._unit = unit
        self._bar: Any = None

    def update(self, done: int, total: int, message: str = "") -> None:
        """Draw the bar at `done` of `total`, with `message` behind it."""
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=self._description, unit=f" {self._unit}", leave=False)
        self._bar.total = total
        self._bar.set_postfix_str(message, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

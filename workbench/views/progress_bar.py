"""A progress bar of a page, as the library takes one."""

from typing import Any


class ProgressBar:
    """Shows how much of a piece of work is done."""

    def __init__(self, bar: Any, title: str, unit: str = "") -> None:
        """Take a bar over.

        Args:
            bar: What `st.progress` gave.
            title: What is being done.
            unit: Of what so many are done; without one, the message says what is being done.
        """
        self._bar, self._title, self._unit = bar, title, unit

    def update(self, done: int, total: int, message: str = "") -> None:
        """Show that so much of it is done."""
        said = f"{done} of {total} {self._unit}" if self._unit else message
        self._bar.progress(min(1.0, done / max(1, total)), f"{self._title}: {said}" if said else self._title)

    def close(self) -> None:
        """Nothing to do: whoever made the bar takes it away."""

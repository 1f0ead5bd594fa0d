"""What a recording process says about itself while it lives, in memory that outlives it."""

import mmap
import os
import struct
import sys
import threading
import time
from pathlib import Path

OPENING, RUNNING, CLOSING, LEFT = range(4)
"""Before the first step, between the first and the last, after the last; and when `record` has come back."""
_HEADER = struct.Struct("<qqqqqqqq")
_ENTRY = struct.Struct("<qq")
_ROOM = 100_000


class Ledger:
    """A file that two processes map: stages, rows with the time at which they had been put, and the longest stall.

    It is a `Progress`, the way in which `record` tells how far it is: what it reports has been put before.
    Times are CLOCK_MONOTONIC, which all processes of a machine share, in nanoseconds.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(b"")
            os.truncate(path, _HEADER.size + _ROOM * _ENTRY.size)
        with open(path, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def _field(self, index: int) -> int:
        return int(_HEADER.unpack_from(self._memory)[index])

    def _set(self, index: int, value: int) -> None:
        struct.pack_into("<q", self._memory, 8 * index, value)

    @property
    def stage(self) -> int:
        return self._field(0)

    @stage.setter
    def stage(self, value: int) -> None:
        self._set(0, value)

    @property
    def died_at(self) -> int:
        """When the process killed itself; 0 where it did not."""
        return self._field(2)

    @died_at.setter
    def died_at(self, value: int) -> None:
        self._set(2, value)

    @property
    def longest_stall(self) -> float:
        """Seconds: how late a thread of that process came to its turn, at most."""
        return self._field(3) / 1e9

    @property
    def longest_commit(self) -> float:
        """Seconds from the first file of a commit to the root, at most; of those that came to their end."""
        return self._field(7) / 1e9

    def note_commit(self, nanoseconds: int) -> None:
        self._set(7, max(self._field(7), nanoseconds))

    def file_operations(self, stage: int) -> int:
        """How many files were opened, renamed, made or removed in a stage."""
        return self._field(4 + stage)

    def count_file_operation(self, stage: int) -> int:
        self._set(4 + stage, self._field(4 + stage) + 1)
        return self._field(4 + stage)

    def entries(self) -> list[tuple[int, int]]:
        """Time and rows that had been put by then."""
        return [_ENTRY.unpack_from(self._memory, _HEADER.size + n * _ENTRY.size) for n in range(self._field(1))]

    def update(self, done: int, total: int, message: str = "") -> None:
        """Note how many rows there are, which the message says."""
        if self.stage == OPENING:
            self.stage = RUNNING
        number = self._field(1)
        rows = int(message.split()[0])
        _ENTRY.pack_into(self._memory, _HEADER.size + number * _ENTRY.size, time.monotonic_ns(), rows)
        self._set(1, number + 1)

    def close(self) -> None:
        """Note that the last step was done."""
        if self.stage == RUNNING:
            self.stage = CLOSING

    def watch_for_stalls(self, every: float = 0.005) -> None:
        """Note, from a thread of its own, how late it is waked at most."""

        def watch() -> None:
            while True:
                before = time.monotonic_ns()
                time.sleep(every)
                late = time.monotonic_ns() - before - int(every * 1e9)
                if late > self._field(3):
                    self._set(3, late)

        threading.Thread(target=watch, daemon=True, name="watch-for-stalls").start()


def set_trap(ledger: Ledger, folder: str, stage: int | None, number: int | None) -> None:
    """Count what this process does to files below a folder, and let it kill itself right before one of them.

    Python tells of each (PEP 578) before it is done; the kill is the kernel's SIGKILL.

    Args:
        ledger: Counts.
        folder: Where.
        stage: In which stage it dies; None for never.
        number: Before which operation of that stage, from 1.
    """
    begun = 0
    kinds = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.scandir", "os.listdir")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal begun
        if event not in kinds or not arguments or not isinstance(arguments[0], str | os.PathLike):
            return
        # What the writer opens by the folder's descriptor has a name that is relative to it.
        name = os.fspath(arguments[0])
        if os.path.isabs(name) and not name.startswith(folder):
            return
        now = ledger.stage
        if now >= RUNNING:
            begun = begun or time.monotonic_ns()
            if event == "os.rename" and arguments[0] == f"{folder}/zarr.json.partial":
                ledger.note_commit(time.monotonic_ns() - begun)
                begun = 0
        if now <= CLOSING and ledger.count_file_operation(min(now, 2)) == number and now == stage:
            ledger.died_at = time.monotonic_ns()
            os.kill(os.getpid(), 9)

    sys.addaudithook(hook)

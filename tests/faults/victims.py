"""Processes that record until something is done to them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.ledger import LEFT, Ledger

ROOT = Path(__file__).parents[2]


@dataclass(kw_only=True)
class Victim:
    """A process that records."""

    server: "Server"
    process: int
    out: Path
    log: Path
    ledger: Ledger
    started: float
    killed_at: int = 0
    """CLOCK_MONOTONIC in nanoseconds, right after the signal was sent."""
    status: int | None = None

    def wait(self, seconds: float = 60) -> int:
        """Its exit status, negative for a signal; `server.HUNG` where it does not end in time."""
        if self.status is None:
            self.status = self.server.ask({"wait": self.process, "seconds": seconds})["status"]
            self.killed_at = self.ledger.died_at or self.killed_at
        return self.status

    def wait_for(self, stage: int, rows: int = 0, seconds: float = 60) -> None:
        """Until it is in a stage (or beyond) and has put so many rows, or is gone."""
        deadline = time.monotonic() + seconds
        while self.ledger.stage < stage or (rows and (self.ledger.entries() or [(0, 0)])[-1][1] < rows):
            assert time.monotonic() < deadline, f"nothing happened: {self.said()}"
            if self.ledger.died_at or self.ledger.stage == LEFT or not self.alive():
                return
            time.sleep(0.001)

    def alive(self) -> bool:
        """Whether it runs; a zombie does not."""
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return False

    def send(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, if it is there still; before `wait`, its number belongs to no other process."""
        assert self.status is None
        os.kill(self.process, number)
        self.killed_at = time.monotonic_ns()

    def said(self) -> str:
        """What it wrote."""
        return self.log.read_text() if self.log.exists() else ""


@dataclass
class Server:
    """The warm process whose forks record."""

    folder: Path
    _victims: list[Victim] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, case: str, out: Path, **order: Any) -> Victim:
        """Let a fork record a case.

        Args:
            case: Its name.
            out: Where.
            order: As `jobs.record_case` takes it.
        """
        number = len(self._victims)
        log, ledger = self.folder / f"{number}.log", self.folder / f"{number}.ledger"
        noted = Ledger(ledger)
        started = time.monotonic()
        process = self.ask({"case": case, "out": str(out), "log": str(log), "ledger": str(ledger), **order})["process"]
        victim = Victim(server=self, process=process, out=out, log=log, ledger=noted, started=started)
        self._victims.append(victim)
        return victim

    def close(self) -> None:
        for victim in self._victims:
            if victim.status is None:
                victim.send()
                victim.wait()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A warm process, and an end to all that it forked."""
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()

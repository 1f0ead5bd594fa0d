"""A process apart in which a stranger's file is read and everything that it does is watched.

One server imports what reading needs, once; for each file it forks a child, which installs an audit hook that cannot be
taken off again, does its deed and tells how it ended. The server measures the child's largest memory and its time.

Run by `Arena`; as a program it is the server.
"""

import contextlib
import importlib
import io
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHECKOUT = Path(__file__).resolve().parents[2]
STRANGER = "stranger"
"""Modules whose names begin so belong to hostile files: none may ever be looked for."""
LARGEST = 1 << 30
"""No file may bring the process above this, everything it has imported included."""
_ADDRESS_SPACE = 8 << 30
"""Where the child is stopped, so that a failure does not take the machine along."""
_FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.startfile", "os.kill",
    "subprocess.Popen", "pty.spawn", "pickle.find_class", "socket.connect", "socket.bind", "socket.getaddrinfo",
    "webbrowser.open", "urllib.Request", "ctypes.dlopen", "os.remove", "os.rename", "os.rmdir", "os.chmod", "os.chown",
    "os.link", "os.symlink", "shutil.rmtree", "os.mkdir", "os.truncate", "os.putenv", "os.chdir", "sys.addaudithook",
)  # fmt: skip
"""What reading a file has no business to do, by the names of Python's audit events."""
_IMPORTS = ("antigravity", "this", "idlelib", "turtle", "tkinter", "runpy", "pty", "cProfile", "timeit", "doctest")
"""Modules that only a hostile file would name."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a deed ended."""

    outcome: str
    """`done`, `refused` (a WorkbenchError), `escaped` (any other exception), `died` or `hung`."""
    message: str = ""
    value: Any = None
    alarms: list[str] = field(default_factory=list)
    """What it did that it has no business to do."""
    peak: int = 0
    """Largest memory of the process, in bytes."""
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether it ended in a result or in a sentence, did nothing else, and stayed small."""
        return self.outcome in ("done", "refused") and not self.alarms and self.peak < LARGEST


class Arena:
    """A server; a context manager. One deed at a time."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        environment = os.environ | {"PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.hostile.arena"],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == "ready\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.communicate()

    def run(self, deed: str, *arguments: Any, writes: Path | None = None, seconds: float = 20.0) -> Verdict:
        """Do something in a child.

        Args:
            deed: Name of a function in `tests.hostile.deeds`.
            arguments: Plain JSON, or paths.
            writes: The one folder in which it may write.
            seconds: The longest that it may take.
        """
        assert self._server is not None
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        plain = [str(argument) if isinstance(argument, Path) else argument for argument in arguments]
        request = {"deed": deed, "arguments": plain, "writes": str(writes) if writes else None, "seconds": seconds}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return Verdict(**json.loads(self._server.stdout.readline()))


def _serve() -> None:
    from tests.hostile import deeds

    deeds.prepare()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_fork(json.loads(line))) + "\n")
        sys.stdout.flush()


def _fork(request: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _perform(request, writing)
    os.close(writing)
    told = _listen(reading, began + request["seconds"])
    os.close(reading)
    if told is None:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - began
    if told is None:
        verdict: dict[str, Any] = {"outcome": "hung"}
    elif told:
        verdict = json.loads(told)
    else:
        verdict = {"outcome": "died", "message": f"status {status}"}
    return verdict | {"peak": usage.ru_maxrss * 1024, "seconds": seconds}


def _listen(pipe: int, deadline: float) -> bytes | None:
    """All that is written to a pipe; None where its end does not come in time."""
    told = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        block = os.read(pipe, 1 << 16)
        if not block:
            return told
        told += block


def _perform(request: dict[str, Any], pipe: int) -> None:
    """Do the deed, tell about it and end this process."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    alarms: list[str] = []
    _watch(alarms, request["writes"])
    from workbench.errors import WorkbenchError

    deeds = importlib.import_module("tests.hostile.deeds")
    value, message = None, ""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            value = getattr(deeds, request["deed"])(*request["arguments"])
        outcome = "done"
    except WorkbenchError as error:
        outcome, message = "refused", str(error)
    except BaseException as error:
        outcome, message = "escaped", "".join(traceback.format_exception(error))[-2000:]
    alarms += [f"import {name}" for name in sys.modules if name.startswith(STRANGER)]
    told = {"outcome": outcome, "message": message[:4000], "value": value, "alarms": sorted(set(alarms))[:20]}
    os.write(pipe, json.dumps(told).encode())
    os._exit(0)


def _watch(alarms: list[str], writes: str | None) -> None:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN and not (writes and _within(event, arguments, writes)):
            alarms.append(f"{event} {repr(arguments)[:120]}")
        elif event == "open" and _writes(arguments) and not (writes and _within(event, arguments, writes)):
            alarms.append(f"open {arguments[0]!r} to write")

    class Finder:
        """Asked for every module that is looked for; `importlib.import_module` raises no audit event."""

        def find_spec(self, name: str, *_: Any) -> None:
            if name.startswith(STRANGER) or name in _IMPORTS:
                alarms.append(f"import {name}")

    sys.meta_path.insert(0, Finder())
    sys.addaudithook(hook)


def _within(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    first = arguments[0] if arguments else None
    if not isinstance(first, str | bytes):
        return False
    place = os.fsdecode(first)
    if event in ("os.remove", "os.rmdir") and not os.path.isabs(place) and arguments[1] >= 0:
        # Relative to an open folder: so `shutil.rmtree` removes a tree.
        place = os.path.join(os.readlink(f"/proc/self/fd/{arguments[1]}"), place)
    place = os.path.realpath(place)
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, mode, flags = (*arguments, None, None)[:3]
    if path in ("/dev/null", os.devnull):
        return False
    by_mode = isinstance(mode, str) and bool(set(mode) & set("wax+"))
    return by_mode or (isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))


if __name__ == "__main__":
    _serve()

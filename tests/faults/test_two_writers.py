"""Of two recorders in one place, the second is refused in a line, and the first does not notice."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.comparing import assert_same
from tests.faults.conftest import FLUSH_SECONDS, Undisturbed
from tests.faults.ledger import RUNNING
from tests.faults.victims import Server
from tests.faults.walker import Walk, Walker
from workbench.errors import WorkbenchError
from workbench.recording import open_recording, record

CASE = "sampled steps"
SETTINGS = {"flush_seconds": FLUSH_SECONDS}


def test_of_two_processes_the_second_is_refused(
    server: Server, undisturbed: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    out = tmp_path / "x.zarr"
    first = server.start(CASE, out, arguments=SETTINGS)
    first.wait_for(RUNNING)
    # However quick the machine is, it is not done before the others have tried.
    first.send(signal.SIGSTOP)
    for how in ({}, {"resume": True}, {"overwrite": True}):
        second = server.start(CASE, out, arguments={**SETTINGS, **how})
        assert second.wait() == 1
        assert "is being written by another recorder" in second.said()
        assert second.said().count("\n") == 1
    first.send(signal.SIGCONT)
    assert first.wait() == 0, first.said()
    assert_same(out, undisturbed(CASE).path)


def test_when_the_first_is_killed_its_place_is_free(
    server: Server, undisturbed: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    out = tmp_path / "x.zarr"
    first = server.start(CASE, out, arguments=SETTINGS)
    first.wait_for(RUNNING, rows=500)
    first.send(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    second = server.start(CASE, out, arguments={**SETTINGS, "resume": True})
    assert second.wait() == 0, second.said()
    assert_same(out, undisturbed(CASE).path)


def test_of_two_threads_the_second_is_refused(tmp_path: Path) -> None:
    out, running, go_on = tmp_path / "x.zarr", threading.Event(), threading.Event()

    class Waits(Walk):
        def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
            running.set()
            assert go_on.wait(60)
            return super().reset(seed=seed)

    def play(path: Path, environment: type[Walk] = Walk, **how: bool) -> None:
        record(Walker(), environment, out=path, steps=200, environments=2, **how)

    first = threading.Thread(target=play, args=(out, Waits))
    first.start()
    try:
        assert running.wait(60)
        for how in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(WorkbenchError, match="is being written by another recorder, here or in another"):
                play(out, **how)
    finally:
        go_on.set()
        first.join(60)
    assert open_recording(out).complete
    play(tmp_path / "alone.zarr")
    assert_same(out, tmp_path / "alone.zarr", but=("environment",))
    with pytest.raises(WorkbenchError, match="exists already"):
        play(out)

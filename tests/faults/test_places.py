"""A disk that is full or may not be written, and a folder that is taken away while it is recorded into."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.comparing import assert_begins_as, assert_same, attributes_of, read_rows
from tests.faults.places import remount, small_disk
from tests.faults.walker import Walk, Walker
from workbench.errors import WorkbenchError
from workbench.recording import open_recording, record
from workbench.recording.lock import WriterLock


class Doing(Walk):
    """Does something to the world in its 100th step."""

    def __init__(self, deed: Callable[[], None] | None = None) -> None:
        super().__init__(render_mode="rgb_array")
        self.deed = deed

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        result = super().step(action)
        if self.total == 100 and self.deed is not None:
            deed, self.deed = self.deed, None
            deed()
        return result


def play(out: Path, deed: Callable[[], None] | None = None, **arguments: Any) -> None:
    deeds = iter([deed])
    settings = {"steps": 600, "environments": 2, "deterministic": False, "frames": True, "flush_seconds": 0.05}
    record(Walker(wide=True), lambda: Doing(next(deeds, None)), out=out, **{**settings, **arguments})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "x.zarr"
    play(path)
    return path


SAID = ("environment",)
"""The environment that does something is another one than `Walk` by its name only."""


def test_a_full_disk_keeps_what_was_committed_and_is_gone_on_with_when_there_is_room(
    tmp_path: Path, whole: Path
) -> None:
    with small_disk(tmp_path / "disk", "900k"):
        out = tmp_path / "disk" / "x.zarr"
        with pytest.raises(WorkbenchError, match=r"could not be written further: No space left on device.*--resume"):
            play(out)
        committed = assert_begins_as(out, read_rows(whole))
        assert committed < 600
        assert open_recording(out).verify().whole
        # Still full: another attempt fails in the same way, and takes nothing away.
        with pytest.raises(WorkbenchError, match=r"No space left on device"):
            play(out, resume=True)
        assert assert_begins_as(out, read_rows(whole)) >= committed
        remount(tmp_path / "disk", "size=64m")
        play(out, resume=True)
        assert_same(out, whole)
        assert not list(out.rglob("*.partial"))


def test_a_disk_that_is_full_from_the_beginning(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k"):
        with open(tmp_path / "disk" / "ballast", "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(1024)):
                pass
        with pytest.raises(WorkbenchError, match="No space left on device"):
            play(tmp_path / "disk" / "x.zarr")


def test_a_place_that_may_only_be_read(tmp_path: Path, whole: Path) -> None:
    with small_disk(tmp_path / "disk", "64m"):
        shutil.copytree(whole, tmp_path / "disk" / "there.zarr")
        remount(tmp_path / "disk", "ro")
        with pytest.raises(WorkbenchError, match=r"cannot be written at .*new\.zarr: Read-only file system"):
            play(tmp_path / "disk" / "new.zarr")
        for how in ({"overwrite": True}, {"resume": True}):
            with pytest.raises(WorkbenchError):
                play(tmp_path / "disk" / "there.zarr", **how)
        assert open_recording(tmp_path / "disk" / "there.zarr").verify().whole


def test_a_disk_that_becomes_read_only_in_the_middle(tmp_path: Path, whole: Path) -> None:
    """As Linux makes of one with errors."""
    with small_disk(tmp_path / "disk", "64m"):
        out = tmp_path / "disk" / "x.zarr"

        def forbid() -> None:
            for _ in range(1000):
                try:
                    return remount(tmp_path / "disk", "ro")
                except AssertionError:
                    # The writer holds a file open.
                    time.sleep(0.001)

        with pytest.raises(WorkbenchError, match="could not be written further: Read-only file system"):
            play(out, forbid)
        assert assert_begins_as(out, read_rows(whole)) < 600
        with pytest.raises(WorkbenchError, match=r"cannot be written at .*: Read-only file system"):
            play(out, resume=True)
        remount(tmp_path / "disk", "rw")
        play(out, resume=True)
        assert_same(out, whole)


def _removed(folder: Path) -> None:
    """Remove a folder that somebody is writing to: what comes between the listing and the removal stays at first."""
    for _ in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return


@pytest.mark.parametrize("flush_seconds", [0.02, 60.0], ids=["committed before", "not committed before"])
def test_a_folder_that_is_removed_is_not_made_anew(tmp_path: Path, flush_seconds: float) -> None:
    out = tmp_path / "x.zarr"
    with pytest.raises(WorkbenchError, match="its folder is no longer"):
        play(out, lambda: _removed(out), flush_seconds=flush_seconds)
    assert not (out / "zarr.json").exists()


@pytest.mark.parametrize("flush_seconds", [0.02, 60.0], ids=["committed before", "not committed before"])
def test_a_folder_that_is_renamed_keeps_what_was_committed(tmp_path: Path, whole: Path, flush_seconds: float) -> None:
    out, moved = tmp_path / "x.zarr", tmp_path / "moved.zarr"
    with pytest.raises(WorkbenchError, match="its folder is no longer"):
        play(out, lambda: os.rename(out, moved), flush_seconds=flush_seconds)
    assert not out.exists()
    committed = assert_begins_as(moved, read_rows(whole))
    assert (committed > 0) == (flush_seconds < 1)
    play(moved, resume=True)
    assert_same(moved, whole, but=("flush_seconds",))


def test_what_is_under_way_while_a_folder_is_renamed_goes_along(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a look at the folder and the writing: here nobody looks, and all rows go along."""
    out, moved = tmp_path / "x.zarr", tmp_path / "moved.zarr"
    monkeypatch.setattr(WriterLock, "check", lambda self: None)
    with pytest.raises(WorkbenchError, match="could not be closed"):
        play(out, lambda: os.rename(out, moved), flush_seconds=0.02)
    assert not out.exists()
    assert assert_begins_as(moved, read_rows(whole)) == 600


def test_what_takes_the_place_of_a_renamed_folder_is_left_alone(tmp_path: Path, whole: Path) -> None:
    """The same arrays are in it: chunks written by path would land among those of another recording."""
    out, moved = tmp_path / "x.zarr", tmp_path / "moved.zarr"

    shutil.copytree(whole, tmp_path / "other.zarr")

    def swap() -> None:
        os.rename(out, moved)
        os.rename(tmp_path / "other.zarr", out)

    with pytest.raises(WorkbenchError, match="its folder is no longer"):
        play(out, swap, seed=77)
    assert_same(out, whole)
    assert open_recording(out).verify().whole
    assert attributes_of(moved)["seed"] == 77

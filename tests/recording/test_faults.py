"""Whatever happens to the writer, what was committed can be read."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.recording.toy import Counter, ToyPolicy
from workbench.errors import WorkbenchError
from workbench.recording import open_recording, record

PROGRAM = """
import sys
from tests.recording.toy import Counter, ToyPolicy
from workbench.recording import Recorder
from workbench.recording.loop import Rollout
from workbench.progress import SilentProgress

environments = [Counter() for _ in range(3)]
policy = ToyPolicy()
with Recorder(sys.argv[1], policy=policy, environment=environments[0], slots=3, seed=0, flush_seconds=0.2) as recorder:
    print("begun", flush=True)
    Rollout(policy=policy, environments=environments, recorder=recorder, seed=0, deterministic=True,
            episodes=int(sys.argv[2]), steps=None, frames=False).run(SilentProgress())
"""


def test_a_killed_writer_leaves_whole_rows(tmp_path: Path) -> None:
    out = tmp_path / "killed.zarr"
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(out), "10000000"],
        cwd=root,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    process.stdout.readline()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if open_recording(out).number_of_steps > 500:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    recording = open_recording(out)
    assert recording.ended == "cut short"
    assert not recording.complete
    assert len(recording) > 500
    assert {len(array) for array in recording.steps.values()} == {len(recording)}
    undisturbed = record(ToyPolicy(), Counter, out=tmp_path / "whole.zarr", steps=len(recording) + 3, environments=3)
    for group in ("steps", "activations"):
        for name, array in getattr(recording, group).items():
            np.testing.assert_array_equal(array[:], getattr(undisturbed, group)[name][: len(recording)], err_msg=name)
    assert recording.number_of_episodes >= len(set(recording.steps["episode"][:].tolist()))
    assert not recording.episode(-1).complete
    assert len(recording.to_xarray()["steps/value"]) == len(recording)


def test_a_disk_without_room(tmp_path: Path) -> None:
    """A limit on file size makes the kernel refuse the write, as a full disk does."""
    out = tmp_path / "full.zarr"
    root = Path(__file__).parents[2]
    program = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n" + PROGRAM
    )
    process = subprocess.run(
        [sys.executable, "-c", program, str(out), "1000000"],
        cwd=root,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
        timeout=120,
    )
    assert process.returncode != 0
    assert "WorkbenchError: The recording could not be written further: File too large" in process.stderr
    recording = open_recording(out)
    assert not recording.complete
    for array in recording.steps.values():
        assert len(array[:]) == len(recording)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorkbenchError, match="cannot be written at"):
        record(ToyPolicy(), Counter, out=tmp_path / "file" / "x.zarr", episodes=1)

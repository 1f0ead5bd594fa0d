"""Whatever happens to the writer, what was committed can be read."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.recording.toy import Counter, ToyPolicy
from workbench.errors import WorkbenchError
from workbench.policies.types import PolicyOutput
from workbench.recording import Recorder, open_recording, record
from workbench.recording.rows import RowStream

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


@pytest.mark.torture
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
    for number in range(-3, 0):
        episode = recording.episode(number)
        assert episode.complete == bool(episode.column("terminated")[-1])
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


class Wobbly(ToyPolicy):
    """A network whose layer gives rows of another width from the third pass on."""

    passes = 0

    def forward(self, *arguments: Any, **named: Any) -> Any:
        self.passes += 1
        output = super().forward(*arguments, **named)
        if self.passes < 3:
            return output
        return PolicyOutput(logits=output.logits[:, :2], value=output.value)


def test_a_network_that_changes_its_shape_is_stopped(tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    with pytest.raises(WorkbenchError, match=r"At step 4, .*steps/logits has shape \[2, 2\], not \[2, 3\]"):
        record(Wobbly(), Counter, out=out, episodes=20, environments=2)
    recording = open_recording(out)
    assert len(recording) == 4
    assert np.isfinite(recording.activations["second"][:]).all()


def test_a_step_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    no = np.zeros(2, np.bool_)

    def play() -> None:
        with Recorder(tmp_path / "x.zarr", environment=Counter(), slots=2) as recorder:
            for slot in range(2):
                recorder.start_episode(slot, slot)
            for actions in (2, 2, 3):
                recorder.step(np.ones((2, 2), np.float32), np.zeros(actions, np.int64), np.ones(2), no, no)

    with pytest.raises(WorkbenchError, match=r"At step 4, steps/action has shape \[3\], not \[2\]"):
        play()
    recording = open_recording(tmp_path / "x.zarr")
    assert len(recording) == 4
    assert recording.steps["reward"][:].tolist() == [1.0] * 4
    assert recording.episodes["length"].tolist() == [2, 2]


def test_an_environment_that_raises_beside_others(tmp_path: Path) -> None:
    """The others' rows of that pass are not written, and their last observation is that of their last row."""
    made = iter([Counter(), Counter(fail_at=3), Counter()])
    out = tmp_path / "x.zarr"
    with pytest.raises(WorkbenchError, match=r"raised in step\(\)"):
        record(ToyPolicy(), lambda: next(made), out=out, episodes=3, environments=3, seed=1)
    recording = open_recording(out)
    for number in range(3):
        np.testing.assert_array_equal(recording.episode(number).observations()[:, 1], [0, 1, 2])


def test_a_recording_is_not_called_complete_before_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, int]] = []
    snapshot = RowStream._snapshot

    def watching(stream: RowStream) -> dict[str, Any]:
        attributes = json.loads((tmp_path / "x.zarr" / "zarr.json").read_text())["attributes"]
        seen.append((attributes["complete"], attributes["committed_steps"]))
        return snapshot(stream)

    monkeypatch.setattr(RowStream, "_snapshot", watching)
    with Recorder(tmp_path / "x.zarr", environment=Counter(), flush_seconds=0.0) as recorder:
        env = recorder.wrap_environment(Counter())
        for seed in range(20):
            env.reset(seed=seed)
            while not env.step(0)[2]:
                pass
    assert len(seen) > 1
    assert not any(complete for complete, _ in seen)
    assert open_recording(tmp_path / "x.zarr").complete


def test_a_missing_chunk_is_damage_and_not_a_gap(tmp_path: Path) -> None:
    recording = record(ToyPolicy(), Counter, out=tmp_path / "x.zarr", episodes=3)
    next((tmp_path / "x.zarr" / "steps" / "reward" / "c").rglob("0")).unlink()
    for rows in (0, slice(None), np.array([2, 1])):
        with pytest.raises(WorkbenchError, match=r"steps/reward cannot be read.*is missing"):
            recording.steps["reward"][rows]


def test_hooks_come_off_when_the_place_is_taken(tmp_path: Path) -> None:
    policy = ToyPolicy()
    record(policy, Counter, out=tmp_path / "x.zarr", episodes=1)
    with pytest.raises(WorkbenchError, match="exists already"):
        Recorder(tmp_path / "x.zarr", policy=policy, environment=Counter())
    assert not any(module._forward_hooks for module in policy.module.modules())

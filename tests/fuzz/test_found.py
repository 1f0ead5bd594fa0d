"""What fuzzing has found, made small."""

import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from tests.figures.example_recordings import record_example
from tests.hostile.containers import Entry, written
from tests.hostile.tampering import named, values
from workbench import open_recording
from workbench.analyses.distributions import action_distribution
from workbench.errors import WorkbenchError
from workbench.exports import export
from workbench.figures.player.layers import describe_layer
from workbench.policies.archive import read_archive
from workbench.policies.bounded_zip import BoundedZipError, open_zip
from workbench.recording.stored_files import StoredFileError, check_name


def test_actions_of_another_width_than_what_is_said_of_them() -> None:
    actions = np.zeros((3, 4))
    with pytest.raises(WorkbenchError, match=r"as many means as an action has components, 4, but got 1"):
        action_distribution(actions, mean=np.zeros((3, 1)), log_std=np.zeros((3, 1)))
    with pytest.raises(WorkbenchError, match=r"as many log-odds"):
        action_distribution(actions, logits=np.zeros((3, 2)), binary=True)
    bounds = (np.zeros(2), np.ones(2))
    with pytest.raises(WorkbenchError, match=r"as many bounds"):
        action_distribution(actions, mean=actions, log_std=actions, bounds=bounds, squashed=True)


def test_an_episode_of_no_steps_has_a_distribution() -> None:
    empty = np.zeros((0, 2))
    assert action_distribution(empty, logits=empty, binary=True).kind == "bernoulli"
    assert action_distribution(empty, mean=empty, log_std=empty).kind == "gaussian"


def test_numbers_of_episodes_that_are_a_table(tmp_path: Path) -> None:
    """They were passed over, and where a final observation is was looked up in them all the same."""
    recording = tmp_path / "x.zarr"
    record_example("vector", recording, episodes=2)
    values("episodes/id", lambda old: np.stack([old, old + 9], 1))(recording)
    with pytest.raises(WorkbenchError, match=r"episodes/id should be one int32 an episode and is int32 \[2\]"):
        open_recording(recording).final_observation(0)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 2, 2), (3, 0, 0)])
def test_a_layer_without_units_is_not_drawn(shape: tuple[int, ...]) -> None:
    with pytest.raises(WorkbenchError, match="no units to draw"):
        describe_layer("trunk", "ReLU", np.zeros((20, *shape), np.float32))


@pytest.mark.parametrize("name", ["\ud800", "tru\udcffth"])
def test_a_name_that_is_no_text_is_said_to_be_none(name: str) -> None:
    """It was read, and then could not be written into a table."""
    with pytest.raises(StoredFileError, match="is no name that an array can have"):
        check_name(f"steps/{name}")


def test_a_name_that_a_spreadsheet_would_compute_is_written_as_text(tmp_path: Path) -> None:
    recording = tmp_path / "x.zarr"
    record_example("vector", recording, episodes=1)
    named("steps/=1+1")(recording)
    shutil.copytree(recording / "steps" / "value", recording / "steps" / "=1+1")
    export(open_recording(recording), "csv", tmp_path / "x.csv")
    titles = (tmp_path / "x.csv").read_text().splitlines()[0].split(",")
    assert "'=1+1" in titles
    assert "=1+1" not in titles


def test_a_member_called_otherwise_in_the_directory_is_quoted_in_short(tmp_path: Path) -> None:
    entries = [Entry(name=b"\xff" * 3000, content=b"{}"), Entry(name=b"policy.pth", content=b"", begins=0)]
    (tmp_path / "agent.zip").write_bytes(written([*entries, Entry(name=b"data", content=b"", begins=0)]))
    with pytest.raises(WorkbenchError) as raised:
        read_archive(tmp_path / "agent.zip")
    assert len(str(raised.value)) < 600
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"")
    with open_zip(BytesIO(file.getvalue())) as members, pytest.raises(BoundedZipError, match="lacks"):
        members.read("b", 1)

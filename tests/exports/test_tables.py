import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from workbench.exports import export, tables


def test_npz_holds_the_recorded_activations_bit_for_bit(recordings: SimpleNamespace, tmp_path: Path) -> None:
    recording = recordings.cart_pole
    path = export(recording, "npz", tmp_path / "layers", layer=["0", "[12]"])
    with np.load(path, allow_pickle=False) as archive:
        assert set(archive.files) == {"episode", "t", "0", "1", "2"}
        for name in ("episode", "t"):
            np.testing.assert_array_equal(archive[name], recording.steps[name][:])
        for name in ("0", "1", "2"):
            assert archive[name].dtype == np.float32
            np.testing.assert_array_equal(archive[name], recording.activations[name][:])


def test_npz_of_one_episode_is_in_order_of_time_whatever_the_block(
    recordings: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BLOCK_BYTES", 100)
    path = export(recordings.cart_pole, "npz", tmp_path / "layers", layer="0", episode=1)
    with np.load(path, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["0"], recordings.cart_pole.episode(1).activations("0"))
        np.testing.assert_array_equal(archive["t"], np.arange(len(archive["0"])))
        assert set(archive["episode"]) == {1}


def test_csv_reads_back_the_same_numbers(
    recordings: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BLOCK_BYTES", 10_000)
    recording = recordings.cart_pole
    path = export(recording, "csv", tmp_path / "steps")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(recording)
    assert list(rows[0])[:8] == list(tables.FIRST_COLUMNS)
    read = np.array([row["value"] for row in rows]).astype(np.float32)
    np.testing.assert_array_equal(read, recording.steps["value"][:])
    np.testing.assert_array_equal([row["terminated"] == "True" for row in rows], recording.steps["terminated"][:])
    title = "observation[2]" if recording.observation_names is None else "observation[pole angle (rad)]"
    angle = np.array([row[title] for row in rows])
    np.testing.assert_array_equal(angle.astype(np.float32), recording.steps["observation"][:, 2])


def test_csv_leaves_pictures_out_and_keeps_labels(recordings: SimpleNamespace, tmp_path: Path) -> None:
    path = export(recordings.grid, "csv", tmp_path / "steps", episode=2)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["t"]) for row in rows] == list(range(recordings.grid.episode(2).length))
    assert not [name for name in rows[0] if name.startswith("observation")]
    assert {"truth/row", "truth/near/corner", "truth/place[0]", "truth/place[1]"} <= rows[0].keys()

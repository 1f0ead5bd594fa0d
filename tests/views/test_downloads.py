import csv
import io

import numpy as np

from workbench import open_recording
from workbench.analyses import summarise_recorded_episode
from workbench.printable import spreadsheet_text
from workbench.views.downloads import episode_table, layer_table


def test_the_episode_as_a_table_is_exact(recorded):
    recording = open_recording(recorded / "cartpole.zarr")
    text = episode_table(recording, 0, summarise_recorded_episode(recording, 0))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == recording.episode(0).length
    values = np.array([row["value"] for row in rows], dtype=np.float32)
    np.testing.assert_array_equal(values, recording.episode(0).column("value"))
    assert {"step", "action", "reward", "logits[1]", "observation[3]", "entropy_nat"} <= set(rows[0])


def test_the_layer_as_a_table_is_exact(recorded):
    recording = open_recording(recorded / "cartpole.zarr")
    rows = list(csv.reader(io.StringIO(layer_table(recording, 1, "trunk.1"))))
    table = np.array([row[1:] for row in rows[1:]], dtype=np.float32)
    np.testing.assert_array_equal(table, recording.episode(1).activations("trunk.1"))


def test_names_cannot_be_formulas():
    assert spreadsheet_text("=HYPERLINK()") == "'=HYPERLINK()"

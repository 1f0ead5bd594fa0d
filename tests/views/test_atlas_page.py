"""The page of maps in its empty, normal and broken states."""

import shutil

import numpy as np
import pytest

from tests.views.conftest import run_page
from workbench.analyses.representation.colouring import Colouring
from workbench.figures.atlas_interactive import traces_of
from workbench.recording import open_recording
from workbench.views.atlas_map import places_of
from workbench.views.caching import stamp


@pytest.fixture
def pictures(root, shipped):
    shutil.copytree(shipped / "image.zarr", root / "image.zarr")
    return root


def texts(app) -> str:
    shown = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return " ".join(str(element.value) for element in shown).replace("\\", "")


def pick(app, path, steps, places) -> None:
    """What the plot's listener leaves behind where points are picked."""
    picked = {"map": (str(path), stamp(path), steps, 0), "places": np.array(places, np.int64)}
    app.session_state["atlas.picked"] = picked
    app.run(timeout=120)


def test_an_empty_folder_says_what_to_do(root):
    assert "nothing to map yet" in run_page("atlas").info[0].value


def test_a_layer_is_mapped_and_points_are_shown(pictures):
    app = run_page("atlas", recording="image.zarr", layer="summary.4")
    app.run(timeout=120)
    assert not app.error
    assert not app.exception
    steps = len(open_recording(pictures / "image.zarr"))
    assert f"all {steps} steps of 6 episodes" in texts(app)
    assert app.table[0].value.iloc[:, 0].tolist() == ["this map", "the plane of PCA", "a random plane"]
    pick(app, pictures / "image.zarr", steps, [3])
    assert "**Episode " in texts(app)
    assert "value **" in texts(app)
    pick(app, pictures / "image.zarr", steps, range(20))
    assert "**20 points**" in texts(app)
    assert "mean value:" in texts(app)
    assert any("chance (95 %)" in table.value.columns for table in app.table)
    assert not app.error


def test_an_expression_that_is_none_is_a_box_that_says_so(pictures):
    app = run_page("atlas", recording="image.zarr", layer="summary.4")
    app.text_input("atlas.expression").set_value("mood > 2").run(timeout=120)
    assert "'mood' in 'mood > 2' was not recorded" in texts(app)
    assert not app.exception


def test_clusters_and_layers_are_shown_and_shown_again(pictures):
    app = run_page("atlas", recording="image.zarr", layer="summary.4")
    app.session_state["atlas.part"] = "Clusters"
    app.session_state["atlas.by_silhouette"] = False
    app.session_state["atlas.clusters"] = 3
    app.run(timeout=120)
    assert "**3 clusters** of" in texts(app)
    assert "adjusted Rand index" in texts(app)
    assert len(app.dataframe[0].value) == 3
    app.run(timeout=120)
    assert not app.error
    app.session_state["atlas.part"] = "Layers"
    app.run(timeout=120)
    assert "participation ratio" in str(app.table[0].value)
    assert not app.error
    assert not app.exception


def test_what_a_browser_reports_is_taken_for_no_more_than_it_is():
    colouring = Colouring(name="x", words="x", values=np.array([np.nan, 1, 0, 1]), classes=("a", "b"))
    traces = traces_of(colouring)
    assert [trace.tolist() for trace in traces] == [[0], [2], [1, 3]]
    assert places_of({"0": [0], "2": [1, 0], "7": [0], "x": [1], "1": [9, -1, "0"]}, traces).tolist() == [0, 1, 3]
    for nonsense in (None, [], "0", {"0": 3}, {"9" * 40: [0]}):
        assert places_of(nonsense, traces).tolist() == []

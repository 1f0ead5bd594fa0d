"""The further parts of the page of probes: squares, pushes, and the course of a training."""

import shutil

import pytest
import streamlit as st

from tests.views.conftest import run_page


@pytest.fixture
def full_root(root, shipped):
    shutil.copytree(shipped / "cartpole.zarr", root / "cartpole.zarr")
    return root


def part(name):
    app = run_page("probes", recording="cartpole.zarr")
    app.session_state["probes.part"] = name
    return app.run(timeout=60)


def test_what_has_no_squares_says_so(full_root):
    app = part("Squares")
    assert not app.exception
    assert any("no squares to probe" in info.value for info in app.info)


def test_a_class_is_pushed_beside_random_directions(full_root):
    app = part("Pushes")
    app.toggle(key="pushes.use").set_value(True).run(timeout=120)
    for _ in range(2):
        assert not app.exception
        assert not app.error
        assert app.table[0].value["the direction"].tolist()[0] == "taken out"
        app.run(timeout=60)


def test_one_recording_is_no_course_and_two_are(full_root):
    assert any("no other recording with the same layers" in info.value for info in part("Through training").info)
    shutil.copytree(full_root / "cartpole.zarr", full_root / "later.zarr")
    st.cache_data.clear()
    app = part("Through training")
    assert not app.exception
    # Which recordings are one training's checkpoints, and in what order, nobody can tell from the files.
    offered = next(one for one in app.multiselect if one.label.startswith("Checkpoints"))
    assert offered.value == []
    offered.set_value(["cartpole.zarr", "later.zarr"]).run()
    app.toggle(key="training.run").set_value(True).run(timeout=120)
    assert not app.exception
    assert not app.error
    assert any("Decodable" in caption.value for caption in app.caption)

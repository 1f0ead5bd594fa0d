"""The further parts of the page of probes: squares, pushes, and the course of a training."""

import shutil

import pytest
import streamlit as st

from tests.views.conftest import run_page
from workbench.views.progress_bar import ProgressBar, seconds_in_words


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


def test_two_places_are_read_together(full_root):
    app = part("Pairs")
    app.selectbox(key=next(one.key for one in app.selectbox if one.label == "Concept")).set_value("action_in:3").run()
    # A dense layer has no squares.
    assert all(one.disabled for one in app.text_input if one.label in ("Row", "Column"))
    app.toggle(key="pairs.run").set_value(True).run(timeout=120)
    for _ in range(2):
        assert not app.exception
        assert not app.error
        table = app.table[0].value
        assert table["balanced accuracy"].tolist()[:2] == ["the two together", "side by side, without products"]
        assert "[" in table["score [95 %]"].tolist()[0]
        app.run(timeout=60)


class Bar:
    def progress(self, share, text):
        self.share, self.text = share, text


def test_a_bar_says_how_long_it_will_take_once_there_is_a_pace():
    moment, bar = [0.0], Bar()
    shown = ProgressBar(bar, "probing", clock=lambda: moment[0])

    def after(seconds, done, total, message=""):
        moment[0] = seconds
        shown.update(done, total, message)
        return bar.text

    assert after(0, 0, 10, "conv1") == "probing: conv1"
    assert after(2, 1, 10, "conv2") == "probing: conv2", "too early to say"
    assert after(20, 2, 10, "conv3") == "probing: conv3 · about 80 s left"
    assert after(60, 10, 10) == "probing"
    # Another stage begins from nothing, and has a pace of its own.
    assert after(100, 0, 4, "again") == "probing: again"
    assert after(400, 1, 4) == "probing: about 15 min left"
    assert [seconds_in_words(one) for one in (0.2, 61, 94.9, 96, 5_600, 5_800)] == [
        "5 s", "65 s", "95 s", "2 min", "94 min", "2 h",
    ]  # fmt: skip


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

"""The page of probes in its empty, normal and broken states."""

import shutil

import pytest

from tests.views.conftest import run_page


@pytest.fixture
def pictures(root, shipped):
    shutil.copytree(shipped / "image.zarr", root / "image.zarr")
    return root


def texts(app) -> str:
    shown = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return " ".join(str(element.value) for element in shown).replace("\\", "")


def test_an_empty_folder_says_what_to_do(root):
    assert "nothing to probe yet" in run_page("probes").info[0].value


def test_layers_are_probed_beside_their_baselines(pictures):
    app = run_page("probes", recording="image.zarr")
    assert not app.error
    [concepts] = [box for box in app.multiselect if box.label == "Concepts"]
    [layers] = [box for box in app.multiselect if box.label == "Layers"]
    concepts.set_value(["truth.mouse[0]", "phase"])
    layers.set_value(["summary.1", "summary.4"]).run()
    app.toggle("probes.run").set_value(True).run(timeout=120)
    assert not app.exception
    assert not app.error
    table = app.table[0].value
    assert table.iloc[:, 0].tolist() == [
        "this layer", "the raw observation", "the same layer with random weights", "random labels (control task)",
        "chance",
    ]  # fmt: skip
    assert "steps of 6 episodes" in texts(app)
    app.selectbox("probes.concept").set_value("phase").run()
    assert "**phase** in" in texts(app)
    assert not app.error


def test_what_is_no_concept_is_a_box_that_says_so(pictures):
    app = run_page("probes", recording="image.zarr")
    [concepts] = [box for box in app.multiselect if box.label == "Concepts"]
    concepts.set_value([])
    app.text_input("probes.expression").set_value("mood > 2").run()
    app.toggle("probes.run").set_value(True).run(timeout=60)
    assert "'mood' in 'mood > 2' was not recorded" in texts(app)
    assert not app.exception


def test_a_kind_for_classes_leaves_numbers_out_and_lists_its_mistakes(pictures):
    app = run_page("probes", recording="image.zarr")
    [concepts] = [box for box in app.multiselect if box.label == "Concepts"]
    [layers] = [box for box in app.multiselect if box.label == "Layers"]
    concepts.set_value(["phase", "truth.distance"])
    layers.set_value(["summary.4"]).run()
    app.button_group("probes.kind").set_value("mass-mean").run()
    assert "For classes alone; left out: truth.distance." in texts(app)
    app.toggle("probes.run").set_value(True).run(timeout=120)
    app.toggle("probes.mistakes").set_value(True).run(timeout=120)
    assert not app.exception
    assert not app.error
    [table] = [element.value for element in app.markdown if "the probe says" in element.value]
    assert "](replay?recording=image.zarr&episode=" in table
    # It is kept, and drawn again.
    app.run()
    assert any("the probe says" in element.value for element in app.markdown)


def test_what_is_switched_off_by_its_button_is_off(root):
    import streamlit as st

    from workbench.views.stoppable import _off

    st.session_state["probes.run"] = True
    _off("probes.run")
    assert st.session_state["probes.run"] is False

"""The parts of a page about features and units."""

import shutil

import pytest

from tests.views.conftest import run_page


@pytest.fixture
def pictures(root, shipped, monkeypatch):
    monkeypatch.setattr("workbench.views.features_caching.EPISODES", 3)
    monkeypatch.setattr("workbench.views.atlas_features.SHEET_FEATURES", 3)
    shutil.copytree(shipped / "image.zarr", root / "image.zarr")
    return root


def texts(app) -> str:
    shown = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return " ".join(str(element.value) for element in shown).replace("\\", "")


def job_of_the_page():
    from workbench.views.features_caching import features_jobs

    [job] = features_jobs().jobs.values()
    return job


def test_features_are_made_shown_and_kept(pictures):
    app = run_page("atlas_parts", recording="image.zarr", part="features", layer="summary.2")
    assert not app.error
    app.selectbox("features.method").set_value("nmf").run()
    [count] = [box for box in app.number_input if box.label == "Features"]
    count.set_value(4).run()
    app.button("features.make").click().run()
    assert not app.exception
    assert job_of_the_page().wait(120)
    app.run()
    app.run()
    assert not app.exception
    assert not app.error
    assert "Return under substitution:" in texts(app)
    assert "dead (never active)" in texts(app)
    facts = app.table[0].value
    assert facts.iloc[:, 0].tolist()[:2] == [
        "active at [95 % over episodes]",
        "largest activation, in the layer's unit",
    ]
    app.toggle("features.effect").set_value(True).run(timeout=60)
    assert not app.exception
    assert app.table[1].value["change"].tolist() == ["taken out", "doubled"]
    app.run()
    assert not app.error
    # Another visitor finds what was made.
    again = run_page("atlas_parts", recording="image.zarr", part="features", layer="summary.2")
    again.selectbox("features.method").set_value("nmf").run()
    [count] = [box for box in again.number_input if box.label == "Features"]
    count.set_value(4).run()
    assert "Return under substitution:" in texts(again)


def test_a_training_can_be_cancelled_and_what_was_trained_is_kept(pictures):
    app = run_page("atlas_parts", recording="image.zarr", part="features", layer="summary.2")
    app.number_input("features.updates").set_value(100_000).run()
    app.button("features.make").click().run()
    job = job_of_the_page()
    while job.running and not job.done:
        job.wait(0.1)
    app.run()
    app.button("features.cancel").click().run()
    assert job.wait(60)
    app.run()
    app.run()
    assert not app.exception
    assert "of 100,000 updates" in texts(app)
    assert "The making was stopped early" in texts(app)
    assert "The agent was not run: it was stopped" in texts(app)


def test_what_cannot_be_made_is_a_box_that_says_so(pictures):
    app = run_page("atlas_parts", recording="image.zarr", part="features", layer="value_head")
    [count] = [box for box in app.number_input if box.label == "Features"]
    count.set_value(4096).run()
    app.button("features.make").click().run()
    assert job_of_the_page().wait(60)
    app.run()
    assert "4,096 features cannot be told apart" in texts(app)
    app.button("features.again").click().run()
    assert [button.key for button in app.button] == ["features.make"]
    assert not app.exception


@pytest.mark.torture
def test_units_are_shown_with_an_input_that_was_made(pictures):
    app = run_page("atlas_parts", recording="image.zarr", part="units", layer="summary.2")
    app.run()
    assert not app.exception
    assert not app.error
    assert "8 channels over" in texts(app)
    [concept] = [box for box in app.selectbox if box.label == "Concept"]
    concept.set_value("phase").run()
    assert "first third" in texts(app)
    app.toggle("units.visualise").set_value(True).run(timeout=60)
    assert not app.exception
    assert not app.error
    assert "The made input reaches more than" in texts(app)
    app.run()
    assert not app.error

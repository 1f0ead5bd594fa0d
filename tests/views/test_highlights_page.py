"""The page of highlights in its empty, normal and broken states."""

import json

import pytest

from tests.views.conftest import run_page


def texts(app) -> str:
    shown = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return " ".join(str(element.value) for element in shown).replace("\\", "")


def test_an_empty_folder_says_what_to_do(root):
    assert "no moments yet" in run_page("highlights").info[0].value


def test_moments_are_shown_with_what_is_behind_them(full_root):
    app = run_page("highlights", recording="cartpole.zarr")
    for _ in range(2):
        assert not app.exception
        assert not app.error
        said = texts(app)
        assert "**1.** episode " in said
        assert "of the steps; " in said
        reels = app.table[0].value
        assert next(iter(reels.iloc[:, 0])).startswith("HIGHLIGHTS-DIV")
        assert "Intervals are over episodes" in said
        app.run()


def test_the_reel_holds_the_moments_and_no_place_on_this_machine(full_root):
    app = run_page("highlights", recording="cartpole.zarr")
    [component] = app.get("bidi_component")
    reel = json.loads(component.proto.json)["reel"]
    assert len(reel["moments"]) == 3
    for moment in reel["moments"]:
        window = moment["payload"]["window"]
        assert window["start"] <= moment["step"] < window["stop"]
        assert "/" not in moment["payload"]["key"]


@pytest.mark.torture
def test_importance_may_be_an_expression(full_root):
    app = run_page("highlights", recording="cartpole.zarr")
    app.selectbox(f"highlights.measure.{full_root / 'cartpole.zarr'}").set_value("an expression").run()
    assert "Write an expression" in app.info[0].value
    app.text_input("highlights.expression").set_value("abs(observation[2])").run()
    assert not app.error
    assert "abs(observation[2])" in texts(app)
    app.text_input("highlights.expression").set_value("mood").run()
    assert "was not recorded" in app.error[0].value
    assert not app.exception


def test_another_number_of_moments_and_the_other_algorithm(full_root):
    app = run_page("highlights", recording="cartpole.zarr")
    app.number_input("highlights.count").set_value(2).run()
    app.toggle("highlights.diverse").set_value(False).run()
    assert "**2.**" in texts(app)
    assert "**3.**" not in texts(app)
    assert next(iter(app.table[0].value.iloc[:, 0])) == "HIGHLIGHTS: important"


def test_a_recording_that_cannot_be_opened_is_a_box(full_root):
    assert run_page("highlights", recording="future.zarr").error

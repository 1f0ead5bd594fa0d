"""The page "What if" in its empty, normal and broken states."""

import shutil

import pytest

from tests.views.conftest import run_page


@pytest.fixture
def full_root(root, shipped):
    for name in ("cartpole", "image"):
        shutil.copytree(shipped / f"{name}.zarr", root / f"{name}.zarr")
    return root


def texts(app) -> str:
    shown = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return " ".join(str(element.value) for element in shown).replace("\\", "")


def test_an_empty_folder_says_what_to_do(root):
    assert "nothing to change yet" in run_page("what_if").info[0].value


def test_without_a_change_before_and_after_are_the_same(full_root):
    app = run_page("what_if", recording="cartpole.zarr", episode="0", step="3")
    assert not app.error
    assert "the likeliest action is the same" in texts(app)
    assert "Add a change first." in texts(app)


def test_a_shown_number_changes_the_decision_and_is_taken_back(full_root):
    app = run_page("what_if", recording="cartpole.zarr", episode="0", step="3")
    app.selectbox("what_if.number").set_value(2).run()
    app.number_input("what_if.value").set_value(-0.2).run()
    app.button("what_if.add").click().run()
    assert not app.error
    assert "pole angle (rad) shown as −0.2" in texts(app)
    assert "different random changes of the same size" in texts(app)
    assert "1e+02" not in texts(app)
    app.number_input("what_if.value").set_value(0.2).run()
    app.button("what_if.add").click().run()
    assert "shown as 0.2" in texts(app)
    app.button("what_if.undo").click().run()
    assert "shown as 0.2" not in texts(app)
    assert "shown as −0.2" in texts(app)
    app.button("what_if.clear").click().run()
    assert "Add a change first." in texts(app)


def test_a_layer_is_ablated_beside_random_units(full_root):
    app = run_page("what_if", recording="cartpole.zarr", episode="0", step="3")
    app.selectbox("what_if.kind").set_value("ablate").run()
    app.selectbox("what_if.layer").set_value("mlp_extractor.policy_net.1").run()
    app.multiselect("what_if.units.mlp_extractor.policy_net.1").set_value([1, 2]).run()
    app.button("what_if.add").click().run()
    assert not app.error
    assert "units 1, 2 of mlp_extractor.policy_net.1 ablated (mean)" in texts(app)
    assert "20 different random changes of the same size" in texts(app)
    for kind in ("clamp", "patch"):
        app.selectbox("what_if.kind").set_value(kind).run()
        app.button("what_if.add").click().run()
        assert not app.error
    assert "patched from step 0 of episode 0" in texts(app)


def test_episodes_are_run_with_and_without(full_root, monkeypatch):
    from workbench.views import what_if, what_if_caching

    for module in (what_if, what_if_caching):
        monkeypatch.setattr(module, "EPISODES", 6)
    app = run_page("what_if", recording="cartpole.zarr", episode="0", step="3")
    app.selectbox("what_if.number").set_value(2).run()
    app.number_input("what_if.value").set_value(0.2).run()
    app.button("what_if.add").click().run()
    toggle = next(one for one in app.toggle if one.label.startswith("Run"))
    toggle.set_value(True).run(timeout=120)
    assert not app.error
    table = app.table[0].value
    assert table["measure"].tolist() == ["return", "length", "terminated"]
    assert "[" in table["with − without"][0]
    # What was computed stays when something else is touched.
    app.number_input("what_if.value").set_value(0.1).run()
    assert not app.exception
    assert not app.error
    assert app.table[0].value["measure"].tolist() == ["return", "length", "terminated"]


def test_the_world_is_edited_where_it_can_be(full_root):
    app = run_page("what_if", recording="image.zarr", episode="0", step="1")
    assert "Lay the cheese on another open square." in app.selectbox("what_if.edit").options
    app.toggle("what_if.ask").set_value(True).run()
    # Row 0, column 0 may be a wall: a sentence says so; else there is an answer.
    assert not app.exception
    assert "impossible here" in texts(app) or "before" in texts(app)
    assert "what_if.edit" not in [box.key for box in run_page("what_if", recording="cartpole.zarr").selectbox]


@pytest.mark.torture
def test_a_direction_steers_beside_random_ones(full_root):
    app = run_page("what_if", recording="cartpole.zarr", episode="0", step="3")
    app.selectbox("what_if.kind").set_value("steer").run()
    app.selectbox("what_if.layer").set_value("mlp_extractor.policy_net.1").run()
    assert app.button("what_if.add").disabled
    app.text_input("what_if.toward").set_value("speed > 2").run()
    assert "was not recorded" in texts(app)
    assert "the likeliest action is the same" in texts(app)
    app.text_input("what_if.toward").set_value("action == 1").run()
    app.number_input("what_if.scale").set_value(2.0).run()
    app.button("what_if.add").click().run()
    assert not app.error
    assert "mlp_extractor.policy_net.1 + 2 × (mean of mlp_extractor.policy_net.1 where action == 1" in texts(app)
    app.toggle("what_if.sweep").set_value(True).run()
    assert not app.error
    assert "random vectors of the same length" in texts(app)
    # Steering toward one action is measured by that action's number, unless another is chosen.
    assert 'log-odds of "push right"' in texts(app)
    app.selectbox("what_if.target").set_value("value").run()
    assert app.query_params["target"] in ("value", ["value"])
    assert "value, over 24 steps drawn from the recording" in texts(app)


@pytest.mark.torture
def test_part_of_a_picture_is_covered(full_root):
    app = run_page("what_if", recording="image.zarr", episode="0", step="1")
    app.selectbox("what_if.kind").set_value("cover").run()
    app.number_input("what_if.cover.Height").set_value(3).run()
    app.number_input("what_if.fill_value").set_value(255.0).run()
    app.button("what_if.add").click().run()
    assert not app.error
    assert "rows 0 to 2, columns 0 to 0 shown as 255" in texts(app)
    app.selectbox("what_if.fill").set_value("another step").run()
    app.button("what_if.add").click().run()
    assert not app.error
    assert "as in step 0 of episode 0" in texts(app)


def test_the_policy_is_drawn_on_every_square(full_root):
    app = run_page("what_if", recording="image.zarr", episode="0", step="1")
    app.toggle("what_if.field").set_value(True).run()
    assert not app.error
    assert "Mean total variation between the two: 0 of 1." in texts(app)


def test_the_address_holds_the_changes(full_root):
    app = run_page("what_if", recording="cartpole.zarr", episode="0", step="3")
    app.selectbox("what_if.number").set_value(2).run()
    app.number_input("what_if.value").set_value(0.2).run()
    app.button("what_if.add").click().run()
    app.selectbox("what_if.kind").set_value("ablate").run()
    app.selectbox("what_if.layer").set_value("mlp_extractor.policy_net.1").run()
    app.button("what_if.add").click().run()
    changes = app.query_params["change"]
    assert len(changes) == 2
    again = run_page("what_if", recording="cartpole.zarr", episode="0", step="3", change=changes)
    assert not again.warning
    assert "pole angle (rad) shown as 0.2" in texts(again)
    assert "all units of mlp_extractor.policy_net.1 ablated (mean)" in texts(again)
    # Of one recording they mean nothing for another; and what was taken back is gone from the address.
    again.selectbox("what_if.recording").set_value("image.zarr").run()
    assert "Add a change first." in texts(again)
    assert "change" not in again.query_params
    again.selectbox("what_if.recording").set_value("cartpole.zarr").run()
    again.button("what_if.clear").click().run()
    assert "change" not in again.query_params


def test_changes_of_an_address_that_cannot_be_had_are_said(full_root):
    bad = [
        "no JSON", "[1]", "3", '{"kind":"burn"}', '{"kind":"show","place":9,"value":1}', '{"kind":"show","place":2}',
        '{"kind":"show","place":2,"value":NaN}', '{"kind":"show","place":2,"value":1,"words":"x"}',
        '{"kind":"clamp","layer":"attic","value":1}', '{"kind":"ablate","layer":"action_net","how":"burn"}',
        '{"kind":"ablate","layer":"action_net","how":"zero","units":[2]}', "[" * 5000,
        '{"kind":"patch","layer":"action_net","row":0,"donor":"../x.zarr"}',
        '{"kind":"steer","layer":"action_net","toward":"__import__(1)","value":1}',
    ]  # fmt: skip
    good = '{"kind":"clamp","layer":"action_net","units":[1],"value":2}'
    app = run_page("what_if", recording="cartpole.zarr", change=[*bad, good])
    assert not app.error
    [warning] = app.warning
    assert warning.value.replace("\\", "").count("is left out: ") == len(bad)
    assert "units 1 of action_net held at 2" in texts(app)


def test_a_target_of_the_address_is_found_by_its_actions_name(full_root):
    app = run_page("what_if", recording="cartpole.zarr", target="log_odds:push right")
    assert not app.warning
    assert app.selectbox("what_if.target").value == "log_odds:1"
    assert 'log-odds of "push right"' in texts(app)
    app = run_page("what_if", recording="cartpole.zarr", target="log_odds:fly")
    assert "There is no action 'fly'" in texts(app)
    assert "log-odds of the action taken [nats]: " in texts(app)


def test_units_are_searched(full_root):
    app = run_page("what_if", recording="cartpole.zarr", episode="0", step="3")
    app.number_input("what_if.search.step").set_value(3).run()
    app.toggle("what_if.search").set_value(True).run(timeout=60)
    assert "That is this step" in texts(app)
    app.number_input("what_if.search.step").set_value(9).run(timeout=60)
    assert not app.error
    strongest = app.table[0].value
    assert "action_net" in strongest["layer"].tolist()
    assert "flatten" not in " ".join(strongest["layer"].tolist())
    assert "of others it says nothing" in texts(app)


def test_what_a_covered_picture_looks_like_is_shown(full_root):
    cover = '{"kind":"cover","rectangle":[0,0,3,3],"value":255}'
    app = run_page("what_if", recording="image.zarr", episode="0", step="1", change=[cover])
    assert not app.error
    captions = [one.caption for image in app.get("image") for one in image.proto.imgs]
    assert captions.count("what it is shown") == 1

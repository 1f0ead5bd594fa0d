import json

import pytest

from tests.views.conftest import run_page, table_rows
from workbench import open_recording
from workbench.analyses.opening import opening_episode


def texts(elements):
    return " ".join(element.value.replace("\\", "") for element in elements)


@pytest.mark.parametrize(("page", "hint"), [("recordings", "no recordings"), ("replay", "nothing to replay")])
def test_an_empty_folder_says_what_to_do(root, page, hint):
    app = run_page(page)
    assert hint in texts(app.info)
    assert not app.error


def test_a_folder_that_is_not_there_is_empty(root, monkeypatch):
    monkeypatch.setenv("WORKBENCH_ROOT", str(root / "nowhere"))
    assert "no recordings" in texts(run_page("recordings").info)


def test_the_table_holds_the_facts_and_the_broken_one_says_what_is_wrong(full_root):
    app = run_page("recordings")
    (row,) = table_rows(app)
    facts = (row["name"], row["environment"], row["options"], row["n"], row["badge"])
    assert facts == ("cartpole.zarr", "CartPole-v1", "", "3", "")
    assert "to" in row["interval"]
    assert row["address"] == "replay?recording=cartpole.zarr"
    assert "future.zarr" in texts(app.warning)
    assert "version 99" in texts(app.warning)
    assert not app.error


def test_the_table_tells_an_environments_options_and_how_a_recording_ended(full_root):
    metadata = full_root / "cartpole.zarr" / "zarr.json"
    facts = json.loads(metadata.read_text())
    facts["attributes"]["environment"] |= {"kwargs": {"gravity": 9.8, "note": "x" * 100}, "wrappers": ["frame_stack:4"]}
    facts["attributes"] |= {"complete": False, "ended": "cancelled"}
    metadata.write_text(json.dumps(facts))
    (row,) = table_rows(run_page("recordings"))
    assert row["options"] == f"gravity=9.8, note={'x' * 59}…; frame_stack:4"
    assert row["badge"] == "cancelled"
    app = run_page("replay", recording="cartpole.zarr", episode="0")
    assert "CartPole-v1** (gravity=9.8" in texts(app.caption)
    assert "cancelled" in texts(app.caption)


def test_a_link_that_names_no_episode_opens_the_least_expected_one_and_says_so(full_root):
    opening = opening_episode(open_recording(full_root / "cartpole.zarr"))
    app = run_page("replay", recording="cartpole.zarr")
    assert app.selectbox(key="replay.episode").value == opening.number
    assert f"opened on episode {opening.number}, {opening.reason}" in texts(app.caption)
    app = run_page("replay", recording="cartpole.zarr", episode="0")
    assert "opened on" not in texts(app.caption)


def test_a_damaged_recording_is_listed_as_broken(full_root):
    (full_root / "future.zarr" / "zarr.json").write_text("{")
    app = run_page("recordings")
    assert [row["name"] for row in table_rows(app)] == ["cartpole.zarr"]
    assert not app.error


def test_replay_shows_the_recording_of_the_address(full_root):
    app = run_page("replay", recording="cartpole.zarr", episode="1", step="4", layer="trunk.3")
    assert [box.value for box in app.selectbox] == ["cartpole.zarr", 1, "trunk.3"]
    player = app.get("bidi_component")[0].proto
    data = json.loads(player.json)
    assert data["seek"]["step"] == 4
    assert data["payload"]["episode"]["index"] == 1
    assert data["payload"]["layer"]["name"] == "trunk.3"
    assert len(app.get("download_button")) == 3


def test_choosing_another_episode_changes_the_address(full_root):
    app = run_page("replay", recording="cartpole.zarr", episode="0", step="4")
    app.selectbox(key="replay.episode").set_value(2).run()
    assert not app.exception
    assert {key: str(value) for key, value in app.query_params.items()} == {
        "recording": "cartpole.zarr",
        "episode": "2",
        "step": "0",
    }
    app.selectbox(key="replay.layer").set_value("trunk.0").run()
    assert app.query_params["layer"] == "trunk.0"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"recording": "nowhere.zarr"}, "Nothing is shown. The recordings are: cartpole.zarr."),
        ({"recording": "../../../etc"}, "is not below the folder"),
        ({"recording": "/etc/passwd"}, "is not below the folder"),
        ({"recording": "future.zarr"}, "version 99"),
        ({"recording": "<script>alert(1)</script>"}, "There is no recording"),
    ],
)
def test_an_address_that_leads_nowhere_is_a_box_that_says_so(full_root, query, message):
    app = run_page("replay", **query)
    assert message in texts(app.error)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"episode": "9999", "step": "3"}, "asks for episode 9999. The recording has 3 episodes, 0 to 2"),
        ({"episode": "0", "step": "x"}, "asks for step 'x'. Episode 0 has"),
        ({"layer": "no.such.layer"}, "asks for layer 'no.such.layer'. The layers are: trunk.0"),
    ],
)
def test_what_an_address_asks_for_in_vain_is_said_and_something_near_is_shown(full_root, query, said):
    app = run_page("replay", recording="cartpole.zarr", **query)
    assert said in texts(app.warning)
    assert not app.error
    assert app.get("bidi_component")


def test_the_notice_goes_when_something_that_exists_is_chosen(full_root):
    app = run_page("replay", recording="cartpole.zarr", episode="9999")
    assert len(app.warning) == 1
    app.selectbox(key="replay.episode").set_value(1).run()
    assert not app.warning
    assert app.query_params["episode"] == "1"


def test_the_observation_after_the_last_action_has_an_address(full_root):
    length = open_recording(full_root / "cartpole.zarr").episode(1).length
    app = run_page("replay", recording="cartpole.zarr", episode="1", step=str(length))
    assert not app.warning
    assert json.loads(app.get("bidi_component")[0].proto.json)["seek"]["step"] == length
    app = run_page("replay", recording="cartpole.zarr", episode="1", step=str(length + 1))
    assert f"and {length} for what was observed after the last action; step {length} is shown" in texts(app.warning)


def test_a_link_out_of_the_folder_is_not_followed(full_root, recorded):
    (full_root / "link.zarr").symlink_to(recorded / "cartpole.zarr")
    app = run_page("replay", recording="link.zarr")
    assert "is not below the folder" in texts(app.error)


def test_a_link_out_of_the_folder_inside_a_recording_is_not_followed(full_root, recorded):
    inside = full_root / "cartpole.zarr" / "activations"
    inside.rename(full_root.parent / "elsewhere")
    inside.symlink_to(full_root.parent / "elsewhere")
    assert "leads out of the folder" in texts(run_page("replay", recording="cartpole.zarr").error)
    assert "leads out of the folder" in texts(run_page("recordings").warning)


def test_a_dashboard_of_one_recording_lists_and_replays_it(root, recorded, monkeypatch):
    monkeypatch.setenv("WORKBENCH_ROOT", str(recorded / "cartpole.zarr"))
    assert table_rows(run_page("recordings"))[0]["name"] == "."
    for app in (run_page("replay"), run_page("replay", recording=".")):
        assert not app.error
        assert app.get("bidi_component")


def test_a_recording_without_steps_says_so(full_root):
    metadata = full_root / "cartpole.zarr" / "zarr.json"
    facts = json.loads(metadata.read_text())
    facts["attributes"] |= {"committed_steps": 0, "committed_episodes": 0, "complete": False, "ended": "cut short"}
    metadata.write_text(json.dumps(facts))
    app = run_page("replay", recording="cartpole.zarr")
    assert "holds no step" in texts(app.info)
    assert not app.error


def damage(folder):
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "zarr.json":
            file.write_bytes(b"damaged")


def test_a_damaged_layer_costs_its_panel_only(full_root):
    damage(full_root / "cartpole.zarr" / "activations")
    app = run_page("replay", recording="cartpole.zarr")
    payload = json.loads(app.get("bidi_component")[0].proto.json)["payload"]
    assert payload["layer"] is None
    assert "cannot be read" in payload["notes"][0]
    assert payload["observations"]


def test_damaged_values_cost_the_choice_of_the_opening_episode_only(full_root):
    damage(full_root / "cartpole.zarr" / "steps" / "value")
    app = run_page("replay", recording="cartpole.zarr")
    assert "opened on episode 0, the first; not all" in texts(app.caption)


def test_damaged_steps_are_a_box_that_says_so(full_root):
    damage(full_root / "cartpole.zarr" / "steps")
    app = run_page("replay", recording="cartpole.zarr")
    assert "cannot be read" in texts(app.error)


def test_going_back_is_a_command_and_another_layer_at_once_does_not_take_it_back(full_root):
    def sent():
        return json.loads(app.get("bidi_component")[0].proto.json)["seek"]

    app = run_page("replay", recording="cartpole.zarr", episode="0", step="4")
    first = sent()
    app.selectbox(key="replay.layer").set_value("trunk.0").run()
    assert sent() == first
    app.query_params["step"] = "2"
    app.run()
    back = sent()
    assert (back["step"], back["command"]) == (2, first["command"] + 1)
    app.selectbox(key="replay.layer").set_value("trunk.3").run()
    assert sent() == back
    app.selectbox(key="replay.episode").set_value(2).run()
    assert sent()["command"] > back["command"]

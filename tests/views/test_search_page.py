"""The page of searches in its empty, normal and broken states."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import zarr

import tests.search.playing
import workbench
from envs.games import TIC_TAC_TOE, connect_four
from tests.analyses.search.hand_made import Solver
from tests.search.playing import GAME, Playing, searching_policy
from tests.views.conftest import run_page
from workbench.analyses.search import measure_recording
from workbench.errors import WorkbenchError
from workbench.search import SearchSettings, UniformEvaluator, search
from workbench.search.imports import to_record
from workbench.views.search_decisions import nothing_given_away, ranked
from workbench.views.search_play import GAME as PLAYED
from workbench.views.search_reruns import moves_of

PLANNER, PLAYING = "tests.search.playing:planner", "tests.search.playing:Playing-v0"
assert tests.search.playing


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A recording of an agent that searches, whose game and network are at hand."""
    path = tmp_path_factory.mktemp("planned") / "games.zarr"
    workbench.record(PLANNER, PLAYING, out=path, episodes=2, deterministic=False)
    return path


@pytest.fixture
def planned_root(root, planned):
    shutil.copytree(planned, root / "games.zarr")
    return root


def texts(app) -> str:
    shown = [*app.caption, *app.markdown, *app.info, *app.warning, *app.error]
    return " ".join(str(element.value) for element in shown).replace("\\", "")


def payload_of(app, which=0):
    return json.loads(app.get("bidi_component")[which].proto.json)["payload"]


def test_an_empty_folder_says_how_to_record_a_search(root):
    app = run_page("search")
    assert "There are no recordings yet." in texts(app)
    assert "SearchPolicy(policy" in app.code[0].value
    assert not app.error


def test_recordings_without_a_search_are_not_offered(full_root, planned):
    app = run_page("search")
    assert "acted without a search" in texts(app)
    shutil.copytree(planned, full_root / "games.zarr")
    app = run_page("search", recording="cartpole.zarr")
    assert "The agent of cartpole.zarr acted without a search. Recordings with searches: games.zarr" in texts(app)
    assert list(run_page("search").selectbox(key="search.recording").options) == ["games.zarr"]


def test_a_decision_is_shown_with_its_facts(planned_root):
    app = run_page("search", recording="games.zarr", episode="1", step="2")
    for _ in range(2):
        assert not app.error
        assert not app.warning
        said = texts(app)
        assert "PUCT with 120 simulations, c = 1.25, 25 % noise, in connect_four_4x5" in said
        assert "the recorded network's own search" in said
        assert "every selection agrees with its rules" in said
        payload = payload_of(app)
        assert payload["board"]["kind"] == "discs"
        assert payload["simulations"] == 120
        assert "/" not in payload["key"]
        app.run()
    recording = workbench.open_recording(planned_root / "games.zarr")
    row = recording.episode(1).rows[2]
    assert payload["chosen"] == recording.steps["action"][row]
    app.number_input(key="search.children").set_value(1).run()
    assert len(payload_of(app)["layout"]["node"]) < len(payload["layout"]["node"])
    app.number_input(key="search.step").set_value(3).run()
    assert app.query_params["step"] == "3"


def test_a_search_of_other_weights_says_so(planned_root):
    metadata = planned_root / "games.zarr" / "zarr.json"
    facts = json.loads(metadata.read_text())
    facts["attributes"]["search"]["fingerprint"] = "f" * 64
    metadata.write_text(json.dumps(facts))
    said = texts(run_page("search", recording="games.zarr", episode="0", step="0"))
    assert "of another network" in said
    assert "made with other weights (fingerprint ffffffffffff)" in said


def test_a_damaged_search_is_a_box_that_names_the_step(planned_root):
    stored = zarr.open_group(planned_root / "games.zarr", mode="r+")
    row = int(workbench.open_recording(planned_root / "games.zarr").episode(0).rows[1])
    values = stored["search/parent"][row]
    values[:] = 9999
    stored["search/parent"][row] = values
    app = run_page("search", recording="games.zarr", episode="0", step="1")
    assert f"search of step {row}" in texts(app).replace("games.zarr", "")
    assert app.error
    assert not run_page("search", recording="games.zarr", episode="0", step="0").error
    app = run_page("search", recording="games.zarr")
    app.segmented_control(key="search.part").set_value("All decisions").run()
    assert "The searches of 1 steps are damaged" in texts(app)


def test_a_search_that_does_not_follow_its_rules_is_shown_with_a_warning(planned_root):
    stored = zarr.open_group(planned_root / "games.zarr", mode="r+")
    row = int(workbench.open_recording(planned_root / "games.zarr").episode(0).rows[1])
    prior = stored["search/prior"][row]
    prior[:5] = prior[:5][::-1]
    stored["search/prior"][row] = prior
    app = run_page("search", recording="games.zarr", episode="0", step="1")
    assert "does not follow its own rules" in texts(app)
    assert payload_of(app)["simulations"] == 120


def test_a_step_without_a_search_says_so(planned_root):
    stored = zarr.open_group(planned_root / "games.zarr", mode="r+")
    row = int(workbench.open_recording(planned_root / "games.zarr").episode(0).rows[0])
    stored["search/counts"][row] = np.zeros(3, np.int32)
    app = run_page("search", recording="games.zarr", episode="0", step="0")
    assert "Nothing was searched at step 0 of episode 0" in texts(app)


def test_a_game_that_is_not_at_hand_costs_the_boards_and_the_playing_only(root):
    workbench.record(searching_policy(), Playing, out=root / "games.zarr", episodes=1)
    app = run_page("search", recording="games.zarr", episode="0", step="0")
    assert "no boards: " in texts(app)
    assert payload_of(app)["board"] is None
    app.segmented_control(key="search.part").set_value("Play").run()
    assert "The game is not at hand" in texts(app)
    assert not app.error


def test_where_there_is_no_board_the_recorded_picture_is_shown(tmp_path):
    from tests.figures.example_recordings import record_example
    from workbench.views.search_caching import seen_at

    recording = record_example("image", tmp_path / "image.zarr", episodes=1) or workbench.open_recording(
        tmp_path / "image.zarr"
    )
    url, words = seen_at(recording, 0)
    assert url.startswith("data:image/png;base64,")
    assert "at the root" in words
    assert seen_at(workbench.record(searching_policy(), Playing, out=tmp_path / "p.zarr", episodes=1), 0) == (None, "")


def test_decisions_are_listed_worst_first_and_lead_to_their_step(planned_root):
    app = run_page("search", recording="games.zarr")
    app.segmented_control(key="search.part").set_value("All decisions").run()
    table = app.dataframe[0].value
    assert list(table["surprise"]) == sorted(table["surprise"], reverse=True)
    overturned = int(table["overturned"].sum())
    assert f"overturned the network in **{overturned} of {len(table)}**" in texts(app)
    app.pills(key="search.decisions.only.2").set_value(["overturned"]).run()
    assert len(app.dataframe[0].value) == overturned
    app.segmented_control(key="search.decisions.order.2").set_value("Q gained").run()
    gained = app.dataframe[0].value["Q gained"].dropna()
    assert list(gained) == sorted(gained, reverse=True)
    # This game has no solver: that is said, and the page lives on.
    app.toggle(key="search.decisions.solver").set_value(True).run()
    assert "has no exact solver" in texts(app)


def test_decisions_are_judged_by_a_solver(root):
    workbench.record(
        "tests.analyses.search.hand_made:erring", "tests.analyses.search.hand_made:WorkbenchTicTacToe-v0",
        out=root / "erring.zarr", episodes=6, seed=1, search=SearchSettings(simulations=60),
    )  # fmt: skip
    app = run_page("search", recording="erring.zarr")
    app.segmented_control(key="search.part").set_value("All decisions").run()
    app.toggle(key="search.decisions.solver").set_value(True).run()
    assert not app.error
    found = measure_recording(workbench.open_recording(root / "erring.zarr"), solver=Solver())
    verdicts = {row["verdict"].replace("\\", ""): row["decisions"] for _, row in app.table[0].value.iterrows()}
    decisive = found.columns["decisive"] == 1
    assert verdicts["right overturn"] == int((found.verdict[decisive] == "right overturn").sum()) > 0
    assert sum(verdicts.values()) == int(decisive.sum())
    assert f"Of {int(decisive.sum())} decisive decisions" in texts(app)
    table = app.dataframe[0].value
    assert list(table["value given away"]) == sorted(table["value given away"], reverse=True)
    worst = found.wrong(1)
    if len(worst):
        assert (table["episode"][0], table["step"][0]) == (found.episode[worst[0]], found.step[worst[0]])
    app.pills(key="search.decisions.only.3").set_value(["right overturn"]).run()
    assert set(app.dataframe[0].value["verdict"]) == {"right overturn"}
    # A right choice gives nothing away: they are not called the worst.
    count = len(app.dataframe[0].value)
    assert f"No decision listed here gave anything away (n = {count} judged). The most surprising" in texts(app)
    surprises = app.dataframe[0].value["surprise"]
    assert list(surprises) == sorted(surprises, reverse=True)
    app.segmented_control(key="search.decisions.order.3").set_value("Q gained").run()
    assert "gave anything away" not in texts(app)


def test_nothing_given_away_is_said_where_it_is_so(planned):
    found = measure_recording(workbench.open_recording(planned), most=6)
    for losses, said in (
        ([0, 0, 0, 0, 0, 0], "No decision listed here gave anything away (n = 6 judged)."),
        ([0, 0, np.nan, 0, 0, 0], "(n = 5 judged; 1 that the solver gave up come last)"),
        ([np.nan] * 6, "The solver gave up all 6 decisions"),
        ([0, 0, 2, 0, 0, 0], ""),
    ):
        judged = replace(found, columns={**found.columns, "choice_loss": np.array(losses, float)})
        told = nothing_given_away(judged, range(6))
        assert said in told
        assert bool(told) == bool(said)
    # Only what is listed counts.
    assert nothing_given_away(judged, [0, 1, 3])


def test_an_unknown_gain_comes_last(planned):
    found = measure_recording(workbench.open_recording(planned), most=10)
    assert len(found) == 10
    assert found.left_out == len(workbench.open_recording(planned)) - 10
    gains = found.columns["q_gain"].copy()
    gains[3] = np.nan
    one = replace(found, columns={**found.columns, "q_gain": gains})
    assert ranked(one, "Q gained")[-1] == 3
    assert sorted(ranked(one, "Q gained")) == list(range(10))


def test_one_plays_against_the_agent_and_sees_its_search(planned_root):
    app = run_page("search", recording="games.zarr", episode="0", step="0")
    app.segmented_control(key="search.part").set_value("Play").run()
    assert "First player: your move." in texts(app)
    assert len(app.get("bidi_component")) == 1
    # A click on the board is the component's own: the move is made as its report would make it.
    app.session_state[PLAYED] = replace(app.session_state[PLAYED], moves=(2,))
    app.run()
    played = app.session_state[PLAYED]
    assert len(played.moves) == 2
    assert "Its search before move 2" in app.subheader[0].value
    payload = payload_of(app, 1)
    assert payload["chosen"] == played.moves[1]
    assert payload["board"]["cells"]["shape"][1] == 20
    app.button(key="search.play.undo").click().run()
    assert app.session_state[PLAYED].moves == ()
    app.segmented_control(key="search.play.side").set_value("second").run()
    assert len(app.session_state[PLAYED].moves) == 1
    app.segmented_control(key="search.play.side").set_value("both").run()
    app.button(key="search.play.think").click().run()
    assert app.subheader[0].value == "Its search of this position"
    assert payload_of(app, 1)["chosen"] == -1
    app.button(key="search.play.new").click().run()
    assert app.session_state[PLAYED].moves == ()
    assert not app.error


def value_slider(app):
    """That of the changed value, whose key names the position."""
    return next(one for one in app.slider if str(one.key).startswith("search.rerun.value"))


def test_another_value_of_a_position_is_searched_again(planned_root):
    app = run_page("search", recording="games.zarr", episode="0", step="0")
    app.segmented_control(key="search.part").set_value("Play").run()
    app.button(key="search.play.think").click().run()
    app.text_input[0].set_value("a").run()
    value_slider(app).set_value(-1.0).run()
    table = app.dataframe[-1].value
    # What leads to a position that is lost for the other side is visited more.
    assert table["N after"][0] > table["N before"][0]
    assert "the searches part at simulation" in texts(app)
    app.text_input[0].set_value("z").run()
    assert "There is no move 'z' in this game" in texts(app)


def test_a_recorded_search_is_run_again_with_a_change(planned_root):
    app = run_page("search", recording="games.zarr", episode="0", step="0")
    app.toggle(key="search.edit").set_value(True).run()
    assert "Nothing is changed yet." in texts(app)
    app.text_input[0].set_value("a").run()
    # The position alone changes nothing: its value is what the network said.
    assert "Nothing is changed yet." in texts(app)
    value_slider(app).set_value(-1.0).run()
    table = app.dataframe[-1].value
    assert table["N after"][0] > table["N before"][0]
    assert "positions are those of the trace" in texts(app)
    # A move without visits has no Q.
    assert app.dataframe[-1].proto.placeholder == "–"
    assert not app.error


def test_a_node_is_looked_into(planned_root):
    app = run_page("search", recording="games.zarr", episode="0", step="0")
    app.toggle(key="search.inside").set_value(True).run()
    assert "**Node 0, the root**" in texts(app)
    assert "as the search was told" in texts(app)
    recording = workbench.open_recording(planned_root / "games.zarr")
    assert app.multiselect[0].options == list(recording.layers)
    assert len(app.get("image")) == len(recording.layers)
    data = json.loads(app.get("bidi_component")[0].proto.json)
    assert (data["report"], data["node"]) == (True, 0)
    app.segmented_control(key="search.inside.what").set_value("Saliency").run()
    assert not app.error
    assert [one.value for one in app.subheader][-2:-1] == ["The value"]
    assert len(app.table) == 2
    rows = " ".join(app.table[0].value["evidence"])
    assert "causal check" in rows
    assert "random weights" in rows


def test_of_another_network_nothing_is_shown(planned_root):
    metadata = planned_root / "games.zarr" / "zarr.json"
    facts = json.loads(metadata.read_text())
    facts["attributes"]["search"]["fingerprint"] = "f" * 64
    metadata.write_text(json.dumps(facts))
    app = run_page("search", recording="games.zarr", episode="0", step="0")
    app.toggle(key="search.inside").set_value(True).run()
    assert "is not the one that this search asked (ffffffffffff)" in texts(app)
    assert not app.get("image")
    assert not app.error


def test_moves_are_found_by_their_names():
    assert moves_of(connect_four(4, 5), ["a", "e"]) == [0, 4]
    with pytest.raises(WorkbenchError, match="no move 'x'"):
        moves_of(TIC_TAC_TOE, ["x"])


def test_a_file_of_another_program_is_shown_as_far_as_it_goes(root):
    from streamlit.testing.v1 import AppTest

    trace = search(GAME, GAME.start()[None], UniformEvaluator(5), SearchSettings(simulations=30), seed=1)[0]
    record = to_record(trace)
    del record["settings"], record["simulations"]
    for node in record["nodes"]:
        for edge in node["edges"]:
            edge |= {"visits": 1, "q": 0.0}

    def script(content):
        from workbench.views.errors import errors_in_a_box
        from workbench.views.search_imports import show_record

        with errors_in_a_box():
            show_record(content)

    app = AppTest.from_function(script, kwargs={"content": json.dumps(record).encode()}, default_timeout=30).run()
    assert "the order of the simulations" in texts(app)
    assert payload_of(app)["replayable"] is False
    for wrong in (b"{", b"[]", b'{"format": "rl-workbench-search", "version": 1, "game": "x", "nodes": []}'):
        app = AppTest.from_function(script, kwargs={"content": wrong}, default_timeout=30).run()
        assert app.error
        assert not app.exception


@pytest.fixture(scope="module")
def searched_lake(tmp_path_factory):
    """A recording of an agent that searches in an environment which can be made again by name."""
    path = tmp_path_factory.mktemp("lake") / "lake.zarr"
    workbench.record(
        "tests.search.environments.planning_agents:planner", "FrozenLake-v1", out=path, steps=6, environments=1
    )
    return path


def frames_in(app):
    return json.loads(app.get("bidi_component")[0].proto.json)["frames"]


def test_a_search_in_an_environment_has_pictures_of_its_nodes(root, searched_lake):
    pytest.importorskip("pygame", reason="FrozenLake is drawn by pygame")
    shutil.copytree(searched_lake, root / "lake.zarr")
    app = run_page("search", recording="lake.zarr", episode="0", step="2")
    for _ in range(2):
        assert not app.error
        assert not app.warning
        said = texts(app)
        assert "PUCT with 30 simulations, c = 1.25, in FrozenLake-v1" in said
        assert "states saved by an adapter that reads and writes the few attributes" in said
        assert "in the tree had more than one outcome" in said
        assert "no boards" not in said
        payload, frames = payload_of(app), frames_in(app)
        assert payload["board"] is None
        assert payload["environment"]["on_demand"]
        assert payload["actions"][:4] == ["left", "down", "right", "up"]
        assert frames["key"] == payload["key"]
        assert 0 in [node for node, _ in frames["of"]]
        assert all(url.startswith("data:image/png;base64,") for url in frames["urls"])
        # States that look alike are sent once.
        assert len(frames["urls"]) == len(set(frames["urls"])) < len(frames["of"])
        app.run()
    app.segmented_control(key="search.part").set_value("All decisions").run()
    assert len(app.dataframe[0].value) == 6
    app.segmented_control(key="search.part").set_value("Play").run()
    assert "FrozenLake-v1, an environment that nobody plays against" in texts(app)


def test_pictures_are_drawn_for_whom_they_are_asked(root, searched_lake):
    pytest.importorskip("pygame", reason="FrozenLake is drawn by pygame")
    from workbench.recording.searched import SearchedStep
    from workbench.views.search_frames import Visited, first_nodes, frames_of

    visited = Visited(step=SearchedStep(workbench.open_recording(searched_lake), 1, render=True))
    last = visited.step.trace.nodes - 1
    found = frames_of(visited, "key", [last, 10**9, -1, 3])
    assert [node for node, _ in found["of"]] == [last, 3]
    assert found["words"] == []
    assert first_nodes(visited.step.trace)[0] == 0
    visited.step.environment.step(0)
    visited.step.environment.reset(seed=77)
    before = len(visited.pictures)
    assert frames_of(visited, "key", [last])["of"] == [[last, 0]]
    assert len(visited.pictures) == before


def test_a_node_of_an_environment_is_looked_into(root, searched_lake):
    shutil.copytree(searched_lake, root / "lake.zarr")
    app = run_page("search", recording="lake.zarr", episode="0", step="1")
    app.toggle(key="search.inside").set_value(True).run()
    assert not app.error
    assert not app.warning
    assert "**Node 0, the root**" in texts(app)
    assert "the environment, brought there again" in texts(app)
    assert "value and priors as the search was told" in texts(app)
    assert len(app.get("image")) == len(workbench.open_recording(searched_lake).layers)
    app.segmented_control(key="search.inside.what").set_value("Saliency").run()
    assert not app.error
    assert [one.value for one in app.subheader][:2] == ["The value", app.subheader[1].value]
    assert app.subheader[1].value.startswith("The logit of ")
    assert "causal check" in " ".join(app.table[0].value["evidence"])
    assert "actions have theirs" in texts(app)


def test_an_environment_that_does_something_else_costs_the_pictures_only(root, searched_lake):
    shutil.copytree(searched_lake, root / "lake.zarr")
    stored = zarr.open_group(root / "lake.zarr", mode="r+")
    stored["steps/observation"][2] = 15
    app = run_page("search", recording="lake.zarr", episode="0", step="2")
    assert not app.error
    environment = payload_of(app)["environment"]
    assert not environment["on_demand"]
    assert "comes to something else at step 2 than was recorded" in environment["why_not"]
    assert frames_in(app)["of"] == []

"""The browser's replay of a search beside Python's, and what the viewer is sent."""

import json
import shutil
import subprocess
from importlib.resources import files

import gymnasium
import numpy as np
import pytest

from envs.games import TIC_TAC_TOE, connect_four
from workbench.errors import WorkbenchError
from workbench.figures.search_viewer import board_kind, board_payload, place_payload, search_payload, search_source
from workbench.figures.search_viewer.layout import principal_variation
from workbench.search import SearchSettings, TableEvaluator, rebuild, search, view_node
from workbench.search.environments import environment_settings, search_environment
from workbench.search.imports import from_record, to_record

GAME = connect_four(4, 5)
RULES = (
    {}, {"rule": "gumbel"}, {"rule": "uct", "exploration": 1.4}, {"wave": 4}, {"prove": False, "discount": 0.97},
    {"noise": 0.25}, {"value_scale": "siblings"},
)  # fmt: skip

READ = """
const replay = searchReplay(payload);
const numbers = (array) => Array.from(array, (x) => (Number.isFinite(x) ? x : null));
const said = asked.map((k) => {
  const state = replay.seek(k);
  const edges = Array.from({ length: replay.E }, (_, edge) => edge);
  return {
    k: state.k, node_visits: Array.from(state.nodeVisits), visits: Array.from(state.visits),
    sums: Array.from(state.valueSum),
    proven: Array.from(state.proven), edge_proven: Array.from(state.edgeProven), child: Array.from(state.child),
    bonus: numbers(edges.slice(0, replay.R).map((edge) => replay.bonus(edge))),
    line: replay.variation(0),
  };
});
const { at, visits } = replay.history(5);
console.log(JSON.stringify({ said, history: { at, visits } }));
"""


def trace_of(simulations=70, game=GAME, **rules):
    settings = SearchSettings(simulations=simulations, **rules)
    return search(game, game.start()[None], TableEvaluator(game.actions), settings, seed=2)[0]


def in_javascript(payload, asked):
    """What the viewer's own replay says after some numbers of simulations."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed, which the viewer's script is run by")
    parts = [files("workbench.figures.player") / "pieces.js", files("workbench.figures.search_viewer") / "replay.js"]
    script = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    text = f"{script}\nconst payload = {json.dumps(payload)}, asked = {json.dumps(asked)};\n{READ}"
    run = subprocess.run([node, "-"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_the_browser_replays_a_search_to_the_last_bit(rules):
    trace = trace_of(**rules)
    # Backwards too: what was gone through forwards is not kept.
    asked = [*range(trace.simulations + 1), 3, 50, 0, trace.simulations]
    asked = [min(k, trace.simulations) for k in asked]
    answer = in_javascript(search_payload(trace, key="one"), asked)
    for k, said in zip(asked, answer["said"], strict=True):
        state = rebuild(trace, k)
        assert said["k"] == k
        assert said["node_visits"] == state.node_visits.tolist()
        assert said["visits"] == state.visits.tolist()
        assert said["sums"] == state.value_sum.tolist()
        assert said["proven"] == state.proven.tolist()
        assert said["edge_proven"] == state.edge_proven.tolist()
        assert said["child"] == state.child.tolist()
        assert said["line"] == principal_variation(trace, state)
        view = view_node(trace, 0, k)
        there = np.isfinite(view.bonus) & (view.bonus < 1e9)
        bonus = np.array([np.nan if one is None else one for one in said["bonus"]])
        assert np.allclose(bonus[there], view.bonus[there], atol=1e-12)
        assert np.isnan(bonus[~there]).all()
    for place, k in enumerate(answer["history"]["at"]):
        shown = [visits[place] for visits in answer["history"]["visits"]]
        assert shown == rebuild(trace, k).visits[trace.edges_of(0)].tolist()


def test_rewards_of_one_player_are_backed_up_alike():
    trace = trace_of(discount=0.9, prove=False)
    record = to_record(trace)
    generator = np.random.default_rng(0)
    for node in record["nodes"]:
        node["player"], node["reward"] = 0, float(generator.normal())
    alone = from_record(json.loads(json.dumps(record)))
    answer = in_javascript(search_payload(alone, key="one"), [17, alone.simulations])
    for k, said in zip([17, alone.simulations], answer["said"], strict=True):
        assert said["sums"] == rebuild(alone, k).value_sum.tolist()


def test_outcomes_of_chance_are_replayed_alike():
    environment = gymnasium.make("FrozenLake-v1", is_slippery=True)
    environment.reset(seed=0)
    trace = search_environment(environment, None, environment_settings(simulations=80), seed=1)
    incoming = trace.incoming()[1:]
    assert len(set(incoming.tolist())) < len(incoming), "no edge leads to two outcomes"
    payload = search_payload(trace, key="one")
    for k, said in zip([9, 40, 80], in_javascript(payload, [9, 40, 80])["said"], strict=True):
        state = rebuild(trace, k)
        assert said["sums"] == state.value_sum.tolist()
        assert said["child"] == state.child.tolist()
        assert said["line"] == principal_variation(trace, state)


def test_a_final_tree_has_its_statistics_and_says_what_is_absent():
    record = to_record(trace_of())
    del record["settings"], record["simulations"]
    state = rebuild(trace_of())
    visits = state.visits
    edge = 0
    for node in record["nodes"]:
        for one in node["edges"]:
            one |= {"visits": int(visits[edge]), "q": 0.25}
            edge += 1
    final = from_record(record)
    payload = search_payload(final, key="one")
    assert not payload["replayable"]
    assert payload["leaf"] is None
    assert payload["absent"]
    said = in_javascript(payload, [0, 3])["said"]
    assert said[0]["visits"] == said[1]["visits"] == visits.tolist()
    assert said[0]["line"] == principal_variation(final, rebuild(final))


def test_boards_are_those_of_the_positions():
    trace = trace_of(30)
    payload = search_payload(trace, key="one", game=GAME, root=GAME.start())
    board = payload["board"]
    assert (board["kind"], board["rows"], board["columns"]) == ("discs", 4, 5)
    assert board["cells"]["shape"] == [trace.nodes, 20]
    again = board_payload(GAME, trace.position)
    assert again == board
    assert payload["actions"] == list("abcde")
    assert search_payload(trace, key="one")["board"] is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("connect_four_6x7", "discs"), ("tic_tac_toe", "marks"), ("hex_4x4", "hexagons"), ("nim", "grid")],
)
def test_games_are_drawn_by_their_names_and_others_as_a_grid(name, kind):
    assert board_kind(name) == kind


def test_a_place_to_move_says_what_is_legal():
    said = place_payload(TIC_TAC_TOE, np.array([0b1, 0b10], np.uint64), last=1)
    assert said["legal"] == [2, 3, 4, 5, 6, 7, 8]
    assert (said["player"], said["ended"], said["last"]) == (0, False, 1)


def test_a_search_too_large_for_a_browser_is_a_sentence(monkeypatch):
    monkeypatch.setattr("workbench.figures.search_viewer.payload.MOST_NODES", 10)
    with pytest.raises(WorkbenchError, match="a browser is sent at most 10"):
        search_payload(trace_of(30), key="one")


def test_the_script_is_one_module():
    source = search_source()
    assert source.script.count("export default") == 1
    assert "import " not in source.script.replace("important", "")
    assert ".innerHTML" not in source.script
    assert ".rlw-search" in source.style

"""`workbench search`, and recording with a search: what they print, write and refuse."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from workbench.analyses.search import measure_decision
from workbench.cli import main
from workbench.recording import open_recording

ENVIRONMENT = "tests.analyses.search.hand_made:WorkbenchTicTacToe-v0"
AGENT = "tests.analyses.search.hand_made:erring"
TRUST = ("--imports", "tests.analyses.search.hand_made")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("search") / "games.zarr"
    words = ["record", AGENT, ENVIRONMENT, "--episodes", "6", "--search-simulations", "80", "--out", str(out)]
    assert main(words) == 0
    return out


def call(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    status = main(["search", *map(str, words)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_search_is_recorded_by_the_command(made: Path) -> None:
    recording = open_recording(made)
    assert recording.searches
    trace = recording.search_trace(0)
    assert trace is not None
    assert trace.settings is not None
    assert trace.settings.simulations == 80


def test_the_rule_and_the_noise_are_the_search_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["record", AGENT, ENVIRONMENT, "--episodes", "1", "--search-simulations", "20"]
    assert main([*common, "--search-rule", "gumbel", "--out", str(tmp_path / "g.zarr")]) == 0
    noisy = ["--stochastic", "--search-noise", "0.25", "--search-temperature", "0.5"]
    assert main([*common, *noisy, "--out", str(tmp_path / "n.zarr")]) == 0
    assert open_recording(tmp_path / "g.zarr").search_trace(0).settings.rule == "gumbel"  # type: ignore[union-attr]
    assert open_recording(tmp_path / "n.zarr").search_trace(0).noise is not None  # type: ignore[union-attr]
    capsys.readouterr()


def test_one_decision_is_told(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, made, "--episode", 1, "--step", 2, "--solver", *TRUST)
    assert status == 0
    for words in ("move", "prior", "improved", "exact", "policy surprise", "principal variation", "by the solver:"):
        assert words in out
    status, out, _ = call(capsys, made, "--episode", 1, "--step", 2, "--simulations", 30, "--json")
    facts = json.loads(out)
    recording = open_recording(made)
    found = measure_decision(recording.search_trace(int(recording.episode(1).rows[2])), 30)  # type: ignore[arg-type]
    assert facts["simulations"] == 30
    assert sum(move["visits"] for move in facts["moves"]) == 30
    assert facts["surprise"] == found.surprise
    assert facts["moves"][0]["exact"] is None
    status, _, err = call(capsys, made, "--step", 0, "--out", tmp_path / "one.png")
    assert status == 0
    assert (tmp_path / "one.png").stat().st_size > 5000
    assert "one.png" in err


def test_all_decisions_are_told(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, made)
    assert status == 0
    assert "decisions of 6 episodes" in out
    assert "most surprising:" in out
    assert "solver" not in out
    words = ("--solver", "--uniform", "--group", "t < 2", "--worst", 3, "--out", tmp_path / "all.svg", *TRUST)
    status, out, _ = call(capsys, made, *words)
    assert status == 0
    assert "right overturn" in out
    assert "a search without the network" in out
    assert (tmp_path / "all.svg").exists()
    status, out, _ = call(capsys, made, "--solver", "--json", "--worst", 2, *TRUST)
    facts = json.loads(out)
    assert len(facts["most_surprising"]) == 2
    assert facts["means"]["search_right"]["mean"] >= facts["means"]["net_right"]["mean"]
    assert sum(one["mean"] for one in facts["verdicts"].values()) == pytest.approx(1)


def test_an_audit_passes_and_fails(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, made, "--audit")
    assert status == 0
    assert "are what their rules select" in out
    shutil.copytree(made, tmp_path / "changed.zarr")
    stored = zarr.open_group(tmp_path / "changed.zarr", mode="r+")["search/prior"]
    row = stored[1]  # type: ignore[index]
    row[:2] = [0.9, 0.0]
    stored[1] = row  # type: ignore[index]
    status, out, err = call(capsys, tmp_path / "changed.zarr", "--audit")
    assert status == 1
    assert "first divergence" in out
    assert "1 of" in err
    status, out, _ = call(capsys, tmp_path / "changed.zarr", "--audit", "--json")
    assert status == 1
    assert json.loads(out)["divergences"] == 1


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--simulations", 3), 2, "say which with --step"),
        (("--audit", "--step", 1), 2, "leave out --step"),
        (("--step", 0, "--uniform"), 2, "the whole recording"),
        (("--worst", -1), 2, "at least 0"),
        (("--out", "x.gif"), 2, "ends in .png, .svg, .pdf"),
        (("--step", 0, "--simulations", 999), 1, "simulations"),
        (("--episode", 99, "--step", 0), 1, "no episode 99"),
        (("--step", 99), 1, "no step 99"),
        (("--group", "mood"), 1, "mood"),
    ],
)
def test_what_is_refused(
    made: Path, words: tuple[Any, ...], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, err = call(capsys, made, *words)
    assert found == status
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--search-rule", "uct"), 2, "add --search-simulations"),
        (("--search-simulations", "1"), 1, "prior's favourite"),
        (("--search-simulations", "0"), 1, "2 to 1,000,000 simulations; got 0"),
        (("--search-simulations", "9", "--search-noise", "0.2"), 2, "leave it out"),
        (("--search-simulations", "9", "--search-temperature", "-1"), 2, "at least 0"),
    ],
)
def test_what_recording_refuses(
    words: tuple[str, ...], status: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", AGENT, ENVIRONMENT, "--out", str(tmp_path / "x.zarr"), *words]) == status
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.zarr").exists()


def test_an_environment_is_searched_told_and_audited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, agent = str(tmp_path / "lake.zarr"), "tests.search.environments.planning_agents:network"
    words = ["record", agent, "FrozenLake-v1", "--out", out, "--steps", "12", "--envs", "2"]
    assert main([*words, "--search-simulations", "20", "--search-discount", "0.9", "--search-rollouts", "9"]) == 0
    capsys.readouterr()
    recording = open_recording(out)
    settings = recording.search_trace(0).settings  # type: ignore[union-attr]
    assert settings is not None
    assert (settings.discount, settings.prove, settings.value_scale) == (0.9, False, "tree")
    status, said, _ = call(capsys, out, "--step", 1, "--simulations", 15)
    assert status == 0
    for part in (
        "action  visits",
        "FrozenLake-v1, puct, 15 of 20 simulations",
        "value (return, discount 0.9): one rollout",
        "values: random rollouts of at most 9 steps",
        "states saved by an adapter",
    ):
        assert part in said
    status, said, _ = call(capsys, out, "--step", 1, "--json")
    facts = json.loads(said)
    assert facts["environment"]["kind"] == "environment"
    row = int(recording.episode(facts["episode"]).rows[1])
    assert facts["played"] == recording.steps["action"][row] == facts["choice"]
    status, said, _ = call(capsys, out, "--json")
    assert json.loads(said)["decisions"] == 12
    assert call(capsys, out)[0] == 0
    status, said, _ = call(capsys, out, "--audit")
    assert (status, "of 12 searches are what their rules select" in said) == (0, True)
    for option, sentence in (("--solver", "has no exact solver"), ("--uniform", "are of an environment")):
        status, _, err = call(capsys, out, option)
        assert (status, sentence in err) == (1, True)


def test_an_environment_with_continuous_actions_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "x.zarr")
    agent = "tests.search.environments.planning_agents:continuous"
    assert main(["record", agent, "Pendulum-v1", "--out", out, "--search-simulations", "9"]) == 1
    assert "needs discrete actions" in capsys.readouterr().err
    assert not Path(out).exists()


def test_a_recording_without_searches_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "x.zarr")
    assert main(["record", AGENT, ENVIRONMENT, "--out", out, "--episodes", "1"]) == 0
    status, _, err = call(capsys, out)
    assert status == 1
    assert "--search-simulations" in err


def test_a_board_game_of_the_checkout_is_searched_and_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "game.zarr")
    words = ["--episodes", "2", "--search-simulations", "30", "--env-kwargs", "random_opening=3", "--out", out]
    assert main(["record", AGENT, "envs:TicTacToe-v0", *words]) == 0
    capsys.readouterr()
    status, said, _ = call(capsys, out, "--solver", "--json", "--imports", "envs")
    assert status == 0
    facts = json.loads(said)
    assert facts["means"]["decisive"]["steps"] == facts["decisions"]


def test_a_node_is_looked_into_by_its_moves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made, trust = tmp_path / "four.zarr", ("--imports", "tests.search.playing")
    words = ["record", "tests.search.playing:planner", "tests.search.playing:Playing-v0", "--episodes", "1"]
    assert main([*words, "--out", str(made)]) == 0
    capsys.readouterr()
    recording = open_recording(made)
    trace = recording.search_trace(0)
    assert trace is not None
    node = next(one for one in range(trace.nodes) if len(trace.path(one)) == 3 and not trace.terminal[one])
    names = recording.make_environment().unwrapped.game.action_names  # type: ignore[attr-defined]
    line = ",".join(names[move] for move in trace.moves(node))
    kept = tmp_path / "layers.npz"
    one = ("--episode", 0, "--step", 0, *trust)
    status, out, _ = call(capsys, made, *one, "--at", line, "--out", kept)
    assert status == 0
    assert f"node {node}, after {line.replace(',', ' ')}" in out
    status, out, _ = call(capsys, made, *one, "--at", line, "--method", "feature_ablation", "--json")
    facts = json.loads(out)
    assert facts["value"] == pytest.approx(float(trace.value[node]), abs=1e-5)
    assert facts["value_told"] == pytest.approx(float(trace.value[node]), abs=1e-5)
    assert facts["largest_difference"] < 1e-5
    assert sum(move["prior"] for move in facts["moves"]) == pytest.approx(1)
    assert [one["unit"] for one in facts["maps"]] == ["outcome", "nats"]
    assert all("fidelity" in one["evidence"] for one in facts["maps"])
    with np.load(kept) as arrays:
        assert {name.partition("/")[0] for name in arrays} == {"node", "root"}
        for layer in facts["layers"]:
            here, root = arrays[f"node/{layer['layer']}"], arrays[f"root/{layer['layer']}"]
            assert root == pytest.approx(recording.activations[layer["layer"]][0], abs=1e-5)
            assert layer["mean"] == pytest.approx(here.mean(), abs=1e-5)
            if layer["change"] is not None:
                assert layer["change"] == pytest.approx(np.linalg.norm(here - root) / np.linalg.norm(root), rel=1e-4)
    status, out, _ = call(capsys, made, *one, "--at", "root", "--json")
    assert json.loads(out)["node"] == 0
    assert {layer["change"] for layer in json.loads(out)["layers"]} <= {0.0, None}


def test_a_node_of_an_environment_is_looked_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out_path = tmp_path / "lake.zarr"
    agent = "tests.search.environments.planning_agents:planner"
    assert main(["record", agent, "FrozenLake-v1", "--steps", "3", "--out", str(out_path)]) == 0
    capsys.readouterr()
    trace = open_recording(out_path).search_trace(0)
    assert trace is not None
    deep = next(one for one in range(trace.nodes) if len(trace.path(one)) == 3 and not trace.terminal[one])
    line = ",".join(map(str, trace.moves(deep)))
    status, out, said = call(
        capsys, out_path, "--step", 0, "--at", line, "--json", "--imports", "tests.search.environments.planning_agents"
    )
    assert status == 0, said
    facts = json.loads(out)
    # Chance may have led to several nodes by the same actions: it is one of them.
    assert trace.moves(facts["node"]) == trace.moves(deep)
    assert facts["value_told"] == float(trace.value[facts["node"]])
    assert facts["largest_difference"] < 1e-5


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--at", "root"), "say which with --step"),
        (("--step", 0, "--method", "occlusion"), "say which with --at"),
        (("--step", 0, "--at", "root", "--solver"), "leave out --solver"),
        (("--step", 0, "--at", "root", "--set-value", "=0"), "leave out --set-prior and --set-value"),
        (("--step", 0, "--at", "root", "--out", "a.png"), "ends in .npz"),
        (("--audit", "--at", "root"), "leave out --at"),
        (("--step", 0, "--at", "z9"), "There is no move 'z9'"),
        (("--step", 0, "--at", "a1,a1"), "did not try a1 after a1"),
        (("--step", 0, "--at", "root", "--method", "magic"), "magic"),
    ],
)
def test_what_cannot_be_looked_into_is_a_sentence(
    words: tuple[Any, ...], sentence: str, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, said = call(capsys, made, *words, *TRUST)
    assert status != 0
    assert sentence in said
    assert "Traceback" not in said

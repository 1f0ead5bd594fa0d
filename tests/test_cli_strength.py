"""`workbench strength`, `workbench training-run` and what `workbench search` does beyond looking."""

import json
from pathlib import Path
from typing import Any

import pytest

import workbench
from envs.games import TIC_TAC_TOE
from tests.analyses.search.hand_made import Knowing, exact_values
from workbench.analyses.search.matches import draw_openings, playouts_player, solver_player
from workbench.analyses.search.strength import strength
from workbench.cli import main
from workbench.cli.playing import checkpoints_of
from workbench.cli.training_run import short_names
from workbench.errors import WorkbenchError
from workbench.recording import open_recording
from workbench.search import SearchSettings, view_node

MODULE = "tests.analyses.search.hand_made"
ENVIRONMENT = f"{MODULE}:WorkbenchTicTacToe-v0"
QUICK = ("--openings", 12, "--opening-moves", 3, "--positions", 24, "--position-moves", 4)


def call(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    status = main([str(word) for word in words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_strength_is_that_of_the_library(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("strength", f"{MODULE}:erring", ENVIRONMENT, *QUICK, "--simulations", 20, 200, "--opponent", "solver")
    status, out, err = call(capsys, *words, "--solver", "--json", "--out", tmp_path / "s.svg")
    assert status == 0
    assert "s.svg" in err
    facts = json.loads(out)
    openings = draw_openings(TIC_TAC_TOE, 12, 3, seed=0)
    curve = strength(TIC_TAC_TOE, Knowing(-0.25, 0.0), solver_player(TIC_TAC_TOE, exact_values), openings, (20, 200))
    assert facts["raw"]["score"] == curve.raw.score
    assert [one["score"] for one in facts["searched"]] == [one.score for one in curve.scores]
    assert facts["searched"][1]["effect"]["mean"] == pytest.approx(curve.effects[1].mean)
    right = facts["right_moves"]
    assert right["raw"]["share"] == 0
    assert right["searched"][1]["share"] > 0.7
    assert sum(one["count"] for one in right["groups"]) == right["decisive"]
    assert sum(one["count"] for one in facts["groups"]) == 12
    status, out, _ = call(capsys, *words[:-2], "--opponent", "random")
    assert status == 0
    for said in ("network alone", "planning effect", "Which openings profit", "in its lowest third"):
        assert said in out


def test_plain_tree_search_is_an_opponent_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--openings", 6, "--opening-moves", 3, "--seed", 4, "--opponent", "playouts:60")
    status, out, err = call(capsys, "strength", f"{MODULE}:erring", ENVIRONMENT, *words, "--simulations", 20, "--json")
    assert status == 0, err
    facts = json.loads(out)
    opponent, openings = playouts_player(TIC_TAC_TOE, 60, seed=4), draw_openings(TIC_TAC_TOE, 6, 3, seed=4)
    curve = strength(TIC_TAC_TOE, Knowing(-0.25, 0.0), opponent, openings, (20,), seed=4)
    assert facts["opponent"] == "plain UCT with 60 random play-outs"
    assert (facts["raw"]["score"], facts["searched"][0]["score"]) == (curve.raw.score, curve.scores[0].score)
    status, out, err = call(
        capsys, "training-run", ENVIRONMENT, f"{MODULE}:erring", *words, "--simulations", 20, "--positions", 9, "--json"
    )
    assert status == 0, err
    [first] = json.loads(out)["checkpoints"]
    assert first["net"]["score"] == curve.raw.score


def test_a_training_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("training-run", ENVIRONMENT, f"{MODULE}:erring", f"{MODULE}:knowing", *QUICK, "--simulations", 100)
    status, out, _ = call(capsys, *words, "--opponent", "solver", "--solver", "--json", "--out", tmp_path / "t.png")
    assert status == 0
    facts = json.loads(out)
    first, second = facts["checkpoints"]
    assert [first["name"], second["name"]] == ["erring", "knowing"]
    assert first["amplification"]["mean"] == pytest.approx(first["search"]["score"] - first["net"]["score"])
    # The second network knows what is right: all is learnt, nothing lost, and search adds nothing to it.
    assert (first["net_right"], second["net_right"]) == (0, 1)
    assert len(first["gained"]) == facts["decisive"]
    assert first["lost"] == []
    assert second["distilled"] is None
    gained, added = second["net"]["score"] - first["net"]["score"], first["amplification"]["mean"]
    assert first["distilled"]["fraction"] == pytest.approx(gained / added)
    assert 0 < first["gap_before"]["mean"] < 1
    assert (tmp_path / "t.png").stat().st_size > 5_000
    status, out, _ = call(capsys, *words, "--opponent", "network")
    assert status == 0
    for said in ("amplification A", "distilled", "KL(search ‖ next network)", "against the network alone"):
        assert said in out
    assert "by the solver" not in out


def test_checkpoints_are_named_and_found(tmp_path: Path) -> None:
    for number in (2, 10, 1):
        (tmp_path / f"step_{number}.zip").write_text("")
    found = checkpoints_of(["a:b", f"ppo:{tmp_path}/step_*.zip"])
    assert found == ["a:b", *(f"ppo:{tmp_path}/step_{number}.zip" for number in (1, 2, 10))]
    assert short_names(found[1:]) == ["1", "2", "10"]
    assert short_names(["m:run_000", "m:run_005"]) == ["000", "005"]
    assert short_names(["m:one", "m:one"]) == ["one", "one"]
    with pytest.raises(WorkbenchError, match="No file fits the pattern"):
        checkpoints_of([f"ppo:{tmp_path}/x*.zip"])


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--openings", 0), 2, "--openings must be at least 1"),
        (("--opponent", "uct"), 2, "takes its simulations"),
        (
            ("--opponent", "playouts:many"),
            2,
            "playouts takes its simulations, such as playouts:200; came 'playouts:many'",
        ),
        (("--opponent", "playouts:1"), 1, "2 to 1,000,000 simulations"),
        (("--opponent", "nobody"), 2, "is one of uct:N, playouts:N"),
        (("--out", "x.gif"), 2, "ends in .png"),
        (("--seed", -1), 2, "--seed must be at least 0"),
        (("--simulations", 1), 1, "2 to 1,000,000 simulations"),
        (("--openings", 100, "--opening-moves", 1), 1, "Only 9 different openings"),
    ],
)
@pytest.mark.parametrize("command", ["strength", "training-run"])
def test_what_playing_refuses(
    command: str, words: tuple[Any, ...], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    named = [f"{MODULE}:erring", ENVIRONMENT] if command == "strength" else [ENVIRONMENT, f"{MODULE}:erring"]
    found, _, err = call(capsys, command, *named, *words)
    assert found == status
    assert said in err
    assert "Traceback" not in err


def test_no_game_and_no_solver_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = call(capsys, "strength", f"{MODULE}:erring", "CartPole-v1")
    assert status == 1
    assert "CartPole-v1 plays no game whose rules are known" in err
    status, _, err = call(
        capsys, "strength", "tests.search.playing:planner", "tests.search.playing:Playing-v0", "--solver"
    )
    assert status == 1
    assert "has no exact solver" in err


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.analyses.search.strength.play_match", interrupted)
    status, _, err = call(capsys, "strength", f"{MODULE}:erring", ENVIRONMENT, *QUICK)
    assert status == 130
    assert "Interrupted" in err


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("changes") / "games.zarr"
    workbench.record("tests.search.playing:planner", "tests.search.playing:Playing-v0", out=out, episodes=6)
    return out


TRUST = ("--imports", "tests.search.playing")


def test_a_search_is_run_again_with_changes(planned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("search", planned, "--step", 0, "--episode", 0, *TRUST)
    status, out, _ = call(capsys, *words, "--set-value", "0=-1", "--set-prior", "1=0.4", "2=0.1", "--json")
    assert status == 0
    facts = json.loads(out)
    recording = open_recording(planned)
    trace = recording.search_trace(int(recording.episode(0).rows[0]))
    assert trace is not None
    moves = {one["action"]: one for one in facts["moves"]}
    assert {action: one["visits"] for action, one in moves.items()} == dict(
        zip(view_node(trace).action.tolist(), view_node(trace).visits.tolist(), strict=True)
    )
    # A position that is lost for the other side is gone to more often.
    assert moves[0]["visits_after"] > moves[0]["visits"]
    assert [moves[1]["prior_after"], moves[2]["prior_after"]] == pytest.approx([0.4, 0.1])
    assert facts["missing"] == ""
    assert facts["asked"] > 0
    assert facts["simulations_after"] == sum(one["visits_after"] for one in facts["moves"])
    status, out, _ = call(capsys, *words, "--set-value", "0=-1", "--keep", 100)
    assert status == 0
    assert "value" in out
    assert "positions are those of the trace" in out
    # Without the agent's code the search ends where its trace knows no more, and says so.
    assert main([str(word) for word in words[:-2]] + ["--set-value", "0=-1"]) == 0
    capsys.readouterr()


def test_look_ahead_is_told(planned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "search", planned, "--look-ahead", 2, "--json", *TRUST)
    assert status == 0
    facts = json.loads(out)
    recording = open_recording(planned)
    assert [one["layer"] for one in facts["layers"]] == list(recording.layers)
    assert facts["patching"] is None
    # An untrained network plans nothing.
    assert not any(one["seen"] for one in facts["layers"])
    status, out, _ = call(capsys, "search", planned, "--look-ahead", 2, *TRUST)
    assert "not shown" in out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--set-value", "0=1"), 2, "say which with --step"),
        (("--step", 0, "--keep", 3), 2, "give --set-prior or --set-value"),
        (("--step", 0, "--set-value", "0=high"), 2, "MOVES=VALUE"),
        (("--step", 0, "--set-prior", "0"), 2, "MOVE=PROBABILITY"),
        (("--step", 0, "--set-prior", "z=0.1"), 2, "There is no move 'z'"),
        (("--step", 0, "--set-prior", "0=2"), 1, "A probability is 0 to 1"),
        (("--step", 0, "--set-value", "0=1", "--uniform"), 2, "leave out --uniform"),
        (("--look-ahead", 0), 2, "at least 1"),
        (("--look-ahead", 2, "--step", 1), 2, "leave out --step"),
        (("--audit", "--look-ahead", 2), 2, "leave out --look-ahead"),
    ],
)
def test_what_search_refuses(
    planned: Path, words: tuple[Any, ...], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, err = call(capsys, "search", planned, *words)
    assert found == status
    assert said in err


def test_what_a_key_square_carries_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "game.zarr"
    spec = "tests.analyses.search.shifting:policy"
    workbench.record(spec, ENVIRONMENT, out=out, episodes=8, search=SearchSettings(simulations=20))
    trust = ("--imports", MODULE, "tests.analyses.search.shifting")
    status, said, err = call(capsys, "search", out, "--look-ahead", 1, "--solver", "--json", *trust)
    assert status == 0, err
    facts = json.loads(said)["patching"]
    layers = {one["layer"]: one for one in facts["layers"]}
    assert facts["pairs"] > 10
    # All of the first layer is all of the input.
    assert layers["near"]["whole"] == pytest.approx(facts["total"]["mean"], abs=1e-5)
    assert layers["near"]["at_key"] is not None

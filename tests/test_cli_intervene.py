"""`workbench intervene`: what it prints and refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench
from workbench.analyses.intervention import ablate, decision_effect, layer_values
from workbench.cli import main

LAYER = "mlp_extractor.policy_net.1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    out = tmp_path_factory.mktemp("intervene") / "cartpole.zarr"
    agent = f"ppo:{checkout / 'agents/cartpole/weights.zip'}"
    workbench.record(agent, "CartPole-v1", out=out, steps=90, seed=1, environments=3)
    return out


def call(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    status = main(["intervene", *map(str, words)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_an_ablation_agrees_with_python(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (made, "--layer", LAYER, "--units", 3, 5, "--ablate", "zero", "--sample", 20)
    status, out, _ = call(capsys, *words, "--json")
    assert status == 0
    facts = json.loads(out)["decisions"]
    recording = workbench.open_recording(made)
    policy = recording.policy()
    like = layer_values(recording, policy, LAYER, np.arange(90))
    expected = decision_effect(recording, policy, facts["rows"], [ablate(LAYER, [3, 5], like)])
    np.testing.assert_allclose(facts["after"], expected.after, atol=1e-6)
    assert len(facts["controls"]) == 20
    assert "random changes of the same size" in call(capsys, *words)[1]


def test_what_the_agent_is_shown_changes_what_it_does(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, made, "--set", "pole angle (rad)=0.2", "--rollouts", 3, "--json")
    assert status == 0
    measures = json.loads(out)["behaviour"]["measures"]
    assert len(measures["return"]["with"]) == 3
    assert max(measures["return"]["with"]) < min(measures["return"]["without"])


def test_a_vector_steers(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "v.npy", np.zeros(32, np.float32))
    status, out, _ = call(capsys, made, "--layer", LAYER, "--steer", tmp_path / "v.npy", "--scale", 4, "--json")
    assert status == 0
    facts = json.loads(out)["decisions"]
    np.testing.assert_allclose(facts["before"], facts["after"], atol=1e-6)


def test_the_search_lists_layers_and_units(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (made, "--episode", 0, "--step", 2, "--search-from", "1:9")
    status, out, _ = call(capsys, *words)
    assert status == 0
    assert "action_net" in out
    assert "log-odds of the action taken" in out
    facts = json.loads(call(capsys, *words, "--json", "--layer", LAYER)[1])
    assert [layer["layer"] for layer in facts["layers"]] == [LAYER]
    assert len(facts["layers"][0]["effects"]) == 32


def test_a_direction_between_steps_steers_by_several_scales(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (made, "--layer", LAYER, "--steer-toward", "action == 1", "--sample", 20, "--scale", -1, 0, 2)
    status, out, _ = call(capsys, *words, "--json")
    assert status == 0
    facts = json.loads(out)["sweep"]
    assert [one["scale"] for one in facts] == [-1, 0, 2]
    np.testing.assert_allclose(facts[1]["before"], facts[1]["after"], atol=1e-6)
    status, out, _ = call(capsys, *words)
    assert "steered by mean of mlp_extractor.policy_net.1 where action == 1" in out
    assert "share as large" in out


def test_what_another_recordings_agent_gave_is_patched_in(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (made, "--layer", LAYER, "--units", 1, 2, "--patch-from", "1:4", "--json")
    status, own, _ = call(capsys, *words)
    assert status == 0
    other = json.loads(call(capsys, *words, "--donor", made)[1])
    assert other["decisions"]["words"] == f"units 1, 2 of {LAYER} patched from step 1:4 of {made}"
    np.testing.assert_allclose(other["decisions"]["after"], json.loads(own)["decisions"]["after"])


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("intervene") / "maze.zarr"
    options = {"episodes": 2, "seed": 1, "env_kwargs": {"cheese": "anywhere"}}
    workbench.record("agents.cheese_maze:anywhere_agent", "envs:CheeseMaze-v0", out=out, **options)
    return out


def test_the_world_is_edited(maze: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = workbench.open_recording(maze)
    row = int(recording.episode(0).rows[0])
    free = np.argwhere(~recording.steps["truth/walls"][row])
    taken = [recording.steps[f"truth/{name}"][row].tolist() for name in ("mouse", "cheese")]
    square = next(one for one in free.tolist() if one not in taken)
    words = (maze, "--episode", 0, "--step", 0, "--edit", f"move_cheese row={square[0]} column={square[1]}")
    status, out, _ = call(capsys, *words, "--json")
    assert status == 0
    state = json.loads(out)["state"]
    assert state["words"] == f"move cheese (row {square[0]}, column {square[1]})"
    assert len(state["controls"]) == 20
    assert sum(state["after"]) == pytest.approx(1)
    assert "20 random edits of the same kind" in call(capsys, *words)[1]


def test_fields_and_visits_of_a_maze(maze: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (maze, "--episode", 0, "--step", 1, "--cover", "0,0,2,2=255", "--field", tmp_path / "field.png")
    status, out, err = call(capsys, *words, "--rollouts", 2, "--visits", "mouse", "--json")
    assert status == 0, err
    facts = json.loads(out)
    assert (tmp_path / "field.png").read_bytes()[1:4] == b"PNG"
    assert len(facts["field"]["arrows"]) == len(facts["field"]["arrows_after"]) == len(facts["field"]["squares"])
    assert np.sum(facts["behaviour"]["visits"]["with"]) == pytest.approx(1)
    status, out, err = call(capsys, *words)
    assert (status, "exists already" in err) == (1, True)
    status, out, _ = call(capsys, *words, "--overwrite", "--rollouts", 2, "--visits", "mouse")
    assert "where mouse is [% of steps]" in out
    assert "upper right" in out


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        ([], 2, "Nothing is changed"),
        (["--ablate", "zero"], 2, "needs --layer"),
        (["--layer", LAYER, "--ablate", "zero", "--clamp", 1], 2, "exclude each other"),
        (["--layer", "attic", "--ablate", "zero"], 1, "has no layer 'attic'"),
        (["--layer", LAYER, "--units", 99, "--clamp", 1], 1, "numbered from 0"),
        (["--layer", LAYER, "--patch-from", "first"], 2, "takes EPISODE:STEP"),
        (["--layer", LAYER, "--patch-from", "0:999"], 1, "has no step 999"),
        (["--layer", LAYER, "--steer", "nowhere.npy"], 1, "is no array"),
        (["--layer", LAYER, "--steer-toward", "speed > 2"], 1, "'speed' in 'speed > 2' was not recorded"),
        (["--layer", LAYER, "--steer-away", "action == 1", "--clamp", 1], 2, "needs --steer-toward"),
        (["--layer", LAYER, "--donor", "x.zarr", "--clamp", 1], 2, "needs --patch-from"),
        (["--layer", LAYER, "--clamp", 1, "--scale", 1, 2], 2, "need a vector"),
        (["--cover", "1,2=0"], 2, "takes [KEY:]TOP,LEFT,HEIGHT,WIDTH=VALUE"),
        (["--cover", "0,0,1,1=0"], 1, "is covered in pictures"),
        (["--edit", "move_cheese 3"], 2, "takes 'NAME KEY=VALUE …'"),
        (["--edit", "move_cheese row=1"], 1, "cannot be edited"),
        (["--edit", "x", "--sample", 3], 2, "is about one step"),
        (["--edit", "x", "--set", "0=1"], 2, "leave out --set"),
        (["--layer", LAYER, "--steer-toward", "action == 1", "--scale", 1, 2, "--set", "0=1"], 2, "leave out --set"),
        (["--set", "0=1", "--visits", "mouse"], 2, "needs --rollouts"),
        (["--set", "0=1", "--field", "x.png"], 1, "cannot be edited"),
        (["--set", "0=1", "--field", "x.txt"], 2, "writes .png, .svg or .pdf"),
        (["--set", "speed=2"], 2, "names: cart position (m)"),
        (["--set", "0=fast"], 2, "the value a number"),
        (["--set", "0=1", "--rollouts", 0], 2, "must be at least 1"),
        (["--search-from", "0:1", "--sample", 3], 2, "is about one step"),
        (["--set", "0=1", "--target", "q"], 1, "no q_values"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    made: Path, capsys: pytest.CaptureFixture[str], words: list[Any], status: int, expected: str
) -> None:
    came, _, err = call(capsys, made, *words)
    assert (came, expected in err) == (status, True), err
    assert "Traceback" not in err

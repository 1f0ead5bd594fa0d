"""`workbench intervene`: what it prints and refuses."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tyro

import workbench
from workbench.analyses.intervention import ablate, decision_effect, layer_values
from workbench.cli import main
from workbench.cli.intervene_checks import check
from workbench.cli.options import Options

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
    said = call(capsys, *words)[1]
    assert "20 different random changes of the same size" in said
    assert "probability of push right" in said
    assert facts["options"] == ["push left", "push right"]


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
    # Steering toward one action is measured by that action's number: every step moves the same way.
    assert 'log-odds of "push right", 20 steps' in out
    assert (np.array(facts[2]["after"]) > facts[2]["before"]).all()
    assert (np.array(facts[0]["after"]) < facts[0]["before"]).all()


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
    said = call(capsys, *words)[1]
    assert "20 different random edits of the same kind" in said
    assert "column 2), at episode 0, step 0" in said or "), at episode 0, step 0" in said
    assert "log-odds of up [nats]" in said


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
    assert "upper right (rows 0 to 5, columns 6 to 12)" in out


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
        (["--layer", LAYER, "--steer", "nowhere.npy"], 1, "There is no file 'nowhere.npy' to steer by."),
        (["--layer", LAYER, "--steer", __file__], 1, "should be an array of numbers that numpy.save wrote"),
        (["--layer", LAYER, "--steer-toward", "speed > 2"], 1, "'speed' in 'speed > 2' was not recorded"),
        (["--layer", LAYER, "--steer-away", "action == 1", "--clamp", 1], 2, "needs --steer-toward"),
        (["--layer", LAYER, "--donor", "x.zarr", "--clamp", 1], 2, "needs --patch-from"),
        (["--layer", LAYER, "--clamp", 1, "--scale", 1, 2], 2, "need a vector"),
        (["--cover", "1,2=0"], 2, "takes [KEY:]TOP,LEFT,HEIGHT,WIDTH=VALUE"),
        (["--cover", "0,0,1,1=0"], 1, "is covered in pictures"),
        (["--edit", "move_cheese 3"], 2, "takes 'NAME KEY=VALUE …'"),
        (["--edit", "move_cheese row=1"], 1, "--set and --cover change what the agent is shown instead"),
        (["--edit", "x", "--sample", 3], 2, "is about one step"),
        (["--edit", "x", "--set", "0=1"], 2, "leave out --set"),
        (["--layer", LAYER, "--steer-toward", "action == 1", "--scale", 1, 2, "--set", "0=1"], 2, "leave out --set"),
        (["--set", "0=1", "--visits", "mouse"], 2, "needs --rollouts"),
        (["--set", "0=1", "--field", "x.png"], 1, "cannot be edited"),
        (["--set", "0=1", "--field", "x.txt"], 2, "writes .png, .svg or .pdf"),
        (["--set", "speed=2"], 2, "There is no number 'speed'; there are: cart position (m)"),
        (["--set", "4=2"], 2, "There is no number '4'"),
        (["--set", "pole angle (rad)=nan"], 2, "--set takes a finite number; came 'pole angle (rad)=nan'"),
        (["--set", "0=-inf"], 2, "takes a finite number"),
        (["--layer", LAYER, "--clamp", "nan"], 2, "--clamp takes a finite number"),
        (["--layer", LAYER, "--steer-toward", "action == 1", "--scale", "inf"], 2, "--scale takes a finite number"),
        (["--cover", "0,0,1,1=nan"], 2, "--cover takes a finite number"),
        (["--layer", LAYER, "--ablate", "zero", "--scale", 3], 2, "it needs --steer or --steer-toward"),
        (["--layer", LAYER, "--units", 1, "--steer-toward", "action == 1"], 2, "added to all of the layer"),
        (["--layer", LAYER, "--set", "0=1"], 2, "--layer needs to be told what is done there"),
        (["--set", "0=1", "--controls", -1], 2, "--controls must be at least 0; it is -1."),
        (["--edit", "x", "--target", "value"], 2, "leave out --target"),
        (["--search-from", "0:1", "--units", 3], 2, "leave out --units"),
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


def test_what_is_wrong_with_the_command_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    """Nothing to change: neither torch is imported, nor the recording opened (there is none)."""
    program = (
        "import sys; from workbench.cli import main; "
        f"status = main(['intervene', {str(tmp_path / 'none.zarr')!r}]); "
        "assert (status, 'torch' in sys.modules, 'zarr' in sys.modules) == (2, False, False), status"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "Nothing is changed" in ended.stderr


@pytest.mark.sampled(2)
@pytest.mark.parametrize("command", ["intervene", "saliency"])
def test_all_modules_to_import_are_said_at_once(maze: Path, tmp_path: Path, command: str) -> None:
    words = [command, str(maze), *(["--layer", "summary.1", "--ablate", "zero"] if command == "intervene" else [])]
    program = f"import sys; from workbench.cli import main; sys.exit(main({words!r}))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1
    assert "add --imports envs agents.cheese_maze." in ended.stderr
    assert "import it yourself" not in ended.stderr


def test_the_examples_of_the_documentation_are_commands(checkout: Path) -> None:
    """Each is read as it stands, and what can be said against it without a recording is not said."""
    lines = re.findall(r"^    workbench (\w+ .*)$", (checkout / "docs/command-line.md").read_text(), re.MULTILINE)
    commands = [shlex.split(line) for line in lines if not re.search(r"[A-Z]{3,}|\[", line)]
    assert len(commands) >= 9
    for words in commands:
        options = tyro.cli(Options, args=words)
        if words[0] == "intervene":
            check(options)


def test_no_control_was_asked_for(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, made, "--layer", LAYER, "--ablate", "zero", "--controls", 0)
    assert "no control was asked for" in out

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
        (["--set", "speed=2"], 2, "names: cart position (m)"),
        (["--set", "0=fast"], 2, "the value a number"),
        (["--set", "0=1", "--rollouts", 0], 2, "must be at least 1"),
        (["--search-from", "0:1", "--sample", 3], 2, "patches into one step"),
        (["--set", "0=1", "--target", "q"], 1, "no q_values"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    made: Path, capsys: pytest.CaptureFixture[str], words: list[Any], status: int, expected: str
) -> None:
    came, _, err = call(capsys, made, *words)
    assert (came, expected in err) == (status, True), err
    assert "Traceback" not in err

"""`workbench saliency`: what it prints, writes and refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench
from workbench.analyses.saliency import prepare, saliency
from workbench.cli import main


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    out = tmp_path_factory.mktemp("saliency") / "cartpole.zarr"
    agent = f"ppo:{checkout / 'agents/cartpole/weights.zip'}"
    workbench.record(agent, "CartPole-v1", out=out, steps=90, seed=1, environments=3)
    return out


def call(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    status = main(["saliency", *map(str, words)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_one_step_in_words(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, made, "--episode", 1, "--step", 7, "--quick")
    assert status == 0
    assert out.startswith("integrated_gradients of log-odds of the action taken, at step 7 of episode 1\n")
    assert "pole angle (rad)" in out
    assert "causal check (rank correlation; all 4 regions; 64 donors)" in out
    assert "undecided: cannot be told from chance" in out
    assert "of all 24 orders" in out
    assert "AIM" not in out
    assert "random weights" not in out


def test_json_agrees_with_python(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, made, "--sample", 12, "--method", "kernel_shap", "--target", "value", "--json")
    assert status == 0
    facts = json.loads(out)
    recording = workbench.open_recording(made)
    maps = saliency(prepare(recording, facts["rows"], target="value"), "kernel_shap")
    np.testing.assert_allclose(facts["attributions"], maps.regions, rtol=1e-6)
    assert facts["regions"] == list(maps.region_names)
    assert facts["policy_disagreement"] < 1e-5
    assert facts["evidence"]["fidelity"]["deletion"]["steps"] == 12
    assert facts["evidence"]["sanity"]["stages"][-1].endswith("policy_net.0") or facts["evidence"]["sanity"]["stages"]


def test_several_methods_are_a_list(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, made, "--method", "gradient", "sarfa", "--quick", "--json")
    assert status == 0
    found = json.loads(out)
    assert [facts["method"] for facts in found] == ["gradient", "sarfa"]
    assert list(found[0]["agreement"]) == ["sarfa"]
    assert found[0]["agreement"]["sarfa"] == found[1]["agreement"]["gradient"]
    _, out, _ = call(capsys, made, "--method", "gradient", "sarfa", "--quick")
    assert "agreement, rank correlation of |attribution| (n = 1)" in out


def test_arrays_and_pictures_are_written(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("x.npz", "x.png"):
        assert call(capsys, made, "--quick", "--out", tmp_path / name)[0] == 0
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays["regions"].shape == (1, 4)
        assert arrays["deletion/random"].shape == arrays["deletion/map"].shape
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    status, _, err = call(capsys, made, "--quick", "--out", tmp_path / "x.npz")
    assert status == 1
    assert "exists already" in err


def test_the_map_does_not_depend_on_the_seed_and_is_that_of_python(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [
        json.loads(call(capsys, made, "--episode", 0, "--step", 3, "--quick", "--seed", seed, "--json")[1])
        for seed in (0, 1)
    ]
    np.testing.assert_array_equal(found[0]["attributions"], found[1]["attributions"])
    maps = saliency(prepare(workbench.open_recording(made), found[0]["rows"], seed=7, background_steps=64))
    np.testing.assert_allclose(found[0]["attributions"], maps.regions, rtol=1e-6)


def test_regions_that_are_not_listed_are_counted(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, made, "--layer", "mlp_extractor.policy_net.0", "--quick", "--method", "gradient")
    count = workbench.open_recording(made).activations["mlp_extractor.policy_net.0"].shape[1]
    assert f"… and {count - 10} more" in out


def test_of_the_value_there_is_no_aim(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "AIM" not in call(capsys, made, "--sample", 8, "--target", "value", "--quick")[1]
    assert "AIM" in call(capsys, made, "--sample", 8, "--quick")[1]


def test_an_agent_is_built_where_its_environment_is_not(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that it needs of it are the spaces, and those are recorded."""
    copy = tmp_path / "elsewhere.zarr"
    shutil.copytree(made, copy)
    metadata = copy / "zarr.json"
    metadata.write_text(metadata.read_text().replace('"id": "CartPole-v1"', '"id": "far_away:CartPole-v1"'))
    with pytest.raises(workbench.WorkbenchError, match="far_away"):
        workbench.open_recording(copy).make_environment()
    status, out, err = call(capsys, copy, "--quick", "--episode", 0)
    assert status == 0, err
    assert "pole angle (rad)" in out


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (["--sample", 3, "--step", 1], 2, "leave out --episode and --step"),
        (["--sample", 0], 2, "must be at least 1"),
        (["--step", 999], 1, "has no step 999"),
        (["--episode", 99], 1, "There is no episode 99"),
        (["--target", "q"], 1, "no q_values"),
        (["--target", "taste"], 1, "There is no target"),
        (["--method", "astrology"], 1, "There is no method"),
        (["--method", "grad_cam"], 1, "is for images"),
        (["--layer", "attic"], 1, "has no layer 'attic'"),
        (["--baseline", "blurred"], 1, "is for images"),
        (["--imports", "nowhere_at_all"], 1, "cannot be imported"),
        (["--out", "x.txt"], 2, "ends in .png"),
        (["--out", "no/such/folder/x.png"], 2, "There is no folder no/such/folder; make it first."),
        (["--seed", -1], 2, "--seed must be at least 0; it is -1."),
        (["--window", 4], 1, "for agents with a memory"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    made: Path, capsys: pytest.CaptureFixture[str], words: list[Any], status: int, expected: str
) -> None:
    came, _, err = call(capsys, made, "--quick", *words)
    assert (came, expected in err) == (status, True), err
    assert "Traceback" not in err

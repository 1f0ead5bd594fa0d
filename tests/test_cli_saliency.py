"""`workbench saliency`: what it prints, writes and refuses."""

import json
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
    assert "causal check (rank correlation)" in out
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
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    made: Path, capsys: pytest.CaptureFixture[str], words: list[Any], status: int, expected: str
) -> None:
    came, _, err = call(capsys, made, "--quick", *words)
    assert (came, expected in err) == (status, True), err
    assert "Traceback" not in err

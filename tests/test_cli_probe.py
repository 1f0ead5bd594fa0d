"""`workbench probe` beyond whole layers: squares, pushes, and the course of a training."""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from workbench.analyses.probing import KINDS
from workbench.analyses.probing.mistakes import MOST_LISTED
from workbench.analyses.probing.pair_probe import load_pair_probe
from workbench.cli.analysis_options import ProbeKindName
from workbench.cli.main import main
from workbench.cli.probe import MOST_MISTAKES
from workbench.recording import open_recording, record

LAYER = "mlp_extractor.policy_net.1"


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    out = tmp_path_factory.mktemp("probe") / "cartpole.zarr"
    record(f"ppo:{checkout / 'agents/cartpole/weights.zip'}", "CartPole-v1", out=out, episodes=6, layers=[LAYER])
    return out


@pytest.mark.torture
def test_a_class_is_pushed_in_the_live_agent(cartpole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["probe", str(cartpole), "--push", "push right", "--concept", "action", "--layer", LAYER, "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert status == 0
    assert set(facts["use"]) == {"taken out", "swapped", "pushed by 1 sd"}
    assert [one["scale"] for one in facts["follows"]] == [1, 2, 4]
    assert facts["follows"][0]["without"]["mean"] == 0
    assert facts["follows"][2]["pushed"]["mean"] >= facts["follows"][0]["pushed"]["mean"]


def test_checkpoints_stand_side_by_side(cartpole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["probe", str(cartpole), "--beside", str(cartpole), "--layer", LAYER, "--no-random-network"]
    assert main(words) == 0
    assert "decodable from" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    [surface] = json.loads(capsys.readouterr().out)["surfaces"]
    assert surface["scores"][0] == surface["scores"][1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--squares", "1", "--push", "x"], "exclude each other"),
        (["--follows", "action == 1"], "give --push CLASS"),
        (["--push", "x"], "takes one --concept and one --layer"),
        (["--squares", "1", "--kind", "mlp"], "leave out --kind"),
        (["--pair", LAYER, LAYER, "--layer", LAYER], "leave out --layer"),
        (["--pair", LAYER, LAYER, "--out", "x.npz"], "of one --concept"),
        (["--layer", LAYER, "--concept", "action", "t", "--out", "x.npz"], "and 2 would be made"),
        (["--layer", LAYER, "--concept", "action", "--out", "x.pkl"], "ends in .npz"),
        (["--squares", "3"], "at least one concept and one layer"),
    ],
)
def test_what_does_not_go_together_is_said(
    words: list[str], said: str, cartpole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", str(cartpole), *words]) != 0
    assert said in capsys.readouterr().err


def test_two_places_are_probed_together_and_kept(
    cartpole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pair.npz"
    words = ["probe", str(cartpole), "--pair", LAYER, LAYER, "--concept", "action"]
    assert main([*words, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "together [95 %]" in told
    assert "side by side" in told
    recording = open_recording(cartpole)
    said = load_pair_probe(out).apply(recording).argmax(axis=1)
    assert np.mean(said == recording.steps["action"][:]) > 0.8
    assert main([*words, "--json"]) == 0
    [facts] = json.loads(capsys.readouterr().out)["pairs"]
    assert facts["first"] == facts["second"] == LAYER
    assert 0.5 < facts["additive"]["score"]["value"] <= 1
    assert main([*words[:4], "attic", "--concept", "action"]) == 1
    assert "'attic' was not recorded" in capsys.readouterr().err


def test_what_the_options_know_is_what_the_analysis_has() -> None:
    assert get_args(ProbeKindName) == tuple(kind.name for kind in KINDS)
    assert MOST_MISTAKES == MOST_LISTED


WRONG = (
    (["probe", "--layer", "attic"], "attic"),
    (["probe", "--concept", "truth.attic"], "attic"),
    (["probe", "--concept", "action", "--layer", LAYER, "--push", "fly"], "no class 'fly'; its classes are"),
    (["atlas", "--layer", "attic"], "attic"),
    (["atlas", "--layer", LAYER, "--colour", "truth.attic", "--out", "x.png"], "attic"),
    (["features", "--layer", "attic"], "attic"),
    (["features", "--layer", "attic", "--units"], "attic"),
)


def test_wrong_names_are_said_before_anything_heavy_is_imported(cartpole: Path) -> None:
    """In a process of its own: this one has imported everything."""
    script = f"""
import sys
from workbench.cli.main import main
for words, _ in {WRONG!r}:
    assert main([words[0], {str(cartpole)!r}, *words[1:]]) == 1, words
heavy = {{"torch", "sklearn", "scipy", "matplotlib"}} & set(sys.modules)
assert not heavy, heavy
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    for line, (_, said) in zip(ended.stderr.splitlines(), WRONG, strict=True):
        assert said in line

"""`workbench features` from the words to the output."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench
from workbench.cli.main import main


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    out = tmp_path_factory.mktemp("cli") / "cartpole.zarr"
    workbench.record(f"ppo:{checkout / 'agents/cartpole/weights.zip'}", "CartPole-v1", out=out, steps=300, seed=1)
    return out


LAYER = "mlp_extractor.policy_net.3"


def run(capsys: Any, *words: Any, status: int = 0) -> tuple[str, str]:
    assert main(["features", *map(str, words)]) == status
    said = capsys.readouterr()
    return said.out, said.err


def test_features_are_made_kept_drawn_and_applied(cartpole: Path, tmp_path: Path, capsys: Any) -> None:
    out, figure, training = (tmp_path / name for name in ("f.npz", "sheet.png", "training.npz"))
    words = ("--layer", LAYER, "--count", 8, "--updates", 60, "--rollouts", 2, "--effects", 1)
    text, _ = run(capsys, cartpole, *words, "--out", out, "--figure", figure, "--resume", training)
    assert "8 features of mlp_extractor.policy_net.3: sparse autoencoder (top-1), 60 of 60 updates" in text
    for said in ("principal components", "agent as it is", "through the features", "layer at its mean", "dead (never"):
        assert said in text
    assert figure.read_bytes().startswith(b"\x89PNG")
    again, _ = run(capsys, cartpole, "--features", out, "--json", "--rollouts", 2, "--effects", 1)
    facts = json.loads(again)
    assert facts["count"] == 8
    assert len(facts["features"]) == 8
    assert facts["substitution"]["unchanged"]["episodes"] == 2
    assert facts["features"][0]["density"] >= 0
    with np.load(training, allow_pickle=False) as kept:
        assert json.loads(str(kept["facts"][()]))["done"] == 60
    _, complaint = run(capsys, cartpole, *words, "--out", out, status=1)
    assert "exists already" in complaint


def test_units_are_told(cartpole: Path, capsys: Any) -> None:
    text, _ = run(capsys, cartpole, "--layer", LAYER, "--units")
    assert "32 units of mlp_extractor.policy_net.3 (Tanh), 300 steps" in text
    facts = json.loads(run(capsys, cartpole, "--layer", LAYER, "--units", "--json")[0])
    assert len(facts["redundancy"]) == 32
    assert {"observation[2]", "action_in:3"} <= {one["concept"] for one in facts["tuning"]}


def test_wrong_words_are_one_sentence(cartpole: Path, tmp_path: Path, capsys: Any) -> None:
    for words, status, message in (
        ((), 2, "Name the layer"),
        (("--layer", "attic"), 1, "attic"),
        (("--layer", LAYER, "--out", tmp_path / "x.pkl"), 2, "ends in .npz"),
        (("--features", tmp_path / "x.npz"), 1, "holds no features"),
        (("--layer", LAYER, "--method", "nmf", "--resume", tmp_path / "x.npz"), 1, "no checkpoint"),
    ):
        _, complaint = run(capsys, cartpole, *words, status=status)
        assert message in complaint
        assert "Traceback" not in complaint

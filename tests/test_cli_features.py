"""`workbench features` from the words to the output."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench
from workbench.analyses.representation.features import load_features
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


@pytest.mark.torture
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


@contextlib.contextmanager
def _ctrl_c_when_there(path: Path) -> Iterator[None]:
    """Interrupt this process, as a terminal does, once a file is there."""
    over = threading.Event()

    def wait() -> None:
        deadline = time.monotonic() + 60
        while not path.exists() and not over.is_set() and time.monotonic() < deadline:
            time.sleep(0.01)
        if path.exists() and not over.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        yield
    finally:
        over.set()
        waiting.join()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_keeps_what_was_made(cartpole: Path, tmp_path: Path, capsys: Any) -> None:
    out, training = tmp_path / "f.npz", tmp_path / "training.npz"
    words = (cartpole, "--layer", LAYER, "--count", 8, "--quick", "--out", out, "--resume", training)
    before = signal.getsignal(signal.SIGINT)
    with _ctrl_c_when_there(training):
        text, complaint = run(capsys, *words, "--updates", 1_000_000, status=130)
    assert signal.getsignal(signal.SIGINT) is before, "Ctrl-C is what it was"
    assert "8 features of" in text, "what was made is looked at"
    assert f"go on with --resume {training}" in complaint
    assert len(complaint.splitlines()) == 2, complaint
    with np.load(training, allow_pickle=False) as kept:
        done = json.loads(str(kept["facts"][()]))["done"]
    assert 0 < done < 1_000_000
    assert load_features(out).count == 8
    # It goes on from there.
    text, _ = run(capsys, *words, "--updates", done + 5, "--overwrite")
    assert f"{done + 5} of {done + 5} updates" in text

"""`workbench highlights`: what it prints, writes and refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

import workbench
from workbench.analyses.highlights import highlights
from workbench.cli import main


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    out = tmp_path_factory.mktemp("highlights") / "cartpole.zarr"
    agent = f"ppo:{checkout / 'agents/cartpole/weights.zip'}"
    workbench.record(agent, "CartPole-v1", out=out, steps=300, seed=1, environments=3)
    return out


def call(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    status = main(["highlights", *map(str, words)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_moments_are_told_in_words(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, made, "--count", 3, "--length", 20)
    assert status == 0
    assert out.startswith("log_probability_spread: log-probability of the likeliest action")
    assert "push left with " in out
    assert "HIGHLIGHTS-DIV: important" in out
    assert "moments drawn at random (10 reels)" in out


def test_json_agrees_with_python(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--measure", "abs(observation[2])", "--no-diverse", "--layer", "action_net", "--seed", 2, "--json")
    status, out, _ = call(capsys, made, *words)
    assert status == 0
    facts = json.loads(out)
    found = highlights(
        workbench.open_recording(made), measure="abs(observation[2])", diverse=False, layer="action_net", seed=2
    )
    assert [one["row"] for one in facts["moments"]] == [one.row for one in found.moments]
    assert facts["reels"][2]["coverage"]["mean"] == found.reels[2].coverage.mean
    assert facts["states"] == "the layer action_net"


def test_the_measures_are_listed(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "value_change" in call(capsys, made, "--measures")[1]
    assert json.loads(call(capsys, made, "--measures", "--json")[1])[0] == "log_probability_spread"


def test_a_reel_is_written_and_not_over_another(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "reel.html"
    assert call(capsys, made, "--out", out)[0] == 0
    assert "mountReel" in out.read_text()
    status, _, err = call(capsys, made, "--out", out)
    assert status == 1
    assert "exists already" in err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--out", "reel.avi"), 2, "ends in .html, .mp4, .gif, .png"),
        (("--diverse", "--no-diverse"), 2, "exclude each other"),
        (("--measure", "q_gap"), 1, "q_values was not recorded"),
        (("--interval", 3), 1, "overlap"),
        (("--layer", "mood"), 1, "mood"),
    ],
)
def test_what_is_refused(
    made: Path, words: tuple[Any, ...], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, err = call(capsys, made, *words)
    assert found == status
    assert said in err
    assert "Traceback" not in err

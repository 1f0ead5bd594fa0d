"""`workbench probe` beyond whole layers: squares, pushes, and the course of a training."""

import json
from pathlib import Path

import pytest

from workbench.cli.main import main
from workbench.recording import record

LAYER = "mlp_extractor.policy_net.1"


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    out = tmp_path_factory.mktemp("probe") / "cartpole.zarr"
    record(f"ppo:{checkout / 'agents/cartpole/weights.zip'}", "CartPole-v1", out=out, episodes=6, layers=[LAYER])
    return out


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
        (["--squares", "3"], "at least one concept and one layer"),
    ],
)
def test_what_does_not_go_together_is_said(
    words: list[str], said: str, cartpole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", str(cartpole), *words]) != 0
    assert said in capsys.readouterr().err

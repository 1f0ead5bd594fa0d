"""What every command refuses before it reads or computes anything."""

from pathlib import Path

import pytest

from workbench.cli import main

COMMANDS = {
    "record": ["record", "ppo:nowhere.zip", "CartPole-v1"],
    "saliency": ["saliency", "nowhere.zarr"],
    "intervene": ["intervene", "nowhere.zarr"],
    "probe": ["probe", "nowhere.zarr"],
}
OUTPUTS = {
    "export": ["export", "nowhere.zarr", "--format", "csv", "--out"],
    "saliency": ["saliency", "nowhere.zarr", "--out"],
    "intervene": ["intervene", "nowhere.zarr", "--field"],
    "probe": ["probe", "nowhere.zarr", "--out"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_seed_is_not_below_zero(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMANDS[command], "--seed", "-1"]) == 2
    assert capsys.readouterr().err == "--seed must be at least 0; it is -1.\n"


@pytest.mark.parametrize("command", OUTPUTS)
def test_the_folder_of_an_output_is_there(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "none"
    assert main([*OUTPUTS[command], str(folder / "x.png")]) == 2
    assert capsys.readouterr().err == f"There is no folder {folder}; make it first.\n"
    assert not folder.exists()
    folder.write_text("")
    assert main([*OUTPUTS[command], str(folder / "x.png")]) == 2
    assert "is no folder" in capsys.readouterr().err

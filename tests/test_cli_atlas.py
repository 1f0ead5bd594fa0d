"""`workbench atlas`: what it prints, draws and refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

import workbench
from tests.analyses.representation.planted import record_shapes
from workbench.analyses.representation import cluster_layer, map_layer
from workbench.cli import main


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("atlas") / "shapes.zarr"
    record_shapes(out, episodes=8)
    return out


def call(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    status = main(["atlas", *map(str, words)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_it_says_what_python_says_and_draws_it(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "map.png"
    words = (made, "--layer", "groups", "--clusters", 3, "--colour", "cluster", "--path", 2, "--out", picture)
    status, out, _ = call(capsys, *words, "--json")
    assert status == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    [facts] = json.loads(out)["layers"]
    recording = workbench.open_recording(made)
    found, clusters = map_layer(recording, "groups"), cluster_layer(recording, "groups", 3)
    assert facts["trustworthiness"]["map"]["mean"] == found.trust.value.mean
    assert facts["clusters"]["steps"] == clusters.steps.tolist()
    assert facts["clusters"]["examples"] == clusters.examples.tolist()
    assert sum(map(sum, facts["clusters"]["transitions"])) == len(recording) - 8
    said = call(capsys, *words, "--overwrite")[1]
    assert "adjusted Rand index" in said
    assert "all 320 steps of 8 episodes" in said


def test_all_layers_but_those_that_cannot_be_mapped(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, made, "--similarity")
    assert status == 0
    assert "Left out: constant: The layer constant is the same" in out
    assert "Left out: broken: The layer broken holds numbers that are not finite" in out
    assert "Linear CKA" in out


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        (("--layer", "attic"), "'attic' was not recorded", 1),
        (("--out", "map.gif"), "ends in .png, .svg, .pdf; came 'map.gif'", 2),
        (("--out", "map.png"), "--out draws the map of one layer, and", 2),
        (("--clusters", "many"), "a whole number or auto; came 'many'", 2),
        (("--layer", "sheet", "--points", "3"), "5 to 50,000 points; came 3", 1),
        (("--layer", "sheet", "--colour", "mood", "--out", "map.png"), "'mood' was not recorded", 1),
    ],
)
def test_what_it_refuses_is_one_sentence(
    made: Path, words: tuple[str, ...], message: str, status: int, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    ended, _, said = call(capsys, made, *words)
    assert ended == status
    assert message in " ".join(said.split())

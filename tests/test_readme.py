"""What the README says can be done is done here: its commands and its Python example are executed."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench
from workbench.cli import main

CHECKOUT = Path(__file__).resolve().parent.parent
README = (CHECKOUT / "README.md").read_text()
READING = (CHECKOUT / "docs" / "reading.md").read_text()
SALIENCY = (CHECKOUT / "docs" / "saliency.md").read_text()
INTERVENTIONS = (CHECKOUT / "docs" / "interventions.md").read_text()
PROBING = (CHECKOUT / "docs" / "probing.md").read_text()
POLICIES = (CHECKOUT / "docs" / "policies.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that looks like the checkout to the commands, and that they may write to."""
    for name in ("agents", "envs"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    return tmp_path


@pytest.fixture(scope="module")
def recorded_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the recording that the README's example makes."""
    place = tmp_path_factory.mktemp("place")
    for name in ("agents", "envs"):
        (place / name).symlink_to(CHECKOUT / name)
    [line] = [line for line in blocks(README, "python")[0].splitlines() if "workbench.record(" in line]
    with contextlib.chdir(place):
        exec(f"import workbench\n{line}", {})
    return place


def execute(command: list[str] | str, place: Path) -> "subprocess.CompletedProcess[str]":
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": os.pathsep.join((scripts, os.environ["PATH"]))}
    run = subprocess.run(
        command, cwd=place, shell=isinstance(command, str), env=environment, capture_output=True, text=True, timeout=240
    )
    assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
    return run


def test_the_python_example_runs_and_is_five_lines(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = blocks(README, "python")
    statements = [line for line in example.splitlines() if line.strip()]
    assert len(statements) == 5
    told = execute([sys.executable, "-c", example], place).stdout
    [units] = re.findall(r"# \(steps, (\d+)\)", example)
    assert re.search(rf"^\(\d+, {units}\)$", told, re.MULTILINE)
    monkeypatch.chdir(place)
    exec(example, {})  # it can be run again as it is printed


def test_the_examples_of_reading_run(recorded_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded_place)
    told: dict[str, Any] = {}
    for example in blocks(READING, "python"):
        exec(example, told)
    assert told["replay"].exact
    np.testing.assert_array_equal(told["choice"].actions, told["episode"].column("action")[:5])
    assert set(told["tree"].children) == {"steps", "activations", "state", "episodes", "agent"}


def test_the_example_of_saliency_runs(recorded_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded_place)
    told: dict[str, Any] = {}
    [example] = blocks(SALIENCY, "python")
    exec(example, told)
    assert told["maps"].regions.shape == (40, 4)


def test_the_example_of_interventions_runs(recorded_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded_place)
    told: dict[str, Any] = {}
    for example in blocks(INTERVENTIONS, "python"):
        exec(example, told)
    assert len(told["lived"].seeds) == 10
    assert told["swept"].chance is not None


def test_the_example_of_probing_runs(recorded_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded_place)
    told: dict[str, Any] = {}
    workbench.record("ppo:agents/cartpole/weights.zip", "CartPole-v1", out="runs/cartpole.zarr", episodes=4)
    [example] = blocks(PROBING, "python")
    exec(example, told)
    assert [one.concept for one in told["found"]] == ["observation[2] > 0", "action_in:3"]


def test_the_shell_commands_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [commands] = blocks(README, "sh")
    lines = commands.strip().splitlines()
    for command in lines:
        execute(command, place)
    monkeypatch.chdir(place)
    for again in (shlex.split(line) for line in lines if "--out" in line):
        # Those that write can be run again as they are printed.
        assert (again[0], main(again[1:])) == ("workbench", 0)
    assert (place / "runs" / "cartpole.html").stat().st_size > 10_000


def test_the_example_of_a_cleanrl_agent_records(place: Path) -> None:
    example = blocks(POLICIES, "python")[0]
    (place / "my_agents.py").write_text(example)
    [command] = re.findall(r"^    (workbench record my_agents:make_agent CartPole-v1 .*)$", POLICIES, re.MULTILINE)
    execute(command, place)
    [made] = (place / "runs").iterdir()
    assert made.name == "my_agents-make_agent-CartPole-v1-seed0.zarr"


@pytest.mark.parametrize("command", re.findall(r"^    make (\w+)", README, re.MULTILINE))
def test_the_make_targets_exist(command: str) -> None:
    execute(["make", "--dry-run", command], CHECKOUT)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *sorted(
    str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "docs").rglob("*.md")
)])  # fmt: skip
def test_links_lead_somewhere(page: str) -> None:
    path = CHECKOUT / page
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{page} links to {target}, which is not there"


def test_the_command_line_page_names_every_option() -> None:
    import dataclasses

    from workbench.cli.main import RUNNERS

    page = (CHECKOUT / "docs" / "command-line.md").read_text()
    for command in RUNNERS:
        for field in dataclasses.fields(command):
            if field.name not in ("policy", "environment", "recording", "folder"):
                assert f"--{field.name.replace('_', '-')}" in page


def test_the_format_page_names_every_attribute_and_column(place: Path) -> None:
    import workbench

    page = (CHECKOUT / "docs" / "recording-format.md").read_text()
    recording = workbench.record(
        f"ppo:{CHECKOUT}/agents/cartpole/weights.zip", "CartPole-v1", episodes=1, frames=True, out=place / "a.zarr"
    )
    names = [*recording.attributes, *recording.steps, *recording.episodes, *(recording.attributes["environment"] or {})]
    # Labels are told by their pattern: each environment has its own.
    patterns = {"truth/": "`truth/<name>`", "final_truth/": "`final_truth/<name>`"}
    told = [next((words for start, words in patterns.items() if name.startswith(start)), f"`{name}`") for name in names]
    assert not [words for words in told if words not in page]


@pytest.mark.torture
def test_the_example_of_a_recurrent_agent_records(place: Path) -> None:
    pytest.importorskip("ale_py")
    example = blocks(POLICIES, "python")[1]
    (place / "my_a3c.py").write_text(example)
    [command] = re.findall(r"^    (workbench record my_a3c:make_agent Pong-v4 .*)$", POLICIES, re.MULTILINE)
    execute(command.replace("--episodes 3", "--steps 20 --envs 2"), place)
    told = "import workbench; r = workbench.open_recording('runs/a3c.zarr'); print(r.state['memory'].shape[1:], len(r))"
    assert execute([sys.executable, "-c", told], place).stdout.startswith("(256,) ")

"""A recording names modules; none runs because of that."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import workbench
from workbench.recording.named_modules import may_use


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stranger's folder: a recording, and modules called as those that it names."""
    folder = tmp_path_factory.mktemp("stranger")
    workbench.record("agents.cheese_maze:corner_agent", "envs:CheeseMaze-v0", steps=5, out=folder / "x.zarr")
    for name in ("agents/__init__", "agents/cheese_maze", "envs", "minigrid", "ale_py"):
        module = folder / f"{name}.py"
        module.parent.mkdir(exist_ok=True)
        module.write_text("open('executed', 'w')\n")
    return folder


CALLS = {
    "recording.make_environment()": "envs",
    "recording.replay(2)": "envs",
    "recording.policy()": "envs",
    "recording.policy('an environment')": "agents.cheese_maze",
} | {
    f"EnvironmentSpecification(id={name!r}, kwargs={{}}, wrappers=()).make(trusted_only=True)": ""
    for name in ("MiniGrid-Empty-5x5-v0", "ALE/Pong-v5", "Pong-v4", "minigrid:MiniGrid-Empty-5x5-v0")
}
"""What would import a module, each with the module that is named; `""` for one of a known package's."""

PROGRAM = """
import json, sys
import workbench
from workbench.recording import EnvironmentSpecification

recording, told = workbench.open_recording("x.zarr"), {}
for call in json.loads(sys.argv[1]):
    try:
        eval(call)
        told[call] = ""
    except workbench.WorkbenchError as error:
        told[call] = str(error)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, str]:
    """What each call says in a process that has imported nothing of what is named, and stands in that folder."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(list(CALLS))]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    answers: dict[str, str] = json.loads(ended.stdout)
    return answers


@pytest.mark.parametrize("call", CALLS)
def test_modules_beside_a_recording_do_not_run(call: str, told: dict[str, str], folder: Path) -> None:
    assert "is not imported because a recording names it" in told[call]
    if module := CALLS[call]:
        assert f"The module '{module}' is not imported" in told[call]
        assert f"import it yourself first: import {module.partition('.')[0]}" in told[call]
    assert not (folder / "executed").exists()


def test_what_was_imported_is_used(folder: Path) -> None:
    import agents  # noqa: F401
    import envs  # noqa: F401

    recording = workbench.open_recording(folder / "x.zarr")
    assert recording.replay(4).exact
    assert recording.policy().spec == "agents.cheese_maze:corner_agent"


def test_which_modules_may_be_used() -> None:
    pytest.importorskip("minigrid")
    assert may_use("minigrid")
    assert may_use("workbench.policies")
    for module in ("os", "subprocess", "sys", "no_such_module", ""):
        assert not may_use(module)

"""A recording names modules; none runs because of that."""

import subprocess
import sys
from pathlib import Path

import pytest

import workbench
from workbench.recording.named_modules import may_use

OPEN = "import workbench; recording = workbench.open_recording('x.zarr'); "


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


def run(statement: str, folder: Path) -> str:
    ended = subprocess.run([sys.executable, "-c", OPEN + statement], cwd=folder, capture_output=True, text=True)
    return "" if ended.returncode == 0 else ended.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("statement", "module"),
    [
        ("recording.make_environment()", "envs"),
        ("recording.replay(2)", "envs"),
        ("recording.policy()", "envs"),
        ("recording.policy('an environment')", "agents.cheese_maze"),
    ],
)
def test_modules_beside_a_recording_do_not_run(statement: str, module: str, folder: Path) -> None:
    message = run(statement, folder)
    assert f"The module '{module}' is not imported because a recording names it" in message
    assert f"import it yourself first: import {module.partition('.')[0]}" in message
    assert not (folder / "executed").exists()


@pytest.mark.parametrize("name", ["MiniGrid-Empty-5x5-v0", "ALE/Pong-v5", "Pong-v4", "minigrid:MiniGrid-Empty-5x5-v0"])
def test_nor_do_those_called_as_a_known_package(name: str, folder: Path) -> None:
    made = f"EnvironmentSpecification(id={name!r}, kwargs={{}}, wrappers=()).make(trusted_only=True)"
    message = run(f"from workbench.recording import EnvironmentSpecification; {made}", folder)
    assert "is not imported because a recording names it" in message
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

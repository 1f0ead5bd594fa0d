"""What an installation without the extra `envs` says: which package is missing, and the line that installs it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from workbench.recording.environments import _COMPANIONS, _MISSING

CHECKOUT = Path(__file__).resolve().parents[2]
WITHOUT_NUMBA = "import sys; sys.modules['numba'] = None; "
INSTALL = 'pip install "rl-workbench[envs]"'


def run(code: str, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", WITHOUT_NUMBA + code, *words]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=240)


def test_importing_the_environments_names_the_install_line() -> None:
    said = run("import envs")
    assert said.returncode == 1
    assert INSTALL in said.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "environment", ["envs:CheeseMaze-v0", pytest.param("envs:CueRecall-v0", marks=pytest.mark.torture)]
)
def test_recording_in_them_is_one_clear_line(environment: str, tmp_path: Path) -> None:
    words = ("record", "ppo:agents/cartpole/weights.zip", environment, "--out", str(tmp_path / "a.zarr"))
    said = run("from workbench.cli import main; sys.exit(main(sys.argv[1:]))", *words)
    assert said.returncode == 1
    needs = f"The environment '{environment}' needs the package 'numba', which is not installed"
    assert said.stderr == f"{needs}; install it with: {INSTALL}\n"


@pytest.mark.torture
def test_the_dashboard_starts_all_the_same() -> None:
    pytest.importorskip("streamlit")
    said = run(
        "from streamlit.testing.v1 import AppTest; app = AppTest.from_file('app.py', default_timeout=120).run();"
        "print([error.message for error in app.exception], [title.value for title in app.title], 'envs' in sys.modules)"
    )
    assert said.stdout == "[] ['Recordings'] False\n"


def test_every_extra_that_an_error_names_is_there_and_in_the_whole_installation() -> None:
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {*_MISSING.values(), *(extra for _, extra in _COMPANIONS.values())}
    assert named <= extras.keys()
    everything = extras["all"][0].partition("[")[2].rstrip("]").split(",")
    assert named - {"mujoco"} <= set(everything) <= extras.keys()

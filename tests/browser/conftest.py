import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import workbench
from tests.figures.example_recordings import Spotlight, record_example


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in Path(item.path).parts:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory):
    """Recordings of random agents, of a trained one that can be asked again, and one with hostile names."""
    folder = tmp_path_factory.mktemp("served")
    record_example("continuous", folder / "pendulum.zarr", episodes=2)
    record_example("image", folder / "spotlight.zarr", episodes=1, make=lambda: Spotlight(length=900))
    record_example("maze", folder / "maze.zarr", episodes=1)
    agent = f"ppo:{Path(__file__).parents[2] / 'agents' / 'cartpole' / 'weights.zip'}"
    workbench.record(agent, "CartPole-v1", out=folder / "agent.zarr", steps=90, environments=3, seed=1)
    hostile = '<img src=x onerror=\\"window.harmed=1\\">'
    record_example("vector", folder / "hostile.zarr", episodes=1)
    metadata = folder / "hostile.zarr" / "zarr.json"
    text = metadata.read_text()
    for name in ("push left", "pole angle (rad)", "cart position (m)"):
        assert name in text
        text = text.replace(name, hostile)
    metadata.write_text(text)
    return folder


@pytest.fixture(scope="session")
def server(served_folder):
    """A running dashboard; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = Path(__file__).parents[2] / "workbench" / "views" / "__main__.py"
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true", "--browser.gatherUsageStats", "false"]
    environment = {**os.environ, "WORKBENCH_ROOT": str(served_folder), "OMP_NUM_THREADS": "1"}
    log = (served_folder.parent / "server.log").open("w")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            break
        except OSError:
            time.sleep(0.2)
    yield address
    process.terminate()
    process.wait(20)
    log.close()


@pytest.fixture
def page(browser):
    """A fresh window of 1440 × 900 pixels in which no script may fail."""
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    opened.set_default_timeout(30_000)
    failures = []
    opened.on("pageerror", lambda error: failures.append(str(error)))
    yield opened
    opened.close()
    assert failures == []

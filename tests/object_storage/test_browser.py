"""The dashboard that `workbench app` serves of a URL, in a real browser."""

import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from typing import Any

import pytest

from tests.object_storage.conftest import BUCKET, Server, free_port
from workbench.recording import record

pytestmark = [pytest.mark.browser, pytest.mark.torture]


def test_a_recording_below_a_url_is_listed_and_replayed(browser: Any, server: Server, tmp_path: Any) -> None:
    root, port = f"s3://{BUCKET}/browser/{time.time_ns()}", free_port()
    settings = {"episodes": 2, "environments": 2, "layers": ["mlp*"], "env_kwargs": {"max_episode_steps": 25}}
    record("ppo:agents/cartpole/weights.zip", "CartPole-v1", out=f"{root}/cartpole.zarr", **settings)
    with (tmp_path / "log").open("w") as log:
        command = [sys.executable, "-m", "workbench", "app", root, "--port", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.2)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        for width in (1440, 900):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"http://127.0.0.1:{port}")
            link = page.get_by_role("link", name="cartpole.zarr")
            link.wait_for()
            page.screenshot(path=tmp_path / f"list-{width}.png")
            link.click()
            page.wait_for_selector(".rlw-player")
            page.keyboard.press("ArrowRight")
            page.wait_for_url(re.compile("step=1"))
            page.screenshot(path=tmp_path / f"replay-{width}.png")
        outside = urllib.parse.quote("../../requests", safe="")
        page.goto(f"http://127.0.0.1:{port}/replay?recording={outside}")
        page.get_by_text("is not a name below").wait_for()
        page.screenshot(path=tmp_path / "outside.png")
        page.close()
        assert failures == []
        assert "Traceback" not in (tmp_path / "log").read_text()
    finally:
        process.terminate()
        process.wait(20)

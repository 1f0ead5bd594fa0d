"""How long a click on a map of 50,000 steps takes to show its step, in a browser, beside a bare button of Streamlit."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.agents_measured import SEED, untrained_ppo
from benchmarks.playback import CHROMIUM
from benchmarks.results import Figure, Row, row
from workbench.recording import record
from workbench.recording.environments import make_environment

STEPS = 50_000
LAYER = "mlp_extractor.policy_net.1"
CLICKS = 15
WAIT_MS = 90_000

BARE = """
import numpy as np
import streamlit as st


@st.fragment
def answer():
    if st.button("again"):
        st.session_state["seed"] = st.session_state.get("seed", 0) + 1
    noise = np.random.default_rng(st.session_state.get("seed", 0)).integers(0, 255, (260, 260, 3), np.uint8)
    st.image(noise, width=260)


answer()
"""
"""A button that shows another picture of the same size: nothing of it is the map's."""

WATCH = """() => {
    window.answered = [];
    let started = null, before = null;
    const picture = () => document.querySelector("[data-testid='stImage'] img");
    document.addEventListener("mousedown", () => { started = performance.now(); before = picture()?.src; }, true);
    const look = () => {
        const shown = picture();
        if (started !== null && shown && shown.src !== before && shown.complete && shown.naturalWidth) {
            window.answered.push(performance.now() - started);
            started = null;
        }
        requestAnimationFrame(look);
    };
    look();
}"""
"""From the button of the mouse going down to the first frame in which another picture is there and decoded."""


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`atlas/click_ms`; beside it a bare button of Streamlit that shows another picture, clicked in the same run."""
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    steps = 3_000 if quick else STEPS
    try:
        _record(folder, steps)
        script = folder / "bare.py"
        script.write_text(BARE, encoding="utf-8")
        app = [sys.executable, "-m", "workbench", "app", str(folder), "--port"]
        bare = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true"]
        bare += ["--browser.gatherUsageStats", "false", "--server.address", "127.0.0.1", "--server.port"]
        with _served(app) as map_address, _served(bare) as bare_address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            chromium, runs, bare_runs = browser.version, [], []
            on_map, on_bare = _open_map(browser, map_address, steps), _open_bare(browser, bare_address)
            for _ in range(2 if quick else 5):
                runs.append(_map_clicks(on_map, 3 if quick else CLICKS))
                bare_runs.append(_bare_clicks(on_bare, 3 if quick else CLICKS))
            browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    against = (
        f"{median(bare_runs):.0f} ms of a bare button that shows another picture (streamlit {version('streamlit')}, "
        f"Chromium {chromium})"
    )
    return [row(figures["atlas/click_ms"], runs, against)]


def _record(folder: Path, steps: int) -> None:
    name = "envs:CheeseMaze-v0"
    policy = untrained_ppo("MlpPolicy", lambda: make_environment(name))
    record(policy, name, steps=steps, out=folder / "maze.zarr", seed=SEED, deterministic=False, layers=[LAYER])


@contextmanager
def _served(command: list[str]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*command, str(port)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError("The server does not answer.") from None
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _open_map(browser: Any, address: str, steps: int) -> Any:
    tab = browser.new_page(viewport={"width": 1440, "height": 1000})
    tab.set_default_timeout(WAIT_MS)
    tab.goto(f"{address}/atlas?recording=maze.zarr&layer={LAYER}")
    tab.wait_for_selector(".js-plotly-plot .xtick text")
    if steps > 20_000:
        tab.locator("[data-testid='stSelectbox']", has_text="Points").locator("input").click()
        tab.get_by_text(f"{steps:,} (all)").click()
    tab.wait_for_function(
        "steps => (document.querySelector('.js-plotly-plot')?._fullData ?? [])"
        ".reduce((sum, trace) => sum + (trace.x?.length ?? 0), 0) === steps",
        arg=steps,
    )
    tab.wait_for_selector("text=trustworthiness")
    time.sleep(2)
    tab.evaluate(WATCH)
    return tab


def _open_bare(browser: Any, address: str) -> Any:
    tab = browser.new_page(viewport={"width": 1440, "height": 1000})
    tab.set_default_timeout(WAIT_MS)
    tab.goto(address)
    tab.wait_for_selector("[data-testid='stImage'] img")
    tab.evaluate(WATCH)
    return tab


def _map_clicks(tab: Any, count: int) -> float:
    """Points drawn from the map are clicked where they lie on the screen."""
    tab.bring_to_front()
    places = tab.evaluate(
        """count => {
            const plot = document.querySelector(".js-plotly-plot"), box = plot.getBoundingClientRect();
            const layout = plot._fullLayout, trace = plot._fullData.reduce((a, b) => a.x.length > b.x.length ? a : b);
            window.turn = (window.turn ?? 0) + 1;
            return [...Array(count).keys()].map(k => {
                const i = Math.floor(trace.x.length * ((k + 0.5) / count + window.turn * 0.0137) % trace.x.length);
                return [box.left + layout._size.l + layout.xaxis.d2p(trace.x[i]),
                        box.top + layout._size.t + layout.yaxis.d2p(trace.y[i])];
            });
        }""",
        count,
    )
    return _timed(tab, [lambda place=place: tab.mouse.click(*place) for place in places])


def _bare_clicks(tab: Any, count: int) -> float:
    tab.bring_to_front()
    button = tab.get_by_role("button", name="again")
    return _timed(tab, [button.click for _ in range(count)])


def _timed(tab: Any, clicks: list[Any]) -> float:
    """Median milliseconds from a click to its picture; one that shows the same picture as before counts as none."""
    tab.evaluate("window.answered = []")
    for click in clicks:
        before = tab.evaluate("window.answered.length")
        click()
        deadline = time.monotonic() + 5
        while tab.evaluate("window.answered.length") == before and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.6)
    answered = tab.evaluate("window.answered")
    if len(answered) < len(clicks) / 2:
        raise RuntimeError(f"Only {len(answered)} of {len(clicks)} clicks were answered.")
    return float(median(answered))

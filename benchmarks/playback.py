"""How fast the player goes in a browser, on the page that `export --format html` writes."""

import shutil
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.agents_measured import ATARI, ATARI_WRAPPERS, SEED, untrained_ppo
from benchmarks.results import Figure, Row, row
from workbench.exports import export
from workbench.recording import record
from workbench.recording.environments import make_environment

LAYER = "features_extractor.cnn.2"
CHROMIUM = "/usr/bin/chromium"


def measure(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`dashboard/playback_steps_per_s`; the limit beside it is the player's own fastest setting."""
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    try:
        page = _page(folder)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            chromium = browser.version
            rates = [_rate(browser, page, 1.0 if quick else 3.0) for _ in range(2 if quick else 5)]
            fastest = _fastest_setting(browser, page)
            browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    against = (
        f"the player's fastest setting, {fastest} steps/s (Chromium {chromium}, playwright {version('playwright')})"
    )
    return [row(figures["dashboard/playback_steps_per_s"], rates, against)]


def _page(folder: Path) -> Path:
    policy = untrained_ppo("CnnPolicy", lambda: make_environment(ATARI, wrappers=ATARI_WRAPPERS))
    recording = record(
        policy,
        ATARI,
        wrappers=ATARI_WRAPPERS,
        episodes=1,
        out=folder / "episode.zarr",
        seed=SEED,
        deterministic=False,
        frames=True,
    )
    return export(recording, "html", folder / "episode", layer=LAYER)


def _open(browser: Any, page: Path) -> Any:
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.goto(page.as_uri())
    tab.wait_for_selector("#player[data-step='0']")
    return tab


def _fastest_setting(browser: Any, page: Path) -> int:
    tab = _open(browser, page)
    values = tab.locator("#player select option").evaluate_all("options => options.map(o => Number(o.value))")
    tab.close()
    return int(max(value for value in values if value <= 120))


def _rate(browser: Any, page: Path, seconds: float) -> float:
    """Different steps drawn in a second: a step counts when it has been shown, and skipped ones do not."""
    tab = _open(browser, page)
    speed = tab.get_by_label("Speed in steps a second")
    values = speed.locator("option").evaluate_all("options => options.map(o => Number(o.value))")
    speed.select_option(str(max(values)))
    tab.evaluate(
        """() => {
            window.shown = 0;
            const player = document.getElementById("player");
            let last = player.dataset.step;
            new MutationObserver(() => {
                if (player.dataset.step !== last) { last = player.dataset.step; window.shown += 1; }
            }).observe(player, { attributes: true, attributeFilter: ["data-step"] });
        }"""
    )
    tab.locator("#player").focus()
    tab.keyboard.press("Space")
    tab.wait_for_selector("#player[data-playing='true']")
    shown, started = tab.evaluate("window.shown"), time.perf_counter()
    time.sleep(seconds)
    more, elapsed = tab.evaluate("window.shown") - shown, time.perf_counter() - started
    tab.close()
    return float(more / elapsed)

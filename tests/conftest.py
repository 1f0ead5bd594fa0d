"""What holds for all tests: one thread a process, no display, and hypothesis without deadlines."""

import os
import shutil

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("workbench", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "workbench")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of long tables of cases (`sampled(every)`) a part runs at each change, always the same; all when asked."""
    for item in items:
        sampled = item.get_closest_marker("sampled")
        if (
            sampled is not None
            and "[" in item.name
            and zlib.crc32(item.name.encode(errors="backslashreplace")) % int(sampled.args[0])
        ):
            item.add_marker(pytest.mark.torture)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The repository's top folder."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def arena() -> Iterator[Any]:
    """A process apart, in which each file from a stranger is read in a child that is watched; its start takes long."""
    from tests.hostile.arena import Arena

    with Arena() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; one at a time, for Playwright runs one event loop a process."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()

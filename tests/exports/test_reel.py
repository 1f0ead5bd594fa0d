"""Highlights as files: a page that plays them, a video, a sheet."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workbench.analyses.highlights import Highlights, highlights
from workbench.errors import WorkbenchError
from workbench.exports.reel import BAR, FRAME_COLOUR, ReelPictures, highlights_facts, moment_views, write_reel
from workbench.exports.video import as_pictures


@pytest.fixture(scope="module")
def found(recordings: SimpleNamespace) -> Highlights:
    return highlights(recordings.grid, count=3, length=5, after=2)


def test_the_pictures_are_the_windows_with_the_moment_framed(recordings: SimpleNamespace, found: Highlights) -> None:
    reel = ReelPictures(recordings.grid, found, fps=10)
    pictures = list(reel)
    assert len(pictures) == len(reel) == sum(len(one.rows) + 7 for one in found.moments) + 3 * (len(found.moments) - 1)
    assert {picture.shape for picture in pictures} == {(*reel.shape, 3)}
    first = found.moments[0]
    seen = as_pictures(recordings.grid.steps["observation"][first.rows])
    scale = (reel.shape[0] - BAR) // seen.shape[1]
    place = first.step - first.start
    for number in range(place):
        inside = pictures[number][: seen.shape[1] * scale, : seen.shape[2] * scale]
        np.testing.assert_array_equal(inside, seen[number].repeat(scale, 0).repeat(scale, 1))
    held = pictures[place : place + 8]
    assert all((one == held[0]).all() for one in held), "the moment stands still"
    assert tuple(held[0][0, 0]) == FRAME_COLOUR
    assert not pictures[len(first.rows) + 7].any(), "dark between two"


@pytest.mark.parametrize("suffix", [".gif", ".png", ".html"])
def test_every_form_is_written(recordings: SimpleNamespace, found: Highlights, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"reel{suffix}"
    write_reel(recordings.grid, found, path, fps=10)
    if suffix == ".html":
        text = path.read_text()
        payload = json.loads(re.search(r'id="payload">(.*?)</script>', text, re.DOTALL)[1])
        assert [one["step"] for one in payload["moments"]] == [one.step for one in found.moments]
        assert str(recordings.grid.path) not in text
        assert "HIGHLIGHTS-DIV" in text
    else:
        with Image.open(path) as image:
            assert min(image.size) > 200


def test_an_mp4_is_written(recordings: SimpleNamespace, found: Highlights, tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    write_reel(recordings.grid, found, tmp_path / "reel.mp4", fps=10)
    assert (tmp_path / "reel.mp4").stat().st_size > 1_000


def test_without_pictures_there_is_a_sheet_of_numbers_and_no_video(recordings: SimpleNamespace, tmp_path: Path) -> None:
    numbers = highlights(recordings.cart_pole, count=2, length=5)
    view = moment_views(recordings.cart_pole, numbers)[0]
    assert view.pictures is None
    np.testing.assert_array_equal(
        view.numbers, recordings.cart_pole.steps["observation"][numbers.moments[0].rows].astype(np.float64)
    )
    write_reel(recordings.cart_pole, numbers, tmp_path / "sheet.png")
    with pytest.raises(WorkbenchError, match="no pictures"):
        write_reel(recordings.cart_pole, numbers, tmp_path / "reel.gif")
    with pytest.raises(WorkbenchError, match="ends in none of them"):
        write_reel(recordings.cart_pole, numbers, tmp_path / "reel.avi")


def test_the_facts_are_plain_json(found: Highlights) -> None:
    facts = json.loads(json.dumps(highlights_facts(found)))
    assert facts["moments"][0]["rows"] == found.moments[0].rows.tolist()
    assert facts["reels"][0]["coverage"]["mean"] == found.reels[0].coverage.mean


@pytest.mark.browser
def test_the_page_plays_all_moments_without_any_request(
    recordings: SimpleNamespace, found: Highlights, tmp_path: Path, browser: Any
) -> None:
    path = tmp_path / "reel.html"
    write_reel(recordings.grid, found, path)
    tab = browser.new_context(offline=True, viewport={"width": 1440, "height": 1000}).new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(path.as_uri())
    tab.wait_for_selector("#player[data-moment='0']")
    tab.get_by_role("button", name="2 · episode").click()
    tab.wait_for_selector("#player[data-moment='1'][data-running='false']")
    tab.get_by_role("button", name="1 · episode").click()
    tab.get_by_role("button", name="Play all").click()
    tab.wait_for_selector("#player[data-running='true']")
    tab.wait_for_selector(f"#player[data-moment='{len(found.moments) - 1}']", timeout=30_000)
    tab.wait_for_selector("#player[data-running='false']", timeout=30_000)
    last = found.moments[-1]
    step = int(tab.locator("#player > div[data-step]").get_attribute("data-step"))
    assert last.stop - 1 <= step <= last.stop
    assert complaints == []

"""What the player shows, and where, in a real browser."""

import re

import pytest

from tests.browser.player_page import PLAYER, open_replay, step_of, wait_for_step

pytestmark = pytest.mark.sampled(2)


@pytest.mark.torture
def test_true_places_are_drawn_over_the_pictures_when_asked_for(page, server):
    open_replay(page, server, "maze.zarr")
    marks = page.locator(".rlw-overlay").first
    assert not marks.is_visible()
    page.get_by_label("true places").first.check()
    marks.wait_for()
    picture = page.locator(".rlw-sheet img").first
    assert marks.bounding_box() == picture.bounding_box()
    # The mouse begins in the bottom left square of 13, in a picture with one square of wall around them.
    mouse = page.locator(".rlw-overlay").first.locator("g").all()
    assert "translate(0.5 12.5)" in [mark.get_attribute("transform") for mark in mouse]
    page.get_by_role("button", name="mouse").click()
    assert page.get_by_role("button", name="mouse").get_attribute("aria-pressed") == "false"
    page.keyboard.press("End")
    marks.wait_for(state="hidden")
    page.get_by_text("It was not recorded after the last action.").wait_for()
    page.get_by_text("the network did not run on it").wait_for()
    assert not any(mark.is_visible() for mark in page.locator(".rlw-action .rlw-truths svg").all())


@pytest.mark.torture
def test_truth_is_told_in_words(page, server):
    open_replay(page, server, "maze.zarr")
    truth = page.locator(".rlw-truth")
    told = truth.inner_text()
    assert re.search(r"optimal action\s+(up|right|down|left)", told)
    assert re.search(r"mouse\s+row 12, column 0", told)
    assert re.search(r"shortest path\s+(\d+ squares: )?\(12, 0\) .*\(\d+, \d+\) · \d+ unused", told)
    assert "−1" not in told


@pytest.mark.torture
def test_names_from_strangers_are_shown_and_not_run(page, server):
    open_replay(page, server, "hostile.zarr")
    page.wait_for_timeout(500)
    assert page.evaluate("window.harmed") is None
    assert page.get_by_text("<img src=x").count() >= 1


@pytest.mark.parametrize(("recording", "layer"), [("maze.zarr", "trunk.0"), ("pendulum.zarr", "trunk.1")])
def test_what_belongs_together_is_in_sight_together(page, server, recording, layer):
    open_replay(page, server, recording, layer=layer)
    page.wait_for_timeout(400)
    for panel in (
        "The scene" if recording == "maze.zarr" else "Observation",
        "What it did",
        "Over the episode",
        "Inside",
    ):
        heading = page.get_by_role("heading", name=panel, exact=True).first
        box = page.locator("section.rlw-panel", has=heading).first.bounding_box()
        assert box["y"] + box["height"] <= 900, panel
    assert page.locator(".rlw-readout", has_text="Value").first.bounding_box()["y"] < 900


def test_at_900_pixels_the_panels_stand_in_two_columns(page, server):
    page.set_viewport_size({"width": 900, "height": 900})
    open_replay(page, server, "maze.zarr")
    page.wait_for_timeout(400)
    left = {round(box.bounding_box()["x"]) for box in page.locator("section.rlw-panel").all()}
    assert len(left) == 2


@pytest.mark.torture
def test_a_change_of_width_keeps_the_step(page, server):
    open_replay(page, server, "maze.zarr", step=3)
    wait_for_step(page, 3)
    page.set_viewport_size({"width": 900, "height": 900})
    page.wait_for_timeout(500)
    assert len({round(box.bounding_box()["x"]) for box in page.locator("section.rlw-panel").all()}) == 2
    wait_for_step(page, 3)


def test_the_controls_stay_in_sight(page, server):
    open_replay(page, server, "maze.zarr")
    page.wait_for_timeout(400)
    page.mouse.move(700, 600)
    page.mouse.wheel(0, 600)
    page.wait_for_timeout(400)
    header = page.locator("header.stAppHeader").bounding_box()
    controls = page.locator(".rlw-controls").bounding_box()
    assert header["y"] + header["height"] <= controls["y"] + 1
    assert controls["y"] + controls["height"] < 900


@pytest.mark.torture
def test_observations_have_names_a_scale_and_digits(page, server):
    open_replay(page, server, "pendulum.zarr", step=3)
    wait_for_step(page, 3)
    rows = page.locator(".rlw-numbers .rlw-row")
    assert rows.count() == 3
    speed = rows.nth(2)
    assert speed.locator(".rlw-label").inner_text() == "angular velocity (rad/s)"
    low, high = (float(end.replace("−", "-")) for end in speed.locator(".rlw-end").all_inner_texts())
    value = speed.locator(".rlw-figure").inner_text()
    assert low < float(value.replace("−", "-")) < high
    assert len(value.partition(".")[2]) >= 2
    for label in rows.locator(".rlw-label").all():
        assert label.evaluate("node => node.scrollWidth <= node.clientWidth + 1")


@pytest.mark.torture
def test_the_entropy_is_told_once_with_its_share_of_the_most(page, server):
    open_replay(page, server, "maze.zarr")
    tile = page.locator(".rlw-readout", has_text="Entropy")
    assert tile.count() == 1
    nats, percent = re.search(r"([\d.]+) nat · ([\d.]+) %", tile.inner_text()).groups()
    assert float(percent) == pytest.approx(100 * float(nats) / 1.38629, abs=0.2)


@pytest.mark.torture
def test_the_position_is_told_without_doubt(page, server):
    player = open_replay(page, server, "pendulum.zarr", step=199)
    page.get_by_text("of 0 to 199").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_text("after the last action", exact=True).wait_for()
    assert step_of(player) == 200
    assert "200 actions: steps 0 to 199. Step 200 is" in page.locator(".rlw-place").get_attribute("title")


@pytest.mark.parametrize("width", [1440, 900])
def test_nothing_is_wider_than_the_window(page, server, width):
    page.set_viewport_size({"width": width, "height": 900})
    open_replay(page, server, "spotlight.zarr")
    page.wait_for_timeout(400)
    player = page.locator(PLAYER)
    assert player.evaluate("node => node.scrollWidth - node.clientWidth") <= 1

"""The list of recordings in a real browser: it fits, sorts, and leads to the player."""

import re

import pytest

from tests.browser.player_page import PLAYER, open_replay, wait_for_step


def test_the_list_leads_to_the_player(page, server):
    page.goto(server)
    page.get_by_role("link", name="pendulum.zarr").click()
    page.wait_for_selector(PLAYER)
    assert "recording=pendulum.zarr" in page.url
    page.get_by_text("opened on episode").wait_for()


@pytest.mark.torture
def test_the_link_in_the_list_can_be_opened_elsewhere(page, server):
    page.goto(server)
    address = page.get_by_role("link", name="maze.zarr").get_attribute("href")
    page.goto(f"{server}/{address}")
    page.wait_for_selector(PLAYER)


@pytest.mark.torture
def test_the_list_is_sorted_by_its_headings(page, server):
    page.goto(server)
    names = page.locator(".rlw-recordings a.rlw-name")
    names.first.wait_for()
    page.get_by_role("button", name="Recording", exact=True).click()
    assert names.all_inner_texts() == ["agent.zarr", "hostile.zarr", "maze.zarr", "pendulum.zarr", "spotlight.zarr"]
    page.get_by_role("button", name="Steps", exact=True).click()
    assert names.all_inner_texts()[0] == "spotlight.zarr"
    assert page.get_by_role("columnheader", name="Steps").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("width", [1440, 900])
def test_the_list_fits_and_hides_nothing(page, server, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(server)
    table = page.locator(".rlw-recordings table")
    table.wait_for()
    box = table.bounding_box()
    assert box["x"] + box["width"] <= width
    row = page.locator(".rlw-recordings tbody tr", has_text="maze.zarr")
    told = row.inner_text()
    for fact in ("PPO", "MB", "1", "-"):
        assert fact in told


def test_coming_back_to_a_linked_step_goes_there(page, server):
    open_replay(page, server, "pendulum.zarr", step=20)
    wait_for_step(page, 20)
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("step=21"))
    page.get_by_role("link", name="Recordings").click()
    page.get_by_role("link", name="pendulum.zarr").click()
    wait_for_step(page, 0)

"""What the player makes of the server's messages, sent to it one by one: whose step wins, whether playing goes on."""

import json

import pytest

from tests.browser.player_page import PLAYER, step_of, wait_for_step
from workbench.figures.player import player_source
from workbench.figures.player.payload import episode_payload
from workbench.recording import open_recording


@pytest.fixture
def component(page, served_folder):
    """`send(layer, start, stop, step, token, command)` calls the component as Streamlit does."""
    source = player_source()
    recording = open_recording(served_folder / "spotlight.zarr")
    page.set_content(f"<style>{source.style}</style><div class='rlw-player'></div>")
    page.evaluate(
        """async (source) => {
            const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
            globalThis.component = (await import(address)).default;
            globalThis.reports = [];
        }""",
        source.script,
    )

    def send(layer, start, stop, *, step, token, command):
        payload = episode_payload(recording, 0, layer=layer, start=start, stop=stop)
        data = {"payload": payload, "seek": {"step": step, "token": token, "command": command}}
        page.evaluate(
            """(data) => { globalThis.leave = component({
                data: JSON.parse(data), parentElement: document.body,
                setStateValue: (_, report) => reports.push(report.step),
            }); }""",
            json.dumps(data),
        )
        return page.locator(PLAYER)

    return send


def wait_to_be_past(page, step):
    page.wait_for_function("step => Number(document.querySelector('.rlw-player').dataset.step) > step", arg=step)


def reports(page):
    return page.evaluate("reports")


def test_a_step_that_the_other_layers_window_lacks_is_asked_for(page, component):
    component("trunk.5", 0, 300, step=100, token=0, command=1)
    page.locator(PLAYER).press("End")
    page.get_by_label("Jump to step").fill("250")
    page.keyboard.press("Enter")
    wait_for_step(page, 250)
    # It begins alike, so the server knows nothing better than the step that it heard of last.
    component("trunk.1", 0, 200, step=100, token=0, command=1)
    assert reports(page)[-1] == 250
    page.get_by_text("Fetching step 250").wait_for()
    component("trunk.1", 200, 400, step=250, token=1, command=1)
    wait_for_step(page, 250)


def test_playing_goes_on_where_the_other_layers_window_lacks_the_step(page, component):
    player = component("trunk.5", 0, 300, step=250, token=0, command=1)
    page.get_by_role("button", name="Play").click()
    wait_to_be_past(page, 260)
    component("trunk.1", 0, 200, step=250, token=0, command=1)
    asked = reports(page)[-1]
    assert 260 <= asked < 300
    component("trunk.1", 200, 400, step=asked, token=1, command=1)
    assert player.get_attribute("data-playing") == "true"
    wait_to_be_past(page, 300)
    assert min(reports(page)) >= 250


def test_a_command_that_was_not_heard_yet_comes_before_the_readers_own_step(page, component):
    """Back in the browser, and another layer at once: the player hears of both in one message."""
    player = component("trunk.5", 0, 300, step=20, token=0, command=1)
    player.press("ArrowRight")
    wait_for_step(page, 21)
    component("trunk.1", 0, 200, step=20, token=1, command=1)
    wait_for_step(page, 21)
    component("trunk.5", 0, 300, step=5, token=3, command=2)
    wait_for_step(page, 5)


def test_a_player_that_is_put_back_goes_by_the_last_command_it_heard_of(page, component):
    component("trunk.5", 0, 300, step=20, token=0, command=1).press("ArrowRight")
    wait_for_step(page, 21)
    page.evaluate("leave()")
    component("trunk.1", 0, 200, step=20, token=1, command=1)
    wait_for_step(page, 21)
    page.evaluate("leave()")
    component("trunk.1", 0, 200, step=7, token=2, command=2)
    wait_for_step(page, 7)


def test_play_at_the_end_of_a_window_goes_on_and_at_the_end_of_the_episode_begins_anew(page, component):
    player = component("trunk.5", 0, 200, step=199, token=0, command=1)
    page.get_by_role("button", name="Play").click()
    assert reports(page)[-1] == 200
    component("trunk.5", 200, 400, step=200, token=1, command=1)
    assert player.get_attribute("data-playing") == "true"
    wait_to_be_past(page, 205)
    player.press("Space")
    component("trunk.5", 700, 900, step=900, token=2, command=2)
    wait_for_step(page, 900)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("player => player.dataset.playing === 'true'", arg=player.element_handle())
    assert 700 <= step_of(player) < 900


def test_what_the_server_knows_is_not_told_again(page, component):
    player = component("trunk.5", 0, 300, step=20, token=0, command=1)
    page.wait_for_timeout(600)
    component("trunk.1", 0, 200, step=20, token=1, command=1)
    page.wait_for_timeout(600)
    assert reports(page) == []
    player.press("ArrowRight")
    page.wait_for_function("reports.length === 1")
    component("trunk.5", 0, 300, step=20, token=1, command=1)
    page.wait_for_timeout(600)
    assert reports(page) == [21]


def test_playing_ends_where_the_server_answers_with_the_last_step_again(page, component):
    """Of a recording that has grown, the server may know fewer steps than the window says there are."""
    player = component("trunk.5", 0, 200, step=195, token=0, command=1)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("reports.includes(200)")
    component("trunk.5", 0, 200, step=199, token=1, command=2)
    page.wait_for_timeout(600)
    assert player.get_attribute("data-playing") == "false"
    assert reports(page)[-1] == 200
    assert step_of(player) == 199


def test_a_wish_to_play_is_withdrawn(page, component):
    player = component("trunk.5", 0, 200, step=199, token=0, command=1)
    button = page.get_by_role("button", name="Play")
    button.click()
    button.click()
    component("trunk.5", 200, 400, step=200, token=1, command=1)
    assert player.get_attribute("data-playing") == "false"

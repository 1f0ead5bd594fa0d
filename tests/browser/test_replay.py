"""The main path in a real browser: open, play, step, jump, link, page through a long episode."""

import re

import pytest

from tests.browser.player_page import open_replay, step_of, wait_for_step

pytestmark = pytest.mark.sampled(2)


def test_it_plays_without_asking_the_server(page, server):
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    player = open_replay(page, server, "pendulum.zarr", episode=0)
    page.get_by_label("Speed in steps a second").select_option("30")
    page.wait_for_timeout(1000)
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(300)
    before, messages = step_of(player), len(sent)
    page.wait_for_timeout(1500)
    assert step_of(player) > before + 5
    assert len(sent) == messages
    page.get_by_role("button", name="Pause").click()
    page.wait_for_selector("[data-playing='false']", timeout=10_000)


def test_keys_step_and_jump(page, server):
    open_replay(page, server, "pendulum.zarr", step=50)
    wait_for_step(page, 50)
    for key, step in [
        ("ArrowRight", 51),
        ("ArrowLeft", 50),
        ("Shift+ArrowRight", 60),
        ("Home", 0),
        ("End", 200),
        ("ArrowLeft", 199),
    ]:
        page.keyboard.press(key)
        wait_for_step(page, step)
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_selector('.rlw-player[data-playing="true"]')
    page.keyboard.press("Space")
    page.wait_for_selector('.rlw-player[data-playing="false"]')


def test_the_address_leads_to_the_very_step(page, browser, server):
    open_replay(page, server, "pendulum.zarr", episode=1)
    page.get_by_label("Jump to step").fill("123")
    page.keyboard.press("Enter")
    wait_for_step(page, 123)
    page.wait_for_url(re.compile("step=123"))
    assert "episode=1" in page.url
    other = browser.new_page()
    other.set_default_timeout(30_000)
    other.goto(page.url)
    other.wait_for_selector('.rlw-player[data-step="123"]')
    other.close()


@pytest.mark.torture
def test_the_observation_after_the_last_action_is_linked_to(page, browser, server):
    open_replay(page, server, "pendulum.zarr", episode=1)
    page.keyboard.press("End")
    wait_for_step(page, 200)
    page.wait_for_url(re.compile("step=200"))
    other = browser.new_page()
    other.set_default_timeout(30_000)
    other.goto(page.url)
    other.wait_for_selector('.rlw-player[data-step="200"]')
    assert other.get_by_text("No action follows.").is_visible()
    total = other.locator(".rlw-readout", has_text="Return so far").inner_text()
    assert re.search(r"−\d+", total)
    other.close()


def test_a_notice_says_that_a_step_does_not_exist_and_goes_with_the_next_move(page, server):
    player = open_replay(page, server, "pendulum.zarr", step=999)
    page.get_by_text("asks for step 999").wait_for()
    assert step_of(player) == 200
    player.evaluate("node => { node.mark = true }")
    page.keyboard.press("Home")
    page.wait_for_url(re.compile("step=0"))
    page.get_by_text("asks for step 999").wait_for(state="detached")
    assert player.evaluate("node => node.mark")


@pytest.mark.torture
def test_a_step_that_is_typed_and_does_not_exist_is_said(page, server):
    open_replay(page, server, "pendulum.zarr")
    page.get_by_label("Jump to step").fill("999")
    page.keyboard.press("Enter")
    wait_for_step(page, 200)
    page.get_by_text("There is no step 999: they are 0 to 199, and 200 after the last action.").wait_for()
    page.get_by_role("button", name="First step").click()
    page.get_by_text("There is no step 999").wait_for(state="detached")


def moments_of(page, heading):
    group = page.locator(".rlw-group", has=page.get_by_role("heading", name=re.compile(heading)))
    return [int(re.search(r"step (\d+)", text).group(1)) for text in group.locator(".rlw-moment").all_inner_texts()]


def test_moments_and_timelines_lead_to_their_steps(page, server):
    player = open_replay(page, server, "pendulum.zarr")
    moment = page.locator(".rlw-moment").first
    wanted = int(re.search(r"step (\d+)", moment.inner_text()).group(1))
    moment.click()
    wait_for_step(page, wanted)
    # A click on a mark goes to its very step, though a step is narrower than a mark.
    wanted = moments_of(page, "Worse than expected")[0]
    canvas = page.locator("canvas.rlw-seekable").first
    box = canvas.bounding_box()
    page.keyboard.press("Home")
    wait_for_step(page, 0)
    page.mouse.click(box["x"] + 54 + (box["width"] - 64) * wanted / 200 + 2, box["y"] + 6)
    wait_for_step(page, wanted)
    page.mouse.click(box["x"] + 54 + (box["width"] - 64) * 0.5, box["y"] + 30)
    page.wait_for_timeout(200)
    assert abs(step_of(player) - 100) <= 2


def test_another_layer_keeps_the_step(page, server):
    open_replay(page, server, "pendulum.zarr", step=20)
    wait_for_step(page, 20)
    page.keyboard.press("ArrowRight")
    wait_for_step(page, 21)
    page.wait_for_url(re.compile("step=21"))
    page.get_by_role("combobox", name=re.compile("Layer")).click()
    page.get_by_role("option", name=re.compile("trunk.3")).click()
    page.get_by_text(re.compile(r"trunk\.3 · Tanh")).wait_for()
    wait_for_step(page, 21)
    page.wait_for_url(re.compile("layer=trunk.3"))


@pytest.mark.parametrize(
    ("key", "step"),
    [pytest.param("Shift+ArrowLeft", 410, marks=pytest.mark.torture), ("Shift+ArrowRight", 440)],
)
def test_another_layer_keeps_a_step_that_the_server_has_not_heard_of(page, server, key, step):
    """Of another layer a window holds more steps; it has step 410 and not 440."""
    open_replay(page, server, "spotlight.zarr", layer="trunk.1", step=430 if step > 420 else 420)
    loaded = page.get_by_text(re.compile(r"Loaded: steps 397 to \d+ of"))
    loaded.wait_for()
    # The player reports a step once it has rested there for a moment: here for longer than this test lasts.
    page.evaluate("""() => {
        const plain = window.setTimeout;
        window.setTimeout = (call, wait, ...rest) => plain(call, wait === 350 ? 1e6 : wait, ...rest);
    }""")
    page.keyboard.press(key)
    wait_for_step(page, step)
    page.get_by_role("combobox", name=re.compile("Layer")).click()
    page.get_by_role("option", name=re.compile("trunk.5")).click()
    page.get_by_text(re.compile(r"trunk\.5 · ReLU|trunk\.5 · Linear")).wait_for()
    loaded.wait_for(state="detached")
    page.wait_for_timeout(1000)
    wait_for_step(page, step)


def test_a_long_episode_comes_in_windows_and_loses_nothing(page, server):
    open_replay(page, server, "spotlight.zarr", layer="trunk.1")
    page.get_by_text(re.compile(r"Loaded: steps 0 to \d+ of 0 to 899")).wait_for()
    page.get_by_label("Jump to step").fill("850")
    page.keyboard.press("Enter")
    wait_for_step(page, 850)
    loaded = page.get_by_text(re.compile("Loaded: steps")).inner_text()
    start = int(re.search(r"steps (\d+) to 899 of 0 to 899", loaded).group(1))
    page.get_by_role("button", name="← earlier").click()
    wait_for_step(page, start - 1)
    page.keyboard.press("End")
    wait_for_step(page, 900)


def test_playing_goes_on_into_the_next_window(page, server):
    player = open_replay(page, server, "spotlight.zarr", layer="trunk.1")
    loaded = page.get_by_text(re.compile("Loaded: steps")).inner_text()
    last = int(re.search(r"steps 0 to (\d+) of 0 to 899", loaded).group(1))
    page.get_by_label("Jump to step").fill(str(last - 5))
    page.keyboard.press("Enter")
    wait_for_step(page, last - 5)
    page.wait_for_url(re.compile(f"step={last - 5}"))
    page.get_by_role("button", name="Play").click()
    page.get_by_text(f"Loaded: steps {last + 1} to").wait_for()
    page.wait_for_function("player => player.dataset.playing === 'true'", arg=player.element_handle())
    assert step_of(player) > last


@pytest.mark.torture
def test_the_maps_of_a_layer_change_with_the_step(page, server):
    open_replay(page, server, "spotlight.zarr", layer="trunk.1")
    page.wait_for_timeout(500)
    canvas = page.locator(".rlw-panel", has_text="Inside").locator("canvas").nth(1)
    before = canvas.evaluate("node => node.toDataURL()")
    page.keyboard.press("ArrowRight")
    wait_for_step(page, 1)
    assert canvas.evaluate("node => node.toDataURL()") != before


def test_an_address_that_leads_nowhere_is_a_box(page, server):
    page.goto(f"{server}/replay?recording=../../secret")
    page.get_by_text("is not below the folder").wait_for()
    assert page.get_by_text("Traceback").count() == 0

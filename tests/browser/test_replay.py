"""The main path in a real browser: open, play, step, jump, link, page through a long episode."""

import re

import pytest

PLAYER = ".rlw-player[data-step]"


def open_replay(page, server, recording, **query):
    address = "&".join(f"{key}={value}" for key, value in {"recording": recording, **query}.items())
    page.goto(f"{server}/replay?{address}")
    page.wait_for_selector(PLAYER)
    return page.locator(PLAYER)


def wait_for_step(page, step):
    page.wait_for_selector(f'.rlw-player[data-step="{step}"]')


def step_of(player):
    return int(player.get_attribute("data-step"))


def test_the_list_leads_to_the_player(page, server):
    page.goto(server)
    page.get_by_role("link", name="pendulum.zarr").click()
    page.wait_for_selector(PLAYER)
    assert "recording=pendulum.zarr" in page.url
    page.get_by_text("opened on episode").wait_for()


def test_the_link_in_the_list_can_be_opened_elsewhere(page, server):
    page.goto(server)
    address = page.get_by_role("link", name="maze.zarr").get_attribute("href")
    page.goto(f"{server}/{address}")
    page.wait_for_selector(PLAYER)


def test_the_list_is_sorted_by_its_headings(page, server):
    page.goto(server)
    names = page.locator(".rlw-recordings a.rlw-name")
    names.first.wait_for()
    page.get_by_role("button", name="Recording", exact=True).click()
    assert names.all_inner_texts() == ["hostile.zarr", "maze.zarr", "pendulum.zarr", "spotlight.zarr"]
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
    assert player.get_attribute("data-playing") == "false"


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


def test_the_observation_after_the_last_action_is_linked_to(page, browser, server):
    open_replay(page, server, "pendulum.zarr", episode=1)
    page.keyboard.press("End")
    wait_for_step(page, 200)
    page.wait_for_url(re.compile("step=200"))
    other = browser.new_page()
    other.set_default_timeout(30_000)
    other.goto(page.url)
    other.wait_for_selector('.rlw-player[data-step="200"]')
    assert other.get_by_text("No action follows").is_visible()
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
    page.get_by_role("combobox", name=re.compile("Layer")).click()
    page.get_by_role("option", name=re.compile("trunk.3")).click()
    page.get_by_text(re.compile(r"trunk\.3 · Tanh")).wait_for()
    wait_for_step(page, 21)
    page.wait_for_url(re.compile("layer=trunk.3"))


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
    page.wait_for_timeout(500)
    assert player.get_attribute("data-playing") == "true"
    assert step_of(player) > last


def test_the_maps_of_a_layer_change_with_the_step(page, server):
    open_replay(page, server, "spotlight.zarr", layer="trunk.1")
    page.wait_for_timeout(500)
    canvas = page.locator(".rlw-panel", has_text="Inside").locator("canvas").nth(1)
    before = canvas.evaluate("node => node.toDataURL()")
    page.keyboard.press("ArrowRight")
    wait_for_step(page, 1)
    assert canvas.evaluate("node => node.toDataURL()") != before


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


def test_truth_is_told_in_words(page, server):
    open_replay(page, server, "maze.zarr")
    truth = page.locator(".rlw-truth")
    told = truth.inner_text()
    assert re.search(r"optimal action\s+(up|right|down|left)", told)
    assert re.search(r"mouse\s+row 12, column 0", told)
    assert re.search(r"shortest path\s+(\d+ squares: )?\(12, 0\) .*\(\d+, \d+\) · \d+ unused", told)
    assert "−1" not in told


def test_names_from_strangers_are_shown_and_not_run(page, server):
    open_replay(page, server, "hostile.zarr")
    page.wait_for_timeout(500)
    assert page.evaluate("window.harmed") is None
    assert page.get_by_text("<img src=x").count() >= 1


def test_an_address_that_leads_nowhere_is_a_box(page, server):
    page.goto(f"{server}/replay?recording=../../secret")
    page.get_by_text("is not below the folder").wait_for()
    assert page.get_by_text("Traceback").count() == 0


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


def test_the_entropy_is_told_once_with_its_share_of_the_most(page, server):
    open_replay(page, server, "maze.zarr")
    tile = page.locator(".rlw-readout", has_text="Entropy")
    assert tile.count() == 1
    nats, percent = re.search(r"([\d.]+) nat · ([\d.]+) %", tile.inner_text()).groups()
    assert float(percent) == pytest.approx(100 * float(nats) / 1.38629, abs=0.2)


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


def test_coming_back_to_a_linked_step_goes_there(page, server):
    open_replay(page, server, "pendulum.zarr", step=20)
    wait_for_step(page, 20)
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("step=21"))
    page.get_by_role("link", name="Recordings").click()
    page.get_by_role("link", name="pendulum.zarr").click()
    wait_for_step(page, 0)

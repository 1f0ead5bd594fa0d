"""Opening a recording in the player, and where it stands."""

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

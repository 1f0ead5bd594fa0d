"""Texts from a stranger's recording in a real browser: shown as texts on every page, and nothing in them runs."""

import json
import shutil

import pytest

from tests.browser.player_page import PLAYER
from tests.figures.example_recordings import record_example
from tests.hostile.test_recordings import texts
from tests.views.serving import serve
from workbench import open_recording
from workbench.exports import export

pytestmark = pytest.mark.sampled(3)

RUNS = "window.harmed = 1"
HTML = (
    f'<script>{RUNS}</script><img src=x onerror="{RUNS}"><svg onload="{RUNS}"></svg>'
    f"\"'><iframe srcdoc='<script>parent.harmed = 1</script>'></iframe><a href='javascript:{RUNS}'>a</a></script></pre>"
)
MARKDOWN = f"[go](javascript:{RUNS.replace(' ', '')}) ![x](http://stranger.example/x) $x^2$ **bold** :material/bolt:"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recording with scripts for texts, one with Markdown, a broken one, each in a folder called so as well."""
    place = tmp_path_factory.mktemp("hostile")
    made = place / "sound.zarr"
    record_example("vector", made, episodes=2)
    for name, text in (
        ("<img src=x onerror=window.harmed=1>.zarr", HTML),
        ("[go](javascript:harmed=1).zarr", MARKDOWN),
    ):
        shutil.copytree(made, place / name)
        texts(text)(place / name)
    broken = place / "<b onmouseover=window.harmed=1>broken.zarr"
    shutil.copytree(made, broken)
    document = json.loads((broken / "zarr.json").read_text())
    document["attributes"]["format_version"] = HTML
    (broken / "zarr.json").write_text(json.dumps(document))
    shutil.rmtree(made)
    return place


@pytest.fixture(scope="module")
def server(folder):
    """A dashboard of these; its address."""
    with serve(folder) as running:
        yield running.address


@pytest.fixture
def page(browser):
    """A window that notes what goes out to others, and closes what pops up."""
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    opened.set_default_timeout(30_000)
    asked = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("dialog", lambda dialog: dialog.dismiss())
    yield opened
    unharmed(opened)
    opened.close()
    assert not [url for url in asked if "stranger.example" in url]


def unharmed(page):
    """Nothing has run, and nothing stands there that would when it is clicked."""
    page.wait_for_timeout(700)
    assert page.evaluate("window.harmed") is None
    assert page.locator("img[src='x'], iframe[srcdoc], [onerror], [onload], [onmouseover], b[onmouseover]").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0


@pytest.mark.torture
def test_the_page_of_recordings_shows_them_as_texts(page, server, folder):
    page.goto(server)
    names = page.locator(".rlw-recordings a.rlw-name")
    names.first.wait_for()
    assert set(names.all_inner_texts()) == {path.name for path in folder.iterdir() if "broken" not in path.name}
    assert page.get_by_text("<script>window.harmed = 1").count() >= 1
    page.get_by_text("broken.zarr").first.wait_for()
    for link in names.all():
        link.hover()


def open_layers(page):
    """Open the list of layers; the page may be drawn anew just then, which closes it."""
    for _ in range(10):
        page.get_by_role("combobox", name="Layer").click()
        page.wait_for_timeout(1500)
        if page.locator("[role=option]").first.is_visible():
            return
    raise AssertionError("the list of layers did not open")


@pytest.mark.parametrize("which", [0, pytest.param(1, marks=pytest.mark.torture)])
def test_the_page_of_a_replay_shows_them_as_texts(which, page, server, folder):
    name = sorted(path.name for path in folder.iterdir() if "broken" not in path.name)[which]
    page.goto(server)
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_selector(PLAYER)
    assert page.get_by_text("<script>" if name.startswith("<") else "go](javascript").count() >= 1
    page.keyboard.press("ArrowRight")
    page.locator(".rlw-moment").first.click()
    unharmed(page)
    open_layers(page)
    unharmed(page)
    page.keyboard.press("End")
    page.keyboard.press("Enter")


@pytest.mark.parametrize(
    "key", ["recording", "layer", *(pytest.param(key, marks=pytest.mark.torture) for key in ("episode", "step"))]
)
def test_what_an_address_says_is_shown_as_text(key, page, server, folder):
    from urllib.parse import quote, urlencode

    name = next(path.name for path in folder.iterdir() if path.name.startswith("["))
    page.goto(f"{server}/replay?{urlencode({'recording': name, key: HTML}, quote_via=quote)}")
    page.get_by_text("<script>window.harmed = 1").first.wait_for()


@pytest.mark.parametrize(
    "name",
    [
        "%2e%2e%2f%2e%2e%2fetc",
        "%00",
        "%ff%fe",
        *(
            pytest.param(name, marks=pytest.mark.torture)
            for name in ("..%2Fsecret", "%ed%a0%80", "file:///etc", "a" * 9000)
        ),
    ],
)
def test_an_address_as_it_is_encoded_leads_nowhere(name, page, server):
    page.goto(f"{server}/replay?recording={name}")
    page.get_by_text("Nothing is shown.").wait_for()
    assert page.locator(PLAYER).count() == 0
    assert page.get_by_text("Traceback").count() == 0


@pytest.mark.parametrize("which", [0, 1])
def test_an_exported_page_shows_them_as_texts(which, page, folder, tmp_path):
    recording = sorted(path for path in folder.iterdir() if "broken" not in path.name)[which]
    export(open_recording(recording), "html", tmp_path / "page.html")
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector(PLAYER)
    assert page.get_by_text("<script>" if recording.name.startswith("<") else "go](javascript").count() >= 1
    page.keyboard.press("ArrowRight")
    page.locator("summary").first.click()

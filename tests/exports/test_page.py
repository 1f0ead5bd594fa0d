import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.errors import WorkbenchError
from workbench.exports import export
from workbench.exports.page import embedded_json, page


@pytest.mark.browser
@pytest.mark.parametrize("name", ["cart_pole", "grid", "frames", "dictionary"])
def test_the_page_steps_from_a_disk_without_any_request(
    name: str, recordings: SimpleNamespace, tmp_path: Path, browser: Any
) -> None:
    path = export(getattr(recordings, name), "html", tmp_path / "episode", episode=1)
    context = browser.new_context(offline=True, viewport={"width": 1440, "height": 1000})
    tab = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(path.as_uri())
    player = tab.locator("#player")
    tab.wait_for_selector("#player[data-step='0']")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    tab.wait_for_selector("#player[data-step='2']")
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_selector("#player[data-step='1']")
    tab.keyboard.press("End")
    length = getattr(recordings, name).episode(1).length
    tab.wait_for_selector(f"#player[data-step='{length}']")
    tab.keyboard.press("Home")
    tab.keyboard.press("Space")
    tab.wait_for_selector("#player[data-playing='true']")
    tab.wait_for_selector("#player:not([data-step='0']):not([data-step='1'])")
    assert player.locator("canvas").count() > 0
    assert tab.get_by_text("Policy fingerprint").is_visible()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    context.close()


def test_the_page_says_where_it_comes_from_and_not_where_it_was_made(
    recordings: SimpleNamespace, tmp_path: Path
) -> None:
    recording = recordings.cart_pole
    text = export(recording, "html", tmp_path / "episode").read_text()
    facts = recording.summary()
    for fact in (facts["fingerprint"], "CartPole-v1", facts["versions"]["torch"], facts["created"]):
        assert str(fact) in text
    assert str(Path(recording.path).parent) not in text
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)


def test_a_hostile_name_stays_text(recordings: SimpleNamespace) -> None:
    hostile = "</script><script>alert(1)</script><!--<script>&amp;\u2028"
    text = page({"title": hostile}, {"Policy": hostile})
    assert "<script>alert" not in text
    assert text.count("</script>") == 2
    payload = re.search(r'<script type="application/json" id="payload">(.*?)</script>', text, re.DOTALL)
    assert payload is not None
    assert json.loads(payload[1]) == {"title": hostile}


def test_the_policy_lets_nothing_in(recordings: SimpleNamespace, tmp_path: Path) -> None:
    text = export(recordings.grid, "html", tmp_path / "episode").read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src &#x27;none&#x27;; img-src data:;")
    assert "unsafe" not in policy[1]
    assert policy[1].count("sha256-") == 2


def test_embedded_json_has_no_numbers_that_json_lacks() -> None:
    assert json.loads(embedded_json({"a": [1.5, float("nan")], "b": float("inf")})) == {"a": [1.5, None], "b": None}


def test_a_page_shows_one_layer(recordings: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="one layer"):
        export(recordings.grid, "html", tmp_path / "episode", layer="*")

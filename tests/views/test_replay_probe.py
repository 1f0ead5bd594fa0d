"""A probe that reads along under the replay."""

import json
import shutil

from tests.views.conftest import run_page


def test_a_probe_that_was_not_made_from_the_episode_reads_along(root, shipped):
    shutil.copytree(shipped / "cartpole.zarr", root / "cartpole.zarr")
    app = run_page("replay", recording="cartpole.zarr", episode="0", step="3")
    app.toggle[0].set_value(True).run(timeout=60)
    for _ in range(2):
        assert not app.exception
        assert not app.error
        [probe] = json.loads(app.get("bidi_component")[0].proto.json)["payload"]["probes"]
        assert probe["title"].startswith("action, in ")
        assert "not made from this episode" in probe["hint"]
        assert probe["names"] == ["push left", "push right"]
        app.run(timeout=60)

"""Does behaviour follow a push? A layer that decides, and one that holds the same for nobody."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.analyses.probing.grid_world import record_walks, walker
from workbench.analyses.intervention.from_steps import go_on
from workbench.analyses.probing import probe_layers
from workbench.analyses.probing.following import following
from workbench.errors import WorkbenchError
from workbench.recording import Recording

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_walks(tmp_path_factory.mktemp("walks") / "x.zarr")


def test_an_agent_goes_on_from_a_step_as_it_did(walks: Recording, tmp_path: Path) -> None:
    rows = [int(walks.episode(k).rows[min(2, walks.episode(k).length - 1)]) for k in range(6)]
    went = go_on(walks, walker(), rows, [], out=tmp_path / "x.zarr")
    for place, row in enumerate(rows):
        number = int(np.flatnonzero(walks.episodes["id"] == walks.steps["episode"][row])[0])
        rest = walks.episode(number).rows
        rest = rest[rest >= row]
        again = went.episode(place)
        np.testing.assert_array_equal(again.column("observation"), walks.steps["observation"][rest])
        np.testing.assert_array_equal(again.column("action"), walks.steps["action"][rest])
    short = go_on(walks, walker(), rows, [], out=tmp_path / "y.zarr", most_steps=1)
    assert (short.episodes["length"] == 1).all()


def test_behaviour_follows_the_layer_that_decides_and_not_its_echo(walks: Recording) -> None:
    wish, echo = probe_layers(walks, ["action"], ["wish", "echo"])
    decides = following(walks, walker(), wish.probe, "left", scales=(8.0,), controls=2)[0]
    unread = following(walks, walker(), echo.probe, "left", scales=(8.0,), controls=2)[0]
    assert wish.score.value == echo.score.value == 1
    assert decides.without.mean == unread.without.mean == 0
    assert decides.pushed.mean == 1
    assert decides.controls.mean() < 0.7
    assert decides.verdict.startswith(("behaviour follows", "follows at every step"))
    assert unread.pushed.mean == 0
    assert unread.verdict == "does not follow, or too few episodes to say"
    # By an expression that says what following is, and the steps that somebody names.
    rows = walks.episode(0).rows[:1].tolist() + walks.episode(1).rows[:1].tolist()
    named = following(walks, walker(), wish.probe, "left", follows="action == 3", rows=rows, scales=(8.0,), controls=1)[
        0
    ]
    assert named.pushed.mean == 1
    assert named.follows == "action == 3"


def test_what_nobody_can_follow_is_said(walks: Recording) -> None:
    number = probe_layers(walks, ["truth.goal[0] + 0.5"], ["wish"])[0].probe
    moves = probe_layers(walks, ["action"], ["wish"])[0].probe
    with pytest.raises(WorkbenchError, match="a class is what behaviour follows"):
        following(walks, walker(), number, "1")
    with pytest.raises(WorkbenchError, match="no class 'sideways'"):
        following(walks, walker(), moves, "sideways")
    with pytest.raises(WorkbenchError, match="true or false"):
        following(walks, walker(), moves, "up", follows="action", rows=[0], controls=0)

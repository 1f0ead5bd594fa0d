"""Does behaviour follow a push? A layer that decides, and one that holds the same for nobody."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.analyses.probing.grid_world import record_walks, walker
from workbench.analyses.intervals import Estimate
from workbench.analyses.intervention.from_steps import go_on
from workbench.analyses.probing import probe_layers
from workbench.analyses.probing.following import Followed, following
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
    assert decides.verdict == (
        "behaviour follows the push, at every step of these, more than it follows random directions as long"
    )
    assert unread.pushed.mean == 0
    assert unread.verdict == "not shown to follow the push, and too few steps to say that it does not"
    # By an expression that says what following is, and the steps that somebody names.
    rows = walks.episode(0).rows[:1].tolist() + walks.episode(1).rows[:1].tolist()
    named = following(walks, walker(), wish.probe, "left", follows="action == 3", rows=rows, scales=(8.0,), controls=1)[
        0
    ]
    assert named.pushed.mean == 1
    assert named.follows == "action == 3"


def test_what_is_there_before_the_action_is_asked_one_action_later(walks: Recording) -> None:
    """Pushed to the left, the walker stands one column farther left after its action; at the step itself it cannot."""
    wish = probe_layers(walks, ["action"], ["wish"])[0]
    rows = np.flatnonzero((walks.steps["truth/token"][:, 1] == 2) & (walks.steps["action"][:] != 3))[:12]
    left = "truth.token[1] < 2"
    found = following(walks, walker(), wish.probe, "left", follows=left, rows=rows, scales=(8.0,), controls=1)[0]
    assert found.follows == "truth.token[1] < 2, one action later"
    assert found.without.mean == 0
    assert found.pushed.mean == 1
    mixed = "truth.token[1] < 9 and action == 3"
    found = following(walks, walker(), wish.probe, "left", follows=mixed, rows=rows, scales=(8.0,), controls=1)[0]
    assert found.follows == mixed
    assert found.pushed.mean == 1


@pytest.mark.parametrize(
    ("without", "controls", "words"),
    [
        ((0.3, 0.2, 0.4), (0.25, 0.1, 0.4), "behaviour follows the push, more than"),
        ((0.3, 0.2, 0.4), (0.1, -0.05, 0.25), "but not shown to do so more than random directions"),
        ((0.0, -0.05, 0.05), (0.0, -0.05, 0.05), "does not follow the push: at most 0.05 of the steps more"),
        ((0.1, -0.02, 0.22), (0.1, -0.02, 0.22), "not shown to follow the push, and too few steps"),
        ((1.0, None, None), (0.96, 0.92, 1.0), "at every step of these, more than"),
    ],
)
def test_what_is_not_significant_is_not_called_absent(without: Any, controls: Any, words: str) -> None:
    def estimate(mean: float, low: float | None, high: float | None) -> Estimate:
        return Estimate(mean=mean, low=low, high=high, steps=40, episodes=10)

    found = Followed(
        probe=cast(Any, None), which="left", follows="action is left", scale=1.0, rows=np.arange(40),
        without=estimate(0, 0, 0), pushed=estimate(0, 0, 0), controls=np.zeros(5),
        above_without=estimate(*without), above_controls=estimate(*controls),
    )  # fmt: skip
    assert words in found.verdict


def test_what_nobody_can_follow_is_said(walks: Recording) -> None:
    number = probe_layers(walks, ["truth.goal[0] + 0.5"], ["wish"])[0].probe
    moves = probe_layers(walks, ["action"], ["wish"])[0].probe
    with pytest.raises(WorkbenchError, match="a class is what behaviour follows"):
        following(walks, walker(), number, "1")
    with pytest.raises(WorkbenchError, match="no class 'sideways'"):
        following(walks, walker(), moves, "sideways")
    with pytest.raises(WorkbenchError, match="true or false"):
        following(walks, walker(), moves, "up", follows="action", rows=[0], controls=0)

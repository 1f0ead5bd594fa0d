"""Rectangles of pictures, covered where the truth of what is seen is known pixel by pixel."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from tests.analyses.saliency.cases import planted, record_policy
from workbench.analyses.intervention import ChangedPolicy, Rectangle, cover, decision_effect
from workbench.analyses.targets import find_target
from workbench.errors import WorkbenchError

torch.set_num_threads(1)
CORNER = Rectangle(top=0, left=1, height=2, width=3)
INSIDE = {(row, column) for row in (0, 1) for column in (1, 2, 3)}


@pytest.mark.parametrize("shape", [(20, 24, 3), (4, 20, 24), (20, 24)])
def test_every_channel_of_the_rectangle_and_nothing_else_is_changed(shape: tuple[int, ...]) -> None:
    before = np.random.default_rng(0).integers(1, 255, (5, *shape), dtype=np.uint8)
    after = np.asarray(cover(CORNER, 0).edit(before))
    changed = (after != before).any(axis=0)
    if len(shape) == 3:
        changed = changed.all(axis=2 if shape[2] == 3 else 0)
    assert {tuple(map(int, one)) for one in np.argwhere(changed)} == {
        (row, column) for row in (0, 1) for column in (1, 2, 3)
    }
    donor = np.full(shape, 7, np.uint8)
    assert (np.asarray(cover(CORNER, donor).edit(before)) == 7).sum() >= changed.sum()
    assert before.min() > 0


def test_a_part_of_a_nested_observation_is_named() -> None:
    seen = {"eyes": {"left": np.ones((2, 20, 20, 3)), "right": np.ones((2, 20, 20, 3))}, "speed": np.ones((2, 1))}
    shown: Any = cover(CORNER, 0.5, key="eyes/left").edit(seen)
    assert shown["eyes"]["left"].min() == 0.5
    assert shown["eyes"]["right"] is seen["eyes"]["right"]
    for key, message in {
        "": "name the picture: eyes, speed",
        "nose": "no part 'nose'",
        "speed": "covered in pictures",
    }.items():
        with pytest.raises(WorkbenchError, match=message):
            cover(CORNER, 0, key=key).edit(seen)


def test_covering_what_decides_is_more_than_covering_anything_else(tmp_path: Any) -> None:
    """The first logit is the sum of the rectangle's pixels, so that the effect is known; elsewhere there is none."""
    space = spaces.Box(0, 1, (3, 16, 16), np.float32)

    def formula(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x[:, :, 0:2, 1:4].sum(dim=(1, 2, 3)), x[:, 0, 9, 9], x[:, 1, 9, 9]], dim=1)

    policy = planted(space, formula)
    recording = record_policy(policy, tmp_path / "x.zarr", episodes=8)
    answer = policy.act(np.zeros((1, 3, 16, 16), np.float32), deterministic=True).output
    target = find_target("logit:0", answer, policy.action_space)
    rows = np.arange(30)
    found = decision_effect(recording, policy, rows, [cover(CORNER, 0.0)], target=target)
    seen = recording.steps["observation"][rows][:, :, 0:2, 1:4]
    np.testing.assert_allclose(found.after - found.before, -seen.sum(axis=(1, 2, 3)), rtol=1e-4)
    assert found.words == "rows 0 to 1, columns 1 to 3 shown as 0"
    assert len(found.controls) == 20
    assert found.chance == 1 / 21
    assert found.above_controls is not None
    assert found.above_controls.above(0)
    shown = ChangedPolicy(policy, [cover(CORNER, recording.steps["observation"][3], source="step 3")])
    assert shown.name.endswith("(rows 0 to 1, columns 1 to 3 as at step 3)")


def test_there_is_no_control_where_there_is_no_other_place() -> None:
    seen = np.zeros((2, 16, 16, 3), np.uint8)
    for height, found in ((16, False), (12, False), (8, True)):
        change = cover(Rectangle(top=0, left=0, height=height, width=16), 1)
        change.edit(seen)
        assert change.control is not None
        assert (change.control(np.random.default_rng(0)) is not None) == found


def test_what_cannot_be_covered_is_said() -> None:
    seen = np.zeros((2, 16, 16, 3), np.uint8)
    with pytest.raises(WorkbenchError, match="at least one pixel"):
        cover(Rectangle(top=0, left=0, height=0, width=1), 0)
    for rectangle, fill, message in (
        (Rectangle(top=15, left=0, height=2, width=1), 0, "has 16 rows and 16 columns"),
        (CORNER, 300, "go from 0 to 255; came 300"),
        (CORNER, np.zeros((8, 8, 3), np.uint8), r"is \[8, 8, 3\]; the policy sees \[16, 16, 3\]"),
    ):
        with pytest.raises(WorkbenchError, match=message):
            cover(rectangle, fill).edit(seen)

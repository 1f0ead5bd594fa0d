import json

import numpy as np
import pytest

from tests.figures.test_payload import decode
from workbench.analyses.grids import grid_shape
from workbench.figures.player import episode_payload
from workbench.figures.player.truth import describe_truth, grid_margin

STEPS = 4
WALLS = np.random.default_rng(0).random((5, 6)) < 0.5
DISCRETE = {"kind": "Discrete", "n": 4, "start": 0}


def walls():
    return np.broadcast_to(WALLS, (STEPS, 5, 6))


def described(labels, space=DISCRETE, names=("up", "right", "down", "left")):
    found = describe_truth(labels, action_space=space, action_names=names)
    json.dumps(found, allow_nan=False)
    return {one["name"]: one for one in found}


def test_actions_are_named_and_other_codes_are_not():
    labels = {
        "optimal_action": np.array([1, 0, -1, 3]),
        "phase": np.array([0, 1, 2, 2]),
        "action_count": np.array([0, 9, 9, 9]),
    }
    found = described(labels)
    assert found["optimal_action"]["kind"] == "action"
    assert found["optimal_action"]["names"] == ["up", "right", "down", "left"]
    assert (found["phase"]["kind"], found["action_count"]["kind"]) == ("number", "number")


def test_actions_without_names_are_numbered_as_the_space_is():
    found = described({"best_action": np.array([5, 6, 5, 6])}, {"kind": "Discrete", "n": 2, "start": 5}, None)
    assert (found["best_action"]["first"], found["best_action"]["names"]) == (5, ["action 5", "action 6"])


def test_pairs_inside_the_grid_are_places():
    path = np.full((STEPS, 30, 2), -1)
    path[:, :3] = [[4, 0], [3, 0], [3, 1]]
    labels = {"walls": walls(), "mouse": np.array([[4, 5]] * STEPS), "path": path, "far": np.array([[5, 0]] * STEPS)}
    found = described(labels)
    assert grid_shape(labels) == (5, 6)
    assert {name: one["kind"] for name, one in found.items()} == {
        "walls": "grid",
        "mouse": "places",
        "path": "places",
        "far": "number",
    }
    np.testing.assert_array_equal(decode(found["path"]["array"])[0, :6], [4, 0, 3, 0, 3, 1])


def test_without_one_grid_pairs_are_numbers():
    mouse = np.array([[1, 1]] * STEPS)
    assert described({"mouse": mouse})["mouse"]["kind"] == "number"
    assert described({"mouse": mouse, "walls": walls(), "map": np.zeros((STEPS, 7, 7))})["mouse"]["kind"] == "number"


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([[3, 1, -1, -1], [2, -1, -1, -1], [-1, -1, -1, -1], [1, 2, 3, 4]], "list"),
        ([[3, -1, 2, -1]] * 4, "number"),
        ([[3, 1, -2, -1]] * 4, "number"),
        ([[3.0, 1.0, -1.0, -1.0]] * 4, "number"),
        ([[1, 2, 3, 4]] * 4, "number"),
        ([[1, -1]] * 4, "number"),
    ],
)
def test_whole_numbers_that_end_in_minus_one_are_a_padded_list(rows, kind):
    assert described({"queue": np.array(rows)})["queue"]["kind"] == kind


def test_a_picture_of_the_grid_is_told_from_another():
    labels = {"walls": walls()}
    drawn = np.pad(np.where(WALLS, 30, 200), 1, constant_values=10).repeat(8, 0).repeat(8, 1)
    assert grid_margin(drawn, labels) == 1
    assert grid_margin(np.where(WALLS, 30, 200), labels) == 0
    assert grid_margin(np.random.default_rng(1).random((56, 64)), labels) is None
    assert grid_margin(drawn, {"mouse": np.array([[1, 1]] * STEPS)}) is None


def test_a_payload_says_where_the_grid_lies_in_each_picture(example):
    maze, spotlight = episode_payload(example("maze"), 0), episode_payload(example("image"), 0)
    assert maze["frames"]["margin"] == 1
    assert maze["observations"][0]["margin"] == 0
    assert (spotlight["frames"]["margin"], spotlight["observations"][0]["margin"]) == (None, None)


def test_the_maze_is_read_off_its_labels(example):
    found = {label["name"]: label for label in episode_payload(example("maze"), 0)["truth"]}
    kinds = {name: label["kind"] for name, label in found.items()}
    assert {name for name, kind in kinds.items() if kind == "places"} == {
        "cheese",
        "corner",
        "mouse",
        "next_decision_square",
        "shortest_path",
    }
    assert {name for name, kind in kinds.items() if kind == "action"} == {"optimal_action", "action_to_corner"}
    assert kinds["walls"] == "grid"
    assert found["optimal_action"]["names"] == ["up", "right", "down", "left"]

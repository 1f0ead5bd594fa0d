"""Expressions over recorded columns: what numpy says of the same, and what a stranger's expression may not do."""

from typing import Any

import numpy as np
import pytest

import workbench
from workbench.analyses.expressions import evaluate, rows_where
from workbench.errors import WorkbenchError
from workbench.recording import Recording


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return workbench.record(
        "agents.cheese_maze:anywhere_agent", "envs:CheeseMaze-v0", out=tmp_path_factory.mktemp("maze") / "x.zarr",
        episodes=3, seed=1, env_kwargs={"cheese": "anywhere"}, layers=[],
    )  # fmt: skip


def column(recording: Recording, name: str) -> Any:
    return recording.steps[name][:]


def test_an_expression_is_what_numpy_says(maze: Recording) -> None:
    action, distance, mouse = (column(maze, name) for name in ("action", "truth/distance", "truth/mouse"))
    corner, logits = column(maze, "truth/corner"), column(maze, "logits")
    episode = column(maze, "episode")
    returns = np.array([maze.episode(k).total_reward for k in range(3)])
    numbers = np.array([maze.episodes["id"].tolist().index(one) for one in episode])
    for text, expected in {
        "action == 2 and truth.distance < 4": (action == 2) & (distance < 4),
        "not action == 2 or 3 < truth.distance <= 6": ~(action == 2) | ((distance > 3) & (distance <= 6)),
        "truth.mouse[0] - truth.corner[0]": mouse[:, 0] - corner[:, 0],
        "truth.mouse[-1] * 2": mouse[:, -1] * 2,
        "all(truth.mouse == truth.corner)": (mouse == corner).all(axis=1),
        "argmax(logits) == action": logits.argmax(axis=1) == action,
        "truth.walls[1, 2]": column(maze, "truth/walls")[:, 1, 2],
        "truth.mouse == action": mouse == action[:, None],
        "episode_return": returns[numbers],
        "episode == 1": numbers == 1,
        "-t % 3": -column(maze, "t") % 3,
        "maximum(t, 4) / 2": np.maximum(column(maze, "t"), 4) / 2,
        "1.5": np.full(len(maze), 1.5),
        "value > 0.5": column(maze, "value") > np.float32(0.5),
        "abs(observation[0, 0, 0] - observation[6, 6, 1])": np.abs(
            column(maze, "observation")[:, 0, 0, 0].astype(int) - column(maze, "observation")[:, 6, 6, 1]
        ),
        "minimum(truth.mouse[0], truth.mouse)": np.minimum(mouse[:, :1], mouse),
    }.items():
        np.testing.assert_array_equal(evaluate(maze, text), expected, err_msg=text)


def test_rows_are_those_where_it_holds(maze: Recording) -> None:
    np.testing.assert_array_equal(rows_where(maze, "t == 0"), np.flatnonzero(column(maze, "t") == 0))
    for text, message in {
        "t == -1": "holds at none",
        "action": "must be true or false at each step",
        "truth.mouse == truth.corner": r"taken together by all\(…\)",
    }.items():
        with pytest.raises(WorkbenchError, match=message):
            rows_where(maze, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no expression"),
        ("action = 2", "is no expression"),
        ("action ==", "is no expression"),
        ("speed > 2", "'speed' in 'speed > 2' was not recorded. There are: action,"),
        ("truth.cat[0]", "'truth.cat'"),
        ("truth.mouse[5]", "cannot be worked out"),
        ("truth.mouse[t]", "A place is a whole number"),
        ("truth.mouse[0:1]", "A place is a whole number"),
        ("logits < truth.mouse", "cannot be worked out"),
        ("action and t == 0", "neither true nor false"),
        ("'word' == action", "nothing that an expression may hold"),
        ("9 ** 9 ** 9", "nothing that an expression may hold"),
        ("__import__('os').system('true')", "nothing that an expression may hold"),
        ("action.__class__", "was not recorded"),
        ("abs.__globals__", "was not recorded"),
        ("(lambda: 1)()", "nothing that an expression may hold"),
        ("[x for x in action]", "nothing that an expression may hold"),
        ("abs(action, out=t)", "nothing that an expression may hold"),
        ("abs(action, t, t, t, t)", "cannot be worked out"),
        ("1 / 0", "cannot be worked out"),
        ("9" * 400 + " / 1.5", "cannot be worked out"),
        ("(" * 900 + "1" + ")" * 900, "is no expression"),
        ("1+" * 1500 + "1", "at most 2,000 characters"),
    ],
)
def test_what_is_no_expression_is_said_and_nothing_runs(maze: Recording, text: str, message: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        evaluate(maze, text)
    assert message in str(caught.value)


def test_a_number_is_what_a_column_of_single_precision_holds_for_it(maze: Recording) -> None:
    value = column(maze, "value")
    text = f"value == {float(value[3])!r}"
    assert evaluate(maze, text)[3]

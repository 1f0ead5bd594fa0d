"""Edits of the maze's state, and fields over its squares, where the right move is known."""

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

import workbench
from envs import CheeseMaze
from workbench.analyses.intervention import behaviour_effect
from workbench.analyses.intervention.policy_fields import find_mover, policy_field
from workbench.analyses.intervention.state_edits import find_editor, state_effect
from workbench.errors import WorkbenchError
from workbench.figures.policy_field import fields_figure
from workbench.policies import ModulePolicy, PolicyOutput
from workbench.recording import Recording

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return workbench.record(
        "agents.cheese_maze:anywhere_agent", "envs:CheeseMaze-v0", out=tmp_path_factory.mktemp("maze") / "x.zarr",
        episodes=4, seed=1, env_kwargs={"cheese": "anywhere"},
    )  # fmt: skip


class AlwaysRight(nn.Module):
    def policy_output(self, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        logits = torch.tensor([[0.0, 40.0, 0.0, 0.0]]).expand(len(inputs), -1)
        return PolicyOutput(logits=logits, value=inputs.flatten(1).sum(dim=1))


def test_an_edit_changes_what_is_seen_and_what_is_decided(maze: Recording) -> None:
    policy = maze.policy()
    row = int(maze.episode(2).rows[1])
    mouse, cheese = (maze.steps[f"truth/{name}"][row] for name in ("mouse", "cheese"))
    walls = maze.steps["truth/walls"][row]
    free = [tuple(map(int, place)) for place in np.argwhere(~walls)]
    far = next(p for p in reversed(free) if p not in (tuple(mouse), tuple(cheese)))
    found = state_effect(maze, policy, row, [("move_cheese", {"row": far[0], "column": far[1]})])
    assert found.account == "probability"
    np.testing.assert_allclose(found.before.sum(), 1, atol=1e-6)
    changed = (np.asarray(found.observation_before) != np.asarray(found.observation_after)).any(axis=-1)
    assert {tuple(map(int, place)) for place in np.argwhere(changed)} == {tuple(map(int, cheese)), far}
    assert len(found.controls) == 20
    assert found.shift == pytest.approx(float(np.abs(found.after - found.before).sum()) / 2)
    assert found.chance == (1 + (found.controls >= found.shift - 1e-9).sum()) / 21
    again = state_effect(maze, policy, row, [("move_cheese", {"row": far[0], "column": far[1]})])
    np.testing.assert_array_equal(found.controls, again.controls)
    unchanged = state_effect(maze, policy, row, [])
    assert unchanged.chance is None
    np.testing.assert_array_equal(unchanged.before, unchanged.after)
    assert unchanged.words == "nothing"
    with pytest.raises(WorkbenchError, match=r"There are: move_cheese\(row, column\)"):
        state_effect(maze, policy, row, [("move_cheese", {"row": int(mouse[0]), "column": int(mouse[1])})])
    with pytest.raises(WorkbenchError, match="is impossible here"):
        state_effect(maze, policy, row, [("paint", {})])


def test_a_field_shows_where_the_policy_goes(maze: Recording) -> None:
    environment = CheeseMaze(cheese="anywhere")
    environment.reset(seed=3)
    before = environment.get_state()
    policy = ModulePolicy(
        AlwaysRight(), environment.observation_space, environment.action_space,
        forward=lambda module, inputs, state, starts: module.policy_output(inputs, state, starts),
    )  # fmt: skip
    field = policy_field(policy, environment, move="move_mouse", place="mouse")
    right = int(np.flatnonzero((field.steps == (0, 1)).all(axis=1))[0])
    assert sorted(map(tuple, field.steps.tolist())) == [(-1, 0), (0, -1), (0, 1), (1, 0)]
    np.testing.assert_allclose(field.arrows[:, 1], 1 if right == 1 else field.probabilities[:, right], atol=1e-6)
    assert len(field.squares) == int((~field.walls).sum()) - 1
    assert "cheese" in field.places
    after = environment.get_state()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert fields_figure(field, field, titles=("a", "b")).axes


def test_the_trained_agents_field_leads_to_the_cheese(maze: Recording) -> None:
    """From most squares its first move is the solver's."""
    environment = CheeseMaze(cheese="anywhere")
    environment.reset(seed=11)
    field = policy_field(maze.policy(), environment, move="move_mouse", place="mouse")
    right = []
    start = environment.get_state()
    for square, chances in zip(field.squares, field.probabilities, strict=True):
        environment.set_state(start)
        environment.edit("move_mouse", row=int(square[0]), column=int(square[1]))
        right.append(int(chances.argmax()) == int(environment.truth()["optimal_action"]))
    assert np.mean(right) > 0.8


def test_what_cannot_be_edited_is_said(maze: Recording) -> None:
    with pytest.raises(WorkbenchError, match="cannot be edited"):
        find_editor(gymnasium.make("CartPole-v1"))
    environment = CheeseMaze()
    environment.reset(seed=0)
    with pytest.raises(WorkbenchError, match="move_cheese, move_mouse"):
        policy_field(maze.policy(), environment, move="fly", place="mouse")


def test_a_policy_with_a_memory_has_no_field() -> None:
    environment = CheeseMaze()
    environment.reset(seed=0)
    policy = ModulePolicy(
        AlwaysRight(), environment.observation_space, spaces.Discrete(4),
        forward=lambda module, inputs, state, starts: module.policy_output(inputs, state, starts),
        initial_state=lambda count: {"x": torch.zeros(count, 1)},
    )  # fmt: skip
    with pytest.raises(WorkbenchError, match="has no field"):
        policy_field(policy, environment, move="move_mouse", place="mouse")


def test_the_agents_own_square_is_found(maze: Recording) -> None:
    environment = CheeseMaze(cheese="anywhere")
    environment.reset(seed=5)
    before = environment.get_state()
    assert find_mover(environment) == ("move_mouse", "mouse")
    after = environment.get_state()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert find_mover(gymnasium.make("CartPole-v1")) is None
    named = policy_field(maze.policy(), environment, move="move_mouse", place="mouse")
    np.testing.assert_array_equal(named.arrows, policy_field(maze.policy(), environment).arrows)


def test_visits_are_counted_square_by_square(maze: Recording) -> None:
    """Held to the right, the mouse spends its episodes at the end of its first corridor."""
    environment = CheeseMaze(cheese="anywhere")
    policy = ModulePolicy(
        AlwaysRight(), environment.observation_space, environment.action_space,
        forward=lambda module, inputs, state, starts: module.policy_output(inputs, state, starts),
    )  # fmt: skip
    found = behaviour_effect(
        policy, [], lambda: CheeseMaze(cheese="anywhere"), episodes=3, seed=2, visits="mouse", environments=1
    )
    assert found.visits is not None
    np.testing.assert_array_equal(found.visits.without, found.visits.with_change)
    assert found.visits.without.sum() == pytest.approx(1)
    squares = 0.0
    for seed in (2, 3, 4):
        environment.reset(seed=seed)
        row, column = map(int, environment.truth()["mouse"])
        while not environment.truth()["walls"][row, column + 1]:
            column += 1
        squares += found.visits.without[row, column]
    assert squares > 0.8
    with pytest.raises(WorkbenchError, match="is no square"):
        behaviour_effect(
            policy, [], lambda: CheeseMaze(cheese="anywhere"), episodes=1, visits="distance", environments=1
        )

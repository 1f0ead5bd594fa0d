"""A policy as a vector field: where an agent would go from every square of a maze.

Axis legend:
    n  squares of a grid on which an agent can stand
    A  actions
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervention.state_edits import StateEditor, find_editor
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PolicyField:
    """Where an agent would go from every square of a maze, all else as it is."""

    walls: npt.NDArray[np.bool_]
    """`[rows, columns]`."""
    squares: npt.NDArray[np.int64]
    """`[n, 2]`, row and column of each open square."""
    probabilities: FloatArray
    """`[n, A]`."""
    steps: npt.NDArray[np.int64]
    """`[A, 2]`, by how many rows and columns each action moves."""
    values: FloatArray | None
    """`[n]`."""
    places: Mapping[str, tuple[int, int]]
    """Other squares that the truth names: the cheese, the corner."""

    @property
    def arrows(self) -> FloatArray:
        """`[n, 2]`, mean movement, in rows and columns: Σ p(a) · step(a)."""
        return np.asarray(self.probabilities @ self.steps)


def find_mover(environment: gymnasium.Env[Any, Any]) -> tuple[str, str] | None:
    """The edit that puts the agent on a square, and the truth label that says on which it is; the state is put back.

    That label changes when something is done, and is wherever the edit, which takes `row` and `column`, puts it.

    Args:
        environment: In the middle of an episode.

    Returns:
        For instance `("move_mouse", "mouse")`; None where the environment is no grid that can be edited so.
    """
    try:
        editor = find_editor(environment)
    except WorkbenchError:
        return None
    truth, start = editor.truth(), editor.get_state()
    moves = [edit.name for edit in editor.edits() if list(edit.parameters) == ["row", "column"]]
    labels = [name for name, where in truth.items() if np.shape(where) == (2,)]
    if not moves or "walls" not in truth or not isinstance(environment.action_space, gymnasium.spaces.Discrete):
        return None
    try:
        moved = set()
        for action in range(int(environment.action_space.n)):
            editor.set_state(start)
            environment.unwrapped.step(action)
            after = editor.truth()
            moved |= {name for name in labels if not np.array_equal(after[name], truth[name])}
        for move in moves:
            followed = {name for name in labels if name in moved}
            for square in np.argwhere(~np.asarray(truth["walls"], bool)):
                editor.set_state(start)
                try:
                    editor.edit(move, row=int(square[0]), column=int(square[1]))
                except ValueError:
                    continue
                after = editor.truth()
                followed = {name for name in followed if np.array_equal(after[name], square)}
            if followed:
                return move, sorted(followed)[0]
    finally:
        editor.set_state(start)
    return None


def policy_field(
    policy: Policy, environment: gymnasium.Env[Any, Any], *, move: str | None = None, place: str | None = None
) -> PolicyField:
    """The policy as a vector field over the squares of a grid; the environment's state is put back.

    Args:
        policy: Without memory, with discrete actions (logits or Q-values: softmax of them); may be a `ChangedPolicy`.
        environment: In the middle of an episode.
        move: The edit that puts the agent on another square, with `row` and `column`: `move_mouse`; None finds it.
        place: The truth label that says where it is: `mouse`; `walls` must be one too. None finds it.

    Raises:
        WorkbenchError: The environment cannot be edited so, or the policy has a memory.
    """
    editor = find_editor(environment)
    if policy.initial_state(1) is not None:
        raise WorkbenchError("A policy with a memory has no field: where it goes depends on where it has been.")
    truth = editor.truth()
    if move is None or place is None:
        found = find_mover(environment)
        if found is None:
            raise WorkbenchError(
                "This environment has no field: it needs an edit that puts the agent on a square, with row and column, "
                "a truth label that says where it is, and the label 'walls'."
            )
        move, place = found
    if move not in {edit.name for edit in editor.edits()} or place not in truth or "walls" not in truth:
        raise WorkbenchError(
            f"A field needs an edit {move!r}, and the labels {place!r} and 'walls'; there are the edits "
            f"{', '.join(edit.name for edit in editor.edits())} and the labels {', '.join(truth)}."
        )
    start = editor.get_state()
    walls = np.asarray(truth["walls"], bool)
    squares, seen = [], []
    for row, column in np.argwhere(~walls):
        editor.set_state(start)
        try:
            seen.append(editor.edit(move, row=int(row), column=int(column)))
        except ValueError:
            # Somebody else stands there.
            continue
        squares.append((int(row), int(column)))
    steps = _steps_of(environment, editor, start, squares, move, place)
    editor.set_state(start)
    with torch.no_grad(), exclusively(policy):
        output = policy.forward(policy.preprocess(np.stack(seen)))
    scores = output.logits if output.logits is not None else output.q_values
    if scores is None or scores.shape[1] != len(steps):
        raise WorkbenchError("A field is of policies over discrete actions, one number for each.")
    others = {
        name: (int(where[0]), int(where[1]))
        for name, where in truth.items()
        if name != place and np.shape(where) == (2,) and np.min(where) >= 0
    }
    return PolicyField(
        walls=walls,
        squares=np.array(squares, np.int64),
        probabilities=scores.softmax(dim=1).double().cpu().numpy(),
        steps=steps,
        values=None if output.value is None else output.value.double().cpu().numpy(),
        places=others,
    )


def _steps_of(
    environment: gymnasium.Env[Any, Any],
    editor: StateEditor,
    start: Mapping[str, Any],
    squares: Sequence[tuple[int, int]],
    move: str,
    place: str,
) -> npt.NDArray[np.int64]:
    """By how much each action moves, found by doing it from squares until it does."""
    count = int(getattr(environment.action_space, "n", 0))
    steps = np.zeros((count, 2), np.int64)
    for action in range(count):
        for row, column in squares:
            editor.set_state(start)
            editor.edit(move, row=row, column=column)
            environment.unwrapped.step(action)
            moved = np.asarray(editor.truth()[place]) - (row, column)
            if moved.any():
                steps[action] = moved
                break
    return steps

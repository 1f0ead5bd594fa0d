"""Editing the state of an environment: what would the agent do, were the world different?

An environment can be edited where it has the methods of `StateEditor` (`envs/editing.py` in the checkout says what they
do); nothing needs to be inherited.

Axis legend:
    n  squares of a grid on which an agent can stand
    A  actions
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.decisions import Decisions, as_values, channels_first, read_decisions
from workbench.analyses.exclusive import exclusively
from workbench.analyses.targets import account_of
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy, PolicyOutput
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]


@runtime_checkable
class StateEditor(Protocol):
    """An environment whose state can be read, put back and edited in the middle of an episode."""

    def edits(self) -> Sequence[Any]:
        """List the edits on offer; each has `name`, `parameters` (names and types) and `description`."""

    def edit(self, name: str, **arguments: Any) -> Any:
        """Carry one out; gives the observation after it. `ValueError` where it is impossible."""

    def get_state(self) -> Mapping[str, Any]:
        """A copy of the state."""

    def set_state(self, state: Mapping[str, Any]) -> Any:
        """Put it back."""

    def observation(self) -> Any:
        """The observation of the present state."""

    def truth(self) -> Mapping[str, Any]:
        """The labels of the present state."""


def find_editor(environment: gymnasium.Env[Any, Any]) -> StateEditor:
    """The editor of an environment, below its wrappers.

    Raises:
        WorkbenchError: It cannot be edited.
    """
    inner = environment.unwrapped
    if not isinstance(inner, StateEditor):
        raise WorkbenchError(
            f"The environment {inner} cannot be edited: it lacks the methods edits, edit, get_state, set_state, "
            f"observation and truth. Change the observation instead (set_number, change_observation)."
        )
    return inner


@dataclass(frozen=True, kw_only=True)
class StateEffect:
    """One recorded decision, and the same in an edited state."""

    words: str
    row: int
    observation_before: Any
    observation_after: Any
    account: str
    """`probability`, `q` or `mean`."""
    before: FloatArray
    """`[A]`."""
    after: FloatArray
    """`[A]`."""
    value_before: float | None
    value_after: float | None


def state_effect(
    recording: Recording,
    policy: Policy,
    row: int,
    edits: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    environment: gymnasium.Env[Any, Any] | None = None,
) -> StateEffect:
    """Put an environment into the state of a recorded step, edit it, and ask the agent again.

    Args:
        recording: Holds the step.
        policy: The policy; where it has a memory, that of the recorded step.
        row: Row of `recording.steps`.
        edits: Names and arguments, carried out in order.
        environment: To use; None makes the recorded one.

    Raises:
        WorkbenchError: The environment cannot be edited, or not so; or it does not replay the step exactly.
    """
    replayed = recording.replay(row, environment)
    if not replayed.exact:
        raise WorkbenchError(
            f"The environment does not replay step {row} exactly (largest difference "
            f"{replayed.largest_difference:.3g}), so that an edit would start from another state."
        )
    editor = find_editor(replayed.environment)
    seen = editor.observation()
    for name, arguments in edits:
        try:
            seen = editor.edit(name, **arguments)
        except (ValueError, TypeError) as error:
            offered = ", ".join(f"{edit.name}({', '.join(edit.parameters)})" for edit in editor.edits())
            raise WorkbenchError(f"The edit {name!r} is impossible here: {error}. There are: {offered}.") from error
    decisions = read_decisions(recording, policy, [row])
    before = _ask(decisions, decisions.inputs, 1)
    after = _ask(decisions, _entering(decisions, [seen]), 1)
    account, said = account_of(before, policy.action_space)
    said_after = account_of(after, policy.action_space)[1]
    return StateEffect(
        words="; ".join(_edit_in_words(name, given) for name, given in edits) or "nothing",
        row=row,
        observation_before=replayed.observation,
        observation_after=seen,
        account=account,
        before=said[0].double().cpu().numpy(),
        after=said_after[0].double().cpu().numpy(),
        value_before=None if before.value is None else float(before.value[0]),
        value_after=None if after.value is None else float(after.value[0]),
    )


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


def policy_field(policy: Policy, environment: gymnasium.Env[Any, Any], *, move: str, place: str) -> PolicyField:
    """The policy as a vector field over the squares of a grid; the environment's state is put back.

    Args:
        policy: Without memory, with discrete actions (logits or Q-values: softmax of them); may be a `ChangedPolicy`.
        environment: In the middle of an episode.
        move: The edit that puts the agent on another square, with `row` and `column`: `move_mouse`.
        place: The truth label that says where it is: `mouse`; `walls` must be one too.

    Raises:
        WorkbenchError: The environment cannot be edited so, or the policy has a memory.
    """
    editor = find_editor(environment)
    if policy.initial_state(1) is not None:
        raise WorkbenchError("A policy with a memory has no field: where it goes depends on where it has been.")
    truth = editor.truth()
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


def _edit_in_words(name: str, arguments: Mapping[str, Any]) -> str:
    given = ", ".join(f"{key} {value}" for key, value in arguments.items())
    return f"{name.replace('_', ' ')} ({given})"


def _entering(decisions: Decisions, observations: Sequence[Any]) -> dict[str, Tensor]:
    batch: Any = (
        {key: np.stack([one[key] for one in observations]) for key in observations[0]}
        if isinstance(observations[0], Mapping)
        else np.stack(observations)
    )
    entering = as_values(decisions.policy.preprocess(batch))
    return {name: channels_first(tensor.float(), decisions.layouts[name]) for name, tensor in entering.items()}


def _ask(decisions: Decisions, inputs: Mapping[str, Tensor], count: int) -> PolicyOutput:
    with torch.no_grad(), exclusively(decisions.policy):
        return decisions.run(inputs, torch.zeros(count, dtype=torch.int64))

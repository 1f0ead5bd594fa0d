"""Reading recorded steps as decisions: observations, memory, legal actions and what was recorded of the answers.

Axis legend: S decisions, P observations of a window in time.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.decisions import Decisions, History, as_values, channels_first, layout_of
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy, State
from workbench.recording.columns import nest_observation

if TYPE_CHECKING:
    from workbench.recording import Recording

MOST_DECISIONS = 65_536
"""Decisions that are held in memory at a time."""


def read_decisions(
    recording: "Recording", policy: Policy, rows: Sequence[int] | npt.NDArray[Any], *, window: int = 1
) -> Decisions:
    """Read recorded steps and prepare them for the policy.

    Args:
        recording: Holds the observations, and the recurrent state of a policy with memory.
        policy: The policy that acted, or another one with the same observations and actions.
        rows: `[S]` rows of `recording.steps`.
        window: P, how many observations are read of each, its own the last.

    Raises:
        WorkbenchError: A row does not exist, observations (or the memory of a recurrent policy) were not recorded, or
            the recording does not fit the policy.
    """
    chosen = np.asarray(rows, dtype=np.int64).reshape(-1)
    _check_rows(recording, chosen)
    if window < 1:
        raise WorkbenchError(f"A window holds at least the decision's own observation; came {window}.")
    observations = read_observations(recording, chosen)
    before, numbers = _rows_before(recording, chosen, window)
    entering = {name: tensor.float() for name, tensor in as_values(policy.preprocess(observations)).items()}
    layouts = {name: layout_of(tensor) for name, tensor in entering.items()}
    masks = None
    if "action_mask" in recording.steps:
        masks = torch.as_tensor(recording.steps["action_mask"][chosen])
    actions = recording.steps["action"][chosen]
    return Decisions(
        policy=policy,
        rows=chosen,
        episodes=numbers,
        times=recording.steps["t"][chosen].astype(np.int64),
        observations=observations,
        inputs={name: channels_first(tensor, layouts[name]) for name, tensor in entering.items()},
        layouts=layouts,
        state=_state_after(recording, policy, before[:, -1]),
        masks=masks,
        actions=actions.reshape(len(chosen), -1),
        history=None if window == 1 else _read_history(recording, policy, before, layouts),
        recorded={
            name: recording.steps[name][chosen].astype(np.float64)
            for name in ("value", "logits", "mean", "q_values")
            if name in recording.steps
        },
    )


def draw_rows(recording: "Recording", count: int, *, seed: int = 0) -> npt.NDArray[np.int64]:
    """Rows of a recording's steps drawn at random, without repetition and in order; all where there are no more.

    Args:
        recording: Whose steps.
        count: How many at most.
        seed: The same draws the same rows.
    """
    generator = np.random.default_rng(seed)
    return np.sort(generator.choice(len(recording), min(count, len(recording)), replace=False)).astype(np.int64)


def read_observations(recording: "Recording", rows: npt.NDArray[np.int64]) -> Any:
    """The raw observations of some rows, `[S, ...]`, as a dict (of dicts) where they were one.

    Raises:
        WorkbenchError: None were recorded.
    """
    columns = {
        name.removeprefix("observation").removeprefix("/"): recording.steps[name][rows]
        for name in recording.steps
        if name == "observation" or name.startswith("observation/")
    }
    if not columns:
        raise WorkbenchError(
            f"{recording.path} holds no observations, so that its steps cannot be put to the policy again; "
            f"record with observations."
        )
    return nest_observation(columns)


def _check_rows(recording: "Recording", rows: npt.NDArray[np.int64]) -> None:
    if not len(rows):
        raise WorkbenchError("No step was chosen; choose at least one.")
    if len(rows) > MOST_DECISIONS:
        raise WorkbenchError(f"At most {MOST_DECISIONS:,} steps are taken at a time; {len(rows):,} were chosen.")
    wrong = rows[(rows < 0) | (rows >= len(recording))]
    if len(wrong):
        raise WorkbenchError(f"There is no step {wrong[0]}: the recording has {len(recording):,}, numbered from 0.")


def _rows_before(
    recording: "Recording", rows: npt.NDArray[np.int64], count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The `count` rows before each one in its episode, `[S, count]`, the oldest first and −1 where there is none; and
    the number of its episode, `[S]`.
    """
    ids = recording.steps["episode"][rows]
    before, numbers = np.full((len(rows), count), -1, np.int64), np.zeros(len(rows), np.int64)
    for identity in np.unique(ids):
        number = int(np.flatnonzero(recording.episodes["id"] == identity)[0])
        mine = np.flatnonzero(ids == identity)
        numbers[mine] = number
        order = recording.episode(number).rows
        places = np.searchsorted(order, rows[mine])[:, None] - np.arange(count, 0, -1)
        before[mine] = np.where(places >= 0, order[np.maximum(places, 0)], -1)
    return before, numbers


def _read_history(
    recording: "Recording", policy: Policy, before: npt.NDArray[np.int64], layouts: Mapping[str, str]
) -> History:
    """`before`: the P rows before each decision; the oldest of them is there for its memory alone."""
    inputs = []
    for column in before.T[1:]:
        raw = policy.preprocess(read_observations(recording, np.maximum(column, 0)))
        there = torch.as_tensor(column >= 0)
        inputs.append(
            {
                name: channels_first(tensor.float(), layouts[name]) * there.view(-1, *(1,) * (tensor.ndim - 1))
                for name, tensor in as_values(raw).items()
            }
        )
    return History(
        inputs=tuple(inputs),
        exists=torch.as_tensor(before[:, 1:] >= 0),
        state=_state_after(recording, policy, before[:, 0]),
    )


def _state_after(recording: "Recording", policy: Policy, rows: npt.NDArray[np.int64]) -> State | None:
    """What the policy remembered after some rows; the initial state where a row is −1."""
    initial = policy.initial_state(len(rows))
    if initial is None:
        return None
    state: dict[str, Tensor] = {}
    for name, start in initial.items():
        if name not in recording.state or list(recording.state[name].shape[1:]) != list(start.shape[1:]):
            raise WorkbenchError(
                f"The policy has a memory ({', '.join(initial)}), and {recording.path} does not hold its "
                f"state/{name} of shape {list(start.shape[1:])}; without it, no step but an episode's first can be "
                f"put to the policy again."
            )
        recorded = torch.as_tensor(recording.state[name][np.maximum(rows, 0)]).to(start)
        first = torch.as_tensor(rows < 0).view(-1, *(1,) * (start.ndim - 1)).to(start.device)
        state[name] = torch.where(first, start, recorded)
    return state

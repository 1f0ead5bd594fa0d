"""Recorded steps, ready to be put to the policy again: what it saw, remembered, was allowed to do, and did.

Axis legend:
    S  decisions (recorded steps that are looked at)
    n  rows of one batch, each belonging to one decision
    C  components of an action (1 for Discrete)
    P  observations of a window in time, the decision's own the last
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.exclusive import exclusively
from workbench.errors import WorkbenchError
from workbench.policies.types import Inputs, Policy, PolicyOutput, State
from workbench.recording.columns import nest_observation

if TYPE_CHECKING:
    from workbench.recording import Recording

Values: TypeAlias = Mapping[str, Tensor]
"""Tensors by name, every one `[n, ...]`: a network's inputs by observation key (`""` for a plain one), or a layer's."""

AS_IT_IS, CHANNELS_LAST, NO_CHANNELS = "as it is", "channels last", "no channels"
SMALLEST_PICTURE = 16
"""Pixels a side from which two axes without channels are taken for a picture."""
MOST_AT_A_TIME = 512
"""Decisions that go through the network together where nobody says how many."""
MOST_DECISIONS = 65_536
"""Decisions that are held in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What S decisions were preceded by, as far as a window of P observations reaches."""

    inputs: tuple[Values, ...]
    """P − 1 of them, the oldest first; each `[S, ...]` by key, zeros where the episode had not begun."""
    exists: Tensor
    """`[S, P − 1]` bool, whether the episode had begun."""
    state: State | None
    """Recurrent state before the oldest of them (before the episode's first step, where it had not begun)."""


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """S recorded decisions of one policy."""

    policy: Policy
    rows: npt.NDArray[np.int64]
    """`[S]` rows of `recording.steps`."""
    episodes: npt.NDArray[np.int64]
    """`[S]` number of each one's episode, from 0: intervals are taken over episodes."""
    times: npt.NDArray[np.int64]
    """`[S]` step within the episode, from 0."""
    observations: Any
    """Raw observations `[S, ...]`, or a dict of such."""
    inputs: Values
    """What enters the network, float32 `[S, ...]` by key; images with their channels first, however it takes them."""
    layouts: Mapping[str, str]
    """By key, how the network takes it: `as it is`, `channels last`, or `no channels` (a picture `[H, W]`)."""
    state: State | None
    """Recurrent state before each decision, every tensor `[S, ...]`; None for a policy without memory."""
    masks: Tensor | None
    """`[S, A]` bool, what was legal; None where nothing was said about it."""
    actions: npt.NDArray[Any]
    """`[S, C]` as recorded."""
    history: History | None = None
    """What came before; None where nobody asked for it."""
    recorded: Mapping[str, npt.NDArray[Any]]
    """What the recording says of each decision: `value` `[S]`, `logits` `[S, A]` … where they were recorded."""

    def __len__(self) -> int:
        return len(self.rows)

    def subset(self, places: npt.NDArray[np.int64]) -> "Decisions":
        """Some of the decisions.

        Args:
            places: Their places, 0 to S − 1.
        """
        index = torch.as_tensor(places)
        raw = self.observations
        return Decisions(
            policy=self.policy,
            rows=self.rows[places],
            episodes=self.episodes[places],
            times=self.times[places],
            observations=_take(raw, places),
            inputs={name: tensor[index] for name, tensor in self.inputs.items()},
            layouts=self.layouts,
            state=None if self.state is None else {name: tensor[index] for name, tensor in self.state.items()},
            masks=None if self.masks is None else self.masks[index],
            actions=self.actions[places],
            history=None if self.history is None else _some_history(self.history, index),
            recorded={name: values[places] for name, values in self.recorded.items()},
        )

    def run(self, inputs: Values, index: Tensor) -> PolicyOutput:
        """Run the policy, differentiably, on other inputs in the circumstances of some decisions.

        Args:
            inputs: By key, `[n, ...]`.
            index: `[n]`, the decision (0 to S − 1) whose memory and legal actions each row has.
        """
        state = None if self.state is None else {name: part[index] for name, part in self.state.items()}
        masks = None if self.masks is None else self.masks[index]
        return self.policy.forward(self._as_taken(inputs), state, None, masks)

    def run_window(self, inputs: Sequence[Values], index: Tensor) -> PolicyOutput:
        """Run the policy through a window of observations, differentiably; its memory comes from them.

        Args:
            inputs: P of them, the oldest first and the decision's own last; each `[n, ...]` by key.
            index: `[n]`, the decision whose circumstances each row has.
        """
        assert self.history is not None, "decisions are read with a window"
        masks = None if self.masks is None else self.masks[index]
        state = None if self.history.state is None else {name: t[index] for name, t in self.history.state.items()}
        exists = self.history.exists[index]
        for place, one in enumerate(inputs[:-1]):
            if state is None:
                break
            after = self.policy.forward(self._as_taken(one), state, None, None).state
            assert after is not None
            there = exists[:, place]
            state = {
                name: torch.where(there.view(-1, *(1,) * (part.ndim - 1)), after[name], part)
                for name, part in state.items()
            }
        return self.policy.forward(self._as_taken(inputs[-1]), state, None, masks)

    def _as_taken(self, inputs: Values) -> Inputs:
        return as_inputs({name: back(tensor, self.layouts.get(name, AS_IT_IS)) for name, tensor in inputs.items()})

    @torch.no_grad()
    def answer(self) -> PolicyOutput:
        """What the policy says of the decisions as they are, without gradients, some hundred at a time."""
        parts = []
        with exclusively(self.policy):
            for start in range(0, len(self), MOST_AT_A_TIME):
                index = torch.arange(start, min(start + MOST_AT_A_TIME, len(self)))
                parts.append(self.run({name: tensor[index] for name, tensor in self.inputs.items()}, index))
        return joined(parts)

    def largest_disagreement(self) -> float:
        """How far the policy's answers are from the recorded ones: the largest absolute difference over all of them.

        Rounding (batches of another size) makes some 1e-6; more says that this is not the policy that acted, or that
        its memory was not recorded. NaN where nothing was recorded to compare with.
        """
        output = self.answer()
        said: dict[str, Tensor] = dict(output.distribution)
        if output.value is not None:
            said["value"] = output.value
        differences = [
            np.abs(np.where(values <= -1e7, 0, values - said[name].cpu().double().numpy())).max(initial=0.0)
            for name, values in self.recorded.items()
            if name in said and said[name].shape == values.shape
        ]
        return float(max(differences)) if differences else float("nan")


def layout_of(tensor: Tensor) -> str:
    """How an input `[n, ...]` lies: pictures are told by their shape, for a network may take them as it likes."""
    if tensor.ndim == 4 and tensor.shape[3] < min(tensor.shape[1:3]):
        return CHANNELS_LAST
    if tensor.ndim == 3 and min(tensor.shape[1:]) >= SMALLEST_PICTURE:
        return NO_CHANNELS
    return AS_IT_IS


def channels_first(tensor: Tensor, layout: str) -> Tensor:
    """An input as the workbench shows it: pictures `[n, C, H, W]`."""
    if layout == CHANNELS_LAST:
        return tensor.permute(0, 3, 1, 2)
    return tensor.unsqueeze(1) if layout == NO_CHANNELS else tensor


def back(tensor: Tensor, layout: str) -> Tensor:
    """And as the network takes it."""
    if layout == CHANNELS_LAST:
        return tensor.permute(0, 2, 3, 1)
    return tensor.squeeze(1) if layout == NO_CHANNELS else tensor


def _take(observations: Any, places: npt.NDArray[np.int64]) -> Any:
    if isinstance(observations, Mapping):
        return {key: _take(part, places) for key, part in observations.items()}
    return observations[places]


def joined(parts: Sequence[PolicyOutput]) -> PolicyOutput:
    """Several batches' answers as one; without recurrent state."""

    def join(name: str) -> Tensor | None:
        tensors = [getattr(part, name) for part in parts]
        return None if tensors[0] is None else torch.cat(tensors)

    return PolicyOutput(
        logits=join("logits"),
        mean=join("mean"),
        log_std=join("log_std"),
        q_values=join("q_values"),
        value=join("value"),
    )


def as_values(inputs: Inputs) -> dict[str, Tensor]:
    """Inputs by key; those that are no dict under `""`."""
    return dict(inputs) if isinstance(inputs, Mapping) else {"": inputs}


def as_inputs(values: Values) -> Inputs:
    """What `Policy.forward` takes: the other way round."""
    return values[""] if tuple(values) == ("",) else values


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


def _some_history(history: History, index: Tensor) -> History:
    return History(
        inputs=tuple({name: tensor[index] for name, tensor in one.items()} for one in history.inputs),
        exists=history.exists[index],
        state=None if history.state is None else {name: tensor[index] for name, tensor in history.state.items()},
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

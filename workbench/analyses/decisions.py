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
from workbench.policies.types import Inputs, Policy, PolicyOutput, State

if TYPE_CHECKING:
    pass

Values: TypeAlias = Mapping[str, Tensor]
"""Tensors by name, every one `[n, ...]`: a network's inputs by observation key (`""` for a plain one), or a layer's."""

AS_IT_IS, CHANNELS_LAST, NO_CHANNELS = "as it is", "channels last", "no channels"
SMALLEST_PICTURE = 16
"""Pixels a side from which two axes without channels are taken for a picture."""
MOST_AT_A_TIME = 512
"""Decisions that go through the network together where nobody says how many."""


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
    return layout_of_shape(tuple(tensor.shape))


def layout_of_shape(shape: Sequence[int]) -> str:
    """How an array `[n, ...]` of such a shape lies."""
    if len(shape) == 4 and shape[3] < min(shape[1:3]):
        return CHANNELS_LAST
    if len(shape) == 3 and min(shape[1:]) >= SMALLEST_PICTURE:
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
        readings={name: torch.cat([part.readings[name] for part in parts]) for name in parts[0].readings},
    )


def as_values(inputs: Inputs) -> dict[str, Tensor]:
    """Inputs by key; those that are no dict under `""`."""
    return dict(inputs) if isinstance(inputs, Mapping) else {"": inputs}


def as_inputs(values: Values) -> Inputs:
    """What `Policy.forward` takes: the other way round."""
    return values[""] if tuple(values) == ("",) else values


def _some_history(history: History, index: Tensor) -> History:
    return History(
        inputs=tuple({name: tensor[index] for name, tensor in one.items()} for one in history.inputs),
        exists=history.exists[index],
        state=None if history.state is None else {name: tensor[index] for name, tensor in history.state.items()},
    )

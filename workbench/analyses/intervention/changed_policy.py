"""A policy with changes held on: it acts, is recorded and is explained like any other."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervention.changes import Change, LayerChange, ObservationChange
from workbench.analyses.layers import Edit, Reading, find_layer, overwritten
from workbench.policies.types import ActionChoice, EpisodeRandom, Inputs, Observations, Policy, PolicyOutput, State


class ChangedPolicy:
    """Another policy whose layers, or observations, are changed whenever it runs; the other one is left as it is."""

    def __init__(self, policy: Policy, changes: Sequence[Change], *, readings: Sequence[Reading] = ()) -> None:
        """Hold changes on.

        Args:
            policy: The policy.
            changes: In order; several of one layer are done one after another.
            readings: Numbers that answers carry, read off layers after the changes.

        Raises:
            WorkbenchError: There is no such layer.
        """
        for change in changes:
            if isinstance(change, LayerChange):
                find_layer(policy.module, change.layer)
        for reading in readings:
            find_layer(policy.module, reading.layer)
        self._policy = policy
        self._readings = tuple(readings)
        self._changes = tuple(changes)
        self._edits = _edits(self._changes)
        self.takes_action_masks = bool(getattr(policy, "takes_action_masks", False))
        self.settings = getattr(policy, "settings", {})

    @property
    def name(self) -> str:
        """The policy's, and what was changed."""
        return f"{self._policy.name} ({'; '.join(change.words for change in self._changes) or 'unchanged'})"

    @property
    def observation_space(self) -> gymnasium.Space[Any]:
        """The policy's."""
        return self._policy.observation_space

    @property
    def action_space(self) -> gymnasium.Space[Any]:
        """The policy's."""
        return self._policy.action_space

    @property
    def module(self) -> nn.Module:
        """The policy's own network, unchanged."""
        return self._policy.module

    def initial_state(self, batch_size: int) -> State | None:
        """The policy's."""
        return self._policy.initial_state(batch_size)

    def preprocess(self, observations: Observations) -> Inputs:
        """What the policy makes of the observations as they are changed."""
        return self._policy.preprocess(self._seen(observations))

    def forward(
        self,
        inputs: Inputs,
        state: State | None = None,
        episode_starts: Tensor | None = None,
        action_masks: Tensor | None = None,
    ) -> PolicyOutput:
        """Run the network with its layers changed; `inputs` are taken as they are."""
        read: dict[str, Tensor] = {}
        with self._held(), contextlib.ExitStack() as reading:
            for one in self._readings:
                reading.enter_context(overwritten(self._policy.module, {one.layer: _keeping(one, read)}))
            output = self._policy.forward(inputs, state, episode_starts, action_masks)
        return replace(output, readings={**output.readings, **read}) if read else output

    def act(
        self,
        observations: Observations,
        state: State | None = None,
        episode_starts: npt.NDArray[np.bool_] | None = None,
        *,
        deterministic: bool,
        random: Sequence[EpisodeRandom] | None = None,
        action_masks: npt.NDArray[np.bool_] | None = None,
    ) -> ActionChoice:
        """Act with the changes."""
        with self._held():
            return self._policy.act(
                self._seen(observations),
                state,
                episode_starts,
                deterministic=deterministic,
                random=random,
                action_masks=action_masks,
            )

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        with exclusively(self._policy), overwritten(self._policy.module, self._edits):
            yield

    def _seen(self, observations: Observations) -> Observations:
        for change in self._changes:
            if isinstance(change, ObservationChange):
                observations = change.edit(observations)
        return observations


def _keeping(reading: Reading, read: dict[str, Tensor]) -> Edit:
    def keep(output: Tensor) -> Tensor:
        read[reading.name] = reading.function(output)
        return output

    return keep


def _edits(changes: Sequence[Change]) -> dict[str, Edit]:
    """One edit a layer."""
    edits: dict[str, Edit] = {}
    for change in changes:
        if isinstance(change, LayerChange):
            before = edits.get(change.layer)
            edits[change.layer] = change.edit if before is None else _after(before, change.edit)
    return edits


def _after(first: Edit, second: Edit) -> Edit:
    return lambda output: second(first(output))

"""Directions in a layer, from two sets of steps that people name: what to steer along.

Axis legend: n, m steps of either set.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from torch import Tensor

from workbench.analyses.expressions import rows_where
from workbench.analyses.intervention.decision_effects import DecisionEffect
from workbench.analyses.intervention.decisions import CONTROLS, decision_effect, layer_values
from workbench.analyses.intervention.steering import mean_difference, steer
from workbench.analyses.reading_decisions import read_decisions
from workbench.analyses.targets import AnyTarget, NamedTarget, find_target
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.recording.reader import Recording

OF_ONE_ACTION = re.compile(r"action(\[(?P<component>\d+)\])?\s*==\s*(?P<action>-?\d+)")
"""An expression that holds where one action was taken."""
MOST_STEPS = 1_024
"""Of either set that are looked at; the rest tells little more of a mean."""


@dataclass(frozen=True, kw_only=True)
class Direction:
    """The difference between a layer's means over two sets of steps."""

    layer: str
    vector: Tensor
    """`[...]`, mean over the first set less that over the second, in the layer's unit."""
    toward: str
    """The first set, in words."""
    away: str
    """The second."""
    steps: tuple[int, int]
    """n and m, how many of each were looked at."""
    there: tuple[int, int]
    """How many of each there are: of more than 1,024 a sample is looked at."""
    episodes: tuple[int, int]
    """How many episodes these are of."""

    @property
    def length(self) -> float:
        """Euclidean, in the layer's unit."""
        return float(self.vector.norm())

    @property
    def words(self) -> str:
        """For people."""
        first, second = (
            f"{looked:,} steps" if looked == there else f"a sample of {looked:,} of {there:,} steps"
            for looked, there in zip(self.steps, self.there, strict=True)
        )
        return (
            f"mean of {self.layer} where {self.toward} ({first}, of {self.episodes[0]:,} episodes) less that where "
            f"{self.away} ({second}, of {self.episodes[1]:,}), length {self.length:.3g}"
        )


def direction_between(
    recording: Recording, policy: Policy, layer: str, toward: str, away: str | None = None, *, seed: int = 0
) -> Direction:
    """The direction that leads, on average, from one set of recorded steps to another.

    Args:
        recording: Holds the steps.
        policy: The policy.
        layer: Whose output is compared.
        toward: An expression over recorded columns (`workbench.analyses.expressions`) that holds at the first set.
        away: One that holds at the second; None takes all other steps.
        seed: Draws at most 1,024 steps of each set.

    Raises:
        WorkbenchError: An expression cannot be read or holds at no step, or the sets have the same mean.
    """
    first = rows_where(recording, toward)
    second = _others(recording, first, toward) if away is None else rows_where(recording, away)
    generator = np.random.default_rng(seed)
    drawn = [np.sort(generator.choice(rows, min(MOST_STEPS, len(rows)), replace=False)) for rows in (first, second)]
    values = [layer_values(recording, policy, layer, rows) for rows in drawn]
    vector = mean_difference(*values)
    if not float(vector.norm()) > 0:
        raise WorkbenchError(f"The layer {layer!r} has the same mean over both sets: there is no direction.")
    ids = recording.steps["episode"]
    return Direction(
        layer=layer,
        vector=vector,
        toward=toward,
        away="it does not hold" if away is None else away,
        steps=(len(drawn[0]), len(drawn[1])),
        there=(len(first), len(second)),
        episodes=(len(np.unique(ids[drawn[0]])), len(np.unique(ids[drawn[1]]))),
    )


def target_toward(recording: Recording, policy: Policy, toward: str) -> NamedTarget | None:
    """The number that steering toward an action is to raise: its log-odds, or its Q.

    The action that was taken is another one from step to step, so that its number rises at some and falls at others.

    Args:
        recording: Holds steps to put to the policy.
        policy: The policy.
        toward: The expression at whose steps the first set is.

    Returns:
        None where the expression is not `action == K` (or `action[C] == K`, of the C-th component).
    """
    found = OF_ONE_ACTION.fullmatch(toward.strip())
    if found is None or isinstance(policy.action_space, Box):
        return None
    answer = read_decisions(recording, policy, [0]).answer()
    kind = "q" if answer.q_values is not None else "log_odds"
    action = found["action"] if found["component"] is None else f"{found['component']}.{found['action']}"
    try:
        return find_target(f"{kind}:{action}", answer, policy.action_space, recording.action_names)
    except WorkbenchError:
        # No single option is named: an action of several components compared as a whole, say.
        return None


def _others(recording: Recording, rows: npt.NDArray[np.int64], toward: str) -> npt.NDArray[np.int64]:
    left = np.setdiff1d(np.arange(len(recording)), rows)
    if not len(left):
        raise WorkbenchError(f"{toward!r} holds at every step, so that there is nothing to compare with.")
    return left


def sweep_scales(
    recording: Recording,
    policy: Policy,
    rows: Sequence[int] | npt.NDArray[np.int64],
    layer: str,
    vector: Tensor,
    scales: Sequence[float],
    *,
    target: AnyTarget | None = None,
    controls: int = CONTROLS,
    seed: int = 0,
) -> tuple[DecisionEffect, ...]:
    """Steer the same decisions by several multiples of a vector, each beside random vectors of the same length.

    Args:
        recording: Holds the steps.
        policy: The policy, unchanged.
        rows: Rows of `recording.steps`.
        layer: That is steered.
        vector: `[...]`, one row of the layer.
        scales: By how much, for instance −2, −1, 1, 2.
        target: The number whose change is measured; by default that of the action taken.
        controls: How many random vectors each is compared with.
        seed: Of these.

    Returns:
        One effect a scale, in the order of `scales`.
    """
    if not scales:
        raise WorkbenchError("A sweep needs at least one scale.")
    return tuple(
        decision_effect(
            recording, policy, rows, [steer(layer, vector, scale)], target=target, controls=controls, seed=seed
        )
        for scale in scales
    )

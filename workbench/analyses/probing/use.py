"""Is what a probe finds used? Its direction is taken out of the live layer, mirrored, or pushed, beside random ones.

A layer may hold a concept that nothing behind it reads. What tells the two apart is an intervention: where the
direction is taken away and decisions change no more than with random directions, the concept is there and not used.

Axis legend: S decisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.intervention.changes import Change
from workbench.analyses.intervention.decision_effects import DecisionEffect
from workbench.analyses.intervention.decisions import CONTROLS, decision_effect, layer_values
from workbench.analyses.intervention.steering import project_out, steer
from workbench.analyses.probing.probe import Probe
from workbench.analyses.reading_decisions import draw_rows
from workbench.analyses.targets import AnyTarget
from workbench.policies.types import Policy
from workbench.recording.reader import Recording

BACKGROUND_STEPS = 256


@dataclass(frozen=True, kw_only=True)
class Use:
    """What becomes of decisions when a probe's direction is changed."""

    probe: Probe
    which: str
    """The class, or "the number"."""
    taken_out: DecisionEffect
    swapped: DecisionEffect
    """Mirrored at the middle between the class and the others, so that each takes the other's place; a number is
    mirrored at its mean."""
    pushed: DecisionEffect
    """By one standard deviation of what the probe says."""

    @property
    def used(self) -> bool:
        """Whether taking the direction out changes decisions more than random directions do."""
        return self.taken_out.larger

    @property
    def verdict(self) -> str:
        """In words."""
        if self.used:
            return "used: without it decisions change more than without random directions"
        return "no use shown: that decisions change more without it than without random directions was not shown"


def use_of(
    recording: Recording,
    policy: Policy,
    probe: Probe,
    rows: Sequence[int] | npt.NDArray[np.int64],
    *,
    which: int | str | None = None,
    target: AnyTarget | None = None,
    controls: int = CONTROLS,
    seed: int = 0,
) -> Use:
    """Change a probe's direction in the live policy.

    Args:
        recording: Holds the steps.
        policy: The policy whose layer the probe reads.
        probe: Of that layer.
        rows: S rows of `recording.steps`.
        which: The class whose direction it is (against the others); None takes the last, or a number's own.
        target: The number whose change is measured; by default that of the action taken.
        controls: Random directions that it is compared with.
        seed: Of these.
    """
    named = None if probe.classes is None else (probe.classes[-1] if which is None else which)
    drawn = draw_rows(recording, BACKGROUND_STEPS, seed=seed)
    usual = layer_values(recording, policy, probe.layer, drawn)
    direction = readable_direction(probe, usual, named)

    def effect(change: Change) -> DecisionEffect:
        return decision_effect(
            recording,
            policy,
            rows,
            [change],
            target=target,
            controls=controls,
            seed=seed,
        )

    return Use(
        probe=probe,
        which="the number" if named is None else str(named),
        taken_out=effect(project_out(probe.layer, direction, usual)),
        swapped=effect(project_out(probe.layer, direction, usual, share=2, centre=_middle(probe, usual, named))),
        pushed=effect(steer(probe.layer, direction, 1.0)),
    )


def _middle(probe: Probe, usual: Tensor, which: int | str | None) -> Tensor | None:
    """Halfway between the layer's means where the probe says the class and where it does not, `[...]`."""
    if probe.classes is None or which is None:
        return None
    place = probe.classes.index(which) if isinstance(which, str) else which
    says = torch.as_tensor(probe.of_values(usual.numpy()).argmax(axis=1) == place)
    if says.all() or not says.any():
        return None
    return (usual[says].mean(dim=0) + usual[~says].mean(dim=0)) / 2


def readable_direction(probe: Probe, usual: Tensor, which: int | str | None) -> Tensor:
    """Along which the layer's own values differ with what the probe says: Cov(x) w / sd(x · w), `[...]`.

    A probe's weights are what reads the concept best among all that the layer holds beside it, and point away from
    what is correlated with it; the layer's values move along their covariance with what is read (Haufe et al., 2014).

    Args:
        probe: Of the layer.
        usual: `[R, ...]`, the layer's values at some steps.
        which: The class; None for a number.
    """
    weight = probe.direction(which).flatten().to(usual)
    values = usual.flatten(1) - usual.flatten(1).mean(dim=0)
    said = values @ weight
    spread = float(said.std(unbiased=False))
    pattern = values.T @ said / len(values)
    return (pattern / spread if spread > 0 else torch.zeros_like(pattern)).reshape(usual.shape[1:])

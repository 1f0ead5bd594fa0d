"""What features do: decisions when one is taken out of the live layer, or doubled, beside random directions.

Taken out, the layer is x − f d: what the feature adds (its activation f along its direction d) is taken away, wherever
it is active. Doubled, it is x + f d. The control moves the layer as far at the same steps and places, along a random
direction.

Axis legend: S decisions, K features, D numbers of a sample.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workbench.analyses.intervention.changes import LayerChange
from workbench.analyses.intervention.decision_effects import DecisionEffect
from workbench.analyses.intervention.decisions import CONTROLS, decision_effect
from workbench.analyses.reading_decisions import draw_rows
from workbench.analyses.representation.features import LayerFeatures
from workbench.analyses.targets import AnyTarget
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

LOOKED_AT = 2_048
"""Steps that are drawn to find some at which a feature is active."""
READ_STEPS = 256
STEPS = 64
"""Decisions that are changed."""


@dataclass(frozen=True, kw_only=True)
class FeatureEffect:
    """What becomes of decisions at which a feature is active."""

    feature: int
    active_share: float
    """Of the steps that were looked at."""
    ablated: DecisionEffect
    amplified: DecisionEffect
    """Doubled."""

    @property
    def matters(self) -> bool:
        """Whether taking it out changes decisions more than random directions do."""
        return self.ablated.verdict.startswith(("changes the decision more", "larger than every control"))


def feature_change(features: LayerFeatures, number: int, *, share: float) -> LayerChange:
    """Add a share of what a feature adds: −1 takes it out, 1 doubles it. Its control does so along a random direction.

    Args:
        features: Of the layer.
        number: Which.
        share: Of its activation.

    Raises:
        WorkbenchError: There is no such feature.
    """
    direction = features.direction(number)
    length = float(direction.norm())

    def moved(vector: Tensor) -> Callable[[Tensor], Tensor]:
        def edit(output: Tensor) -> Tensor:
            active = features.encode(output)[..., number : number + 1]
            return output + features.as_layer(share * active * vector.to(output))

        return edit

    def control(random: np.random.Generator) -> LayerChange:
        drawn = torch.as_tensor(random.normal(size=len(direction)), dtype=torch.float32)
        return LayerChange(
            words=f"a random direction of {features.layer}",
            layer=features.layer,
            edit=moved(drawn * (length / float(drawn.norm()))),
        )

    done = {-1.0: "taken out", 1.0: "doubled"}.get(share, f"changed by {share:g} of itself".replace("-", "−"))
    return LayerChange(
        words=f"feature {number} of {features.layer} {done}",
        layer=features.layer,
        edit=moved(direction),
        control=control if length > 0 and len(direction) > 1 else None,
    )


def feature_effects(
    recording: Recording,
    features: LayerFeatures,
    policy: Policy,
    numbers: tuple[int, ...],
    *,
    target: AnyTarget | None = None,
    steps: int = STEPS,
    controls: int = CONTROLS,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[FeatureEffect | None, ...]:
    """Take features out, and double them, at steps at which they are active.

    Args:
        recording: Of the features' network.
        features: Of one of its layers.
        policy: The live policy.
        numbers: Which features.
        target: The number whose change is measured; by default that of the action taken.
        steps: S at most, drawn from those at which the feature is active.
        controls: Random directions.
        seed: Of the steps and the directions.
        progress: Is told how many features are done, and may raise `Cancelled`.

    Returns:
        In the order of `numbers`; None where a feature is active at none of the steps that were looked at.

    Raises:
        WorkbenchError: There is no such feature, or the policy's layer is another one.
    """
    told = progress or SilentProgress()
    features.check_network(recording)
    for number in numbers:
        features.check(number)
    if features.layer.endswith((".hidden", ".cell")):
        raise WorkbenchError(
            f"The layer {features.layer!r} is what the policy remembers for its next step: the decision of a step does "
            f"not run through it. Choose its .output, or let the agent act through the features."
        )
    rows = draw_rows(recording, LOOKED_AT, seed=seed)
    parts = [rows[start : start + READ_STEPS] for start in range(0, len(rows), READ_STEPS)]
    active = np.concatenate([features.apply(recording, part).max(axis=1) > 0 for part in parts])
    generator = np.random.default_rng(seed)
    found: list[FeatureEffect | None] = []
    for place, number in enumerate(numbers):
        told.update(place, len(numbers), f"feature {number}")
        there = rows[active[:, number]]
        if not len(there):
            found.append(None)
            continue
        chosen = np.sort(generator.choice(there, min(steps, len(there)), replace=False))
        ablated, amplified = (
            decision_effect(
                recording, policy, chosen, [feature_change(features, number, share=share)], target=target,
                controls=controls, seed=seed,
            )
            for share in (-1.0, 1.0)
        )  # fmt: skip
        found.append(
            FeatureEffect(
                feature=number,
                active_share=float(active[:, number].mean()),
                ablated=ablated,
                amplified=amplified,
            )
        )
    return tuple(found)

"""What is known of a concept in a layer: held linearly and used, held and not used, held otherwise, or not held.

Three questions, each with its own evidence: whether a linear probe reads the concept on episodes that it was not made
from, whether one with a hidden layer does, and whether decisions change where the linear probe's direction is taken out
of the live policy more than where random directions are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.probing import probe_layers
from workbench.analyses.probing.results import ProbeResult
from workbench.analyses.probing.use import Use, use_of
from workbench.analyses.reading_decisions import draw_rows
from workbench.analyses.targets import AnyTarget
from workbench.policies.types import Policy
from workbench.progress import Progress
from workbench.recording.reader import Recording

LEVEL = 0.99
"""Of the intervals that decide what is held: two probes are asked of each layer, and "held" should mean something."""
DECISIONS = 256
"""On so many the use is tested."""

Held = Literal["linearly", "not linearly", "no", "not known"]


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """What a layer has of a concept, with the results that say so."""

    linear: ProbeResult
    nonlinear: ProbeResult | None
    """Of a probe with one hidden layer; None where a linear one reads it."""
    use: Use | None
    """None where no direction was found that could be used."""

    @property
    def held(self) -> Held:
        """How the layer holds the concept."""
        if self.linear.held(LEVEL):
            return "linearly"
        if self.nonlinear is not None and self.nonlinear.held(LEVEL):
            return "not linearly"
        told = self.linear.resolved and self.nonlinear is not None and self.nonlinear.resolved
        return "no" if told else "not known"

    @property
    def used(self) -> bool | None:
        """Whether decisions were shown to rest on the direction; None where there is none."""
        return None if self.use is None else self.use.used

    @property
    def verdict(self) -> str:
        """In words."""
        if self.held == "linearly":
            return "held linearly and used" if self.used else "held linearly, no use shown"
        if self.held == "not linearly":
            return "held, but not linearly"
        if self.held == "no":
            return "not held, as far as these probes can read"
        return f"too little data to say: {self.linear.episodes} episodes do not show whether it is held"


def what_is_known(
    recording: Recording,
    policy: Policy,
    concept: str | Concept,
    layers: Sequence[str],
    *,
    which: int | str | None = None,
    target: AnyTarget | None = None,
    rows: Sequence[int] | npt.NDArray[np.int64] | None = None,
    random_network: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Knowledge, ...]:
    """Ask layers for a concept in three ways.

    Args:
        recording: Holds the layer and what the concept is made of.
        policy: The policy that acted, whose layer is changed.
        concept: What it may hold.
        layers: Names of recorded layers.
        which: The class whose direction is taken out; None takes the last, or a number's own.
        target: The number that decisions are measured by; by default that of the action taken.
        rows: Decisions on which the use is tested; None draws 256.
        random_network: Whether probes stand beside the same of a network with random weights, too.
        seed: Of everything that is drawn.
        progress: Is told how far the probes are, and may raise `Cancelled`.

    Returns:
        Layer by layer.
    """
    beside = policy if random_network else None
    linear = probe_layers(recording, [concept], layers, policy=beside, seed=seed, progress=progress)
    others = [one.layer for one in linear if not one.held(LEVEL)]
    nonlinear = (
        probe_layers(recording, [concept], others, kind="mlp", policy=beside, seed=seed, progress=progress)
        if others
        else ()
    )
    by_layer = {one.layer: one for one in nonlinear}
    chosen = draw_rows(recording, DECISIONS, seed=seed) if rows is None else rows
    return tuple(
        Knowledge(
            linear=one,
            nonlinear=by_layer.get(one.layer),
            use=None
            if one.layer in by_layer
            else use_of(recording, policy, one.probe, chosen, which=which, target=target, seed=seed),
        )
        for one in linear
    )

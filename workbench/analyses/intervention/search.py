"""Which layers and units carry what makes two decisions differ: each is patched from one step into another.

Axis legend: L layers, U units (channels of a convolution, units of another layer).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.decisions import Decisions
from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervals import rank_correlation
from workbench.analyses.layers import RECURRENT
from workbench.analyses.reading_decisions import read_decisions
from workbench.analyses.saliency.question import Question
from workbench.analyses.saliency.regions import default_regions
from workbench.analyses.targets import AnyTarget, NamedTarget, default_target, words_of
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

SAME = 1e-5
"""Of the largest effect: numbers that differ by no more differ by rounding."""


@dataclass(frozen=True, kw_only=True)
class LayerPatches:
    """What patching one layer does, whole and unit by unit."""

    layer: str
    whole: float
    """The target's change when all of the layer is patched."""
    units: tuple[str, ...]
    """`[U]` names."""
    effects: FloatArray
    """`[U]`, the target's change when one unit is patched (activation patching: exact)."""
    estimates: FloatArray
    """`[U]`, the same by the gradient, Σ ∂f/∂a · (a_donor − a) (attribution patching; Nanda 2023): one pass for all."""

    @property
    def correlation(self) -> float:
        """Spearman's ρ between |effects| and |estimates|; NaN where either is the same everywhere."""
        return float(rank_correlation(np.abs(self.effects), np.abs(self.estimates)))


@dataclass(frozen=True, kw_only=True)
class PatchSearch:
    """What every layer of a policy does when it is patched from one step into another."""

    donor: int
    """Row of the step that is patched from."""
    receiver: int
    """Row of the step that is patched into."""
    target: str
    unit: str
    before: float
    """The target at the receiver."""
    at_donor: float
    """The target at the donor (of the action that was taken at the receiver)."""
    layers: tuple[LayerPatches, ...]
    """`[L]`, in the order in which they run."""
    skipped: dict[str, str]
    """By layer, why it was not patched."""

    @property
    def same(self) -> dict[str, tuple[str, ...]]:
        """By layer, later ones whose units do the same, one by one: behind a linear layer its activation does."""
        found, taken = dict[str, tuple[str, ...]](), set[str]()
        for place, layer in enumerate(self.layers):
            if layer.layer in taken:
                continue
            found[layer.layer] = tuple(
                other.layer
                for other in self.layers[place + 1 :]
                if other.layer not in taken and _do_the_same(layer, other)
            )
            taken.update(found[layer.layer])
        return found

    def strongest(self, count: int = 10) -> list[tuple[str, str, float]]:
        """Layers, unit and exact effect of the units that move the target most; layers that do the same once."""
        same = self.same
        every = [
            (" and ".join((layer.layer, *same[layer.layer])), name, float(effect))
            for layer in self.layers
            if layer.layer in same
            for name, effect in zip(layer.units, layer.effects, strict=True)
        ]
        return sorted(every, key=lambda one: -abs(one[2]))[:count]


def _do_the_same(first: LayerPatches, second: LayerPatches) -> bool:
    if first.units != second.units or not np.abs(first.effects).max(initial=0.0) > 0:
        return False
    close = SAME * float(np.abs(first.effects).max())
    whole = abs(first.whole - second.whole) <= SAME * max(abs(first.whole), 1e-12)
    return whole and bool(np.allclose(first.effects, second.effects, rtol=0, atol=close))


def search_patches(
    recording: Recording,
    policy: Policy,
    donor: int,
    receiver: int,
    *,
    layers: Sequence[str] | None = None,
    target: AnyTarget | None = None,
    donor_recording: Recording | None = None,
    progress: Progress | None = None,
) -> PatchSearch:
    """Patch every unit of every layer from one step into another, one at a time.

    Args:
        recording: Holds the receiver.
        policy: The policy.
        donor: Row of the step that is patched from.
        receiver: Row of the step that is patched into.
        layers: Which; None takes every module that runs once and gives one tensor, but for those that hand the
            observation on as it is.
        target: What is to be moved; by default that of the action taken at the receiver.
        donor_recording: Holds the donor, where that is another recording (of the same policy's observations).
        progress: Is told how many layers are done.
    """
    told = progress or SilentProgress()
    into = read_decisions(recording, policy, [receiver])
    source = read_decisions(donor_recording or recording, policy, [donor])
    index = torch.zeros(1, dtype=torch.int64)
    with exclusively(policy), torch.no_grad():
        answer = into.run(into.inputs, index)
    explained = default_target(answer, policy.action_space, recording.action_names) if target is None else target
    names = list(layers) if layers is not None else _layers(policy)
    found, skipped = list[LayerPatches](), dict[str, str]()
    with exclusively(policy):
        before, at_donor = (
            float(Question(_asked(one, into), explained).evaluate(one.inputs, index)) for one in (into, source)
        )
        for number, layer in enumerate(names):
            try:
                if layers is None and _hands_on(layer, into, explained):
                    skipped[layer] = "it hands the observation on as it is (name it to patch the observation's numbers)"
                else:
                    found.append(_patch(layer, into, source, explained, before))
            except WorkbenchError as error:
                if layers is not None:
                    raise
                skipped[layer] = str(error)
            told.update(number + 1, len(names), layer)
    return PatchSearch(
        donor=donor,
        receiver=receiver,
        target=words_of(explained),
        unit=explained.unit if isinstance(explained, NamedTarget) else "",
        before=before,
        at_donor=at_donor,
        layers=tuple(found),
        skipped=skipped,
    )


def _asked(decisions: Decisions, like: Decisions) -> Decisions:
    """Decisions of which the same action is explained as of others."""
    return replace(decisions, actions=like.actions)


def _layers(policy: Policy) -> list[str]:
    return [
        name
        for name, module in policy.module.named_modules()
        if name and (isinstance(module, RECURRENT) or not any(module.children()))
    ]


def _hands_on(layer: str, decisions: Decisions, target: AnyTarget) -> bool:
    """Whether a layer gives the observation's own numbers, as one that flattens does."""
    given = Question(decisions, target, layer).values[layer].flatten()
    entering = [tensor.flatten() for tensor in decisions.inputs.values()]
    return any(len(one) == len(given) and bool(torch.equal(one.sort()[0], given.sort()[0])) for one in entering)


def _patch(layer: str, into: Decisions, source: Decisions, target: AnyTarget, before: float) -> LayerPatches:
    question = Question(into, target, layer)
    donated = Question(source, target, layer).values[layer]
    regions = default_regions(question)
    count, index = len(regions), torch.zeros(1, dtype=torch.int64)
    whole = float(question.evaluate({layer: donated}, index)) - before
    rows = torch.zeros(count, dtype=torch.int64)
    effects = torch.empty(count, dtype=torch.float64)
    for part in question.batches(count):
        taken = torch.zeros(part.stop - part.start, count, dtype=torch.bool)
        taken[torch.arange(len(taken)), torch.arange(part.start, part.stop)] = True
        some = rows[part]
        values = regions.replace(question.at(some), {layer: donated[some]}, taken, some)
        effects[part] = question.evaluate(values, some).double().cpu() - before
    try:
        gradient, _ = question.gradients(question.values, index)
        step = {layer: gradient[layer] * (donated - question.values[layer])}
        estimates = regions.sums(step)[0].double().cpu()
    except WorkbenchError:
        # The target does not depend on this layer: patching it does nothing.
        estimates = torch.zeros(count, dtype=torch.float64)
    return LayerPatches(
        layer=layer, whole=whole, units=regions.names, effects=effects.numpy(), estimates=estimates.numpy()
    )

"""DeepLIFT and guided backpropagation, by Captum: both need rules for each kind of module, which it has.

Axis legend: S decisions, n rows of one batch.
"""

import threading
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from workbench.analyses.saliency.attribution import Attribution, Setting
from workbench.analyses.saliency.integrated_gradients import SMALLEST_DIFFERENCE
from workbench.analyses.saliency.question import Question
from workbench.errors import WorkbenchError

_hooking = threading.Lock()
"""Captum hooks the policy's own modules, whichever thread runs them."""

RULED = (nn.ReLU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d,
         nn.Softmax)  # fmt: skip
"""Non-linear modules that Captum has a DeepLIFT rule for."""


class _Explained(nn.Module):
    """The question as a module whose submodules are the policy's, with one row of numbers for Captum."""

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.network = question.decisions.policy.module
        self._question = question

    def forward(self, *arguments: Tensor) -> Tensor:
        *values, index = arguments
        return self._question(dict(zip(self._question.values, values, strict=True)), index).unsqueeze(1)


def deep_lift(question: Question, setting: Setting) -> Attribution:
    """DeepLIFT with the rescale rule (Shrikumar et al., 2017).

    Through modules that the rule does not know (recurrent ones, functions that are no modules) it is the plain
    gradient, and the attributions need not sum to the target's difference: `completeness_gap` says by how much.

    Facts: `completeness_gap` `[S]`, `difference` `[S]`.
    """
    from captum.attr import DeepLift

    baseline = setting.baseline_values(question)
    values = _by_batches(question, lambda explained: DeepLift(explained), baseline)
    index = torch.arange(len(question))
    reached = question.evaluate(question.values, index) - question.evaluate(baseline, index)
    summed = torch.stack([tensor.reshape(len(tensor), -1).sum(dim=1) for tensor in values.values()]).sum(dim=0)
    gap = (summed - reached).abs() / reached.abs().clamp(min=SMALLEST_DIFFERENCE)
    return Attribution(values=values, facts={"completeness_gap": gap.double(), "difference": reached.double()})


def guided_backprop(question: Question, setting: Setting) -> Attribution:
    """The gradient with negative gradients stopped at every ReLU (Springenberg et al., 2014).

    Raises:
        WorkbenchError: The network has no `nn.ReLU`: it would be the plain gradient.
    """
    from captum.attr import GuidedBackprop

    if not any(isinstance(module, nn.ReLU) for module in question.decisions.policy.module.modules()):
        raise WorkbenchError(
            "Guided backpropagation changes what passes a ReLU, and this network has none: it would be the plain "
            "gradient. Use gradient or integrated_gradients."
        )
    return Attribution(values=_by_batches(question, lambda explained: GuidedBackprop(explained), None))


def _by_batches(question: Question, make: Any, baseline: Any) -> dict[str, Tensor]:
    kept = []
    with _hooking, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = make(_Explained(question))
        for part in question.batches(len(question)):
            index = torch.arange(part.start, part.stop)
            values = tuple(tensor.clone() for tensor in question.at(index).values())
            against = {} if baseline is None else {"baselines": tuple(tensor[index] for tensor in baseline.values())}
            found = method.attribute(values, additional_forward_args=(index,), target=0, **against)
            kept.append([tensor.detach() for tensor in found])
    return {name: torch.cat([part[place] for part in kept]) for place, name in enumerate(question.values)}

"""Attribution by what really happens when a part is taken away.

Axis legend: S decisions, M perturbations of each, A actions, D components of a continuous action, n rows of a batch.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from workbench.analyses.decisions import Values, joined
from workbench.analyses.saliency.attribution import Attribution, Setting
from workbench.analyses.saliency.perturbations import (
    Perturbation,
    ablations,
    blurs,
    perturbed,
    rest_of,
    windows,
)
from workbench.analyses.saliency.question import Question
from workbench.errors import WorkbenchError
from workbench.policies.types import PolicyOutput


def feature_ablation(question: Question, setting: Setting) -> Attribution:
    """f(x) − f(x with one region at its baseline), shared equally among the region's numbers."""
    return _differences(question, setting, [ablations(question, setting.regions, setting.baseline_values(question))])


def occlusion(question: Question, setting: Setting) -> Attribution:
    """f(x) − f(x with one window of the image at its baseline) (Zeiler and Fergus, 2014).

    Options: `window` and `stride`, in pixels. Parts of the observation that are no images are ablated number by number.
    """
    baseline = setting.baseline_values(question)
    found = windows(question, baseline, size=setting.options.get("window"), stride=setting.options.get("stride"))
    return _differences(question, setting, rest_of(question, found, setting.regions, baseline))


def object_ablation(question: Question, setting: Setting) -> Attribution:
    """f(x) − f(x with one object at its baseline), for environments whose truth says where their objects are.

    Raises:
        WorkbenchError: This one does not.
    """
    if setting.objects is None:
        raise WorkbenchError(
            "Objects cannot be ablated here: the recording's truth does not say where the objects of an image are "
            "(arrays of squares, such as truth/mouse and truth/cheese of a maze). Use occlusion."
        )
    return _differences(question, setting, [ablations(question, setting.objects, setting.baseline_values(question))])


def blur(question: Question, setting: Setting) -> Attribution:
    """½ (f(x) − f(x blurred around one pixel))² (Greydanus et al., 2018), every few pixels of the preprocessed image.

    With the value for a target it is the paper's saliency of the critic; that of the actor is `blur_policy`.
    """
    unperturbed = question.evaluate(question.values, torch.arange(len(question)))

    def score(output: PolicyOutput, decision: Tensor) -> Tensor:
        return 0.5 * (question.read_target(output, decision) - unperturbed[decision]) ** 2

    return scored(question, setting, blurred_parts(question, setting), score, "blurring")


def blur_policy(question: Question, setting: Setting) -> Attribution:
    """½ ‖π(x) − π(x blurred around one pixel)‖² (Greydanus et al., 2018), π the logits, means or Q-values.

    It says where the policy looks, whatever the target is.
    """
    unperturbed = _account(answers(question))

    def score(output: PolicyOutput, decision: Tensor) -> Tensor:
        return 0.5 * ((_account(output) - unperturbed[decision]) ** 2).sum(dim=-1)

    return scored(question, setting, blurred_parts(question, setting), score, "blurring")


def rise(question: Question, setting: Setting) -> Attribution:
    """Which parts' presence goes with a large target over random masks (Petsiuk et al., 2018).

    The paper's Σ f(x ∘ m) m / (N · E[m]) grows with the mean of f itself, which it takes for a probability. For a value
    of any size the same masks are used with f centred: Σ (f − f̄)(m − p) / (N · p(1 − p)), the slope of f on each
    part's presence, which orders the parts as the paper's does for N → ∞ and is in the target's unit.
    Options: `masks` (default 1000), `keep` (p, default 0.5). Regions are kept or taken away as a whole.
    """
    count, keep = int(setting.options.get("masks", 1000)), float(setting.options.get("keep", 0.5))
    regions, baseline = setting.regions, setting.baseline_values(question)
    generator = torch.Generator().manual_seed(setting.seed)
    present = torch.rand(count, len(regions), generator=generator) < keep

    def apply(values: Values, decision: Tensor, number: Tensor) -> Values:
        others = {name: tensor[decision] for name, tensor in baseline.items()}
        return regions.replace(values, others, ~present[number], decision)

    masked = Perturbation(count=count, apply=apply, spread=lambda scores: {})
    numbers = perturbed(question, masked, question.read_target, setting.progress, "RISE").double()
    centred = numbers - numbers.mean(dim=1, keepdim=True)
    slopes = centred @ (present.double() - keep) / (count * keep * (1 - keep))
    spread = ablations(question, regions, baseline).spread
    return Attribution(values=spread(slopes), facts={"masks": count, "keep": keep})


def blurred_parts(question: Question, setting: Setting) -> list[Perturbation]:
    """Blurs of all images at the site, and ablations of the numbers beside them."""
    found = blurs(question)
    if all(tensor.ndim == 4 for tensor in question.values.values()):
        return found
    return rest_of(question, found, setting.regions, setting.baseline_values(question))


def _differences(question: Question, setting: Setting, parts: list[Perturbation]) -> Attribution:
    unperturbed = question.evaluate(question.values, torch.arange(len(question)))

    def score(output: PolicyOutput, decision: Tensor) -> Tensor:
        return unperturbed[decision] - question.read_target(output, decision)

    return scored(question, setting, parts, score, "perturbing")


def scored(
    question: Question,
    setting: Setting,
    parts: list[Perturbation],
    score: Callable[[PolicyOutput, Tensor], Tensor],
    message: str,
) -> Attribution:
    """Give every perturbation its score, and every number its part of it."""
    values = {name: torch.zeros_like(tensor) for name, tensor in question.values.items()}
    for part in parts:
        for name, tensor in part.spread(perturbed(question, part, score, setting.progress, message)).items():
            values[name] = values[name] + tensor
    return Attribution(values=values, facts={"perturbations": sum(part.count for part in parts)})


@torch.no_grad()
def answers(question: Question) -> PolicyOutput:
    """What the policy says of the decisions themselves."""
    index = torch.arange(len(question))
    parts = [question.output(question.at(index[part]), index[part]) for part in question.batches(len(question))]
    return joined(parts)


def _account(output: PolicyOutput) -> Tensor:
    """The policy's account of its actions, `[n, A]` or `[n, D]`: logits, Q-values or means."""
    return next(tensor for name, tensor in output.distribution.items() if name != "log_std")

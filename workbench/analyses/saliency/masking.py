"""Regions taken away together, and AIM and AUM: is the same decided then (Xiong et al. 2024, XRL-Bench)?

Axis legend:
    S  decisions that are explained
    G  regions
    n  rows of one batch
"""

import numpy as np
import torch
from torch import Tensor

from workbench.analyses.decisions import Values
from workbench.analyses.exclusive import exclusively
from workbench.analyses.saliency.baselines import baseline_values
from workbench.analyses.saliency.maps import Case, SaliencyMaps
from workbench.analyses.saliency.orders import BoolArray, FloatArray, Order, first_of, order_of, random_order
from workbench.analyses.saliency.perturbation_methods import answers
from workbench.analyses.saliency.regions import existing_regions
from workbench.analyses.targets import modes_of

SAME_ACTION = 0.1
"""Continuous actions count as the same when no component moves by more than so many standard deviations of it."""


def same_decisions(case: Case, maps: SaliencyMaps | None, *, k: int) -> tuple[FloatArray, FloatArray]:
    """AIM's and AUM's ones and zeros (XRL-Bench): does the policy decide the same, where some regions are zero?

    Args:
        case: What was explained.
        maps: How; None takes the regions in a random order.
        k: How many regions are masked, or kept.

    Returns:
        `[S]` with the first k regions set to zero, and `[S]` with all others set to zero.
    """
    exists = existing_regions(case.question, case.setting.regions).numpy()
    with exclusively(case.policy), torch.no_grad():
        order = random_order(exists, np.random.default_rng(case.setting.seed + 1)) if maps is None else order_of(maps)
        return masked_decisions(case, order, exists, k, zero_of(case))


def zero_of(case: Case) -> Values:
    """What counts as zero: an observation of zeros, or a layer's."""
    question = case.question
    return baseline_values("zero" if question.layer else "black", question, case.setting.background)


def masked_decisions(
    case: Case, order: Order, exists: BoolArray, k: int, zero: Values
) -> tuple[FloatArray, FloatArray]:
    """AIM's and AUM's ones and zeros of one order, `[S]` each; what does not exist is not touched."""
    question = case.question
    space = question.decisions.policy.action_space
    decided = modes_of(answers(question), space)
    spread = _action_spread(case)
    first, there = first_of(order, np.full((len(order), 1), k))[:, 0], torch.tensor(exists)
    found = []
    for keep in (False, True):
        parts = []
        for part in question.batches(len(question)):
            index = torch.arange(part.start, part.stop)
            taken = (~first if keep else first) & there
            output = question.output(replaced(case, taken[index], index, zero), index)
            parts.append(modes_of(output, space))
        after = torch.cat(parts)
        if spread is None:
            same = (after == decided).all(dim=1)
        else:
            same = ((after - decided).abs() <= SAME_ACTION * spread).all(dim=1)
        found.append(same.double().cpu().numpy())
    return found[0], found[1]


def _action_spread(case: Case) -> Tensor | None:
    background = answers(case.question.of(case.setting.background.decisions))
    return None if background.mean is None else background.mean.std(dim=0, unbiased=False)


def replaced(case: Case, taken: Tensor, index: Tensor, baseline: Values) -> Values:
    """What stands at the site of n rows when the regions of `taken` `[n, G]` are at the baseline."""
    others = {name: tensor[index] for name, tensor in baseline.items()}
    return case.setting.regions.replace(case.question.at(index), others, taken, index)

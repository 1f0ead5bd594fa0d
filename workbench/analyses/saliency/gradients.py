"""Attribution by gradients at the decision itself, and by their mean over noise.

Axis legend: S decisions that are explained, K noisy copies of each.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from workbench.analyses.decisions import Values
from workbench.analyses.saliency.attribution import Attribution, Setting, repeat, seed_of
from workbench.analyses.saliency.question import Question

NOISE = 0.15
"""Standard deviation of SmoothGrad's noise as a share of an observation's range, as in the paper's figures."""
NOISY_COPIES = 32


def gradient(question: Question, setting: Setting) -> Attribution:
    """∂f/∂x (Simonyan et al., 2013): how much the target would change, per unit of each number.

    Not an attribution in the target's unit: a number of large range has a small gradient.
    """
    index = torch.arange(len(question))
    found, _ = question.gradients(question.values, index)
    return Attribution(values=found)


def gradient_times_input(question: Question, setting: Setting) -> Attribution:
    """Input times gradient, x · ∂f/∂x (Shrikumar et al., 2016): what a linear policy loses when a number is 0."""
    index = torch.arange(len(question))
    found, _ = question.gradients(question.values, index)
    return Attribution(values={name: question.values[name] * tensor for name, tensor in found.items()})


def smooth_grad(question: Question, setting: Setting) -> Attribution:
    """Mean of ∂f/∂x over Gaussian noise around the decision (Smilkov et al., 2017).

    The noise's standard deviation is `noise` (default 0.15) of each key's range, max − min over the decision's own
    numbers; where they are all alike there is no noise. `copies` (default 32) are averaged.
    """
    copies, noise = int(setting.options.get("copies", NOISY_COPIES)), float(setting.options.get("noise", NOISE))
    streams = [torch.Generator().manual_seed(seed_of(setting.seed, int(row))) for row in question.decisions.rows]
    totals = {name: torch.zeros_like(tensor) for name, tensor in question.values.items()}
    spreads = {name: _range(tensor) for name, tensor in question.values.items()}
    per_round = max(1, question.rows_of_a_batch() // max(1, len(question)))
    done = 0
    while done < copies:
        count = min(per_round, copies - done)
        # Each copy is drawn by itself, so that the draws do not depend on how many are taken together.
        drawn = [_noise(question.values, streams) for _ in range(count)]
        noisy = {
            name: torch.stack([tensor + noise * spreads[name] * one[name] for one in drawn], dim=1).flatten(0, 1)
            for name, tensor in question.values.items()
        }
        index = repeat(torch.arange(len(question)), count)
        found, _ = question.gradients(noisy, index)
        for name, tensor in found.items():
            totals[name] += tensor.reshape(len(question), count, *tensor.shape[1:]).sum(dim=1)
        done += count
        setting.progress.update(done, copies, "SmoothGrad")
    return Attribution(
        values={name: total / copies for name, total in totals.items()}, facts={"copies": copies, "noise": noise}
    )


def _range(tensor: Tensor) -> Tensor:
    """Maximum less minimum over each decision's numbers, `[S, 1, ...]`."""
    flat = tensor.reshape(len(tensor), -1)
    return (flat.amax(dim=1) - flat.amin(dim=1)).view(-1, *(1,) * (tensor.ndim - 1))


def _noise(values: Values, streams: Sequence[torch.Generator]) -> dict[str, Tensor]:
    """Each decision's from its own stream."""
    return {
        name: torch.stack([torch.randn(tensor.shape[1:], generator=stream) for stream in streams]).to(tensor)
        for name, tensor in values.items()
    }

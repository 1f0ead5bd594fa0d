"""Shapley values of regions: by all coalitions where there are few, else by KernelSHAP (Lundberg and Lee, 2017).

Axis legend: S decisions, G regions, K coalitions.
"""

import math

import torch
from torch import Tensor

from workbench.analyses.decisions import Values
from workbench.analyses.saliency.attribution import Attribution, Setting
from workbench.analyses.saliency.perturbations import Perturbation, perturbed, share_out
from workbench.analyses.saliency.question import Question
from workbench.errors import WorkbenchError

EXACT_REGIONS = 10
"""Up to so many regions every coalition is asked for: 2¹⁰ = 1024."""
COALITIONS = 2048


def kernel_shap(question: Question, setting: Setting) -> Attribution:
    """Each region's Shapley value of v(C) = f(x with all regions but C at their baseline).

    With at most 10 regions all 2^G coalitions are evaluated and the values are exact. Else `coalitions` (default 2048)
    are drawn in complementary pairs from the Shapley kernel, and the values are those of the weighted least squares
    fit that KernelSHAP defines, under the constraint that they sum to f(x) − f(baseline).

    Facts: `coalitions`, `exact`, `difference` `[S]`.
    """
    regions, baseline = setting.regions, setting.baseline_values(question)
    count = len(regions)
    exact = count <= EXACT_REGIONS
    asked = int(setting.options.get("coalitions", COALITIONS))
    if not exact and asked < 2 * count:
        raise WorkbenchError(
            f"KernelSHAP fits {count} regions, which takes at least {2 * count} coalitions; came {asked}. Ask for more "
            f"(coalitions=…), or for fewer regions."
        )
    present, weights = _all_coalitions(count) if exact else _drawn_coalitions(count, asked, setting.seed)

    def apply(values: Values, decision: Tensor, number: Tensor) -> Values:
        others = {name: tensor[decision] for name, tensor in baseline.items()}
        return regions.replace(values, others, ~present[number], decision)

    masked = Perturbation(count=len(present), apply=apply, spread=lambda scores: {})
    index = torch.arange(len(question))
    whole = question.evaluate(question.values, index).double()
    nothing = question.evaluate(baseline, index).double()
    difference = whole - nothing
    if count == 1:
        values = difference.unsqueeze(1)
    else:
        numbers = perturbed(question, masked, question.read_target, setting.progress, "coalitions").double()
        values = _fit(present.double(), weights, numbers - nothing.unsqueeze(1), difference)
    return Attribution(
        values=share_out(question, regions, values),
        facts={"coalitions": len(present), "exact": exact, "difference": difference},
    )


def _fit(present: Tensor, weights: Tensor, gains: Tensor, difference: Tensor) -> Tensor:
    """The weighted least squares solution whose values sum to the difference, `[S, G]`."""
    last = present[:, -1:]
    design = (present[:, :-1] - last) * weights.sqrt().unsqueeze(1)
    wanted = (gains - last[:, 0] * difference.unsqueeze(1)) * weights.sqrt()
    found = torch.linalg.lstsq(design, wanted.T, driver="gelsd").solution.T
    return torch.cat([found, (difference - found.sum(dim=1)).unsqueeze(1)], dim=1)


def _all_coalitions(count: int) -> tuple[Tensor, Tensor]:
    """All but the empty and the full one, `[K, G]`, with the Shapley kernel's weights `[K]`."""
    numbers = torch.arange(1, max(2, 2**count - 1))
    present = (numbers.unsqueeze(1) >> torch.arange(count)) & 1 == 1
    return present, torch.tensor([_kernel(count, int(size)) for size in present.sum(dim=1)], dtype=torch.float64)


def _drawn_coalitions(count: int, coalitions: int, seed: int) -> tuple[Tensor, Tensor]:
    """Drawn from the kernel, each with its complement, so that all weigh the same."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.arange(1, count)
    # The kernel times the number of coalitions of a size: (G − 1) / (s (G − s)).
    chances = (count - 1) / (sizes * (count - sizes))
    half = (coalitions + 1) // 2
    drawn = sizes[torch.multinomial(chances.float(), half, replacement=True, generator=generator)]
    order = torch.rand(half, count, generator=generator).argsort(dim=1).argsort(dim=1)
    present = order < drawn.unsqueeze(1)
    return torch.cat([present, ~present]), torch.ones(2 * half, dtype=torch.float64)


def _kernel(count: int, size: int) -> float:
    """(G − 1) / (C(G, s) · s · (G − s)), the Shapley kernel of a coalition of s regions."""
    if size in (0, count):
        return 0.0
    return (count - 1) / (math.comb(count, size) * size * (count - size))

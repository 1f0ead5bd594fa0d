"""SARFA: specific and relevant feature attribution (Puri et al., 2020, "Explain your move", ICLR).

Axis legend: n rows of one batch, A actions, D components of a continuous action.
"""

import torch
from torch import Tensor

from workbench.analyses.discrete_actions import DiscreteActions
from workbench.analyses.saliency.attribution import Attribution, Setting
from workbench.analyses.saliency.perturbation_methods import answers, blurred_parts, scored
from workbench.analyses.saliency.perturbations import ablations
from workbench.analyses.saliency.question import Question
from workbench.analyses.targets import NamedTarget
from workbench.policies.types import PolicyOutput

SMALLEST_PROBABILITY = 1e-12


def sarfa(question: Question, setting: Setting) -> Attribution:
    """2 ΔP K / (ΔP + K), where a perturbation lowers the chosen action's probability; else 0 (Puri et al., 2020).

    *Specific*: ΔP = p(a|x) − p(a|x'), with p = softmax of the logits or Q-values. *Relevant*: K = 1 / (1 + KL), where
    KL = Σ q_b ln(q_b / q'_b) compares the other actions' probabilities, renormalised without a, before (q) and after
    (q'). Images are blurred as by `blur`, numbers are set to their baseline.

    The action is the target's, where that names one, else the one taken. Of an action with several components each
    gives a score, and their mean is taken.

    Continuous actions are not in the paper. Here, with a component d of the action (the target's, else 0), mean μ and
    standard deviation σ before and μ', σ' after: ΔP = 1 − exp(−½ (μ_d − μ'_d)² / σ_d²), the loss of density at the new
    mean relative to the old one's peak, and KL = Σ over the other components of KL(N(μ, σ) ‖ N(μ', σ')). Where the
    policy has no spread, σ is that of its own actions over the background.

    Facts: `perturbations`.
    """
    parts = blurred_parts(question, setting) if _has_images(question) else None
    if parts is None:
        parts = [ablations(question, setting.regions, setting.baseline_values(question))]
    before = answers(question)
    if before.mean is not None:
        spread = _spread(before, question, setting)

        def score(output: PolicyOutput, decision: Tensor) -> Tensor:
            return gaussian_score(before, output, decision, _component(question), spread)

    else:
        actions = DiscreteActions(question.decisions.policy.action_space, None)
        taken = torch.as_tensor(question.decisions.actions).long() - actions.first
        named = question.target.place if isinstance(question.target, NamedTarget) else None

        def score(output: PolicyOutput, decision: Tensor) -> Tensor:
            old, new = actions.scores(before)[decision], actions.scores(output)
            scores, start = [], 0
            for component, size in enumerate(actions.options):
                chosen = taken[decision, component]
                if named is not None and start <= named < start + size:
                    chosen = torch.full_like(chosen, named - start)
                if named is None or start <= named < start + size:
                    part = slice(start, start + size)
                    scores.append(categorical_score(old[:, part].softmax(dim=-1), new[:, part].softmax(dim=-1), chosen))
                start += size
            return torch.stack(scores).mean(dim=0)

    return scored(question, setting, parts, score, "SARFA")


def harmonic_mean(specific: Tensor, relevant: Tensor) -> Tensor:
    """2 ΔP K / (ΔP + K); 0 where ΔP is not positive."""
    both = 2 * specific * relevant / (specific + relevant).clamp(min=SMALLEST_PROBABILITY)
    return torch.where(specific > 0, both, torch.zeros_like(both))


def categorical_score(before: Tensor, after: Tensor, chosen: Tensor) -> Tensor:
    """SARFA's score of n perturbations.

    Args:
        before: `[n, A]` probabilities of the actions.
        after: `[n, A]`, after the perturbation.
        chosen: `[n]`, the action that is explained.
    """
    column = chosen.unsqueeze(1)
    specific = (before.gather(1, column) - after.gather(1, column))[:, 0]
    others = torch.ones_like(before, dtype=torch.bool).scatter(1, column, value=False)
    old = torch.where(others, before, torch.zeros_like(before))
    new = torch.where(others, after, torch.zeros_like(after))
    old = old / old.sum(dim=1, keepdim=True).clamp(min=SMALLEST_PROBABILITY)
    new = new / new.sum(dim=1, keepdim=True).clamp(min=SMALLEST_PROBABILITY)
    logs = old.clamp(min=SMALLEST_PROBABILITY).log() - new.clamp(min=SMALLEST_PROBABILITY).log()
    divergence = torch.where(others, old * logs, torch.zeros_like(old)).sum(dim=1).clamp(min=0)
    return harmonic_mean(specific, 1 / (1 + divergence))


def gaussian_score(
    before: PolicyOutput, after: PolicyOutput, decision: Tensor, component: int, spread: Tensor | None
) -> Tensor:
    """The extension to continuous actions, `[n]` (see `sarfa`).

    Args:
        before: What the policy says of the decisions.
        after: What it says of n perturbed ones.
        decision: `[n]`, which decision each row is of.
        component: d.
        spread: `[D]` standard deviation where the policy has none.
    """
    assert before.mean is not None
    assert after.mean is not None
    old_mean, new_mean = before.mean[decision], after.mean
    if before.log_std is not None and after.log_std is not None:
        old_spread, new_spread = before.log_std[decision].exp(), after.log_std.exp()
    else:
        assert spread is not None
        old_spread = new_spread = spread.expand_as(old_mean)
    shift = (old_mean - new_mean) ** 2
    specific = 1 - torch.exp(-0.5 * shift[:, component] / old_spread[:, component] ** 2)
    divergence = (new_spread / old_spread).log() + (old_spread**2 + shift) / (2 * new_spread**2) - 0.5
    others = torch.arange(old_mean.shape[1]) != component
    return harmonic_mean(specific, 1 / (1 + divergence[:, others].sum(dim=1).clamp(min=0)))


def _has_images(question: Question) -> bool:
    return question.layer is None and any(tensor.ndim == 4 for tensor in question.values.values())


def _component(question: Question) -> int:
    named = question.target.place if isinstance(question.target, NamedTarget) else None
    return named or 0


@torch.no_grad()
def _spread(before: PolicyOutput, question: Question, setting: Setting) -> Tensor | None:
    if before.log_std is not None:
        return None
    background = question.of(setting.background.decisions)
    actions = answers(background).mean
    assert actions is not None
    return actions.std(dim=0, unbiased=False).clamp(min=SMALLEST_PROBABILITY)

"""Does a map depend on what it claims to explain? Randomised weights, noise in the observation, other methods.

Axis legend: S decisions, L stages of the cascade, M methods.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.random_weights import randomise, restored
from workbench.analyses.saliency.maps import Case, SaliencyMaps, saliency, some_of
from workbench.analyses.saliency.question import Question
from workbench.analyses.weighted_ranks import weighted_rank_correlation
from workbench.errors import WorkbenchError

FloatArray = npt.NDArray[np.float64]

MOST_STAGES = 6
MOST_DECISIONS = 12
"""Explained again and again, so that no more are taken."""
UNCHANGED = 0.5
"""A map whose ranks still agree by so much when every weight is random does not depend on the weights."""
NOISE = 0.05
"""Standard deviation of the observation's noise, in standard deviations of each number over the recording."""
NOISE_DRAWS = 4


@dataclass(frozen=True, kw_only=True)
class Sanity:
    """How much of a map is left when the network's weights are replaced by random ones, from its output backwards."""

    stages: tuple[str, ...]
    """`[L]`, the last layer that was randomised at each stage, with those behind it; `""` is the network itself."""
    similarities: FloatArray
    """`[L, S]`, Spearman's ρ between |map| before and after; NaN where either is the same everywhere."""
    similarity: Estimate
    """Of the magnitudes at the last stage, where nothing that was learned is left."""
    signed_similarity: Estimate | None
    """The same of the signed numbers; None where only magnitudes count."""

    @property
    def flagged(self) -> bool:
        """Whether the map hardly changed: it shows the input, not the agent."""
        decisive = self.similarity if self.signed_similarity is None else self.signed_similarity
        return self.similarity.steps > 0 and min(self.similarity.mean, decisive.mean) >= UNCHANGED

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.similarity.steps:
            return "undecided: one of the maps is the same everywhere"
        if self.flagged:
            return "hardly changes with the weights: it shows the input, not this agent"
        if self.similarity.mean >= UNCHANGED:
            return "its signs depend on the weights, its magnitudes hardly: they follow the input's own contrast"
        return "depends on the weights, as it must"


def sanity_check(
    case: Case, maps: SaliencyMaps, *, most_stages: int = MOST_STAGES, most_decisions: int = MOST_DECISIONS
) -> Sanity:
    """Cascading randomisation (Adebayo et al., 2018): explain the same decisions of networks that know less and less.

    Layers are randomised one after another, from the output to the input, each parameter drawn from a normal
    distribution with its own mean and standard deviation; parameters that are the same everywhere, and buffers, stay.
    Then the policy gets its own weights back.

    Args:
        case: What was explained.
        maps: How.
        most_stages: Layers are taken together so that there are no more.
        most_decisions: Decisions that are explained again.
    """
    policy = case.policy
    some, places = some_of(case, most_decisions)
    before, exists = maps.regions[places], maps.exists[places]
    with exclusively(policy):
        order = parametric_layers(case.question)
        stages = [list(part) for part in np.array_split(np.array(order, dtype=object), min(most_stages, len(order)))]
        generator = torch.Generator().manual_seed(case.setting.seed)
        similarities, after = [], before
        with restored(policy.module):
            left = set(policy.module.parameters())
            for number, stage in enumerate(stages):
                chosen = [one for name in stage for one in policy.module.get_submodule(name).parameters(recurse=False)]
                # At the last stage whatever is left is random too: weights of the root, and those used as functions.
                if number == len(stages) - 1:
                    chosen += [one for one in policy.module.parameters() if one in left and one not in set(chosen)]
                left -= set(chosen)
                randomise(chosen, generator)
                # A layer's values, and the background's, are those of the network as it was: they are read again.
                changed = replace(
                    some,
                    question=some.question.of(some.question.decisions),
                    setting=replace(some.setting, background=some.setting.background.read_again()),
                )
                after = _regions_or_none(changed, maps, before)
                similarities.append(weighted_rank_correlation(np.abs(before), np.abs(after), exists))
    episodes = maps.episodes[places]
    signed = _estimate(weighted_rank_correlation(before, after, exists), episodes) if maps.signed else None
    return Sanity(
        stages=tuple(str(stage[-1]) for stage in stages),
        similarities=np.stack(similarities),
        similarity=_estimate(similarities[-1], episodes),
        signed_similarity=signed,
    )


def parametric_layers(question: Question) -> list[str]:
    """Modules with parameters of their own that run in a decision, from the output to the input.

    Raises:
        WorkbenchError: The network has none.
    """
    module = question.decisions.policy.module
    names = [name for name, child in module.named_modules() if any(True for _ in child.parameters(recurse=False))]
    ran: list[str] = []

    def note(name: str) -> Callable[[nn.Module, object, object], None]:
        return lambda *_: ran.append(name)

    handles = [module.get_submodule(name).register_forward_hook(note(name)) for name in names]
    try:
        index = torch.zeros(1, dtype=torch.int64)
        with torch.no_grad():
            question.decisions.run({key: tensor[index] for key, tensor in question.decisions.inputs.items()}, index)
    finally:
        for handle in handles:
            handle.remove()
    if not ran:
        raise WorkbenchError("The policy's network has no layer with weights, so that none can be randomised.")
    return list(dict.fromkeys(ran))[::-1]


def _regions_or_none(case: Case, maps: SaliencyMaps, like: FloatArray) -> FloatArray:
    """The regions' attributions; zeros where a random network gives no gradient, or none that is finite."""
    try:
        return saliency(case, maps.method, **maps.options).regions
    except WorkbenchError:
        return np.zeros_like(like)


@dataclass(frozen=True, kw_only=True)
class Stability:
    """How much a map changes when the observation hardly does."""

    similarities: FloatArray
    """`[S]`, mean Spearman's ρ between |map| and |map| with noise in the observation."""
    similarity: Estimate
    noise: float
    """Standard deviation of the noise, in standard deviations of each number over the recording."""
    draws: int


def stability(
    case: Case,
    maps: SaliencyMaps,
    *,
    noise: float = NOISE,
    draws: int = NOISE_DRAWS,
    most_decisions: int = MOST_DECISIONS,
) -> Stability:
    """Explain the same decisions with noise in their observations, where they enter the network.

    Args:
        case: What was explained.
        maps: How.
        noise: In standard deviations of each number over the recording; numbers that never change get none.
        draws: How often.
        most_decisions: Decisions that are explained again.
    """
    some, places = some_of(case, most_decisions)
    question, setting = some.question, some.setting
    generator = torch.Generator().manual_seed(setting.seed + 4)
    found = []
    with exclusively(case.policy):
        for _ in range(draws):
            inputs = {
                name: tensor + noise * setting.background.deviation[name] * _noise(tensor, generator)
                for name, tensor in question.decisions.inputs.items()
            }
            moved = replace(question.decisions, inputs=inputs)
            noisy = replace(some, question=question.of(moved))
            moved_maps = saliency(noisy, maps.method, **maps.options)
            pair = np.abs(maps.regions[places]), np.abs(moved_maps.regions)
            found.append(weighted_rank_correlation(*pair, maps.exists[places]))
    similarities = np.mean(found, axis=0)
    return Stability(
        similarities=similarities,
        similarity=_estimate(similarities, maps.episodes[places]),
        noise=noise,
        draws=draws,
    )


def _estimate(correlations: FloatArray, episodes: npt.NDArray[np.int64]) -> Estimate:
    return estimate(correlations, episodes, lowest=-1.0, highest=1.0)


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator).to(like)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far methods agree on what matters."""

    methods: tuple[str, ...]
    """`[M]`."""
    correlations: FloatArray
    """`[M, M]`, mean over decisions of Spearman's ρ between |maps|; NaN where it is defined for none."""


def agreement(maps: Sequence[SaliencyMaps]) -> Agreement:
    """Compare several methods' maps of the same decisions and regions.

    Raises:
        WorkbenchError: They are not of the same decisions and regions.
    """
    if any(one.region_names != maps[0].region_names or not np.array_equal(one.rows, maps[0].rows) for one in maps):
        raise WorkbenchError("Only maps of the same decisions and regions can be compared.")
    table = np.full((len(maps), len(maps)), np.nan)
    for i, first in enumerate(maps):
        for j, second in enumerate(maps):
            found = weighted_rank_correlation(np.abs(first.regions), np.abs(second.regions), first.exists)
            if np.isfinite(found).any():
                table[i, j] = float(np.nanmean(found))
    return Agreement(methods=tuple(one.method for one in maps), correlations=table)

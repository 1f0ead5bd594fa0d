"""The causal check: does the decision really change where a map says that it should, when another step is patched in?

Axis legend:
    S  decisions that are explained
    G  regions
    J  regions that are patched
    D  donors, other steps of the recording
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervals import Estimate, estimate, rank_correlation
from workbench.analyses.saliency.fidelity import plain_map
from workbench.analyses.saliency.maps import Case, SaliencyMaps

FloatArray = npt.NDArray[np.float64]

DONORS = 4
MOST_PATCHED = 64
SHUFFLES = 20


@dataclass(frozen=True, kw_only=True)
class CausalCheck:
    """Rank correlation between what a map says of the regions and what patching them does."""

    patched: npt.NDArray[np.int64]
    """`[S, J]`, which regions were patched: all of them, or a random choice."""
    effects: FloatArray
    """`[S, J]`, mean over donors of |f(x) − f(x with the region of another step)|, in the target's unit."""
    correlations: FloatArray
    """`[S]`, Spearman's ρ between |map| and effect; NaN where either is the same for all regions."""
    correlation: Estimate
    shuffled: Estimate
    """The control: the same with the map's numbers dealt to the regions at random."""
    above_shuffled: Estimate
    """Paired difference to the control."""
    plain: Estimate
    """The same for the plain input, which knows nothing of the agent: its edges, or its distance from the baseline."""
    above_plain: Estimate
    """Paired difference to it."""
    donors: int

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.correlation.steps:
            return "undecided: the map, or every effect, is the same everywhere"
        if self.above_shuffled.low is None:
            return "too few episodes, or all alike: no interval"
        if not self.above_shuffled.above(0):
            return "what the map says does not go with what intervening does"
        strength = (
            "closely" if self.correlation.mean >= 0.6 else "loosely" if self.correlation.mean >= 0.3 else "weakly"
        )
        beyond = "more than the plain input does" if self.above_plain.above(0) else "no more than the plain input does"
        return f"what the map says goes {strength} with what intervening does, {beyond}"


def causal_check(
    case: Case, maps: SaliencyMaps, *, donors: int = DONORS, most_patched: int = MOST_PATCHED
) -> CausalCheck:
    """Patch every region from other steps of the recording, one at a time, and rank the effects against the map.

    A donor's region is something that the agent does see elsewhere, unlike a baseline, so the patched observation stays
    nearer to what the network was trained on; and it was no part in making the map.

    Args:
        case: What was explained.
        maps: How.
        donors: Other steps that each region is taken from, drawn at random.
        most_patched: Regions of each decision that are patched; where there are more, so many are drawn at random.
    """
    question, setting = case.question, case.setting
    count, regions = len(question), len(setting.regions)
    generator = np.random.default_rng(setting.seed + 2)
    patched = np.stack([np.sort(generator.permutation(regions)[:most_patched]) for _ in range(count)])
    with exclusively(case.policy), torch.no_grad():
        others = setting.background.draw(question, donors, setting.seed + 3)
        unpatched = question.evaluate(question.values, torch.arange(count))
        each = patched.shape[1] * donors
        chosen, numbers = torch.as_tensor(patched), []
        for part in question.batches(count * each):
            rows = torch.arange(part.start, part.stop)
            index, place, donor = rows // each, (rows % each) // donors, rows % donors
            taken = torch.zeros(len(rows), regions, dtype=torch.bool)
            taken[torch.arange(len(rows)), chosen[index, place]] = True
            donated = {name: tensor[index, donor] for name, tensor in others.items()}
            values = setting.regions.replace(question.at(index), donated, taken, index)
            numbers.append((unpatched[index] - question(values, index)).abs())
            setting.progress.update(part.stop, count * each, "patching")
    effects = torch.cat(numbers).double().cpu().numpy().reshape(count, -1, donors).mean(axis=2)
    said = np.abs(np.take_along_axis(maps.regions, patched, axis=1))
    correlations = rank_correlation(said, effects)
    dealt = [rank_correlation(generator.permuted(said, axis=1), effects) for _ in range(SHUFFLES)]
    shuffled = np.mean(dealt, axis=0)
    with exclusively(case.policy):
        input_map = plain_map(case, setting.baseline_values(question))
    plain = rank_correlation(np.take_along_axis(input_map, patched, axis=1), effects)
    return CausalCheck(
        patched=patched,
        effects=effects,
        correlations=correlations,
        correlation=estimate(correlations, maps.episodes),
        shuffled=estimate(shuffled, maps.episodes),
        above_shuffled=estimate(correlations - shuffled, maps.episodes),
        plain=estimate(plain, maps.episodes),
        above_plain=estimate(correlations - plain, maps.episodes),
        donors=donors,
    )

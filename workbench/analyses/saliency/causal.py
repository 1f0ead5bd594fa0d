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
from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.saliency.maps import Case, SaliencyMaps
from workbench.analyses.saliency.orders import plain_map
from workbench.analyses.weighted_ranks import rank_chance, smallest_chance, weighted_rank_correlation

FloatArray = npt.NDArray[np.float64]

FEWEST_DONORS, MOST_DONORS = 4, 64
PATCHES = 256
"""Of one decision: the fewer regions, the more donors each of them gets."""
MOST_PATCHED = 256
SHUFFLES = 20
REDRAWN = 100
"""How often the donors are drawn anew to say how much a rank correlation depends on them."""
LARGEST_CHANCE = 0.05
SMALLEST_CHANCE = 0.001
"""p values below are not told apart."""


@dataclass(frozen=True, kw_only=True)
class CausalCheck:
    """Rank correlation between what a map says of the regions and what patching them does."""

    patched: npt.NDArray[np.int64]
    """`[S, J]`, which regions were patched: all that exist, or the strongest of the map and a random choice of the
    others; −1 fills up where a decision has fewer."""
    weights: FloatArray
    """`[S, J]`, how many regions each stands for: 1, or for those that were drawn one over their chance; 0 for −1."""
    effects: FloatArray
    """`[S, J]`, mean over donors of |f(x) − f(x with the region of another step)|, in the target's unit; NaN for −1."""
    correlations: FloatArray
    """`[S]`, Spearman's ρ between |map| and effect, so weighted; NaN where either is the same for all regions."""
    chances: FloatArray
    """`[S]`, how likely so large a |ρ| is by chance (`rank_chance`): of few regions exactly, by all their orders."""
    spread: FloatArray
    """`[S, 2]`, the middle 90 % of ρ when as many donors are drawn anew from the same (a bootstrap of 100)."""
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
    regions: int
    """How many regions there are, at the decision that has most."""
    unit: str
    """Of the effects."""

    @property
    def coverage(self) -> str:
        """How many of the regions were patched, in words."""
        taken = self.patched.shape[1]
        if taken >= self.regions:
            return f"all {self.regions} regions" if self.regions > 1 else "the one region"
        strongest = taken // 2
        return f"{taken} of {self.regions} regions: the {strongest} strongest of the map, {taken - strongest} at random"

    @property
    def told_from_chance(self) -> npt.NDArray[np.bool_]:
        """`[S]`, whether one decision's ρ alone can be told from 0 (at 5 %)."""
        return np.asarray(self.chances <= LARGEST_CHANCE)

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.correlation.steps:
            return "undecided: the map, or every effect, is the same everywhere"
        if len(self.correlations) == 1:
            return self.verdict_of(0)
        if self.above_shuffled.low is None:
            return "too few episodes, or all alike: no interval"
        if not self.above_shuffled.above(0):
            return "what the map says does not go with what intervening does"
        beyond = "more than the plain input does" if self.above_plain.above(0) else "no more than the plain input does"
        return f"what the map says goes {_strength(self.correlation.mean)} with what intervening does, {beyond}"

    def verdict_of(self, place: int) -> str:
        """In words, of one decision alone."""
        found, chance = self.correlations[place], self.chances[place]
        if np.isnan(found):
            return "undecided: the map, or every effect, is the same everywhere"
        if not self.told_from_chance[place]:
            count = int((self.weights[place] > 0).sum())
            least = smallest_chance(count)
            why = f"; of {count} regions it cannot be below {least:.2g}" if least > LARGEST_CHANCE else ""
            return f"undecided: cannot be told from chance ({in_words(chance)}{why})"
        if found < 0:
            return f"the map says the opposite of what intervening does ({in_words(chance)})"
        return f"what the map says goes {_strength(found)} with what intervening does ({in_words(chance)})"


def in_words(chance: float) -> str:
    """A p value, no finer than it can be trusted: regions beside each other are alike, and it takes none for so."""
    return "p < 0.001" if chance < SMALLEST_CHANCE else f"p = {chance:.2g}"


def _strength(correlation: float) -> str:
    return "closely" if correlation >= 0.6 else "loosely" if correlation >= 0.3 else "weakly"


def causal_check(
    case: Case, maps: SaliencyMaps, *, donors: int | None = None, most_patched: int = MOST_PATCHED
) -> CausalCheck:
    """Patch regions from other steps of the recording, one at a time, and rank the effects against the map.

    A donor's region is something that the agent does see elsewhere, unlike a baseline, so the patched observation stays
    nearer to what the network was trained on; and it was no part in making the map.

    Where there are more regions than are patched, half of those that are have the largest |map| and the others are
    drawn at random from the rest. A choice by the map alone would bias ρ: so each region that was drawn counts as often
    as its chance says (the strongest once), which estimates the ρ of all regions.

    Args:
        case: What was explained.
        maps: How.
        donors: Other steps that each region is taken from, drawn at random; None takes 4 to 64, the more the fewer
            regions there are.
        most_patched: Regions of each decision that are patched.
    """
    question, setting = case.question, case.setting
    count, regions = len(question), len(setting.regions)
    generator = np.random.default_rng(setting.seed + 2)
    strength = np.abs(maps.regions)
    patched, weights = _choose(strength, maps.exists, most_patched, generator)
    if donors is None:
        others_there = max(1, len(setting.background.decisions) - 1)
        donors = int(np.clip(PATCHES // patched.shape[1], FEWEST_DONORS, min(MOST_DONORS, others_there)))
    with exclusively(case.policy), torch.no_grad():
        others = setting.background.draw(question, donors, setting.seed + 3)
        unpatched = question.evaluate(question.values, torch.arange(count))
        each = patched.shape[1] * donors
        chosen, numbers = torch.as_tensor(patched), []
        for part in question.batches(count * each):
            rows = torch.arange(part.start, part.stop)
            index, place, donor = rows // each, (rows % each) // donors, rows % donors
            # The last column takes what only fills up.
            taken = torch.zeros(len(rows), regions + 1, dtype=torch.bool)
            taken[torch.arange(len(rows)), chosen[index, place]] = True
            donated = {name: tensor[index, donor] for name, tensor in others.items()}
            values = setting.regions.replace(question.at(index), donated, taken[:, :regions], index)
            numbers.append((unpatched[index] - question(values, index)).abs())
            setting.progress.update(part.stop, count * each, "patching")
        input_map = plain_map(case, setting.baseline_values(question))
    single = torch.cat(numbers).double().cpu().numpy().reshape(count, -1, donors)
    single[patched < 0] = np.nan
    effects = single.mean(axis=2)
    said = _at(strength, patched)
    correlations = weighted_rank_correlation(said, effects, weights)
    dealt = [
        weighted_rank_correlation(_at(_shuffled(strength, maps.exists, generator), patched), effects, weights)
        for _ in range(SHUFFLES)
    ]
    shuffled = np.mean(dealt, axis=0)
    plain = weighted_rank_correlation(_at(input_map, patched), effects, weights)
    redrawn = [
        weighted_rank_correlation(said, single[:, :, generator.integers(donors, size=donors)].mean(axis=2), weights)
        for _ in range(REDRAWN)
    ]

    def over(numbers: FloatArray, widest: float = 1.0) -> Estimate:
        return estimate(numbers, maps.episodes, lowest=-widest, highest=widest)

    return CausalCheck(
        patched=patched,
        weights=weights,
        effects=effects,
        correlations=correlations,
        chances=rank_chance(said, effects, weights),
        spread=_middle(np.array(redrawn)),
        correlation=over(correlations),
        shuffled=over(shuffled),
        above_shuffled=over(correlations - shuffled, 2.0),
        plain=over(plain),
        above_plain=over(correlations - plain, 2.0),
        donors=donors,
        regions=int(maps.exists.sum(axis=1).max()),
        unit=getattr(question.target, "unit", ""),
    )


def _choose(
    strength: FloatArray, exists: npt.NDArray[np.bool_], most: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Regions that are patched, and how many each stands for, `[S, J]` both."""
    chosen, stands_for = [], []
    for row, there in zip(strength, exists, strict=True):
        places = np.flatnonzero(there)
        weights = np.ones(len(places))
        if len(places) > most:
            ties = generator.random(len(places))
            ordered = places[np.lexsort((ties, -row[places]))]
            top, rest = ordered[: most // 2], ordered[most // 2 :]
            drawn = generator.permutation(rest)[: most - len(top)]
            weights = np.concatenate([np.ones(len(top)), np.full(len(drawn), len(rest) / len(drawn))])
            places = np.concatenate([top, drawn])
        chosen.append(places)
        stands_for.append(weights)
    width = max(map(len, chosen))
    patched, weight = np.full((len(chosen), width), -1, np.int64), np.zeros((len(chosen), width))
    for place, (some, many) in enumerate(zip(chosen, stands_for, strict=True)):
        patched[place, : len(some)], weight[place, : len(some)] = some, many
    return patched, weight


def _at(numbers: FloatArray, patched: npt.NDArray[np.int64]) -> FloatArray:
    return np.asarray(np.where(patched < 0, np.nan, np.take_along_axis(numbers, np.maximum(patched, 0), axis=1)))


def _shuffled(strength: FloatArray, exists: npt.NDArray[np.bool_], generator: np.random.Generator) -> FloatArray:
    """The map's numbers dealt at random to the regions that exist."""
    dealt = strength.copy()
    for row, there in zip(dealt, exists, strict=True):
        row[there] = generator.permutation(row[there])
    return dealt


def _middle(numbers: FloatArray) -> FloatArray:
    """The middle 90 % of each column, `[S, 2]`; NaN where a column has none."""
    ends = np.full((numbers.shape[1], 2), np.nan)
    for place, column in enumerate(numbers.T):
        defined = column[np.isfinite(column)]
        if len(defined):
            ends[place] = np.percentile(defined, [5, 95])
    return ends

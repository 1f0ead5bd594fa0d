"""Fidelity: does what a map calls important really matter? Deletion and insertion curves, AIM and AUM.

Every figure stands beside that of two other orders of the same regions: random ones, and the plain input itself (its
edges where it is an image, else its distance from the baseline), which know nothing of the agent.

Axis legend:
    S  decisions that are explained
    G  regions
    K  points of a curve, from nothing taken away to everything
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.decisions import Values
from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.saliency.baselines import baseline_values
from workbench.analyses.saliency.maps import Case, SaliencyMaps
from workbench.analyses.saliency.perturbation_methods import answers
from workbench.analyses.targets import modes_of

FloatArray = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]
"""`[S, G]`, regions from the most to the least important."""

CURVE_POINTS = 21
RANDOM_ORDERS = 5
SAME_ACTION = 0.1
"""Continuous actions count as the same when no component moves by more than so many standard deviations of it."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """What one order of the regions does to the target."""

    deletion: FloatArray
    """`[S, K]`, the target's change from the decision as more and more of the first regions are taken away."""
    insertion: FloatArray
    """`[S, K]`, its change from the decision when only the first regions are there."""

    @property
    def deletion_area(self) -> FloatArray:
        """`[S]`, mean height of the deletion curve; the lower, the better the order."""
        return _area(self.deletion)

    @property
    def insertion_area(self) -> FloatArray:
        """`[S]`, mean height of the insertion curve; the higher, the better the order."""
        return _area(self.insertion)


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """Curves of a map and of its controls, and what they say."""

    shares: FloatArray
    """`[K]`, share of the regions that are taken away (or are there)."""
    curves: Mapping[str, Curves]
    """By order: `map`, `random` (the mean over several), `input`."""
    unit: str
    """Of the target's change."""
    deletion: Estimate
    """Mean area of the map's deletion curve; the lower, the better."""
    insertion: Estimate
    """Mean area of its insertion curve; the higher, the better."""
    deletion_below_random: Estimate
    """Paired difference, random − map: above 0, the map finds what matters."""
    insertion_above_random: Estimate
    """Paired difference, map − random."""
    deletion_below_input: Estimate
    insertion_above_input: Estimate
    aim: Estimate
    """Accuracy on Important Masked (Xiong et al. 2024, XRL-Bench): share of decisions that stay the same when the `k`
    most important regions are set to zero; the lower, the better."""
    aum: Estimate
    """Accuracy on Unimportant Masked: the same when all *but* these k are; the higher, the better."""
    aim_random: Estimate
    aum_random: Estimate
    k: int

    @property
    def verdict(self) -> str:
        """In words."""
        if self.deletion_below_random.low is None:
            return "too few episodes, or all alike: no interval"
        better = self.deletion_below_random.above(0), self.insertion_above_random.above(0)
        if all(better):
            beyond = self.deletion_below_input.above(0) and self.insertion_above_input.above(0)
            return "finds what matters, better than chance" + (" and than the plain input" if beyond else "")
        if any(better):
            return f"better than chance by {'deletion' if better[0] else 'insertion'} only"
        return "no better than chance"


def fidelity(case: Case, maps: SaliencyMaps, *, k: int | None = None, random_orders: int = RANDOM_ORDERS) -> Fidelity:
    """Take regions away in a map's order, and put them back, and see what becomes of the target.

    The deletion curve starts at the decision and sets more and more regions to the baseline, the most important first;
    the insertion curve starts at the baseline (Petsiuk et al., 2018). Heights are the change from the decision.
    Of a signed map the most positive attribution comes first. Of one of magnitudes it is the largest, and heights are
    −|change|, since it does not say whether a part speaks for the target or against it.

    Args:
        case: What was explained.
        maps: How.
        k: Regions that AIM and AUM mask or keep; by default 3 of up to 8 numbers (as XRL-Bench's LunarLander), else a
            tenth of the regions.
        random_orders: How many random orders the control is the mean of.
    """
    question, setting = case.question, case.setting
    with exclusively(case.policy), torch.no_grad():
        baseline = setting.baseline_values(question)
        count = len(setting.regions)
        places = np.unique(np.linspace(0, count, min(CURVE_POINTS, count + 1)).round().astype(np.int64))
        generator = np.random.default_rng(setting.seed + 1)
        own = order_of(maps)
        randoms = [_random_order(own.shape, generator) for _ in range(random_orders)]
        plain = np.argsort(-plain_map(case, baseline), axis=1, kind="stable")
        drawn = [_curves(case, order, places, baseline, signed=maps.signed) for order in [own, plain, *randoms]]
        k = k if k is not None else (min(3, max(1, count - 1)) if count <= 8 else max(1, round(count / 10)))
        masked = [_same_decisions(case, order, k, _zero(case)) for order in [own, *randoms]]
    curves = {
        "map": drawn[0],
        "random": Curves(
            deletion=np.mean([one.deletion for one in drawn[2:]], axis=0),
            insertion=np.mean([one.insertion for one in drawn[2:]], axis=0),
        ),
        "input": drawn[1],
    }

    def over(numbers: FloatArray) -> Estimate:
        return estimate(numbers, maps.episodes)

    own_curves, random, input_ = curves["map"], curves["random"], curves["input"]
    return Fidelity(
        shares=places / count,
        curves=curves,
        unit=getattr(question.target, "unit", ""),
        deletion=over(own_curves.deletion_area),
        insertion=over(own_curves.insertion_area),
        deletion_below_random=over(random.deletion_area - own_curves.deletion_area),
        insertion_above_random=over(own_curves.insertion_area - random.insertion_area),
        deletion_below_input=over(input_.deletion_area - own_curves.deletion_area),
        insertion_above_input=over(own_curves.insertion_area - input_.insertion_area),
        aim=over(masked[0][0]),
        aum=over(masked[0][1]),
        aim_random=over(np.mean([one[0] for one in masked[1:]], axis=0)),
        aum_random=over(np.mean([one[1] for one in masked[1:]], axis=0)),
        k=k,
    )


def same_decisions(case: Case, maps: SaliencyMaps | None, *, k: int) -> tuple[FloatArray, FloatArray]:
    """AIM's and AUM's ones and zeros (XRL-Bench): does the policy decide the same, where some regions are zero?

    Args:
        case: What was explained.
        maps: How; None takes the regions in a random order.
        k: How many regions are masked, or kept.

    Returns:
        `[S]` with the first k regions set to zero, and `[S]` with all others set to zero.
    """
    shape = (len(case.question), len(case.setting.regions))
    with exclusively(case.policy), torch.no_grad():
        order = _random_order(shape, np.random.default_rng(case.setting.seed + 1)) if maps is None else order_of(maps)
        return _same_decisions(case, order, k, _zero(case))


def _zero(case: Case) -> Values:
    question = case.question
    return baseline_values("zero" if question.layer else "black", question, case.setting.background)


def order_of(maps: SaliencyMaps) -> Order:
    """Regions by importance: the most positive first, of a map of magnitudes the largest; ties in random order."""
    scores = maps.regions if maps.signed else np.abs(maps.regions)
    ties = np.random.default_rng(maps.seed).random(scores.shape)
    return np.lexsort((ties, -scores), axis=1)


def plain_map(case: Case, baseline: Values) -> FloatArray:
    """A map that knows nothing of the agent, `[S, G]`: an image's edges (Sobel), else |x − baseline|."""
    plain = {}
    for name, tensor in case.question.values.items():
        if tensor.ndim == 4 and case.question.layer is None:
            plain[name] = _edges(tensor)
        else:
            plain[name] = (tensor - baseline[name]).abs()
    return case.setting.regions.sums(plain).double().cpu().numpy()


def _edges(images: Tensor) -> Tensor:
    kernel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]], device=images.device)
    flat = torch.nn.functional.pad(images.flatten(0, 1).unsqueeze(1), (1, 1, 1, 1), mode="replicate")
    across = torch.nn.functional.conv2d(flat, kernel.view(1, 1, 3, 3))
    down = torch.nn.functional.conv2d(flat, kernel.T.reshape(1, 1, 3, 3))
    return torch.sqrt(across**2 + down**2).reshape(images.shape)


def _random_order(shape: tuple[int, ...], generator: np.random.Generator) -> Order:
    return np.argsort(generator.random(shape), axis=1)


def _masks(order: Order, count: int) -> Tensor:
    """The first `count` regions of each decision's order, `[S, G]` bool."""
    taken = np.zeros(order.shape, bool)
    np.put_along_axis(taken, order[:, :count], True, axis=1)
    return torch.as_tensor(taken)


def _replaced(case: Case, taken: Tensor, index: Tensor, baseline: Values) -> Values:
    others = {name: tensor[index] for name, tensor in baseline.items()}
    return case.setting.regions.replace(case.question.at(index), others, taken, index)


def _curves(case: Case, order: Order, places: npt.NDArray[np.int64], baseline: Values, *, signed: bool) -> Curves:
    question, count = case.question, len(order)
    masks = torch.stack([_masks(order, int(place)) for place in places], dim=1)
    flat, numbers = count * len(places), []
    for inserting in (False, True):
        heights = []
        for part in question.batches(flat):
            rows = torch.arange(part.start, part.stop)
            index, place = rows // len(places), rows % len(places)
            taken = masks[index, place]
            values = _replaced(case, ~taken if inserting else taken, index, baseline)
            heights.append(question(values, index))
        numbers.append(torch.cat(heights).double().cpu().numpy().reshape(count, len(places)))
    deletion, insertion = (heights - numbers[0][:, :1] for heights in numbers)
    if not signed:
        deletion, insertion = -np.abs(deletion), -np.abs(insertion)
    return Curves(deletion=deletion, insertion=insertion)


def _area(heights: FloatArray) -> FloatArray:
    """Mean height by the trapezoidal rule; points are equally far apart but for rounding."""
    return np.asarray(((heights[:, 1:] + heights[:, :-1]) / 2).mean(axis=1))


def _same_decisions(case: Case, order: Order, k: int, zero: Values) -> tuple[FloatArray, FloatArray]:
    """AIM's and AUM's ones and zeros, `[S]` each."""
    question = case.question
    space = question.decisions.policy.action_space
    decided = modes_of(answers(question), space)
    spread = _action_spread(case)
    found = []
    for keep in (False, True):
        parts = []
        for part in question.batches(len(question)):
            index = torch.arange(part.start, part.stop)
            taken = _masks(order, k)[index]
            output = question.output(_replaced(case, ~taken if keep else taken, index, zero), index)
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

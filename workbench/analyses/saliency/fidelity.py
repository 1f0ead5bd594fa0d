"""Fidelity: does what a map calls important really matter? Deletion and insertion curves, AIM and AUM.

Every figure stands beside that of two other orders of the same regions: random ones, and the plain input itself (its
edges where it is an image, else its distance from the baseline), which know nothing of the agent.

Axis legend:
    S  decisions that are explained
    G  regions
    K  points of a curve, from nothing taken away to everything
    R  random orders
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.decisions import Values
from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervals import ALIKE, Estimate, estimate
from workbench.analyses.saliency.maps import Case, SaliencyMaps
from workbench.analyses.saliency.masking import masked_decisions, replaced, zero_of
from workbench.analyses.saliency.orders import (
    BoolArray,
    FloatArray,
    Order,
    every_orders,
    first_of,
    order_by,
    order_of,
    plain_map,
    random_order,
)
from workbench.analyses.targets import AnyTarget, NamedTarget

CURVE_POINTS = 21
FEWEST_ORDERS, MOST_ORDERS = 5, 24
RANDOM_POINTS = 160
"""Points on one decision's random curves: the fewer a curve has, the more random orders there are."""
EVERY_ORDER = 4
"""Up to so many regions the control is not drawn: it is all of their orders, 4! = 24."""
ABOUT_ACTIONS = ("log_odds", "log_probability", "probability", "logit", "difference", "q", "advantage", "mean")
"""Targets that say something of what is decided."""


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
    orders: tuple[Curves, ...]
    """`[R]`, the random ones each by itself."""
    every_order: bool
    """Whether these are all that there are, so that the control has no chance in it."""
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
    aim: Estimate | None
    """Accuracy on Important Masked (Xiong et al. 2024, XRL-Bench): share of decisions that stay the same when the `k`
    most important regions are set to zero; the lower, the better. None where the target is not about the action, or
    there is one decision only: then it would say nothing."""
    aum: Estimate | None
    """Accuracy on Unimportant Masked: the same when all *but* these k are; the higher, the better."""
    aim_random: Estimate | None
    aum_random: Estimate | None
    k: int

    def random_band(self, name: str, place: int | None = None) -> FloatArray:
        """Where the random orders lie, `[2, K]`: the middle 90 % of them.

        Args:
            name: `deletion` or `insertion`.
            place: Of one decision; None takes each order's mean over all of them.
        """
        curves = [getattr(one, name) for one in self.orders]
        heights = [one.mean(axis=0) if place is None else one[place] for one in curves]
        return np.asarray(np.percentile(heights, [5, 95], axis=0))

    def beaten(self, name: str, place: int) -> int:
        """How many of the random orders the map's is better than at one decision, of `len(orders)`.

        Args:
            name: `deletion` or `insertion`.
            place: Which decision.
        """
        own, sign = getattr(self.curves["map"], f"{name}_area")[place], -1 if name == "deletion" else 1
        others = np.array([getattr(one, f"{name}_area")[place] for one in self.orders])
        return int((sign * (own - others) > ALIKE * max(np.abs(others).max(), abs(own))).sum())

    @property
    def verdict(self) -> str:
        """In words."""
        if len(self.curves["map"].deletion) == 1:
            return (
                f"one step has no interval; better than {self.beaten('deletion', 0)} of {self.orders_in_words} by "
                f"deletion, than {self.beaten('insertion', 0)} by insertion"
            )
        if self.deletion_below_random.low is None:
            return "too few episodes, or all alike: no interval"
        better = self.deletion_below_random.above(0), self.insertion_above_random.above(0)
        if all(better):
            beyond = self.deletion_below_input.above(0) and self.insertion_above_input.above(0)
            return "finds what matters, better than chance" + (" and than the plain input" if beyond else "")
        if any(better):
            return f"better than chance by {'deletion' if better[0] else 'insertion'} only"
        return "not shown to be better than chance"

    @property
    def orders_in_words(self) -> str:
        """`all 24 orders`, `7 random orders`."""
        count = len(self.orders)
        if self.every_order:
            return f"all {count} orders" if count > 1 else "the one order"
        return f"{count} random order{'s' * (count != 1)}"


def fidelity(case: Case, maps: SaliencyMaps, *, k: int | None = None, random_orders: int | None = None) -> Fidelity:
    """Take regions away in a map's order, and put them back, and see what becomes of the target.

    The deletion curve starts at the decision and sets more and more regions to the baseline, the most important first;
    the insertion curve starts at the baseline (Petsiuk et al., 2018). Heights are the change from the decision.
    Of a signed map the most positive attribution comes first. Of one of magnitudes it is the largest, and heights are
    −|change|, since it does not say whether a part speaks for the target or against it.

    Args:
        case: What was explained.
        maps: How.
        k: Regions that AIM and AUM mask or keep; by default 3 of 8 (as XRL-Bench's LunarLander), the same share of
            fewer, and a tenth of many. Where it is given, AIM and AUM are taken whatever the target is.
        random_orders: How many random orders the control is the mean of; None takes 5 to 24, the more the fewer
            regions there are, and of up to 4 regions every order once.
    """
    question, setting = case.question, case.setting
    exists = maps.exists
    counts = exists.sum(axis=1)
    most = int(counts.max())
    whole = np.unique(np.linspace(0, most, min(CURVE_POINTS, most + 1)).round().astype(np.int64))
    shares = whole / most
    places = np.rint(shares[None] * counts[:, None]).astype(np.int64)
    with exclusively(case.policy), torch.no_grad():
        baseline = setting.baseline_values(question)
        every = random_orders is None and most <= EVERY_ORDER and bool((counts == most).all())
        drawn = random_orders or int(np.clip(RANDOM_POINTS // len(whole), FEWEST_ORDERS, MOST_ORDERS))
        generator = np.random.default_rng(setting.seed + 1)
        randoms = every_orders(exists) if every else [random_order(exists, generator) for _ in range(drawn)]
        own, plain = order_of(maps), order_by(plain_map(case, baseline), exists)
        own_curves, input_, *others = (
            _curves(case, order, exists, places, baseline, signed=maps.signed) for order in [own, plain, *randoms]
        )
        asked = k is not None or (len(question) > 1 and about_action(question.target))
        k = k if k is not None else default_k(most)
        masked = [masked_decisions(case, order, exists, k, zero_of(case)) for order in [own, *randoms]] if asked else []
    random = Curves(
        deletion=np.mean([one.deletion for one in others], axis=0),
        insertion=np.mean([one.insertion for one in others], axis=0),
    )

    def over(numbers: FloatArray) -> Estimate:
        return estimate(numbers, maps.episodes)

    def share(which: int, orders: slice) -> Estimate | None:
        kept = [one[which] for one in masked[orders]]
        return estimate(np.mean(kept, axis=0), maps.episodes, lowest=0.0, highest=1.0) if kept else None

    return Fidelity(
        shares=shares,
        curves={"map": own_curves, "random": random, "input": input_},
        orders=tuple(others),
        every_order=every,
        unit=getattr(question.target, "unit", ""),
        deletion=over(own_curves.deletion_area),
        insertion=over(own_curves.insertion_area),
        deletion_below_random=over(random.deletion_area - own_curves.deletion_area),
        insertion_above_random=over(own_curves.insertion_area - random.insertion_area),
        deletion_below_input=over(input_.deletion_area - own_curves.deletion_area),
        insertion_above_input=over(own_curves.insertion_area - input_.insertion_area),
        aim=share(0, slice(1)),
        aum=share(1, slice(1)),
        aim_random=share(0, slice(1, None)),
        aum_random=share(1, slice(1, None)),
        k=k,
    )


def default_k(count: int) -> int:
    """How many of so many regions AIM and AUM mask or keep: 3 of 8 and more, that share of fewer, a tenth of many."""
    return max(1, min(3, 3 * count // 8), round(count / 10))


def about_action(target: AnyTarget) -> bool:
    """Whether a target says something of what is decided, as far as is known: of a function of one's own nothing is."""
    return isinstance(target, NamedTarget) and target.name.partition(":")[0] in ABOUT_ACTIONS


def _curves(
    case: Case, order: Order, exists: BoolArray, places: npt.NDArray[np.int64], baseline: Values, *, signed: bool
) -> Curves:
    """`places`: `[S, K]`, how many regions are taken away at each point."""
    question, count, points = case.question, len(order), places.shape[1]
    masks, there = first_of(order, places), torch.tensor(exists)
    flat, numbers = count * points, []
    for inserting in (False, True):
        heights = []
        for part in question.batches(flat):
            rows = torch.arange(part.start, part.stop)
            index, place = rows // points, rows % points
            taken = masks[index, place]
            values = replaced(case, ~taken & there[index] if inserting else taken, index, baseline)
            heights.append(question(values, index))
        numbers.append(torch.cat(heights).double().cpu().numpy().reshape(count, points))
    deletion, insertion = (heights - numbers[0][:, :1] for heights in numbers)
    if not signed:
        deletion, insertion = -np.abs(deletion), -np.abs(insertion)
    return Curves(deletion=deletion, insertion=insertion)


def _area(heights: FloatArray) -> FloatArray:
    """Mean height by the trapezoidal rule; points are equally far apart but for rounding."""
    return np.asarray(((heights[:, 1:] + heights[:, :-1]) / 2).mean(axis=1))

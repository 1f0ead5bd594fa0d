"""Integrated and expected gradients: attributions that sum to the target's difference from a baseline.

Axis legend:
    S  decisions that are explained
    K  points on the straight path from baseline to decision
"""

import torch
from torch import Tensor

from workbench.analyses.decisions import Values
from workbench.analyses.saliency.attribution import Attribution, Setting, repeat, seed_of
from workbench.analyses.saliency.question import BATCH_BYTES, Question

LARGEST_GAP = 0.01
"""Of the target's difference from its baseline: how much may be missing from the attributions' sum."""
LARGEST_CHANGE = 0.05
"""Of the sum of magnitudes: by how much another round may still change the attributions."""
FIRST_INTERVALS = 4
NARROWEST = 2.0**-16
"""Intervals of the path narrower than this are not halved: at a jump, halving would never end."""
MOST_POINTS = 513
"""On one path, where the gap does not close before."""
USUAL_POINTS = 64
"""For which memory is set aside."""
SMALLEST_DIFFERENCE = 1e-6
"""Differences of the target below this, in its own unit, are none: rounding of float32 is as large."""
ROUNDING = 1e-6
"""Of the largest target on a path: errors of this size are those of float32's sums, which more points do not mend."""
BACKGROUND_DRAWS = 64


def integrated_gradients(question: Question, setting: Setting) -> Attribution:
    """(x − b) · ∫₀¹ ∂f/∂x(b + α(x − b)) dα (Sundararajan et al., 2017), with as many points as completeness asks for.

    The path is divided where it is needed. Round by round the intervals on which the gradient changes most are halved
    (Σ over the numbers of ½ h |Δx · (g(end) − g(start))|, which is by how much the trapezoidal rule may be off there),
    until two things hold: what is missing of f(x) − f(baseline), the *completeness gap*, is at most `largest_gap`
    (default 1 %) of it; and the last round changed the attributions by at most `largest_change` (default 5 %) of their
    sum of magnitudes. The second is needed since errors of single numbers may cancel in the first. It also ends when
    the path has `most_points` (default 513), or what is missing is rounding (which is so where the target hardly
    differs from its baseline: the gap, as a share of nearly nothing, then says so).

    Facts: `completeness_gap` `[S]` (share of the difference), `change` `[S]` (of the last round), `points` `[S]`,
    `difference` `[S]` (f(x) − f(b)).
    """
    largest_gap = float(setting.options.get("largest_gap", LARGEST_GAP))
    largest_change = float(setting.options.get("largest_change", LARGEST_CHANGE))
    most_points = int(setting.options.get("most_points", MOST_POINTS))
    baseline = setting.baseline_values(question)
    count, size = len(question), sum(tensor[0].numel() * 4 for tensor in question.values.values())
    # The gradients of all points of a path are kept until it is done, so only so many paths are taken at a time.
    together = max(1, min(question.rows_of_a_batch(), BATCH_BYTES // (USUAL_POINTS * size)))
    paths = []
    for start in range(0, count, together):
        some = torch.arange(start, min(start + together, count))
        paths.append(_Paths(question, baseline, some))
        path = paths[-1]
        while len(unfinished := torch.nonzero(path.unfinished(largest_gap, largest_change, most_points))):
            setting.progress.update(start + len(some) - len(unfinished), count, "integrated gradients")
            path.refine(unfinished[:, 0])
        paths[-1].finish()
        setting.progress.update(start + len(some), count, "integrated gradients")
    return Attribution(
        values={name: torch.cat([part.attributions[name] for part in paths]) for name in question.values},
        facts={
            "completeness_gap": torch.cat([part.gap() for part in paths]),
            "change": torch.cat([part.change for part in paths]),
            "points": torch.cat([part.points() for part in paths]),
            "difference": torch.cat([part.difference for part in paths]),
        },
    )


class _Paths:
    """Straight paths from baselines to decisions, each divided into intervals of its own."""

    def __init__(self, question: Question, baseline: Values, decisions: Tensor) -> None:
        self.attributions: dict[str, Tensor] = {}
        """By key, one row a path; there when it is finished."""
        self._question = question
        self._decisions = decisions
        self._baseline = {name: tensor[decisions].detach() for name, tensor in baseline.items()}
        self._step = {name: question.values[name][decisions] - tensor for name, tensor in self._baseline.items()}
        places = torch.linspace(0, 1, FIRST_INTERVALS + 1)
        self._owner = repeat(torch.arange(len(decisions)), len(places))
        self._place = places.repeat(len(decisions))
        self._gradient, self._slope, self._target = self._evaluate(self._owner, self._place)
        ends, starts = (torch.nonzero(self._place == end)[:, 0] for end in (1, 0))
        self.difference = self._target[ends] - self._target[starts]
        """By path, f(x) − f(b)."""
        self.change = torch.full((len(decisions),), torch.inf, dtype=torch.float64)
        """By path, by how much the last round changed the attributions, as a share of their sum of magnitudes."""
        self._found = self._weighted()
        self._stuck = torch.zeros(len(decisions), dtype=torch.bool)
        """By path, whether nothing is left that could be halved."""

    def gap(self) -> Tensor:
        """By path, the share of the target's difference that the attributions miss."""
        first, error = self._intervals()
        return self._per_path(first, error).abs() / self.difference.abs().clamp(min=SMALLEST_DIFFERENCE)

    def unfinished(self, largest_gap: float, largest_change: float, most_points: int) -> Tensor:
        """By path, whether it needs more points, and may have them."""
        first, error = self._intervals()
        missing = self._per_path(first, error).abs()
        size = torch.zeros(len(self._decisions), dtype=torch.float64).scatter_reduce_(
            0, self._owner, self._target.abs(), "amax"
        )
        incomplete = (self.gap() > largest_gap) & (missing > ROUNDING * size)
        widest = torch.zeros(len(self._decisions), dtype=torch.float64).scatter_reduce_(
            0, self._owner[first], (self._place[first + 1] - self._place[first]).double(), "amax"
        )
        divisible = (self.points() < most_points) & (widest > NARROWEST)
        # A path on which nothing changes at all has nothing to be found.
        flat = self._change_of_gradient(first).sum() == 0
        return (incomplete | (self.change > largest_change)) & divisible & ~flat & ~self._stuck

    def points(self) -> Tensor:
        """By path, how many points it has."""
        return torch.bincount(self._owner, minlength=len(self._decisions))

    def refine(self, paths: Tensor) -> None:
        """Halve the intervals of these paths on which the gradient changes at least half as much as on the mean one."""
        first, _ = self._intervals()
        owner = self._owner[first]
        size = self._change_of_gradient(first)
        mean = self._per_path(first, size) / (self.points() - 1)
        wide = self._place[first + 1] - self._place[first] > NARROWEST
        chosen = first[torch.isin(owner, paths) & (size >= 0.5 * mean[owner]) & wide]
        # The gradient may change only where the path is as narrow as can be: at a jump of the gradient itself.
        reached = torch.zeros(len(self._decisions), dtype=torch.bool)
        reached[self._owner[chosen]] = True
        self._stuck[paths] |= ~reached[paths]
        if not len(chosen):
            return
        place = 0.5 * (self._place[chosen] + self._place[chosen + 1])
        gradient, slope, target = self._evaluate(self._owner[chosen], place)
        owner, place = torch.cat([self._owner, self._owner[chosen]]), torch.cat([self._place, place])
        order = torch.argsort(owner.double() + 0.5 * place.double())
        self._owner, self._place = owner[order], place[order]
        self._slope = torch.cat([self._slope, slope])[order]
        self._target = torch.cat([self._target, target])[order]
        self._gradient = {name: torch.cat([tensor, gradient[name]])[order] for name, tensor in self._gradient.items()}
        before, self._found = self._found, self._weighted()
        moved, whole = (torch.zeros(len(self._decisions), dtype=torch.float64) for _ in range(2))
        for name, tensor in self._found.items():
            moved += (tensor - before[name]).abs().reshape(len(tensor), -1).sum(dim=1).double().cpu()
            whole += tensor.abs().reshape(len(tensor), -1).sum(dim=1).double().cpu()
        self.change[paths] = (moved / whole.clamp(min=torch.finfo(torch.float64).tiny))[paths]

    def finish(self) -> None:
        """Keep the attributions, and let the gradients go."""
        self.attributions = self._found
        self._gradient = {}

    def _weighted(self) -> dict[str, Tensor]:
        """(x − b) · Σ weight · gradient, by key."""
        first, _ = self._intervals()
        width = 0.5 * (self._place[first + 1] - self._place[first])
        weight = torch.zeros(len(self._place)).index_add_(0, first, width).index_add_(0, first + 1, width)
        found = {}
        for name, tensor in self._gradient.items():
            weighted = tensor * weight.to(tensor).view(-1, *(1,) * (tensor.ndim - 1))
            summed = torch.zeros_like(self._step[name]).index_add_(0, self._owner.to(tensor.device), weighted)
            found[name] = summed * self._step[name]
        return found

    def _change_of_gradient(self, first: Tensor) -> Tensor:
        """By interval, ½ h Σ |Δx · (g(end) − g(start))|."""
        change = torch.zeros(len(first), dtype=torch.float64)
        for name, tensor in self._gradient.items():
            moved = (tensor[first + 1] - tensor[first]) * self._step[name][self._owner[first]]
            change += moved.abs().reshape(len(first), -1).sum(dim=1).double().cpu()
        return 0.5 * (self._place[first + 1] - self._place[first]).double() * change

    def _evaluate(self, owner: Tensor, place: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Gradients, the slope along the path and the target at points of it."""
        values = {}
        for name, start in self._baseline.items():
            shares = place.to(start).view(-1, *(1,) * (start.ndim - 1))
            values[name] = start[owner] + shares * self._step[name][owner]
        found, target = self._question.gradients(values, self._decisions[owner])
        slope = torch.zeros(len(owner), dtype=torch.float64)
        for name, tensor in found.items():
            slope += (tensor * self._step[name][owner]).reshape(len(owner), -1).sum(dim=1).double().cpu()
        return found, slope, target.double().cpu()

    def _intervals(self) -> tuple[Tensor, Tensor]:
        """First point of each interval, and its error: by how much its trapezoid is off."""
        first = torch.nonzero(self._owner[1:] == self._owner[:-1])[:, 0]
        width = (self._place[first + 1] - self._place[first]).double()
        trapezoid = 0.5 * width * (self._slope[first] + self._slope[first + 1])
        return first, trapezoid - (self._target[first + 1] - self._target[first])

    def _per_path(self, first: Tensor, numbers: Tensor) -> Tensor:
        """Numbers of intervals, summed over each path."""
        return torch.zeros(len(self._decisions), dtype=torch.float64).index_add_(0, self._owner[first], numbers)


def expected_gradients(question: Question, setting: Setting) -> Attribution:
    """Mean of (x − b) · ∂f/∂x(b + α(x − b)) over steps b of the recording and α in (0, 1) (Erion et al., 2021).

    Also known as GradientSHAP. Draws are stratified: of `draws` (default 64), one has α in each [k/draws, (k+1)/draws).
    The background takes the place of a single baseline, so that the choice of one matters less.

    Facts: `completeness_gap` `[S]` against f(x) − mean of f(b), `draws`, `difference` `[S]`.
    """
    draws = int(setting.options.get("draws", BACKGROUND_DRAWS))
    count = len(question)
    background = setting.background.values(question)
    chosen = setting.background.draw_places(question, draws, setting.seed)
    share = torch.stack([_shares(draws, setting.seed, int(row)) for row in question.decisions.rows])
    totals = {name: torch.zeros_like(tensor) for name, tensor in question.values.items()}
    per_round = max(1, question.rows_of_a_batch() // draws)
    reached = torch.zeros(count, dtype=torch.float64)
    for start in range(0, count, per_round):
        some = torch.arange(start, min(start + per_round, count))
        index = repeat(some, draws)
        baseline = {name: tensor[chosen[some].flatten()] for name, tensor in background.items()}
        values, steps = {}, {}
        for name, tensor in question.at(index).items():
            shares = share[some].flatten().to(tensor).view(-1, *(1,) * (tensor.ndim - 1))
            steps[name] = tensor - baseline[name]
            values[name] = baseline[name] + shares * steps[name]
        found, _ = question.gradients(values, index)
        for name, tensor in found.items():
            totals[name][some] = (tensor * steps[name]).reshape(len(some), draws, *tensor.shape[1:]).mean(dim=1)
        reached[some] = question.evaluate(baseline, index).double().cpu().reshape(len(some), draws).mean(dim=1)
        setting.progress.update(int(some[-1]) + 1, count, "expected gradients")
    difference = question.evaluate(question.values, torch.arange(count)).double().cpu() - reached
    summed = torch.stack([tensor.reshape(count, -1).sum(dim=1).double().cpu() for tensor in totals.values()]).sum(dim=0)
    gap = (summed - difference).abs() / difference.abs().clamp(min=SMALLEST_DIFFERENCE)
    return Attribution(values=totals, facts={"completeness_gap": gap, "draws": draws, "difference": difference})


def _shares(draws: int, seed: int, row: int) -> Tensor:
    """One α in each part of the path, in random order, the same whatever else is explained, `[draws]`."""
    generator = torch.Generator().manual_seed(seed_of(seed, row))
    shares = (torch.arange(draws) + torch.rand(draws, generator=generator)) / draws
    # Which α a background step gets is a matter of chance as well.
    return shares[torch.randperm(draws, generator=generator)]

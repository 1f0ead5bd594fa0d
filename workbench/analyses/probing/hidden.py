"""Probes with one hidden layer, for what a layer holds, but not along a direction.

max(0, (x − m)/s · V + c) · W + b is the number, or log-probabilities of the classes but for a constant. It is fitted by
Adam (Kingma & Ba, 2015) with decoupled weight decay on small batches, in which each class is drawn as often; what
counts is the state with the least loss on the fold apart (early stopping), each class counting alike. What such a
probe finds, it may have worked out itself: its score stands beside a control task's (Hewitt & Liang, 2019).

All probes of a layer that have as many outputs are trained side by side, each with batches and a stop of its own.

Axis legend:
    M  probes that are trained side by side
    B  steps of a batch
    D  numbers a step
    H  hidden units
    K  outputs: 1 for a number, C for classes
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.fitting import ReadingMap, Setting, Split
from workbench.analyses.probing.sampling import Sample

HIDDEN = 32
BATCH = 128
LEARNING_RATE, WEIGHT_DECAY = 1e-2, 1e-2
FEWEST_BATCHES = 12
"""Between two looks at the fold apart; more where three fifths of the steps take more."""
MOST_LOOKS, PATIENCE, WORTH_WAITING = 40, 5, 0.98
"""It ends after so many looks, or so many without a loss that is smaller by one in fifty."""
SIDE_BY_SIDE_NUMBERS = 8_000_000
"""Weights and batches of the probes that are trained together, in numbers."""


@dataclass(frozen=True, kw_only=True)
class HiddenMap:
    """What a probe with a hidden layer computes."""

    hidden_weight: Tensor
    """`[D, H]`, in units of the features."""
    hidden_bias: Tensor
    """`[H]`."""
    weight: Tensor
    """`[H, K]`."""
    bias: Tensor
    """`[K]`."""

    def __call__(self, x: Tensor) -> Tensor:
        """`[n, K]`: the number, or log-probabilities of the classes but for a constant."""
        return torch.relu(x @ self.hidden_weight + self.hidden_bias) @ self.weight + self.bias


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One probe: a concept, and the steps it is made from."""

    concept: Concept
    split: int
    learn: np.ndarray
    """Places of the sample, class by class."""
    starts: np.ndarray
    """`[K + 1]`, where each class begins in `learn`."""
    y: Tensor
    """At `learn`."""
    choose: np.ndarray
    y_choose: Tensor
    mean: Tensor
    scale: Tensor
    shift: float
    """Of a number: its mean, and its deviation, in which it is fitted."""
    stretch: float

    @property
    def outputs(self) -> int:
        return 1 if self.concept.classes is None else len(self.concept.classes)


def fit_hidden(
    sample: Sample, concepts: Sequence[Concept], splits: Sequence[Split], setting: Setting
) -> list[Mapping[str, ReadingMap]]:
    """A probe of each concept for each split."""
    jobs = [
        _job(sample, concept, number, split, *scaling)
        for number, split in enumerate(splits)
        for scaling in [_scaling(sample.x[torch.as_tensor(np.flatnonzero(np.isin(sample.fold_of, split.learn)))])]
        for concept in concepts
    ]
    found: list[dict[str, ReadingMap]] = [{} for _ in splits]
    kinds = {(job.concept.is_number, job.outputs) for job in jobs}
    for is_number, outputs in sorted(kinds):
        alike = [job for job in jobs if (job.concept.is_number, job.outputs) == (is_number, outputs)]
        together = max(1, SIDE_BY_SIDE_NUMBERS // (sample.x.shape[1] * (BATCH + 4 * HIDDEN)))
        for start in range(0, len(alike), together):
            members = alike[start : start + together]
            generator = torch.Generator().manual_seed(setting.seed)
            for job, one in zip(members, _train(sample, members, generator, setting), strict=True):
                found[job.split][job.concept.name] = one
    return list(found)


def _scaling(x: Tensor) -> tuple[Tensor, Tensor]:
    mean, spread = x.mean(dim=0), x.std(dim=0, unbiased=False)
    return mean, torch.where(spread > 1e-5 * spread.max(), 1 / spread.clamp(min=1e-30), torch.zeros_like(spread))


def _job(sample: Sample, concept: Concept, number: int, split: Split, mean: Tensor, scale: Tensor) -> _Job:
    learn, choose = (sample.places(concept, folds) for folds in (split.learn, [split.choose]))
    y, y_choose = sample.columns(concept, learn), sample.columns(concept, choose)
    shift, stretch, classes = 0.0, 1.0, 1
    if concept.classes is None:
        shift, stretch = float(y.mean()), max(float(y.std(unbiased=False)), 1e-12)
        y, y_choose = ((one - shift) / stretch for one in (y, y_choose))
        starts = np.array([0, len(learn)])
    else:
        order = torch.argsort(y, stable=True)
        learn, y, classes = learn[order.numpy()], y[order], len(concept.classes)
        starts = np.searchsorted(y.numpy(), np.arange(classes + 1))
    return _Job(
        concept=concept, split=number, learn=learn, starts=starts, y=y, choose=choose, y_choose=y_choose,
        mean=mean, scale=scale, shift=shift, stretch=stretch,
    )  # fmt: skip


def _train(sample: Sample, jobs: Sequence[_Job], generator: torch.Generator, setting: Setting) -> list[HiddenMap]:
    """Train some probes side by side."""
    width, outputs, count = sample.x.shape[1], jobs[0].outputs, len(jobs)
    mean, scale = torch.stack([job.mean for job in jobs]), torch.stack([job.scale for job in jobs])
    parameters = [
        torch.randn(width, HIDDEN, generator=generator).repeat(count, 1, 1) * (2 / max(1, width)) ** 0.5,
        torch.zeros(count, 1, HIDDEN),
        torch.randn(HIDDEN, outputs, generator=generator).repeat(count, 1, 1) * (1 / HIDDEN) ** 0.5,
        torch.zeros(count, 1, outputs),
    ]
    search = _Adam(parameters)
    best = [one.clone() for one in parameters]
    least, waited = torch.full((count,), torch.inf), torch.zeros(count)
    draw = _Draws(jobs, generator)
    batches = max(FEWEST_BATCHES, -(-3 * len(sample.rows) // (5 * BATCH)))
    left, number = torch.arange(count), jobs[0].concept.is_number
    for _ in range(MOST_LOOKS):
        setting.check()
        for _ in range(batches):
            places, y = draw()
            x = (sample.x[places] - mean.unsqueeze(1)) * scale.unsqueeze(1)
            search.step(_gradients(search.parameters, x, y, number=number))
        now = _apart(sample, [jobs[one] for one in left.tolist()], search.parameters, mean, scale)
        better = now < least[left]
        # An improvement that nobody would notice is none that is waited for.
        waited[left] = torch.where(now < WORTH_WAITING * least[left], 0.0, waited[left] + 1)
        least[left[better]] = now[better]
        for kept, one in zip(best, search.parameters, strict=True):
            kept[left[better]] = one[better]
        going = waited[left] < PATIENCE
        if not bool(going.any()):
            break
        if not bool(going.all()):
            left, mean, scale = left[going], mean[going], scale[going]
            search.keep(going)
            draw.keep(going)
    return [_finished(job, [one[place].double() for one in best]) for place, job in enumerate(jobs)]


class _Draws:
    """Batches of each probe: a class at random of those that are there, then a step of it."""

    def __init__(self, jobs: Sequence[_Job], generator: torch.Generator) -> None:
        longest = max(max(len(job.learn) for job in jobs), 1)
        self._generator = generator
        self._learn = torch.stack([torch.as_tensor(np.resize(job.learn, longest)) for job in jobs])
        self._y = torch.stack([torch.as_tensor(np.resize(job.y.numpy(), longest)) for job in jobs])
        there = [np.flatnonzero(np.diff(job.starts)) for job in jobs]
        most = max(map(len, there))
        self._present = torch.as_tensor([len(one) for one in there])
        first = [np.resize(job.starts[:-1][one], most) for job, one in zip(jobs, there, strict=True)]
        size = [np.resize(np.diff(job.starts)[one], most) for job, one in zip(jobs, there, strict=True)]
        self._first, self._size = (torch.as_tensor(np.stack(one)) for one in (first, size))

    def keep(self, which: Tensor) -> None:
        """Draw for some of the probes alone from now on."""
        self._learn, self._y, self._present = self._learn[which], self._y[which], self._present[which]
        self._first, self._size = self._first[which], self._size[which]

    def __call__(self) -> tuple[Tensor, Tensor]:
        """Places of the sample, and what is true there, `[M, B]`."""
        # The same numbers for all, so that no probe depends on which others are trained beside it.
        drawn = torch.rand(2, 1, BATCH, generator=self._generator, dtype=torch.float64)
        which = (drawn[0] * self._present.unsqueeze(1)).long()
        place = self._first.gather(1, which) + (drawn[1] * self._size.gather(1, which)).long()
        return self._learn.gather(1, place), self._y.gather(1, place)


def _said(parameters: Sequence[Tensor], x: Tensor) -> Tensor:
    """`[M, B, K]` of `x` `[M, B, D]`."""
    hidden_weight, hidden_bias, weight, bias = parameters
    return torch.baddbmm(bias, torch.relu(torch.baddbmm(hidden_bias, x, hidden_weight)), weight)


def _gradients(parameters: Sequence[Tensor], x: Tensor, y: Tensor, *, number: bool) -> list[Tensor]:
    """Of each probe's mean loss over its batch."""
    hidden_weight, hidden_bias, weight, bias = parameters
    hidden = torch.relu_(torch.baddbmm(hidden_bias, x, hidden_weight))
    said = torch.baddbmm(bias, hidden, weight)
    if number:
        back = 2 * (said - y.float().unsqueeze(2))
    else:
        back = torch.softmax(said, dim=2)
        back.scatter_add_(2, y.unsqueeze(2), -torch.ones_like(back[:, :, :1]))
    back /= x.shape[1]
    inner = torch.bmm(back, weight.transpose(1, 2)) * (hidden > 0)
    return [
        torch.bmm(x.transpose(1, 2), inner), inner.sum(dim=1, keepdim=True),
        torch.bmm(hidden.transpose(1, 2), back), back.sum(dim=1, keepdim=True),
    ]  # fmt: skip


class _Adam:
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019), in place."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = list(parameters)
        self._first = [torch.zeros_like(one) for one in parameters]
        self._second = [torch.zeros_like(one) for one in parameters]
        self._steps = 0

    def keep(self, which: Tensor) -> None:
        """Go on with some of the probes alone."""
        for arrays in (self.parameters, self._first, self._second):
            arrays[:] = [one[which] for one in arrays]

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Go one step."""
        self._steps += 1
        rate = LEARNING_RATE * (1 - 0.999**self._steps) ** 0.5 / (1 - 0.9**self._steps)
        for one, first, second, gradient in zip(self.parameters, self._first, self._second, gradients, strict=True):
            first.lerp_(gradient, 0.1)
            second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            one.mul_(1 - LEARNING_RATE * WEIGHT_DECAY).addcdiv_(first, second.sqrt().add_(1e-8), value=-rate)


def _losses(said: Tensor, y: Tensor, *, number: bool) -> Tensor:
    """`[M, B]`."""
    if number:
        return (said.squeeze(2) - y.float()).square()
    return -torch.log_softmax(said, dim=2).gather(2, y.unsqueeze(2)).squeeze(2)


def _apart(sample: Sample, jobs: Sequence[_Job], parameters: Sequence[Tensor], mean: Tensor, scale: Tensor) -> Tensor:
    """The mean loss of each probe on its fold apart, its classes counting alike, `[M]`."""
    found = torch.zeros(len(jobs))
    for number, job in enumerate(jobs):
        if not len(job.choose):
            continue
        x = (sample.x[torch.as_tensor(job.choose)] - mean[number]) * scale[number]
        said = _said([one[number : number + 1] for one in parameters], x.unsqueeze(0))
        losses = _losses(said, job.y_choose.unsqueeze(0), number=job.concept.is_number)[0]
        if job.concept.is_number:
            found[number] = losses.mean()
            continue
        sums = torch.zeros(job.outputs).index_add_(0, job.y_choose, losses)
        sizes = torch.bincount(job.y_choose, minlength=job.outputs)
        found[number] = (sums / sizes.clamp(min=1)).sum() / max(1, int((sizes > 0).sum()))
    return found


def _finished(job: _Job, parameters: Sequence[Tensor]) -> HiddenMap:
    """The probe in units of features and concept."""
    hidden_weight, hidden_bias, weight, bias = parameters
    inward = job.scale.double().unsqueeze(1) * hidden_weight
    bias = bias[0].clone()
    if job.concept.classes is not None:
        bias[torch.as_tensor(np.diff(job.starts) == 0)] = -torch.inf
    return HiddenMap(
        hidden_weight=inward,
        hidden_bias=hidden_bias[0] - job.mean.double() @ inward,
        weight=weight * job.stretch,
        bias=bias * job.stretch + job.shift,
    )

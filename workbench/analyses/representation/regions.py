"""What sets a region of a map apart: each concept's distribution inside beside outside, and what chance would give.

The distance of two distributions is the largest difference of their cumulated shares for a number (Kolmogorov and
Smirnov's D), and half the sum of the differences of the shares for classes (total variation): 0 the same, 1 apart.
Steps of an episode resemble each other, so that a region of a few episodes differs in much. So the control lays the
region's shape in time over other episodes: each episode's steps count as inside as those of an episode drawn at random
do, from a random step on. The chance that the largest distance of any concept reaches a concept's own is its p
(Westfall and Young 1993), which allows for how many were looked at.

Axis legend: N points, E episodes, B draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.representation.colouring import Colouring
from workbench.analyses.representation.points import Points
from workbench.analyses.representation.sources import FloatArray, IntArray
from workbench.errors import WorkbenchError

DRAWS = 300
MOST_TESTED = 4_000
"""The control is of so many points at most, whole episodes' shares of them."""
SURE = 0.05


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """How a concept differs between a region and the rest."""

    name: str
    words: str
    distance: float
    """0 the same to 1 apart; NaN where it is defined on one side alone."""
    by_chance: float
    """95th percentile of the distance where the region's shape in time is laid over other episodes."""
    p: float
    """Chance that, so laid, any of the concepts differs as much; at least 1 ÷ (B + 1)."""
    inside: str
    """In words: the mean, or the most common class with its share."""
    outside: str

    @property
    def sure(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < SURE


def contrast_region(
    points: Points,
    inside: npt.NDArray[np.bool_],
    concepts: Sequence[Colouring],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[Contrast, ...]:
    """Compare a region of a map with the rest of it, concept by concept; the largest distance comes first.

    Args:
        points: Of the map.
        inside: `[N]`.
        concepts: Values at the points.
        draws: B.
        seed: Of the draws.

    Raises:
        WorkbenchError: The region is empty, or all of the map.
    """
    if len(inside) != len(points) or inside.all() or not inside.any():
        raise WorkbenchError("A region is some of the map's points, and not all of them.")
    generator = np.random.default_rng([seed, 7])
    tested = np.arange(len(points))
    if len(tested) > MOST_TESTED:
        tested = np.sort(generator.choice(tested, MOST_TESTED, replace=False))
    found = np.array([distance_between(one, inside) for one in concepts])
    if inside[tested].any() and not inside[tested].all():
        masks = laid_elsewhere(points.episodes[tested], points.times[tested], inside[tested], draws, generator)
        chance = np.array([_distances(one.values[tested], one.classes, masks) for one in concepts])
    else:
        chance = np.full((len(concepts), draws), np.nan)
    with np.errstate(invalid="ignore"):
        largest = np.nanmax(np.where(np.isnan(chance), -np.inf, chance), axis=0, initial=-np.inf)
    contrasts = []
    for one, own, drawn in zip(concepts, found, chance, strict=True):
        known = drawn[np.isfinite(drawn)]
        p = (1 + int((largest >= own).sum())) / (1 + draws) if np.isfinite(own) and len(known) else 1.0
        contrasts.append(
            Contrast(
                name=one.name,
                words=one.words,
                distance=float(own),
                by_chance=float(np.quantile(known, 0.95)) if len(known) else float("nan"),
                p=p,
                inside=_described(one, inside),
                outside=_described(one, ~inside),
            )
        )
    return tuple(sorted(contrasts, key=lambda one: -np.nan_to_num(one.distance, nan=-1.0)))


def distance_between(concept: Colouring, inside: npt.NDArray[np.bool_]) -> float:
    """The distance of a concept's distributions inside and outside."""
    return float(_distances(concept.values, concept.classes, inside[None, :])[0])


def laid_elsewhere(
    episodes: IntArray, times: IntArray, inside: npt.NDArray[np.bool_], draws: int, generator: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Regions of the same shape in time over other episodes, `[B, N]`."""
    order = np.lexsort((times, episodes))
    _, starts, lengths = np.unique(episodes[order], return_index=True, return_counts=True)
    mask, found = inside[order], np.empty((draws, len(inside)), bool)
    for draw in range(draws):
        donors = generator.permutation(len(starts))
        shifts = generator.integers(0, lengths)
        places = np.concatenate(
            [
                starts[donor] + (np.arange(length) + shift) % lengths[donor]
                for donor, length, shift in zip(donors, lengths, shifts, strict=True)
            ]
        )
        found[draw, order] = mask[places]
    return found


def _distances(values: FloatArray, classes: tuple[str, ...] | None, masks: npt.NDArray[np.bool_]) -> FloatArray:
    """`[B]`, one a region; NaN where one side has no point at which the concept is defined."""
    there = np.isfinite(values)
    numbers, inside = values[there], masks[:, there].astype(np.float64)
    counts, others = inside.sum(axis=1), (1 - inside).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        if classes is not None:
            hot = np.eye(len(classes))[numbers.astype(np.int64)]
            shares = inside @ hot / counts[:, None] - (1 - inside) @ hot / others[:, None]
            found = 0.5 * np.abs(shares).sum(axis=1)
        else:
            order = np.argsort(numbers, kind="stable")
            ends = np.flatnonzero(np.append(np.diff(numbers[order]) > 0, True))
            cumulated = np.cumsum(inside[:, order], axis=1)[:, ends]
            shares = cumulated / counts[:, None] - (ends + 1 - cumulated) / others[:, None]
            found = np.abs(shares).max(axis=1, initial=0.0)
    return np.asarray(np.where((counts > 0) & (others > 0), found, np.nan))


def _described(concept: Colouring, where: npt.NDArray[np.bool_]) -> str:
    values = concept.values[where]
    values = values[np.isfinite(values)]
    if not len(values):
        return "not defined"
    if concept.classes is None:
        return f"mean {values.mean():.3g}".replace("-", "−")
    counts = np.bincount(values.astype(np.int64), minlength=len(concept.classes))
    return f"{concept.classes[int(counts.argmax())]} ({100 * counts.max() / len(values):.0f} %)"

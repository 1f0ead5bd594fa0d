"""How good a probe is on episodes that it was not made from, with intervals over episodes.

Classes are scored by balanced accuracy, the mean over the classes of the share of their steps that is found, so that a
common class does not make the score; chance is 1/C. Numbers are scored by R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; chance is 0.
Codes of classes are scored by the share that they save, 1 − Σ bits / Σ bits of a code that knows how frequent the
classes are; chance is 0.

Axis legend: E episodes, C classes, B bootstrap draws.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

DRAWS = 2_000
NUMBERS_AT_ONCE = 250_000
"""Of draws by episodes."""
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What came of a probe on each episode: enough to score any set of episodes."""

    counts: FloatArray
    """`[E, C, C]`, steps by true class and decided class; of a number `[E, 4]`: n, Σ y, Σ y², Σ (y − ŷ)²; of a code
    `[E, 3]`: n, bits, bits of the code by frequencies."""

    @property
    def is_number(self) -> bool:
        """Whether it is of a number."""
        return self.counts.ndim == 2 and self.counts.shape[1] == 4

    @property
    def is_code(self) -> bool:
        """Whether it is of a code of classes."""
        return self.counts.ndim == 2 and self.counts.shape[1] == 3

    def score(self, weights: FloatArray | None = None) -> FloatArray:
        """The score of sets of episodes.

        Args:
            weights: `[B, E]`, how often each episode is in each set; None takes every one once.

        Returns:
            `[B]`; NaN where it is not defined.
        """
        own = np.ones((1, len(self.counts))) if weights is None else weights
        sums = np.tensordot(own, self.counts, axes=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.is_number:
                count, total, squares, errors = sums.T
                spread = squares - total**2 / count
                return np.asarray(np.where(spread > 0, 1 - errors / spread, np.nan))
            if self.is_code:
                _, bits, frequency_bits = sums.T
                return np.asarray(np.where(frequency_bits > 0, 1 - bits / frequency_bits, np.nan))
            sizes = sums.sum(axis=2)
            found = np.diagonal(sums, axis1=1, axis2=2)
            there = sizes > 0
            # A draw of episodes may have no step at all of a concept that is defined in few of them.
            return np.asarray(np.where(there, found / sizes, 0.0).sum(axis=1) / there.sum(axis=1))


def metric_of(tally: Tally) -> str:
    """What its score is called."""
    if tally.is_code:
        return "share of the code saved"
    return "R²" if tally.is_number else "balanced accuracy"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A score, or a difference of two, with its 95 % bootstrap interval over episodes."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """For people: `0.91 [0.87, 0.94]`."""
        # Nothing is added to nothing so that no rounded number is −0.00.
        value, low, high = (round(number, 2) + 0.0 for number in (self.value, self.low, self.high))
        return f"{value:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−")


def bootstrap_weights(episodes: int, *, draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """How often each episode is drawn, with replacement, `[B, E]`."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(episodes, np.full(episodes, 1 / episodes), size=draws).astype(np.float64)


def bootstrap_scores(tallies: Sequence[Tally], *, seed: int = 0) -> list[FloatArray]:
    """The scores of several probes of the same episodes, on the same draws of these.

    Args:
        tallies: What came of each.
        seed: Of the draws.

    Returns:
        `[B]` for each.
    """
    drawn = [[tally.score(weights) for tally in tallies] for weights in draws_of(tallies[0], seed)]
    return [np.concatenate(one) for one in zip(*drawn, strict=True)]


def draws_of(tally: Tally, seed: int = 0) -> Iterator[FloatArray]:
    """`bootstrap_weights` of a tally's episodes, a bounded number at a time `[b, E]`: of many they are large."""
    episodes = len(tally.counts)
    generator = np.random.default_rng(seed)
    at_once = max(1, NUMBERS_AT_ONCE // max(1, episodes))
    for start in range(0, DRAWS, at_once):
        size = min(at_once, DRAWS - start)
        yield generator.multinomial(episodes, np.full(episodes, 1 / episodes), size=size).astype(np.float64)


def interval(value: float, drawn: FloatArray, level: float = LEVEL) -> Interval:
    """The percentile interval of a score or a difference.

    Args:
        value: Of all episodes.
        drawn: `[B]`, of the draws.
        level: How often it should hold what is true, 0 to 1.
    """
    defined = drawn[np.isfinite(drawn)]
    if not len(defined):
        return Interval(value=value, low=float("nan"), high=float("nan"))
    tail = (1 - level) / 2
    low, high = np.quantile(defined, (tail, 1 - tail))
    return Interval(value=value, low=float(low), high=float(high))

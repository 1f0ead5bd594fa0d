"""What a probe's score says, beside what it would be without the layer, without learning, and without the concept.

Axis legend: E episodes, C classes.
"""

import math
from dataclasses import dataclass

import numpy as np

from workbench.analyses.probing.folds import FOLDS
from workbench.analyses.probing.probe import Probe
from workbench.analyses.probing.sampling import MOST_STEPS
from workbench.analyses.probing.scores import LEVEL, Interval, Tally, bootstrap_scores, draws_of, interval

MATTERS = 0.1
"""A difference of scores that a recording should be able to show."""
COUNTS = 0.01
"""The least difference of scores that counts as one: what a penalty or rounding makes is smaller."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A score that the layer's is compared with, on the same episodes."""

    score: Interval
    difference: Interval
    """The layer's score less this one, paired."""
    tally: Tally
    """What came of it on each episode."""

    @property
    def surpassed(self) -> bool:
        """Whether the layer's score is above this one, beyond doubt and by a difference that counts."""
        return self.difference.low > 0 and self.difference.value >= COUNTS


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """How well a concept can be read from a layer, on episodes that the probe was not made from."""

    concept: str
    words: str
    layer: str
    classes: tuple[str, ...] | None
    steps: int
    """At which the concept is defined."""
    episodes: int
    metric: str
    """`balanced accuracy` (0 to 1) of classes, `R²` (up to 1) of a number, `share of the code saved` (up to 1)."""
    score: Interval
    chance: float
    """What always the same answer gets: 1/C, or 0."""
    observation: Baseline
    """The same probe of the raw observation."""
    random_network: Baseline | None
    """The same probe of this layer with random weights; None where the agent could not be built."""
    control: Baseline
    """The same probe of a random function of the observation; the difference is the selectivity."""
    tally: Tally
    probe: Probe
    """Made from all episodes."""
    notes: tuple[str, ...]
    """What else has to be known: classes that some folds never met …"""
    kind: str = "linear"
    """Of the probe, as the table of kinds has it."""
    linearly: bool = True
    """Whether it reads along directions of the layer."""
    folds: int = FOLDS
    most_steps: int = MOST_STEPS
    """That the probe could be made from, where its kind goes over steps."""

    @property
    def _how(self) -> str:
        return "linearly decodable" if self.linearly else "decodable"

    @property
    def bits_per_step(self) -> Interval | None:
        """Of a code: how long it is; None for other kinds of probes."""
        if not self.tally.is_code:
            return None
        steps, bits, _ = self.tally.counts.sum(axis=0)
        drawn = np.concatenate([one @ self.tally.counts for one in draws_of(self.tally, self.probe.seed)])
        return interval(float(bits / steps), drawn[:, 1] / np.maximum(drawn[:, 0], 1))

    @property
    def compression(self) -> Interval | None:
        """Of a code: how many times shorter it is than log₂ C bits a step; None for other kinds of probes."""
        bits = self.bits_per_step
        if bits is None or self.classes is None:
            return None
        even = math.log2(len(self.classes))
        return Interval(value=even / bits.value, low=even / bits.high, high=even / bits.low)

    @property
    def decodable(self) -> bool:
        """Whether the score is above chance, and above what a random function of the observation gets."""
        return self.score.low > self.chance and self.control.difference.low > 0

    def held(self, level: float = LEVEL) -> bool:
        """Whether it is decodable by intervals of another level, such as 0.99."""
        seed = self.probe.seed
        score = scored(self.tally, seed=seed, level=level)
        control = compare(self.tally, self.control.tally, seed=seed, level=level)
        return score.low > self.chance and control.difference.low > 0

    @property
    def resolved(self) -> bool:
        """Whether a difference of 0.1 from chance would show."""
        return (self.score.high - self.score.low) / 2 <= MATTERS

    @property
    def episodes_needed(self) -> int:
        """About how many episodes would show a difference of 0.1: widths shrink with the root of their number."""
        half = (self.score.high - self.score.low) / 2
        return math.ceil(self.episodes * (half / MATTERS) ** 2)

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.decodable:
            if not math.isfinite(self.score.low) or not self.resolved:
                needed = f"; about {self.episodes_needed:,} episodes would" if math.isfinite(self.score.low) else ""
                return (
                    f"too little data to say: {self.episodes} episodes do not show a difference of {MATTERS:g}{needed}"
                )
            return f"not {self._how} here"
        above_input = self.observation.surpassed
        above_random = self.random_network is None or self.random_network.surpassed
        if above_input and above_random:
            return f"{self._how} here, more than from the input"
        if above_input:
            return f"{self._how} here, but no more than from the same network with random weights"
        return f"{self._how} here, no more than from the input"


def compare(own: Tally, other: Tally, *, seed: int = 0, level: float = LEVEL) -> Baseline:
    """Two probes on the same episodes, paired."""
    first, second = bootstrap_scores([own, other], seed=seed)
    mine, theirs = float(own.score()[0]), float(other.score()[0])
    return Baseline(
        score=interval(theirs, second, level),
        difference=interval(mine - theirs, first - second, level),
        tally=other,
    )


def scored(tally: Tally, *, seed: int = 0, level: float = LEVEL) -> Interval:
    """A probe's score with its interval."""
    return interval(float(tally.score()[0]), bootstrap_scores([tally], seed=seed)[0], level)


def notes_of(tally: Tally, classes: tuple[str, ...] | None, unmet: set[int]) -> tuple[str, ...]:
    """What has to be known of a score of classes.

    Args:
        tally: What came of the probe.
        classes: Their names.
        unmet: Those that at least one fold's probe was not taught, for lack of them in its episodes.
    """
    if classes is None or tally.is_code:
        return ()
    notes = []
    if unmet:
        names = ", ".join(classes[place] for place in sorted(unmet))
        notes.append(f"some probes met no step of: {names}; what they could not learn counts as not found")
    rare = [classes[place] for place, count in enumerate(np.sum(tally.counts, axis=(0, 2))) if 0 < count < 20]
    if rare:
        notes.append(f"fewer than 20 steps of: {', '.join(rare)}")
    return tuple(notes)

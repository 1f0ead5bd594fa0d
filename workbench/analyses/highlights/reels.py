"""What was found: the moments of a reel, and how the reel compares with others.

Axis legend:
    n  steps of one moment's window
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import Estimate


@dataclass(frozen=True, kw_only=True)
class Highlight:
    """A moment: the step that is important, and the steps around it that are shown with it."""

    rank: int
    """1 for the most important."""
    row: int
    """Of `recording.steps`."""
    episode: int
    """Number of the episode, from 0."""
    step: int
    """In the episode, from 0."""
    importance: float
    share_below: float
    """Share of the sampled steps that are less important, 0 to 1."""
    start: int
    """First step of the episode that is shown."""
    stop: int
    """One past the last step that is shown."""
    rows: npt.NDArray[np.int64]
    """`[n]` rows of `recording.steps` that are shown, in the order of time."""
    why: str
    """One line for people: what is behind the number."""
    most_alike: int | None
    """Rank of the moment that is most similar; None where there is one only."""
    distance: float | None
    """To that one, in units of the mean distance of two steps drawn at random."""

    def __post_init__(self) -> None:
        self.rows.setflags(write=False)


@dataclass(frozen=True, kw_only=True)
class Reel:
    """A reel in numbers; distances are in units of the mean distance of two steps drawn at random."""

    name: str
    """`diverse`, `important`, `random` or `first`."""
    words: str
    moments: int
    """How many moments it has, over all its draws."""
    steps: int
    """How many steps it shows, a draw."""
    episodes: int
    """Episodes that its moments come from, over all its draws."""
    importance: Estimate
    """Mean importance of its moments."""
    coverage: Estimate
    """Mean over sampled steps of the distance to the nearest step that is shown: the less, the more of what the agent
    meets is shown."""
    less_covered: Estimate | None
    """The coverage less that of the highlights, paired by step; None of the highlights themselves."""
    diversity: float | None
    """Mean distance of two of its moments; None where there is one only."""
    nearest: float | None
    """Distance of the two of its moments that are most alike."""
    common: int
    """How many of its moments are shown by the highlights too."""


@dataclass(frozen=True, kw_only=True)
class Highlights:
    """The k moments of a recording that tell most about the agent, and how that reel compares with others."""

    moments: tuple[Highlight, ...]
    """From the most important on."""
    measure: str
    """Name of the importance measure, or the expression."""
    measure_words: str
    unit: str
    states: str
    """What states were compared by, for people."""
    diverse: bool
    count: int
    """k that was asked for."""
    length: int
    """l, steps of a window that is not cut off by its episode."""
    after: int
    """Steps of it after the moment."""
    interval: int
    """i, steps of an episode between two moments at least."""
    interval_rule: str
    seed: int
    any_step: Estimate
    """Mean importance of a step, over the sampled steps."""
    steps: int
    """Steps of the recording whose importance is defined."""
    sampled: int
    """Steps that coverage is taken over."""
    unit_distance: float
    """Mean distance of two steps drawn at random, which all distances are divided by."""
    reels: tuple[Reel, ...]
    """The highlights first."""
    notes: tuple[str, ...]

    @property
    def in_order(self) -> tuple[Highlight, ...]:
        """The moments by episode and step."""
        return tuple(sorted(self.moments, key=lambda one: (one.episode, one.step)))

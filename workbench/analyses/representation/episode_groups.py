"""Intervals for numbers that are no means: groups of whole episodes are left out in turn.

The delete-a-group jackknife (Kott 2001, Journal of Official Statistics 17): with J groups of episodes, each left out in
turn, the standard error is √((J − 1)/J · Σ (θ₍ⱼ₎ − θ₍.₎)²), and the interval is θ ± t(J − 1) times that. Sums over J
groups are all that is kept, so that memory does not grow with the recording.

Axis legend: E episodes, J groups.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import FEWEST_EPISODES
from workbench.recording.beta_distribution import student_quantile

FloatArray = npt.NDArray[np.float64]

MOST_GROUPS = 20
ALIKE = 1e-12


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A number of a recording, and how sure it is."""

    value: float
    low: float | None
    """Lower end of the 95 % interval over episodes; None where there are fewer than 5 episodes."""
    high: float | None
    steps: int
    """n: steps that it is of."""
    episodes: int
    """Episodes that they come from."""

    def __str__(self) -> str:
        """For people: `4.21 [3.90, 4.52]`."""
        if self.low is None or self.high is None:
            return f"{self.value:.3g} [no interval]".replace("-", "−")
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]".replace("-", "−")


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Which group each episode is left out with."""

    of_episode: npt.NDArray[np.int64]
    """`[E]`, 0 to J − 1."""
    count: int
    """J."""

    @property
    def others(self) -> FloatArray:
        """`[J, J]`: row j holds the weights of the groups where group j is left out."""
        return np.ones((self.count, self.count)) - np.eye(self.count)


def group_episodes(episodes: int, *, most: int = MOST_GROUPS, seed: int = 0) -> Groups:
    """Deal episodes out at random to groups of as equal size as can be.

    Args:
        episodes: E, at least 1.
        most: J at most; fewer where there are fewer episodes.
        seed: Of the deal.
    """
    count = min(most, episodes)
    of_episode = np.zeros(episodes, np.int64)
    of_episode[np.random.default_rng(seed).permutation(episodes)] = np.arange(episodes) % count
    return Groups(of_episode=of_episode, count=count)


def measured(
    value: float, left_out: npt.ArrayLike, *, steps: int, episodes: int, logarithmic: bool = False
) -> Measured:
    """A number with its interval.

    Args:
        value: Of everything.
        left_out: `[J]`, the same number with each group left out.
        steps: n.
        episodes: E; of fewer than 5 nothing can be said.
        logarithmic: Whether the interval is made of logarithms, for numbers that are above 0 and skewed.
    """
    numbers = np.asarray(left_out, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if logarithmic and value > 0 and (numbers > 0).all():
        found = measured(float(np.log(value)), np.log(numbers), steps=steps, episodes=episodes)
        low, high = (None if end is None else float(np.exp(end)) for end in (found.low, found.high))
        return Measured(value=value, low=low, high=high, steps=steps, episodes=episodes)
    count = len(numbers)
    if episodes < FEWEST_EPISODES or count < FEWEST_EPISODES or not np.isfinite(value):
        return Measured(value=value, low=None, high=None, steps=steps, episodes=episodes)
    error = float(np.sqrt((count - 1) / count * ((numbers - numbers.mean()) ** 2).sum()))
    half = student_quantile(0.95, count - 1) * error
    return Measured(value=value, low=value - half, high=value + half, steps=steps, episodes=episodes)

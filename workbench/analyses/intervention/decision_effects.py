"""Decisions before and after a change, and what can be said of that.

Axis legend:
    S  decisions
    A  actions;  D  components of a continuous action
    C  controls
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import ALIKE, Estimate

FloatArray = npt.NDArray[np.float64]

LARGEST_CHANCE = 0.05
"""A change that so large a share of random ones reach is nothing special."""


@dataclass(frozen=True, kw_only=True)
class DecisionEffect:
    """Decisions before and after a change."""

    words: str
    """What was changed."""
    target: str
    unit: str
    rows: npt.NDArray[np.int64]
    """`[S]`."""
    episodes: npt.NDArray[np.int64]
    """`[S]`."""
    before: FloatArray
    """`[S]`, the target."""
    after: FloatArray
    """`[S]`."""
    account_before: FloatArray
    """`[S, A]` probability of each option within its component (of a bit: unset, set), or Q, or `[S, D]` means."""
    account_after: FloatArray
    account: str
    """What these are: `probability`, `q` or `mean`."""
    options: tuple[str, ...]
    """`[A]` or `[D]`, what they are of, in words."""
    log_odds_before: FloatArray | None
    """`[S, A]` ln p/(1 − p) of each option in nats, where the account is `probability`; None for the others."""
    log_odds_after: FloatArray | None
    actions_before: FloatArray | None
    """`[S, D]`, of continuous actions what is done where nothing is drawn: the mean, squashed or clipped."""
    actions_after: FloatArray | None
    value_before: FloatArray | None
    """`[S]`; None for a policy without a critic."""
    value_after: FloatArray | None
    flipped: npt.NDArray[np.bool_]
    """`[S]`, whether the likeliest option of any component is another one; for continuous actions False."""
    effect: Estimate
    """Mean of after − before."""
    size: Estimate
    """Mean of |after − before|; its interval is cut off at 0, below which no absolute value lies."""
    controls: FloatArray
    """`[C, S]`, |after − before| of different random changes of the same size in the same layers; C is 0 where there
    are none, and less than what was asked for where there are no more."""
    controls_asked: int
    above_controls: Estimate | None
    """Paired: |effect| less the mean of the controls'."""
    seed: int

    @property
    def undefined(self) -> int:
        """At how many decisions the target is not finite before or after: then nothing is compared."""
        return int((~np.isfinite(self.before) | ~np.isfinite(self.after)).sum())

    @property
    def reached(self) -> int:
        """How many controls have a mean |effect| at least as large, or none that is finite."""
        means = self.controls.mean(axis=1)
        return int((~(means < self.size.mean * (1 - ALIKE))).sum()) if len(means) else 0

    @property
    def chance(self) -> float | None:
        """p: the share of controls that reach as far, this change counted, (1 + those) / (1 + C); None without any."""
        if not len(self.controls) or self.undefined:
            return None
        return (1 + self.reached) / (1 + len(self.controls))

    @property
    def larger(self) -> bool:
        """Whether it was shown to be larger than random changes are; of fewer than 5 episodes on these steps alone."""
        if self.chance is None or self.chance > LARGEST_CHANCE or self.above_controls is None:
            return False
        return self.above_controls.low is None or self.above_controls.above(0)

    @property
    def verdict(self) -> str:
        """In words."""
        if self.undefined:
            return f"undecided: the target is not finite at {self.undefined:,} of {len(self.rows):,} steps"
        if self.above_controls is None or self.chance is None:
            if not self.controls_asked:
                return "no control was asked for"
            return "no control: there is no random change of the same size"
        count, least = len(self.controls), 1 / (1 + len(self.controls))
        told = f"p = {self.chance:.2g}; {count} control{'s' * (count != 1)}, the smallest possible is {least:.2g}"
        if self.chance > LARGEST_CHANCE:
            return f"not shown to be larger than random changes of the same size ({told})"
        if self.above_controls.low is None:
            return (
                f"larger than {count - self.reached} of {count} random changes of the same size "
                f"(p = {self.chance:.2g}); no interval (fewer than 5 episodes, or all alike)"
            )
        if self.above_controls.above(0):
            return f"changes the decision more than random changes of the same size do ({told})"
        return (
            f"not shown to be larger than random changes of the same size: the interval of the difference holds 0 "
            f"({told})"
        )

"""Which episode of a recording to open first, where nobody said: the one whose outcome the agent had least expected.

Axis legend:
    E  complete episodes that are compared
    T  steps of one of them
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.analyses.distributions import FloatArray
from workbench.analyses.recorded import discount_of, is_normalised

if TYPE_CHECKING:
    from workbench.recording import Recording

MOST_STEPS = 1_000_000
"""Only episodes within so many rows of the recording's beginning are compared."""
NOTICEABLE = 1e-3
"""Surprises smaller than this share of the largest value that was expected are none."""


@dataclass(frozen=True, kw_only=True)
class OpeningEpisode:
    """An episode to begin with, and why."""

    number: int
    """Its place in the recording, from 0."""
    reason: str
    """For people; continues "Opened on episode 3: "."""


def opening_episode(recording: "Recording") -> OpeningEpisode:
    """Choose the episode that a recording opens on.

    Where the critic's values are in the recorded rewards' unit, it is the episode of the largest |outcome − V(s₀)|:
    how far what came was from what the critic had expected at the start. The outcome is the discounted return; of a
    truncated episode it is bootstrapped from the last value, Σ γᵗ rₜ (t < T − 1) + γ^(T−1) V(s_{T−1}), since what would
    have come after is not known. Otherwise, or where nothing surprises, it is the episode whose return is nearest to
    the median. Of equal ones it is that whose length is nearest to the median length, and then the first.

    Args:
        recording: An open recording of at least one episode.

    Raises:
        WorkbenchError: A column that it needs is damaged.
    """
    episodes = recording.episodes
    if not episodes["complete"].any():
        longest = int(np.argmax(episodes["length"]))
        return OpeningEpisode(number=longest, reason="the longest; none was recorded to its end")
    within = episodes["first_step"] + episodes["length"] <= MOST_STEPS
    compared = np.flatnonzero(episodes["complete"] & within)
    if not len(compared):
        return OpeningEpisode(number=int(np.flatnonzero(episodes["complete"])[0]), reason="the first that is complete")
    if len(compared) == 1:
        return OpeningEpisode(number=int(compared[0]), reason="the only one that is complete")
    returns, lengths = episodes["return"][compared], episodes["length"][compared].astype(np.float64)
    if "value" in recording.steps and not is_normalised(recording):
        expected, came = _expected_and_came(recording, compared)
        surprise = np.nan_to_num(np.abs(came - expected), nan=0.0, posinf=0.0)
        if surprise.max() > NOTICEABLE * float(np.nan_to_num(np.abs(expected), nan=0.0, posinf=0.0).max()):
            best = _first_of_least(-surprise, lengths)
            cut_off = not episodes["terminated"][compared[best]]
            added = ", with the critic's last value added, since the episode was cut off" if cut_off else ""
            return OpeningEpisode(
                number=int(compared[best]),
                reason=f"the least expected outcome of {len(compared):,} complete episodes (the critic expected a "
                f"discounted return of {expected[best]:.3g}; {came[best]:.3g} came{added})".replace("-", "−"),
            )
    best = _first_of_least(np.abs(returns - np.median(returns)), lengths)
    return OpeningEpisode(
        number=int(compared[best]), reason=f"the return nearest to the median of {len(compared):,} complete episodes"
    )


def _expected_and_came(recording: "Recording", compared: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """The critic's value at each episode's start, and what came of it, both `[E]`."""
    discount = discount_of(recording)
    rows = [recording.episode(int(number)).rows for number in compared]
    stop = max(int(row[-1]) for row in rows if len(row)) + 1
    values, rewards = recording.steps["value"][:stop].astype(np.float64), recording.steps["reward"][:stop]
    truncated = recording.episodes["truncated"][compared] & ~recording.episodes["terminated"][compared]
    expected, came = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for index, row in enumerate(rows):
        if not len(row):
            continue
        gains = rewards[row].astype(np.float64)
        if truncated[index]:
            gains[-1] = values[row[-1]]
        expected[index], came[index] = values[row[0]], float(gains @ discount ** np.arange(len(row)))
    return expected, came


def _first_of_least(score: FloatArray, lengths: FloatArray) -> int:
    """The place of the least score `[E]`; of equal ones, to 6 digits, that of the most usual length, then the first."""
    rounded = np.array([float(f"{one:.5e}") for one in score])
    return int(np.lexsort((np.arange(len(score)), np.abs(lengths - np.median(lengths)), rounded))[0])

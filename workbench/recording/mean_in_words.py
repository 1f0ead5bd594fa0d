"""A mean return and its interval as people read them: which interval, of how many episodes, to a sensible digit."""

import math
from collections.abc import Mapping
from typing import Any

from workbench.recording.statistics import MeanEstimate

METHODS_IN_WORDS = (
    "The interval is Student's t over the complete episodes, or Clopper and Pearson's where returns take only two "
    "values. Where all are alike there is none: they say only how likely another return may be, at most."
)
"""What stands beside a column of intervals."""


def describe_mean(estimate: MeanEstimate, *, standard_deviation: float | None = None) -> str:
    """The mean with its interval, its method and n.

    Args:
        estimate: Of returns, over episodes.
        standard_deviation: Of one episode's return, where it is to be told as well.
    """
    n, mean, percent = estimate.n, estimate.mean, f"{100 * estimate.confidence:g} %"
    if estimate.method == "no_value":
        return "no complete episode"
    if estimate.method == "one_value":
        return f"{_plain(mean)} in the only complete episode, from which no interval follows"
    if estimate.method == "not_finite":
        return f"{mean:.4g} over {n:,} episodes; no interval, since a return is not finite"
    if estimate.other_outcome is not None:
        other = _percentage(estimate.other_outcome)
        return f"{_plain(mean)} in all {n:,} episodes; another outcome is no likelier than {other} ({percent})"
    assert estimate.interval is not None
    digits = decimals(*estimate.interval)
    told = f"{mean:.{digits}f}"
    if standard_deviation is not None:
        told += f", standard deviation {standard_deviation:.3g}"
    told += f", {percent} interval {_range(estimate.interval, digits)} "
    if estimate.two_values is None:
        return told + f"(Student's t, n = {n:,} episodes)"
    low, high = (_plain(value) for value in estimate.two_values)
    return told + f"(Clopper–Pearson, n = {n:,} episodes: {estimate.higher:,} returned {high}, the others {low})"


def interval_cell(facts: Mapping[str, Any]) -> str:
    """The interval of a recording's mean return, short enough for a table.

    Args:
        facts: What `summarise` gives.
    """
    interval, method = facts["return_interval_95"], facts["return_interval_method"]
    if interval is not None:
        return _range(interval, decimals(*interval))
    if method == "all_alike":
        return f"all alike; other ≤ {_percentage(facts['other_return_at_most_95'])}"
    return {"one_value": "one episode only", "not_finite": "a return is not finite"}.get(method, "no complete episode")


def mean_cell(facts: Mapping[str, Any]) -> str:
    """The mean return of a recording, to as many digits as its interval warrants; a dash where there is none."""
    mean, interval = facts["mean_return"], facts["return_interval_95"]
    if mean is None:
        return "–"
    return _plain(mean) if interval is None else f"{mean:.{decimals(*interval)}f}"


def decimals(low: float, high: float) -> int:
    """How many digits after the point show two significant ones of an interval's half width."""
    half = (high - low) / 2
    return min(15, max(0, 1 - math.floor(math.log10(half)))) if half > 0 and math.isfinite(half) else 3


def _range(interval: "tuple[float, float] | list[float]", digits: int) -> str:
    return f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


def _plain(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _percentage(chance: float) -> str:
    return f"{100 * chance:.2g} %"

"""Runs in pairs, A B A B: what disturbs the machine disturbs both."""

import gc
import time
from collections.abc import Callable
from statistics import median

Run = Callable[[], float]
"""One run; gives its own figure (seconds, steps a second …)."""


def paired(first: Run, second: Run, runs: int, *, warm_up: bool = True) -> tuple[list[float], list[float]]:
    """Run both in turn, after one warm-up of each.

    Args:
        first: A.
        second: B.
        runs: How many pairs.
        warm_up: False leaves that out, where the numbers mean nothing.

    Returns:
        The figures of A and of B, one a pair.
    """
    if warm_up:
        first()
        second()
    pairs = []
    for _ in range(runs):
        gc.collect()
        one = first()
        gc.collect()
        pairs.append((one, second()))
    return [one for one, _ in pairs], [other for _, other in pairs]


def ratios(numerators: list[float], denominators: list[float]) -> list[float]:
    """The ratio of each pair."""
    return [one / other for one, other in zip(numerators, denominators, strict=True)]


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """Seconds that one call takes, as the mean of `times` calls in a row."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times


def middle(values: list[float], digits: int = 3) -> str:
    """The median in few digits, for a peer's text."""
    return f"{median(values):.{digits}g}" if median(values) < 1000 else f"{median(values):,.0f}"

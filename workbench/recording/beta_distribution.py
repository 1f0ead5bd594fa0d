"""The beta distribution, whose quantiles give those of Student's t and the exact bounds of a proportion."""

import math
from functools import lru_cache

SMALLEST = 1e-300
"""Stands for a zero in a denominator of the continued fraction."""
PRECISION = 1e-15
MOST_TERMS = 100_000
"""The continued fraction needs about √max(a, b) of them."""


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b): the chance that a Beta(a, b) variable is at most x.

    The continued fraction of DLMF 8.17.22, by Lentz's method as in Press, Teukolsky, Vetterling and Flannery 2007,
    Numerical Recipes, section 6.4; on the other side of the mean through I_x(a, b) = 1 − I_{1−x}(b, a).

    Args:
        x: In [0, 1].
        a: Above 0.
        b: Above 0.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) * _continued_fraction(x, a, b) / a


def _continued_fraction(x: float, a: float, b: float) -> float:
    numerator, denominator = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = denominator
    for m in range(1, MOST_TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            denominator = 1 / _not_zero(1 + term * denominator)
            numerator = _not_zero(1 + term / numerator)
            value *= numerator * denominator
        if abs(numerator * denominator - 1) < PRECISION:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > SMALLEST else SMALLEST


@lru_cache(maxsize=4096)
def beta_quantile(probability: float, a: float, b: float) -> float:
    """The x at which I_x(a, b) is `probability`, by bisection.

    Args:
        probability: In [0, 1].
        a: Above 0.
        b: Above 0.
    """
    low, high = 0.0, 1.0
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if incomplete_beta(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def student_quantile(confidence: float, degrees_of_freedom: float) -> float:
    """The t that a Student variable stays within, `P(|T| ≤ t) = confidence`.

    T² ÷ (ν + T²) is a Beta(1/2, ν/2) variable (Abramowitz and Stegun 1964, 26.7.1).

    Args:
        confidence: In (0, 1).
        degrees_of_freedom: ν, above 0.
    """
    share = beta_quantile(confidence, 0.5, degrees_of_freedom / 2)
    return math.sqrt(degrees_of_freedom * share / (1 - share))

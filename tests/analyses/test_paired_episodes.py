"""Means of paired episodes whose intervals stay where means can lie, against published numbers and by simulation."""

import numpy as np
import pytest

from workbench.analyses.intervals import estimate
from workbench.analyses.paired_episodes import paired_estimates, paired_share_interval


def pairs(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each came about: in both, in the first alone, in the second alone, in neither."""
    without = np.array([1] * both + [1] * first + [0] * second + [0] * neither, bool)
    return without, np.array([1] * both + [0] * first + [1] * second + [0] * neither, bool)


def test_the_interval_of_paired_shares_is_newcombes() -> None:
    """Newcombe 1998, table of method 10: of 36, 12, 2 and 0 pairs the difference 0.2 lies in 0.0569 to 0.3404."""
    second, first = pairs(36, 12, 2, 0)
    np.testing.assert_allclose(paired_share_interval(first, second), (0.0569, 0.3404), atol=5e-5)
    np.testing.assert_allclose(paired_share_interval(second, first), (-0.3404, -0.0569), atol=5e-5)


@pytest.mark.parametrize(("count", "chances"), [(20, (0.6, 0.2, 0.05, 0.15)), (50, (0.9, 0.05, 0.02, 0.03))])
def test_it_covers_as_often_as_it_says(count: int, chances: tuple[float, ...]) -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(1_000):
        low, high = paired_share_interval(*pairs(*generator.multinomial(count, chances)))
        assert -1 <= low <= high <= 1
        covered += low <= chances[2] - chances[1] <= high
    assert covered >= 935


def test_shares_do_not_leave_their_range() -> None:
    """47 of 50 episodes reach the goal, with the change all of them: Student's t would go beyond 1."""
    without, with_change = pairs(47, 0, 3, 0)
    old = estimate(without, np.arange(50))
    assert old.high is not None
    assert old.high > 1
    first, second, difference = paired_estimates(without.astype(float), with_change.astype(float))
    np.testing.assert_allclose((first.low, first.high), (0.8345, 0.9875), atol=5e-5)  # Clopper and Pearson of 47 of 50
    np.testing.assert_allclose((second.low, second.high), (0.9289, 1.0), atol=5e-5)
    assert (first.method, difference.method) == ("Clopper–Pearson", "Newcombe's for paired shares")
    assert difference.low is not None
    assert difference.low < 0.06 < (difference.high or 0) < 1
    # Lost and won.
    lost = paired_estimates(2.0 * without - 1, 2.0 * with_change - 1)
    for one, other in zip(lost, (first, second, difference), strict=True):
        shift = 0 if other is difference else 1
        np.testing.assert_allclose((one.low, one.high), (2 * other.low - shift, 2 * other.high - shift))  # type: ignore[operator]


def test_what_has_more_values_is_students() -> None:
    generator = np.random.default_rng(1)
    without, with_change = generator.normal(size=(2, 20))
    for one, numbers in zip(
        paired_estimates(without, with_change), (without, with_change, with_change - without), strict=True
    ):
        assert one == estimate(numbers, np.arange(20))
    # Where nothing came about either time, a share still has its intervals.
    never = paired_estimates(np.zeros(50), np.zeros(50), share=True)
    np.testing.assert_allclose([(one.low, one.high) for one in never[:2]], [(0, 0.0711)] * 2, atol=5e-5)
    np.testing.assert_allclose((never[2].low, never[2].high), (-0.0713, 0.0713), atol=5e-5)
    low = paired_estimates(np.array([1.0, 1, 1, 1, 1, 90]), np.arange(6.0) + 1, lowest=1)
    assert low[0].low == 1
    # Two constants are no shares.
    same = paired_estimates(np.full(12, 500.0), np.full(12, 9.0))
    assert [one.low for one in same] == [None, None, None]

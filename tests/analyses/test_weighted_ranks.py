"""Weighted rank correlations beside SciPy's, and beside a population whose correlation is known."""

import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr

from workbench.analyses.weighted_ranks import rank_chance, smallest_chance, weighted_rank_correlation


def test_with_equal_weights_it_is_scipys() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 6, (20, 12)), generator.normal(size=(20, 12))
    expected = [spearmanr(a, b) for a, b in zip(first, second, strict=True)]
    for weights in (None, np.full((20, 12), 3.0)):
        found = weighted_rank_correlation(first, second, weights)
        np.testing.assert_allclose(found, [one.statistic for one in expected], atol=1e-12)
        np.testing.assert_allclose(rank_chance(first, second, weights), [one.pvalue for one in expected], atol=1e-9)


def test_whole_weights_are_repetitions_and_zero_leaves_out() -> None:
    generator = np.random.default_rng(1)
    first, second, weights = generator.normal(size=7), generator.normal(size=7), np.array([2, 1, 0, 3, 1, 1, 4])
    repeated = spearmanr(np.repeat(first, weights), np.repeat(second, weights)).statistic
    assert weighted_rank_correlation(first, second, weights)[0] == pytest.approx(repeated)
    first[2] = np.nan
    assert weighted_rank_correlation(first, second, weights)[0] == pytest.approx(repeated)


@pytest.mark.parametrize("count", [4, 5])
def test_of_few_regions_the_chance_is_that_of_all_orders(count: int) -> None:
    """As the permutation test does it that SciPy's documentation of `spearmanr` gives for small samples."""
    generator = np.random.default_rng(count)
    for second in (generator.normal(size=count), np.arange(count) // 2):
        first = generator.normal(size=count)
        reached = np.mean(
            [
                abs(spearmanr(first[list(order)], second).statistic) >= abs(spearmanr(first, second).statistic) - 1e-9
                for order in itertools.permutations(range(count))
            ]
        )
        assert rank_chance(first, second)[0] == pytest.approx(reached)


def test_four_regions_can_show_nothing_and_five_can() -> None:
    assert rank_chance(np.arange(4), np.arange(4))[0] == pytest.approx(2 / 24) == pytest.approx(smallest_chance(4))
    assert rank_chance(np.arange(5), np.arange(5))[0] == pytest.approx(2 / 120)
    assert np.isnan(rank_chance(np.ones(5), np.arange(5))[0])
    assert np.isnan(weighted_rank_correlation([1.0], [1.0])[0])


def test_weights_undo_a_choice_by_one_side() -> None:
    """Half the sample are the largest of one side, and the others drawn: unweighted that is far off."""
    generator = np.random.default_rng(2)
    first = generator.exponential(size=400)
    # It agrees among the large ones only.
    second = np.where(first > np.quantile(first, 0.9), 10 * first, generator.normal(size=400))
    true = spearmanr(first, second).statistic
    order = np.argsort(-first)
    weighted, plain = [], []
    for _ in range(300):
        chosen = np.concatenate([order[:30], generator.permutation(order[30:])[:30]])
        weights = np.concatenate([np.ones(30), np.full(30, 370 / 30)])
        weighted.append(weighted_rank_correlation(first[chosen], second[chosen], weights)[0])
        plain.append(weighted_rank_correlation(first[chosen], second[chosen])[0])
    assert np.mean(weighted) == pytest.approx(true, abs=0.04)
    assert np.mean(plain) - true > 0.3

"""Intervals of a mean: answers known by construction, published ones, and how often they cover."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import mpmath
import numpy as np
import pytest

from workbench.recording.beta_distribution import beta_quantile, incomplete_beta, student_quantile
from workbench.recording.mean_in_words import decimals, describe_mean, interval_cell, mean_cell
from workbench.recording.statistics import estimate_mean, proportion_interval, unseen_outcome_bound

DECISION = Path(__file__).resolve().parents[2] / "docs" / "decisions" / "0006-intervals-of-a-mean-return.md"
SAMPLES = 2_000


@pytest.mark.parametrize(
    ("degrees", "published"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (19, 2.093), (60, 2.000), (120, 1.980)]
)
def test_students_quantiles_as_published(degrees: int, published: float) -> None:
    """R. A. Fisher and F. Yates, Statistical Tables (1938), table III, P = 0.05."""
    assert student_quantile(0.95, degrees) == pytest.approx(published, abs=5.01e-4)


def test_students_quantile_of_one_degree_is_cauchys_and_of_many_the_normal_one() -> None:
    assert student_quantile(0.9, 1) == pytest.approx(math.tan(0.45 * math.pi), rel=1e-12)
    assert student_quantile(0.95, 10**7) == pytest.approx(1.959963984540054, rel=1e-6)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_exact_intervals_of_proportions_as_published(hits: int, n: int, low: float, high: float) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 5 (Clopper and Pearson)."""
    np.testing.assert_allclose(proportion_interval(hits, n), (low, high), atol=5.01e-5)


@pytest.mark.parametrize("a", [0.5, 1, 3.5, 40, 900])
@pytest.mark.parametrize("b", [0.5, 2, 17, 250])
def test_the_incomplete_beta_function_agrees_with_mpmath(a: float, b: float) -> None:
    mean = a / (a + b)
    for x in (mean / 3, mean, (1 + mean) / 2, 1 - 1e-6):
        known = float(mpmath.betainc(a, b, 0, x, regularized=True))
        assert incomplete_beta(x, a, b) == pytest.approx(known, rel=1e-10, abs=1e-300)
    for probability in (0.025, 0.5, 0.975):
        assert incomplete_beta(beta_quantile(probability, a, b), a, b) == pytest.approx(probability, rel=1e-9)
    assert (incomplete_beta(0, a, b), incomplete_beta(1, a, b)) == (0, 1)


def test_students_interval_of_a_small_sample_by_hand() -> None:
    """Of 1, 2, 3: mean 2, s = 1, t(2) = 4.3027."""
    estimate = estimate_mean([1.0, 2.0, 3.0])
    assert estimate.method == "student_t"
    np.testing.assert_allclose(estimate.interval, 2 + np.array([-1, 1]) * 4.3026527 / math.sqrt(3), rtol=1e-7)
    assert describe_mean(estimate) == "2.0, 95 % interval -0.5 to 4.5 (Student's t, n = 3 episodes)"


def test_successes_have_the_interval_of_their_proportion() -> None:
    estimate = estimate_mean([1.0] * 39 + [0.0])
    assert (estimate.method, estimate.higher) == ("clopper_pearson", 39)
    assert estimate.interval == proportion_interval(39, 40)
    assert describe_mean(estimate) == (
        "0.975, 95 % interval 0.868 to 0.999 (Clopper–Pearson, n = 40 episodes: 39 returned 1, the others 0)"
    )
    scaled = estimate_mean(500 - 200 * np.array([1.0] * 39 + [0.0]))
    low, high = proportion_interval(1, 40)
    np.testing.assert_allclose(scaled.interval, (300 + 200 * low, 300 + 200 * high))


def test_two_values_are_taken_for_all_there_are_only_from_ten_episodes_on() -> None:
    assert estimate_mean([312.0, 500.0]).method == "student_t"
    assert estimate_mean([312.0] + [500.0] * 8).method == "student_t"
    assert estimate_mean([312.0] + [500.0] * 9).method == "clopper_pearson"
    assert estimate_mean([0.0, 1.0]).interval == proportion_interval(1, 2)
    assert estimate_mean([-1.0, 1.0]).method == "clopper_pearson"
    assert estimate_mean([0.0, 1.0, 2.0] * 5).method == "student_t"


def test_alike_returns_have_no_interval_but_a_bound_on_another() -> None:
    estimate = estimate_mean([1.0] * 40)
    assert (estimate.method, estimate.interval) == ("all_alike", None)
    assert estimate.other_outcome == pytest.approx(1 - 0.05 ** (1 / 40), abs=1e-9)
    assert describe_mean(estimate, standard_deviation=0.0) == (
        "1 in all 40 episodes; another outcome is no likelier than 7.2 % (95 %)"
    )


def test_rounding_is_no_spread() -> None:
    assert estimate_mean([0.1 + 0.2, 0.3, 0.3]).method == "all_alike"
    assert estimate_mean([0.0, 0.0]).method == "all_alike"
    assert estimate_mean(np.array([1, 1 + 1e-9, 1 - 1e-9])).method == "student_t"


def test_what_tells_no_interval_says_so() -> None:
    for values, method, words in (
        ([], "no_value", "no complete episode"),
        ([7.0], "one_value", "7 in the only complete episode, from which no interval follows"),
        ([1.0, math.nan], "not_finite", "nan over 2 episodes; no interval, since a return is not finite"),
        ([math.inf, -math.inf], "not_finite", "nan over 2 episodes; no interval, since a return is not finite"),
    ):
        estimate = estimate_mean(values)
        assert (estimate.method, estimate.interval) == (method, None)
        assert describe_mean(estimate) == words


def test_the_bound_on_another_outcome_is_the_rule_of_threes_unless_there_are_few() -> None:
    assert unseen_outcome_bound(2) == pytest.approx(0.95, abs=1e-8)
    for n in (7, 10, 40, 1000):
        assert 0 <= unseen_outcome_bound(n) - (1 - 0.05 ** (1 / n)) < 1.3e-3
    assert unseen_outcome_bound(300) == pytest.approx(3 / 300, rel=0.01)


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_the_bound_on_another_outcome_holds_for_any_number_of_outcomes(n: int) -> None:
    """Outcomes equally likely, 1/k each: n draws are alike with chance k^(1 − n), and the bound may be false then."""
    for outcomes in range(2, 60):
        wrong = 1 - 1 / outcomes > unseen_outcome_bound(n) + 1e-9
        assert not wrong or outcomes ** (1.0 - n) <= 0.05


@pytest.mark.parametrize("n", [2, 3, 5, 10, 20])
def test_what_is_said_of_successes_is_true_as_often_as_it_says(n: int) -> None:
    """Summed over all outcomes, for every chance of success on a grid: no simulation.

    The interval errs in 2.5 % at most on either side, and the bound in 5 %: 92.5 % in the worst case of all.
    """
    chances = np.linspace(0.001, 0.999, 999)
    counts = np.arange(n + 1)
    holds = np.empty((len(chances), n + 1), dtype=bool)
    for k in counts:
        estimate = estimate_mean([1.0] * k + [0.0] * (n - k))
        if estimate.interval is not None:
            holds[:, k] = (estimate.interval[0] <= chances) & (chances <= estimate.interval[1])
        else:
            assert estimate.other_outcome is not None
            holds[:, k] = (1 - chances if k else chances) <= estimate.other_outcome + 1e-9
    ways = np.array([math.comb(n, k) for k in counts])
    likely = ways * chances[:, None] ** counts * (1 - chances[:, None]) ** (n - counts)
    covered = (likely * holds).sum(axis=1)
    assert covered.min() >= 0.925
    assert covered.mean() >= 0.95


Draw = Callable[[np.random.Generator, int], np.ndarray]
CUT = 500 / 600
COVERAGE: dict[str, tuple[Draw, float, Callable[[float], float]]] = {
    "normal": (lambda random, n: random.normal(3, 2, n), 3.0, lambda seen: 1.0),
    "exponential": (lambda random, n: random.exponential(1, n), 1.0, lambda seen: 1.0),
    "log-normal, σ = 1": (lambda random, n: random.lognormal(0, 1, n), math.exp(0.5), lambda seen: 1.0),
    "exponential, cut off at 0.83 of its mean": (
        lambda random, n: np.minimum(CUT, random.exponential(1, n)),
        1 - math.exp(-CUT),
        lambda seen: 1 - math.exp(-CUT),
    ),
    **{
        f"success in {percent} %": (
            lambda random, n, chance=percent / 100: (random.random(n) < chance).astype(float),
            percent / 100,
            lambda seen, chance=percent / 100: 1 - chance if seen else chance,
        )
        for percent in (50, 90, 99)
    },
    "normal, but 0 in 5 %": (
        lambda random, n: np.where(random.random(n) < 0.05, 0, random.normal(0.95, 0.02, n)),
        0.95 * 0.95,
        lambda seen: 1.0,
    ),
}
"""By row of the decision's table: a draw of n returns, their true mean, and how likely one other than `seen` is."""


def stated_coverage() -> dict[str, list[float]]:
    rows = re.findall(r"^\| ([^|]+) \|((?: [01]\.\d{3} \|){4})$", DECISION.read_text(), re.MULTILINE)
    return {name: [float(cell) for cell in cells.split("|")[:-1]] for name, cells in rows}


def test_every_row_of_the_decision_is_measured_here() -> None:
    assert stated_coverage().keys() == COVERAGE.keys()


@pytest.mark.parametrize("row", COVERAGE)
def test_the_coverage_is_what_the_decision_states(row: str) -> None:
    draw, mean, others = COVERAGE[row]
    random = np.random.default_rng(1)
    for n, stated in zip((2, 5, 20, 200), stated_coverage()[row], strict=True):
        held = 0
        for _ in range(SAMPLES):
            values = draw(random, n)
            estimate = estimate_mean(values)
            if estimate.interval is not None:
                held += estimate.interval[0] <= mean <= estimate.interval[1]
            else:
                assert estimate.other_outcome is not None
                held += others(values[0]) <= estimate.other_outcome
        spread = math.sqrt(max(stated * (1 - stated), 1e-3) * (1 / SAMPLES + 1 / 20_000))
        assert held / SAMPLES == pytest.approx(stated, abs=4 * spread)


def test_digits_show_the_width_of_the_interval() -> None:
    assert [decimals(*ends) for ends in ((0.9600, 0.9604), (490.0, 500.0), (0.0, 2000.0), (1.0, 1.0))] == [5, 1, 0, 3]


def test_cells_of_a_table() -> None:
    def facts(mean: float | None, interval: list[float] | None, method: str, other: float | None = None) -> dict:
        return {
            "mean_return": mean,
            "return_interval_95": interval,
            "return_interval_method": method,
            "other_return_at_most_95": other,
        }

    assert interval_cell(facts(0.96, [0.95, 0.97], "student_t")) == "0.950 to 0.970"
    assert mean_cell(facts(0.96, [0.95, 0.97], "student_t")) == "0.960"
    alike = facts(500.0, None, "all_alike", 0.0149)
    assert (mean_cell(alike), interval_cell(alike)) == ("500", "all alike; other ≤ 1.5 %")
    assert interval_cell(facts(3.0, None, "one_value")) == "one episode only"
    none = facts(None, None, "no_value")
    assert (mean_cell(none), interval_cell(none)) == ("–", "no complete episode")

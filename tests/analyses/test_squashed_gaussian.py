"""Entropy and density of a squashed Gaussian, against torch and numerical integration, and where they are known."""

import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3 import PPO, SAC
from torch.distributions import AffineTransform, Normal, TanhTransform, TransformedDistribution

import workbench
from workbench.analyses import action_distribution, summarise_recorded_episode
from workbench.analyses.squashed_gaussian import SATURATED, WIDE, expected_log_slope, log_slope, squashed_entropy
from workbench.figures.player import episode_payload

LOW, HIGH = np.array([-2.0, 0.0]), np.array([2.0, 10.0])


def density(mean: np.ndarray, spread: np.ndarray) -> TransformedDistribution:
    """The action's distribution as torch composes it, `[T, D]`."""
    middle, half = torch.tensor((LOW + HIGH) / 2), torch.tensor((HIGH - LOW) / 2)
    gaussian = Normal(torch.tensor(mean), torch.tensor(spread))
    return TransformedDistribution(gaussian, [TanhTransform(cache_size=1), AffineTransform(middle, half)])


def test_the_entropy_is_the_mean_of_torchs_log_probability():
    torch.manual_seed(0)
    mean, spread = np.array([[0.2, -0.7]]), np.array([[0.5, 1.6]])
    known = density(mean, spread)
    drawn = known.rsample((200_000,))
    surprise = -known.log_prob(drawn).sum(-1)[:, 0].numpy()
    error = surprise.std() / math.sqrt(len(surprise))
    result = squashed_entropy(mean, spread, LOW, HIGH)
    assert result[0] == pytest.approx(surprise.mean(), abs=4 * error)
    assert error < 0.01


def test_the_log_probability_agrees_with_torch():
    random = np.random.default_rng(0)
    mean, spread = random.normal(0, 1, (50, 2)), random.uniform(0.1, 1.5, (50, 2))
    actions = LOW + (np.tanh(random.normal(mean, spread)) + 1) / 2 * (HIGH - LOW)
    result = action_distribution(actions, mean=mean, log_std=np.log(spread), bounds=(LOW, HIGH), squashed=True)
    known = density(mean, spread).log_prob(torch.tensor(actions)).sum(-1).numpy()
    np.testing.assert_allclose(result.log_probability, known, atol=1e-8)


@pytest.mark.parametrize("spread", [0.05, 0.6, WIDE, 1.01, 2.5, math.exp(2)])
@pytest.mark.parametrize("mean", [0.0, -0.8, 3.0])
def test_the_entropy_agrees_with_numerical_integration_over_actions(mean: float, spread: float):
    """−∫ p log p da over a fine grid of actions, with da = slope · du."""
    u = mean + spread * np.linspace(-9, 9, 400_001)
    slope = 1 / np.cosh(np.clip(u, -300, 300)) ** 2
    gaussian = np.exp(-0.5 * ((u - mean) / spread) ** 2) / (spread * math.sqrt(2 * math.pi))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_density = np.log(gaussian) - np.log(slope) - math.log(2)
    known = -np.trapezoid(np.where(slope > 0, gaussian * log_density, 0), u)
    result = squashed_entropy(np.array([[mean]]), np.array([[spread]]), np.array([-2.0]), np.array([2.0]))
    assert result[0] == pytest.approx(known, abs=1e-8)


@pytest.mark.parametrize("spread", [1e-6, 0.3, 0.9, WIDE, 1.0001, 3.0, 50.0])
@pytest.mark.parametrize("mean", [0.0, 0.7, -4.0, 60.0])
def test_the_quadrature_is_within_its_stated_accuracy(mean: float, spread: float):
    with mpmath.workdps(25):
        kink = -mean / spread
        marks = (kink + side * wide / spread for side in (-1, 1) for wide in (0, 1, 5, 20))
        ends = sorted({-20, -6, -3, 0, 3, 6, 20} | {mark for mark in marks if -20 < mark < 20})
        known = float(mpmath.quad(lambda z: 2 * mpmath.log(mpmath.sech(mean + spread * z)) * mpmath.npdf(z), ends))
    assert float(expected_log_slope(mean, spread)) == pytest.approx(known, abs=1e-10, rel=1e-12)


def test_a_narrow_gaussian_is_scaled_by_the_slope_at_its_mean():
    result = squashed_entropy(np.array([[0.5]]), np.array([[1e-4]]), np.array([-3.0]), np.array([3.0]))
    slope = 3 / math.cosh(0.5) ** 2
    assert result[0] == pytest.approx(math.log(1e-4 * slope) + 0.5 * math.log(2 * math.pi * math.e), abs=1e-7)


@given(st.floats(-10, 10), st.floats(0.01, 20))
def test_no_action_is_less_certain_than_an_evenly_drawn_one(mean: float, spread: float):
    result = squashed_entropy(np.array([[mean, 0.0]]), np.array([[spread, 0.8]]), LOW, HIGH)
    assert result[0] <= np.log(HIGH - LOW).sum()


def test_the_widest_gaussian_is_not_the_least_certain():
    """Its actions lie on the bounds. That is why the ranking needs the entropy after squashing."""
    spreads = np.array([[0.1], [0.9], [7.0]])
    of_actions = squashed_entropy(np.zeros((3, 1)), spreads, np.array([-1.0]), np.array([1.0]))
    assert of_actions.argmax() == 1
    assert of_actions[1] == pytest.approx(math.log(2), abs=0.02)


def test_the_slope_neither_overflows_nor_cancels():
    np.testing.assert_allclose(log_slope(np.array([0.0, 1.0])), [0, -2 * math.log(math.cosh(1))], atol=1e-15)
    np.testing.assert_allclose(log_slope(np.array([-800.0, 800.0])), 2 * math.log(2) - 1600)


def test_what_is_not_finite_stays_so_and_a_saturated_action_does_not_become_it():
    assert np.isnan(expected_log_slope([np.nan, 0.0, 0.0], [1.0, np.inf, np.nan])).all()
    result = action_distribution(
        [[2.0], [-2.0]], mean=[[0.0], [0.0]], log_std=[[0.0], [0.0]], bounds=([-2.0], [2.0]), squashed=True
    )
    assert np.isfinite(result.log_probability).all()
    np.testing.assert_allclose(result.deviation, math.atanh(SATURATED))


def test_a_recorded_agents_entropy_is_of_its_actions_and_labelled_so(tmp_path: Path):
    squashing = SAC("MlpPolicy", "Pendulum-v1", seed=0, buffer_size=10, device="cpu")
    cutting = PPO("MlpPolicy", "Pendulum-v1", seed=0, n_steps=8, batch_size=8, device="cpu")
    for model, words in ((squashing, "after squashing"), (cutting, "before actions are cut off")):
        recording = workbench.record(model, "Pendulum-v1", out=tmp_path / type(model).__name__, steps=20)
        distribution = summarise_recorded_episode(recording, 0).distribution
        assert distribution.squashed is (model is squashing)
        episode = recording.episode(0)
        gaussian = (episode.column("log_std") + 0.5 * math.log(2 * math.pi * math.e)).sum(axis=1)
        if distribution.squashed:
            assert (distribution.entropy <= math.log(4)).all()
            expected = gaussian + expected_log_slope(episode.column("mean"), np.exp(episode.column("log_std")))[:, 0]
            np.testing.assert_allclose(distribution.entropy, expected + math.log(2), atol=1e-5)
        else:
            np.testing.assert_allclose(distribution.entropy, gaussian, atol=1e-5)
        hints = [line["hint"] for line in episode_payload(recording, 0)["readouts"] if line["label"] == "Entropy"]
        assert words in hints[0]

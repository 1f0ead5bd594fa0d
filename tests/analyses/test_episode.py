import numpy as np
import pytest

from workbench.analyses import action_distribution, summarise_episode


def uniform(steps):
    return action_distribution([0] * steps, logits=np.zeros((steps, 2)))


def test_one_step_errors_and_returns_by_hand():
    result = summarise_episode(
        reward=[1.0, 0.0, 2.0], value=[3.0, 2.0, 4.0], distribution=uniform(3), terminated=True, discount=0.5
    )
    np.testing.assert_allclose(result.temporal_difference_error, [1 + 1 - 3, 0 + 2 - 2, 2 - 4])
    np.testing.assert_allclose(result.value_change, [-1, 2, -4])
    np.testing.assert_allclose(result.return_to_go, [3, 2, 2])
    np.testing.assert_allclose(result.discounted_return_to_go, [1.5, 1, 2])


def test_the_value_after_a_truncation_is_unknown():
    result = summarise_episode(reward=[1.0, 1.0], value=[1.0, 1.0], distribution=uniform(2), terminated=False)
    assert np.isnan(result.temporal_difference_error[-1])
    assert np.isfinite(result.temporal_difference_error[0])


def test_a_planted_drop_is_the_first_moment():
    value = np.full(50, 10.0)
    value[30:] = 2.0
    result = summarise_episode(
        reward=np.zeros(50), value=value, distribution=action_distribution(np.zeros(50, int)), discount=1.0
    )
    drops = [m for m in result.moments if m.kind == "value_drop"]
    assert (drops[0].step, drops[0].rank) == (29, 1)
    assert drops[0].score == pytest.approx(8)
    assert len(drops) == 1


def test_a_planted_doubt_and_a_planted_exploration_are_found():
    logits, action = np.tile([5.0, 0.0], (40, 1)), np.zeros(40, int)
    logits[17] = 0.0
    action[33] = 1
    distribution = action_distribution(action, logits=logits)
    found = {m.kind: m.step for m in summarise_episode(reward=np.zeros(40), distribution=distribution).moments}
    assert found == {"high_entropy": 17, "against_mode": 33}


def test_neighbouring_steps_are_one_moment():
    logits = np.tile([5.0, 0.0], (60, 1))
    logits[10:12] = 0.0
    logits[40] = [0.5, 0.0]
    distribution = action_distribution(np.zeros(60, int), logits=logits)
    steps = [m.step for m in summarise_episode(reward=np.zeros(60), distribution=distribution).moments]
    assert len(steps) == 2
    assert 40 in steps


def test_without_a_value_there_are_no_value_quantities():
    result = summarise_episode(reward=[1.0] * 5, distribution=uniform(5))
    assert result.value is None
    assert result.temporal_difference_error is None


def test_with_rescaled_rewards_there_is_no_one_step_error_but_a_value_change():
    result = summarise_episode(
        reward=[-100.0] * 5, value=[1.0, 1.0, 0.0, 0.0, 0.0], distribution=uniform(5), reward_in_value_units=False
    )
    assert result.temporal_difference_error is None
    assert [m.step for m in result.moments if m.kind == "value_drop"] == [1]


def test_an_unlikely_continuous_action_is_a_moment():
    mean, action = np.zeros((30, 1)), np.zeros((30, 1))
    action[12] = 3.0
    distribution = action_distribution(action, mean=mean, log_std=np.zeros((30, 1)))
    moments = summarise_episode(reward=np.zeros(30), distribution=distribution).moments
    assert [(m.kind, m.step) for m in moments] == [("against_mode", 12)]


def test_an_empty_episode_is_summarised():
    empty = action_distribution(np.zeros(0, int), logits=np.zeros((0, 2)))
    assert summarise_episode(reward=[], value=[], distribution=empty).moments == ()


def test_values_that_are_not_finite_break_nothing():
    value = np.array([1.0, np.nan, 1.0, np.inf, 0.0])
    distribution = action_distribution([0] * 5, logits=np.full((5, 2), np.nan))
    assert isinstance(summarise_episode(reward=[0.0] * 5, value=value, distribution=distribution).moments, tuple)

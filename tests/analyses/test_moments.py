import numpy as np
import pytest

from workbench.analyses import action_distribution, summarise_episode
from workbench.analyses.moments import state_features


def of_kind(summary, kind):
    return [moment for moment in summary.moments if moment.kind == kind]


def looping_episode():
    """A doubt at step 8 among 20 steps of being sure, then a loop of four steps: 40 times in the very same state."""
    logits = np.tile([6.0, 0.0], (180, 1))
    logits[8] = [0.6, 0.0]
    logits[20::4] = [0.1, 0.0]
    return action_distribution(np.zeros(180, int), logits=logits)


def test_a_loop_is_listed_once_with_how_often_it_came_back():
    first, second = of_kind(summarise_episode(reward=np.zeros(180), distribution=looping_episode()), "high_entropy")
    assert (first.step, first.alike, first.rank) == (20, 39, 1)
    assert first.text.endswith("; 39 more like it")
    assert (second.step, second.alike, second.rank) == (8, 0, 2)


def test_the_last_bits_do_not_make_a_later_turn_of_the_loop_the_first():
    value = np.zeros(180)
    value[22::4] = -1 - 1e-6 * np.random.default_rng(0).random(40)
    result = summarise_episode(reward=np.zeros(180), value=value, distribution=looping_episode(), discount=1.0)
    assert of_kind(result, "value_drop")[0].step == 21


def test_the_same_doubt_in_different_states_is_two_moments():
    logits = np.tile([5.0, 0.0], (60, 1))
    logits[[10, 40]] = 0.0
    distribution = action_distribution(np.zeros(60, int), logits=logits)
    observation = np.linspace([0.0, 3.0], [1.0, 3.0], 60)
    alike = summarise_episode(reward=np.zeros(60), distribution=distribution)
    apart = summarise_episode(reward=np.zeros(60), distribution=distribution, observation=observation)
    assert [m.step for m in alike.moments] == [10]
    assert [m.step for m in apart.moments] == [10, 40]


@pytest.mark.parametrize(("length", "steps"), [(100, [50, 54]), (1000, [50])])
def test_in_a_long_episode_one_event_is_longer(length, steps):
    logits = np.tile([5.0, 0.0], (length, 1))
    logits[50], logits[54] = [0.0, 0.0], [0.0, 0.6]
    distribution = action_distribution(np.zeros(length, int), logits=logits)
    assert [
        m.step for m in of_kind(summarise_episode(reward=np.zeros(length), distribution=distribution), "high_entropy")
    ] == steps


def test_scores_are_told_with_as_many_digits_as_tell_them_apart():
    value = np.zeros(200)
    value[[20, 21]] = [0.50001, 0.0]
    value[[90, 91]] = [0.50003, 0.0]
    value[[150, 151]] = [0.7, 0.0]
    observation = np.arange(200.0)[:, None]
    result = summarise_episode(
        reward=np.zeros(200),
        value=value,
        distribution=action_distribution(np.zeros(200, int)),
        observation=observation,
        discount=1.0,
    )
    texts = [m.text for m in of_kind(result, "value_drop")]
    assert texts == [
        "one-step error −0.7, value fell by 0.7",
        "one-step error −0.50003, value fell by 0.5",
        "one-step error −0.50001, value fell by 0.5",
    ]


def test_where_every_step_is_a_little_worse_than_expected_none_stands_out():
    value, q_values = np.full(250, 0.8), np.tile([0.8, 0.1], (250, 1))
    distribution = action_distribution(np.zeros(250, int), q_values=q_values)
    assert summarise_episode(reward=np.zeros(250), value=value, distribution=distribution).moments == ()


def test_features_are_shares_of_the_range_and_rounding_is_no_difference():
    value = np.array([1.0, 2.0, 3.0])
    observation = np.array([[5.0], [5.0 + 1e-7], [5.0]])
    features = state_features(action_distribution([0, 0, 0]), value, observation)
    np.testing.assert_allclose(features, [[0, 0], [0.5, 0], [1, 0]])


def test_an_episode_of_a_hundred_thousand_steps_is_ranked_at_once():
    rng = np.random.default_rng(0)
    distribution = action_distribution(np.zeros(100_000, int), logits=rng.normal(size=(100_000, 4)) * 3)
    moments = of_kind(summarise_episode(reward=np.zeros(100_000), distribution=distribution), "high_entropy")
    assert len(moments) == 5
    steps = sorted(m.step for m in moments)
    assert min(np.diff(steps)) >= 2000

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from workbench.analyses import action_distribution
from workbench.analyses.distributions import action_interval, maximum_entropy
from workbench.errors import WorkbenchError


def test_two_equal_logits_have_one_bit_of_entropy():
    result = action_distribution([0, 1], logits=[[0.0, 0.0], [0.0, np.log(3)]])
    np.testing.assert_allclose(result.entropy[0], np.log(2))
    np.testing.assert_allclose(result.probabilities[1], [0.25, 0.75])
    np.testing.assert_allclose(result.chosen_probability, [0.5, 0.75])
    assert result.against_mode.tolist() == [False, False]


def test_an_action_against_the_mode_is_noticed_with_its_probability():
    result = action_distribution([0], logits=[[0.0, np.log(3)]])
    assert result.against_mode.tolist() == [True]
    np.testing.assert_allclose([result.chosen_probability[0], result.mode_probability[0]], [0.25, 0.75])


def test_a_masked_action_has_probability_zero_and_no_share_in_the_entropy():
    result = action_distribution([1], logits=[[-np.inf, 0.0, 0.0]])
    assert result.probabilities[0, 0] == 0
    np.testing.assert_allclose(result.entropy, np.log(2))


@given(arrays.arrays(np.float64, (4, 5), elements=st.floats(-30, 30)))
def test_multi_discrete_agrees_with_torch_by_component(logits):
    actions = np.stack([np.arange(4) % 2, np.arange(4) % 3], axis=1)
    result = action_distribution(actions, logits=logits, components=[2, 3])
    parts = [torch.distributions.Categorical(logits=torch.tensor(logits[:, s])) for s in (slice(0, 2), slice(2, 5))]
    entropy = sum(part.entropy() for part in parts).numpy()
    log_probability = sum(p.log_prob(torch.tensor(actions[:, i])) for i, p in enumerate(parts)).numpy()
    np.testing.assert_allclose(result.entropy, entropy, atol=1e-9)
    np.testing.assert_allclose(result.log_probability, log_probability, atol=1e-9)


def test_multi_binary_agrees_with_torch():
    logits = np.array([[0.3, -2.0, 4.0], [0.0, 1.0, -1.0]])
    actions = np.array([[1, 1, 1], [0, 1, 0]])
    result = action_distribution(actions, logits=logits, binary=True)
    known = torch.distributions.Bernoulli(logits=torch.tensor(logits))
    np.testing.assert_allclose(result.entropy, known.entropy().sum(1).numpy())
    np.testing.assert_allclose(result.log_probability, known.log_prob(torch.tensor(actions).double()).sum(1).numpy())
    assert result.against_mode.tolist() == [True, False]


def test_gaussian_agrees_with_torch():
    mean, log_std, action = np.array([[0.1, -1.0]]), np.array([[-0.5, 0.2]]), np.array([[0.4, -1.5]])
    result = action_distribution(action, mean=mean, log_std=log_std)
    known = torch.distributions.Normal(torch.tensor(mean), torch.tensor(log_std).exp())
    np.testing.assert_allclose(result.entropy, known.entropy().sum(1).numpy())
    np.testing.assert_allclose(result.log_probability, known.log_prob(torch.tensor(action)).sum(1).numpy())


def test_squashed_gaussian_agrees_with_stable_baselines3():
    from stable_baselines3.common.distributions import SquashedDiagGaussianDistribution

    known = SquashedDiagGaussianDistribution(2)
    mean, log_std = torch.tensor([[0.2, -0.4]]), torch.tensor([[-0.3, 0.1]])
    known.proba_distribution(mean, log_std)
    unit = torch.tensor([[0.5, -0.7]])
    result = action_distribution(
        unit.numpy() * 2, mean=mean, log_std=log_std, bounds=([-2.0, -2.0], [2.0, 2.0]), squashed=True
    )
    # The library's density is of the action scaled to -1...1; here it is of the action itself, twice as wide.
    np.testing.assert_allclose(result.log_probability, known.log_prob(unit).numpy() - 2 * np.log(2), atol=1e-4)
    assert result.squashed


def test_a_gaussian_that_is_not_squashed_is_left_as_it_is():
    result = action_distribution([[0.4]], mean=[[0.1]], log_std=[[0.0]], bounds=([-1.0], [1.0]))
    assert not result.squashed
    np.testing.assert_allclose(result.entropy, 0.5 * np.log(2 * np.pi * np.e))


def test_q_values_have_a_greedy_action_and_no_entropy():
    result = action_distribution([0, 1], q_values=[[1.0, 2.0], [1.0, 2.0]])
    assert result.kind == "q_values"
    assert result.entropy is None
    assert result.against_mode.tolist() == [True, False]


def test_a_deterministic_actor_and_nothing_at_all():
    assert action_distribution([[0.5]], mean=[[0.5]]).kind == "deterministic"
    assert action_distribution([0, 1]).kind == "none"


def test_actions_may_start_at_another_number():
    result = action_distribution([5], logits=[[0.0, 9.0]], first_action=4)
    assert result.against_mode.tolist() == [False]


def test_components_that_do_not_fit_are_refused():
    with pytest.raises(WorkbenchError, match="2 \\+ 2"):
        action_distribution([[0, 0]], logits=[[0.0, 0.0, 0.0]], components=[2, 2])


def test_the_most_entropy_is_that_of_no_preference():
    action = [[0, 0]]
    assert maximum_entropy(action_distribution([0], logits=np.zeros((1, 4)))) == pytest.approx(np.log(4))
    several = action_distribution(action, logits=np.zeros((1, 5)), components=[2, 3])
    assert maximum_entropy(several) == pytest.approx(several.entropy[0])
    assert maximum_entropy(action_distribution(action, logits=np.zeros((1, 2)), binary=True)) == pytest.approx(
        np.log(4)
    )
    assert maximum_entropy(action_distribution([[0.5]], mean=[[0.5]], log_std=[[0.0]])) is None
    assert maximum_entropy(action_distribution([0], logits=[[1.0]])) is None


def test_results_are_read_only():
    result = action_distribution([0], logits=[[0.0, 1.0]])
    with pytest.raises(ValueError, match="read-only"):
        result.probabilities[0, 0] = 1


def test_an_interval_is_in_the_units_of_the_actions():
    distribution = action_distribution([[0.0]], mean=[[0.0]], log_std=[[0.0]])
    plain, squashed = action_interval(distribution), action_interval(distribution, squash_to=([-2.0], [2.0]))
    np.testing.assert_allclose([plain.lower, plain.centre, plain.upper], np.reshape([-1, 0, 1], (3, 1, 1)))
    np.testing.assert_allclose(squashed.upper, [[2 * np.tanh(1)]])
    assert action_interval(action_distribution([0], logits=[[0.0, 1.0]])) is None

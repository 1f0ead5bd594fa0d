"""Live algorithm objects: the policy follows weights, statistics and exploration as they train."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import DQN, PPO, SAC

from tests.policies.toy import IMAGE, OBSERVATIONS, VECTOR, make_agent, sample
from workbench.errors import WorkbenchError
from workbench.policies import EpisodeRandom, fingerprint, wrap_stable_baselines3


def test_it_follows_training() -> None:
    agent = make_agent(PPO, "vector", n_steps=8, batch_size=8, n_epochs=1)
    policy = wrap_stable_baselines3(agent)
    before = fingerprint(policy)
    agent.learn(16)
    batch = sample(VECTOR, 6)
    agent.policy.set_training_mode(True)
    choice = policy.act(batch, deterministic=True)
    assert not any(part.training for part in policy.module.modules())
    np.testing.assert_array_equal(choice.actions, agent.predict(batch, deterministic=True)[0])
    assert fingerprint(policy) != before
    assert policy.settings["steps_trained"] == 0, "settings are those of the moment of wrapping"


def test_it_follows_statistics() -> None:
    agent = make_agent(PPO, "normalised vector", n_steps=8, batch_size=8)
    policy = wrap_stable_baselines3(agent)
    normaliser = agent.get_vec_normalize_env()
    normaliser.obs_rms.update(50 + sample(VECTOR, 99))
    batch = sample(VECTOR, 6)
    np.testing.assert_array_equal(policy.preprocess(batch), normaliser.normalize_obs(batch))
    assert policy.normalisation is not None
    np.testing.assert_array_equal(policy.normalisation["mean"], normaliser.obs_rms.mean)


def test_it_follows_exploration() -> None:
    agent = make_agent(DQN, "vector")
    policy = wrap_stable_baselines3(agent)
    batch = sample(VECTOR, 50)
    greedy = policy.act(batch, deterministic=True).actions
    for rate, same in ((0.0, True), (1.0, False)):
        agent.exploration_rate = rate
        streams = [EpisodeRandom(i) for i in range(50)]
        assert np.array_equal(policy.act(batch, deterministic=False, random=streams).actions, greedy) == same


def test_images_are_those_of_the_environment() -> None:
    policy = wrap_stable_baselines3(make_agent(DQN, "image, channels last"))
    assert policy.observation_space == IMAGE
    policy = wrap_stable_baselines3(make_agent(PPO, "dict", n_steps=8, batch_size=8))
    assert policy.observation_space == OBSERVATIONS["dict"]


def test_target_networks_are_left_out() -> None:
    for agent in (make_agent(DQN, "vector"), make_agent(SAC, "vector", gymnasium.spaces.Box(-1, 1, (2,)))):
        assert not any("target" in name for name, _ in wrap_stable_baselines3(agent).module.named_modules())


def test_subclasses_are_known_by_their_ancestor() -> None:
    class Mine(PPO):
        pass

    agent = Mine("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu")
    assert wrap_stable_baselines3(agent).name == "PPO"


@pytest.mark.parametrize("stranger", [object(), None, VECTOR])
def test_strangers_are_refused(stranger: Any) -> None:
    with pytest.raises(WorkbenchError, match="expected an algorithm object of stable-baselines3"):
        wrap_stable_baselines3(stranger)


def test_wrong_shapes_are_named() -> None:
    policy = wrap_stable_baselines3(make_agent(PPO, "vector", n_steps=8, batch_size=8))
    with pytest.raises(WorkbenchError, match=r"expected observations of shape \[B, \*\[5\]\]; came \[3, 4\]"):
        policy.act(np.zeros((3, 4)), deterministic=True)
    policy = wrap_stable_baselines3(make_agent(PPO, "dict", n_steps=8, batch_size=8))
    with pytest.raises(WorkbenchError, match="expected a dict of observations with the keys"):
        policy.act({"vector": np.zeros((3, 5))}, deterministic=True)

"""Policies of the workbench say priors and values, each in its own terms."""

import dataclasses
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from tests.search.environments.worlds import Tangle
from workbench.errors import WorkbenchError
from workbench.policies import PolicyOutput, load_policy
from workbench.search import audit, choose_action, view_node
from workbench.search.environments import GuidingPolicy, Rollout, environment_settings, search_environment


class Stub:
    """A policy whose output is given by a function of observations and memory."""

    name = "Stub"
    observation_space = Tangle.observation_space
    action_space = spaces.Discrete(3)

    def __init__(self, says: Any, *, memory: bool = False, masks: bool = False) -> None:
        self.module = nn.Linear(2, 3)
        self.says, self.memory, self.takes_action_masks = says, memory, masks
        self.seen: list[Any] = []

    def initial_state(self, batch_size: int) -> Any:
        return {"steps": torch.zeros(batch_size, 1)} if self.memory else None

    def preprocess(self, observations: Any) -> Any:
        return torch.as_tensor(observations, dtype=torch.float32)

    def forward(self, inputs: Any, state: Any = None, episode_starts: Any = None, action_masks: Any = None) -> Any:
        self.module(inputs)
        self.seen.append((inputs, state, episode_starts, action_masks))
        output: PolicyOutput = self.says(inputs)
        if state is not None:
            output = dataclasses.replace(output, state={"steps": state["steps"] + 1})
        return output


def _logits(inputs: Any) -> PolicyOutput:
    return PolicyOutput(logits=torch.tensor([[0.0, 1.0, 2.0]]).repeat(len(inputs), 1), value=inputs[:, 1])


def _tangle() -> Any:
    env = Tangle()
    return env, env.reset(seed=0)[0]


def test_logits_become_priors_and_the_critic_the_value():
    env, observation = _tangle()
    policy = Stub(_logits)
    chosen = environment_settings(simulations=30)
    trace = search_environment(env, policy, chosen, seed=0, observation=observation)
    expected = np.exp([0.0, 1, 2]) / np.exp([0.0, 1, 2]).sum()
    assert view_node(trace).prior == pytest.approx(expected, rel=1e-5)
    # The value is the time that the observation shows: the depth.
    depth = [len(trace.path(node)) - 1 for node in range(trace.nodes)]
    assert np.array_equal(trace.value, np.where(trace.terminal, 0, depth))
    assert len(trace.fingerprint) == 64
    assert audit(trace).divergence is None


def test_q_values_become_priors_by_a_stated_temperature():
    env, observation = _tangle()
    policy = Stub(lambda inputs: PolicyOutput(q_values=torch.tensor([[1.0, 3.0, 2.0]]).repeat(len(inputs), 1)))
    guide = GuidingPolicy(policy, temperature=0.5)
    trace = search_environment(env, guide, environment_settings(simulations=10), seed=0, observation=observation)
    expected = np.exp([2.0, 6, 4]) / np.exp([2.0, 6, 4]).sum()
    assert view_node(trace).prior == pytest.approx(expected, rel=1e-5)
    assert trace.value[0] == 3.0
    assert "÷ 0.5" in trace.facts["priors"]


def test_a_memory_is_carried_along_each_branch():
    env, observation = _tangle()
    policy = Stub(_logits, memory=True)
    for wave in (1, 4):
        policy.seen.clear()
        memory = {"steps": torch.tensor([[7.0]])}
        chosen = environment_settings(simulations=40, wave=wave)
        trace = search_environment(env, policy, chosen, seed=0, observation=observation, memory=memory)
        assert audit(trace).divergence is None
        for inputs, state, starts, _ in policy.seen:
            # The time is the depth, and the state has counted the same from 7 on.
            assert torch.equal(state["steps"][:, 0], inputs[:, 1] + 7)
            assert not starts.any()
    policy.seen.clear()
    search_environment(env, policy, environment_settings(simulations=5), seed=0, observation=observation)
    assert policy.seen[0][2].tolist() == [True]
    assert not policy.seen[1][2].any()


def test_a_policy_that_takes_masks_is_told_what_is_legal():
    env = gymnasium.make("Taxi-v4")
    observation, _ = env.reset(seed=0)
    policy = Stub(
        lambda inputs: PolicyOutput(logits=torch.zeros(len(inputs), 6), value=torch.zeros(len(inputs))), masks=True
    )
    policy.module = nn.Identity()
    trace = search_environment(env, policy, environment_settings(simulations=20), seed=0, observation=observation)
    legal = np.flatnonzero(env.unwrapped.action_mask(observation))
    assert view_node(trace).action.tolist() == legal.tolist()
    assert np.flatnonzero(policy.seen[0][3][0]).tolist() == legal.tolist()


def test_hooks_do_not_see_the_searchs_passes():
    env, observation = _tangle()
    policy, calls = Stub(_logits), []
    handle = policy.module.register_forward_hook(lambda *_: calls.append(1))
    search_environment(env, policy, environment_settings(simulations=10), seed=0, observation=observation)
    assert calls == []
    policy.module(torch.zeros(1, 2))
    assert calls == [1]
    handle.remove()
    policy.module(torch.zeros(1, 2))
    assert calls == [1]


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        (lambda inputs: PolicyOutput(mean=torch.zeros(len(inputs), 3)), "needs logits or Q-values.*mean"),
        (lambda inputs: PolicyOutput(logits=torch.zeros(len(inputs), 3)), r"played out, with rollout=Rollout\(\)"),
        (
            lambda inputs: PolicyOutput(logits=torch.zeros(len(inputs), 5), value=torch.zeros(len(inputs))),
            r"logits of shape \[1, 5\].*has 3 actions",
        ),
        (
            lambda inputs: PolicyOutput(logits=torch.zeros(len(inputs), 3), value=torch.full((len(inputs),), np.nan)),
            "not a number",
        ),
    ],
)
def test_a_policy_that_cannot_guide_is_a_sentence(says, sentence):
    env, observation = _tangle()
    with pytest.raises(WorkbenchError, match=sentence):
        search_environment(env, Stub(says), environment_settings(simulations=5), seed=0, observation=observation)
    with pytest.raises(WorkbenchError, match="temperature"):
        GuidingPolicy(Stub(says), temperature=0.0)


def test_a_policy_without_a_critic_is_played_out():
    env, observation = _tangle()
    policy = Stub(lambda inputs: PolicyOutput(logits=torch.zeros(len(inputs), 3)))
    trace = search_environment(
        env, policy, environment_settings(simulations=30), seed=0, observation=observation, rollout=Rollout(depth=5)
    )
    assert audit(trace).divergence is None
    assert len(set(trace.value)) > 3


def test_the_cartpole_agent_guides_a_search(checkout):
    env = gymnasium.make("CartPole-v1")
    observation, _ = env.reset(seed=0)
    guide = GuidingPolicy(load_policy(f"ppo:{checkout}/agents/cartpole/weights.zip", environment=env))
    trace = search_environment(env, guide, environment_settings(simulations=60), seed=0, observation=observation)
    assert audit(trace).divergence is None
    assert choose_action(trace) in (0, 1)
    assert trace.value[0] > 10

"""Any torch module as a policy, and policies named as `module:factory`."""

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from tests.policies.conformance import check_policy
from tests.policies.example_networks import clean_rl_policy
from tests.policies.toy import BOX, DISCRETE, VECTOR, ToyEnvironment, sample
from workbench.errors import WorkbenchError
from workbench.policies import EpisodeRandom, ModulePolicy, PolicyOutput, load_policy, module_policy

EXAMPLES = "tests.policies.example_networks"


def test_a_clean_rl_agent() -> None:
    environment = gymnasium.make("CartPole-v1")
    policy = load_policy(f"{EXAMPLES}:clean_rl_policy", environment=environment)
    agent: Any = policy.module
    batch = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    inputs = torch.from_numpy(batch)
    check_policy(
        policy,
        batch,
        predict=lambda observations: agent.actor(inputs).argmax(dim=1).numpy(),
        critic=lambda observations: agent.get_value(inputs).flatten().detach(),
    )
    assert policy.name == "CleanRLAgent"
    assert policy.spec == f"{EXAMPLES}:clean_rl_policy"  # type: ignore[attr-defined]
    for i in range(40):
        torch.manual_seed(i)
        action, *_ = agent.get_action_and_value(inputs[i : i + 1])
        chosen = policy.act(batch[i : i + 1], deterministic=False, random=[EpisodeRandom(i)])
        assert chosen.actions == action.numpy()


def test_a_module_with_its_own_adapter() -> None:
    environment = ToyEnvironment(VECTOR, DISCRETE)
    policy = load_policy(f"{EXAMPLES}:self_describing", environment=environment)
    check_policy(policy, sample(VECTOR, 6))
    assert policy.name == "SelfDescribing"


class GaussianActor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Linear(5, 2)
        self.log_std = nn.Parameter(torch.zeros(2))


def test_continuous_actions_are_clipped_to_their_bounds() -> None:
    def forward(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        mean = 9 * module.mean(inputs)
        return PolicyOutput(mean=mean, log_std=module.log_std.expand_as(mean))

    policy = ModulePolicy(GaussianActor(), VECTOR, BOX, forward=forward, name="mine", settings={"layers": 1})
    assert (policy.name, policy.settings) == ("mine", {"layers": 1})
    check_policy(policy, sample(VECTOR, 20))


def test_masks_forbid_actions() -> None:
    policy = clean_rl_policy(ToyEnvironment(VECTOR, DISCRETE))
    masks = np.tile([False, True, False], (8, 1))
    for choose in ({"deterministic": True}, {"deterministic": False, "random": [EpisodeRandom(i) for i in range(8)]}):
        choice = policy.act(sample(VECTOR, 8), action_masks=masks, **choose)  # type: ignore[arg-type]
        assert (choice.actions == 1).all()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("ppo", "expected KIND:PATH"),
        ("ppo:", "expected KIND:PATH"),
        ("pbo:agent.zip", "'pbo' is not a kind of policy; expected one of a2c, "),
        ("no_such_module:make", "neither a kind .* nor a module that can be imported"),
        (f"{EXAMPLES}:absent", "has no function 'absent'"),
        (f"{EXAMPLES}:layer_init_name", "has no function"),
        (f"{EXAMPLES}:Categorical", "gave a Categorical; expected a Policy"),
    ],
)
def test_specifications_that_name_nothing(spec: str, why: str) -> None:
    environment: Any = torch.ones(2) if spec.endswith("Categorical") else None
    with pytest.raises(WorkbenchError, match=why):
        load_policy(spec, environment=environment)


def test_devices_that_are_not_there() -> None:
    with pytest.raises(WorkbenchError, match="'warp' is not a device"):
        load_policy("ppo:x.zip", device="warp")
    if not torch.cuda.is_available():
        with pytest.raises(WorkbenchError, match="no CUDA device"):
            load_policy("ppo:x.zip", device="cuda")


def test_a_module_without_adapter_is_refused() -> None:
    with pytest.raises(WorkbenchError, match="has no method policy_output"):
        module_policy(nn.Linear(2, 2), ToyEnvironment(VECTOR, DISCRETE))


def test_output_must_give_one_account_of_the_action() -> None:
    def nothing(module: Any, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        return PolicyOutput()

    policy = ModulePolicy(nn.Linear(5, 3), VECTOR, DISCRETE, forward=nothing)
    with pytest.raises(WorkbenchError, match="one of logits, mean, q_values"):
        policy.act(sample(VECTOR, 2), deterministic=True)


def test_output_must_suit_the_actions() -> None:
    policy = ModulePolicy(
        nn.Linear(5, 3), VECTOR, BOX, forward=lambda module, inputs, *rest: PolicyOutput(logits=module(inputs))
    )
    with pytest.raises(WorkbenchError, match="returned logits, which does not fit actions in Box"):
        policy.act(sample(VECTOR, 2), deterministic=True)
    with pytest.raises(WorkbenchError, match="not supported"):
        ModulePolicy(nn.Linear(5, 3), VECTOR, spaces.Text(3), forward=lambda *rest: PolicyOutput())


def test_acting_stochastically_needs_streams() -> None:
    with pytest.raises(ValueError, match="one EpisodeRandom a row"):
        clean_rl_policy(ToyEnvironment(VECTOR, DISCRETE)).act(sample(VECTOR, 2), deterministic=False)

"""Agents of stable-baselines3 before 1.8, whose policy and value networks share layers, act as they did."""

from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
import torch
from torch import nn

from tests.policies.conformance import check_policy
from tests.policies.toy import BOX, DISCRETE, VECTOR, make_agent, sample, save
from workbench.errors import WorkbenchError
from workbench.policies import load_policy
from workbench.policies.shared_layers import split_layers


class MlpExtractorOf17(nn.Module):
    """`MlpExtractor` of stable-baselines3 1.7.0 (MIT licence), its logic unchanged."""

    def __init__(self, feature_dim: int, net_arch: list, activation_fn: type[nn.Module], device: Any = "cpu") -> None:
        super().__init__()
        shared_net: list[nn.Module] = []
        policy_net: list[nn.Module] = []
        value_net: list[nn.Module] = []
        policy_only_layers: list[int] = []
        value_only_layers: list[int] = []
        last_layer_dim_shared = feature_dim
        for layer in net_arch:
            if isinstance(layer, int):
                shared_net.append(nn.Linear(last_layer_dim_shared, layer))
                shared_net.append(activation_fn())
                last_layer_dim_shared = layer
            else:
                policy_only_layers = layer.get("pi", [])
                value_only_layers = layer.get("vf", [])
                break
        last_layer_dim_pi = last_layer_dim_shared
        last_layer_dim_vf = last_layer_dim_shared
        for pi_layer_size, vf_layer_size in zip_longest(policy_only_layers, value_only_layers):
            if pi_layer_size is not None:
                policy_net.append(nn.Linear(last_layer_dim_pi, pi_layer_size))
                policy_net.append(activation_fn())
                last_layer_dim_pi = pi_layer_size
            if vf_layer_size is not None:
                value_net.append(nn.Linear(last_layer_dim_vf, vf_layer_size))
                value_net.append(activation_fn())
                last_layer_dim_vf = vf_layer_size
        self.latent_dim_pi = last_layer_dim_pi
        self.latent_dim_vf = last_layer_dim_vf
        self.shared_net = nn.Sequential(*shared_net)
        self.policy_net = nn.Sequential(*policy_net)
        self.value_net = nn.Sequential(*value_net)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        return self.policy_net(self.shared_net(features))

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        return self.value_net(self.shared_net(features))


@pytest.fixture
def as_of_17(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for module in (stable_baselines3.common, sb3_contrib.common.recurrent, sb3_contrib.common.maskable):
        if hasattr(module.policies, "MlpExtractor"):
            monkeypatch.setattr(module.policies, "MlpExtractor", MlpExtractorOf17)
    return monkeypatch


@pytest.mark.usefixtures("as_of_17")
@pytest.mark.parametrize(
    "layers", [[16], [16, 8], [16, {"pi": [8], "vf": [6, 4]}], [16, 8, {"vf": [4]}], [16, {"pi": [8]}]], ids=str
)
@pytest.mark.parametrize("algorithm", ["PPO", "A2C", "TRPO", "RecurrentPPO", "MaskablePPO"])
def test_they_act_and_judge_as_they_did(algorithm: str, layers: list, tmp_path: Path) -> None:
    cls = getattr(stable_baselines3, algorithm, None) or getattr(sb3_contrib, algorithm)
    settings = {} if algorithm == "A2C" else {"n_steps": 8, "batch_size": 8}
    actions = DISCRETE if algorithm == "MaskablePPO" else BOX
    agent = make_agent(cls, "vector", actions, policy_kwargs={"net_arch": layers}, **settings)
    kind = {"RecurrentPPO": "recurrent_ppo", "MaskablePPO": "maskable_ppo"}.get(algorithm, algorithm.lower())
    policy: Any = load_policy(f"{kind}:{save(agent, tmp_path)[0]}")
    batch = sample(VECTOR, 7)
    choice = policy.act(batch, policy.initial_state(7), np.ones(7, bool), deterministic=True)
    np.testing.assert_array_equal(choice.actions, agent.predict(batch, deterministic=True)[0])
    if algorithm != "RecurrentPPO":  # whose actor and critic stand behind LSTMs of their own: the layers run twice
        check_policy(policy, batch)
        judged = agent.policy.predict_values(torch.as_tensor(batch)).flatten()
        assert torch.equal(choice.output.value, judged.detach())
    names = [name for name, _ in policy.module.named_modules()]
    assert "mlp_extractor.shared_net.0" in names


@pytest.mark.usefixtures("as_of_17")
def test_the_shared_layers_run_once_a_pass(tmp_path: Path) -> None:
    agent = make_agent(stable_baselines3.PPO, "vector", policy_kwargs={"net_arch": [16]}, n_steps=8, batch_size=8)
    policy = load_policy(f"ppo:{save(agent, tmp_path)[0]}")
    calls: list[int] = []
    policy.module.get_submodule("mlp_extractor.shared_net.0").register_forward_hook(lambda *_: calls.append(1))
    policy.act(sample(VECTOR, 3), deterministic=True)
    assert calls == [1]


def test_with_trust_the_library_says_no(as_of_17: pytest.MonkeyPatch, tmp_path: Path) -> None:
    agent = make_agent(stable_baselines3.PPO, "vector", policy_kwargs={"net_arch": [16]}, n_steps=8, batch_size=8)
    path = save(agent, tmp_path)[0]
    as_of_17.undo()
    with pytest.raises(WorkbenchError, match=r"cannot load .* even with trust"):
        load_policy(f"ppo:{path}", trust_pickle=True)


@pytest.mark.parametrize(
    ("layers", "stored", "shared", "own"),
    [
        ([64, 64], False, [], [64, 64]),
        ([64, 64], True, [64, 64], {"pi": [], "vf": []}),
        ([{"pi": [8], "vf": [4]}], False, [], {"pi": [8], "vf": [4]}),
        ([16, {"pi": [8]}], True, [16], {"pi": [8], "vf": []}),
        ([16, {"pi": [8]}], False, [16], {"pi": [8], "vf": []}),
        ({"pi": [8], "vf": [4]}, False, [], {"pi": [8], "vf": [4]}),
        ([], False, [], []),
        (None, False, [], None),
    ],
)
def test_what_net_arch_means(layers: Any, stored: bool, shared: list[int], own: Any) -> None:
    weights = {"mlp_extractor.shared_net.0.weight" if stored else "action_net.weight": torch.zeros(1)}
    assert split_layers(layers, weights) == (shared, own)

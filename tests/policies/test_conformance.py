"""Every algorithm on every kind of observation and action, reloaded from its zip without trust, against the library."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from tests.policies.conformance import check_policy, size
from tests.policies.toy import BOX, DISCRETE, OBSERVATIONS, ToyEnvironment, make_agent, row, sample, save
from workbench.policies import EpisodeRandom, load_policy, wrap_stable_baselines3
from workbench.policies.kinds import KIND_NAMES, KINDS, find_kind

pytest.importorskip("sb3_contrib")
torch.set_num_threads(1)

MULTI_DISCRETE, MULTI_BINARY = spaces.MultiDiscrete([3, 2]), spaces.MultiBinary(3)
CONTINUOUS = ("sac", "td3", "ddpg", "tqc")
SETTINGS: dict[str, dict[str, Any]] = {
    "ppo": {"n_steps": 8, "batch_size": 8},
    "recurrent_ppo": {"n_steps": 8, "batch_size": 8},
    "maskable_ppo": {"n_steps": 8, "batch_size": 8},
    "trpo": {"n_steps": 8, "batch_size": 8},
    "qrdqn": {"policy_kwargs": {"n_quantiles": 5}},
    "ars": {},
}
GSDE = {"use_sde": True}
LSTM_SHARED = {"shared_lstm": True, "enable_critic_lstm": False}

Case = tuple[str, str, spaces.Space, dict[str, Any]]
CASES: list[Case] = [
    (kind, observations, BOX if kind in CONTINUOUS else DISCRETE, {})
    for kind in KIND_NAMES
    for observations in OBSERVATIONS
    if not (kind == "ars" and ("image" in observations or "dict" in observations))
    # The library cannot build this one: its LSTM is handed a numpy integer.
    if not (kind == "recurrent_ppo" and observations == "multi-discrete")
]
CASES += [
    (kind, "vector", actions, {})
    for kind in ("ppo", "a2c", "trpo", "recurrent_ppo")
    for actions in (BOX, MULTI_DISCRETE, MULTI_BINARY)
]
CASES += [("maskable_ppo", "vector", actions, {}) for actions in (MULTI_DISCRETE, MULTI_BINARY)]
CASES += [
    ("ars", "vector", BOX, {}),
    ("ars", "vector", BOX, {"policy_kwargs": {"squash_output": False}}),
    ("ppo", "vector", BOX, GSDE),
    ("a2c", "image, channels last", BOX, GSDE),
    ("ppo", "vector", BOX, {**GSDE, "policy_kwargs": {"squash_output": True, "use_expln": True, "full_std": False}}),
    ("sac", "vector", BOX, GSDE),
    ("tqc", "dict", BOX, {**GSDE, "policy_kwargs": {"use_expln": True}}),
    ("sac", "image, channels last", BOX, {"policy_kwargs": {"share_features_extractor": True, "n_critics": 3}}),
    ("td3", "image, channels first", BOX, {"policy_kwargs": {"net_arch": {"pi": [8], "qf": [12, 4]}}}),
    ("ppo", "image, channels last", DISCRETE, {"policy_kwargs": {"share_features_extractor": False}}),
    ("ppo", "vector", DISCRETE, {"policy_kwargs": {"net_arch": {"pi": [8], "vf": []}, "activation_fn": torch.nn.ELU}}),
    ("recurrent_ppo", "vector", DISCRETE, {"policy_kwargs": LSTM_SHARED}),
    ("recurrent_ppo", "vector", BOX, {"policy_kwargs": {"enable_critic_lstm": False, "n_lstm_layers": 2}}),
]


def identity(case: Case) -> str:
    kind, observations, actions, settings = case
    return "-".join([kind, observations, type(actions).__name__, *map(str, settings.items())])


def make(case: Case) -> Any:
    kind, observations, actions, settings = case
    return make_agent(
        find_kind(kind).algorithm_class(), observations, actions, **{**SETTINGS.get(kind, {}), **settings}
    )


def normalised(agent: Any, observations: Any) -> Any:
    normaliser = agent.get_vec_normalize_env()
    return observations if normaliser is None else normaliser.normalize_obs(observations)


def _on_policy(policy: Any, inputs: Any) -> torch.Tensor:
    return policy.predict_values(inputs).flatten()


def _recurrent(policy: Any, inputs: Any) -> torch.Tensor:
    count = size(inputs)
    zeros = torch.zeros(policy.lstm_hidden_state_shape[0], count, policy.lstm_hidden_state_shape[2])
    return policy.predict_values(inputs, (zeros, zeros), torch.zeros(count)).flatten()


def _critics(policy: Any, inputs: Any) -> torch.Tensor:
    return torch.cat(policy.critic(inputs, policy.actor._predict(inputs, deterministic=True)), dim=1).amin(dim=1)


def _quantile_critics(policy: Any, inputs: Any) -> torch.Tensor:
    return policy.critic(inputs, policy.actor._predict(inputs, deterministic=True)).mean(dim=(1, 2))


LIBRARY_VALUE: dict[str, Callable[[Any, Any], torch.Tensor]] = {
    **dict.fromkeys(["ppo", "a2c", "trpo", "maskable_ppo"], _on_policy),
    "recurrent_ppo": _recurrent,
    "dqn": lambda policy, inputs: policy.q_net(inputs).amax(dim=1),
    "qrdqn": lambda policy, inputs: policy.quantile_net(inputs).mean(dim=1).amax(dim=1),
    **dict.fromkeys(["sac", "td3", "ddpg"], _critics),
    "tqc": _quantile_critics,
}


def library_value(kind: str, agent: Any) -> Callable[[Any], torch.Tensor] | None:
    """The critic as the library itself calls it; None for a policy without one."""
    if kind not in LIBRARY_VALUE:
        return None

    def value(observations: Any) -> torch.Tensor:
        inputs, _ = agent.policy.obs_to_tensor(normalised(agent, observations))
        with torch.no_grad():
            return LIBRARY_VALUE[kind](agent.policy, inputs)

    return value


def seeded_predictions(agent: Any, observations: Any, seed: int, steps: int) -> list[np.ndarray]:
    """What the library's `predict` samples in one environment whose episode begins with seeding everything."""
    agent.policy.set_training_mode(False)
    torch.manual_seed(seed)
    np.random.seed(seed)
    agent.action_space.seed(seed)
    if getattr(agent, "use_sde", False):
        agent.policy.reset_noise()
    state, start, actions = None, np.ones(1, bool), []
    for t in range(steps):
        action, state = agent.predict(normalised(agent, row(observations, t)), state, start, deterministic=False)
        start = np.zeros(1, bool)
        actions.append(action)
    return actions


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_reloaded_without_trust(case: Case, tmp_path: Path) -> None:
    kind, observations, actions, _ = case
    agent = make(case)
    path, statistics = save(agent, tmp_path)
    environment = ToyEnvironment(OBSERVATIONS[observations], actions)
    policy = load_policy(f"{kind}:{path}", environment=environment, vec_normalize=statistics)
    batch = sample(OBSERVATIONS[observations], 9)

    def predict(observations: Any) -> np.ndarray:
        return agent.predict(normalised(agent, observations), deterministic=True)[0]

    assert policy.name == find_kind(kind).label
    assert policy.observation_space == environment.observation_space
    check_policy(policy, batch, predict=predict, critic=library_value(kind, agent))

    stream, state, start = EpisodeRandom(11), policy.initial_state(1), np.ones(1, bool)
    for t, expected in enumerate(seeded_predictions(agent, batch, seed=11, steps=9)):
        choice = policy.act(row(batch, t), state, start, deterministic=False, random=[stream])
        np.testing.assert_array_equal(choice.actions, expected)
        state, start = choice.output.state, np.zeros(1, bool)

    live = wrap_stable_baselines3(agent)
    np.testing.assert_array_equal(live.act(batch, live.initial_state(9), deterministic=True).actions, predict(batch))


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_loaded_with_trust(kind: str, tmp_path: Path) -> None:
    agent = make((kind, "vector", BOX if kind in CONTINUOUS else DISCRETE, {}))
    path, _ = save(agent, tmp_path)
    policy = load_policy(f"{kind}:{path}", trust_pickle=True)
    batch = sample(OBSERVATIONS["vector"], 4)
    np.testing.assert_array_equal(
        policy.act(batch, policy.initial_state(4), deterministic=True).actions,
        agent.predict(batch, deterministic=True)[0],
    )


@pytest.mark.parametrize("actions", [DISCRETE, MULTI_DISCRETE, MULTI_BINARY])
def test_masks_as_the_library_applies_them(actions: spaces.Space, tmp_path: Path) -> None:
    agent = make(("maskable_ppo", "vector", actions, {}))
    policy = load_policy(f"maskable_ppo:{save(agent, tmp_path)[0]}")
    batch = sample(OBSERVATIONS["vector"], 30)
    sizes = {"Discrete": [3], "MultiDiscrete": [3, 2], "MultiBinary": [2, 2, 2]}[type(actions).__name__]
    random = np.random.default_rng(0)
    masks = random.random((30, sum(sizes))) < 0.5
    assert policy.takes_action_masks  # type: ignore[attr-defined]
    masks[:, np.cumsum([0, *sizes[:-1]])] = True
    expected, _ = agent.predict(batch, deterministic=True, action_masks=masks)
    choice = policy.act(batch, deterministic=True, action_masks=masks)
    np.testing.assert_array_equal(choice.actions, expected)
    assert choice.output.logits is not None
    assert (choice.output.logits.numpy()[~masks] < -1e7).all()
    for t in range(30):
        torch.manual_seed(t)
        expected, _ = agent.predict(batch[t : t + 1], deterministic=False, action_masks=masks[t : t + 1])
        got = policy.act(
            batch[t : t + 1], deterministic=False, random=[EpisodeRandom(t)], action_masks=masks[t : t + 1]
        )
        np.testing.assert_array_equal(got.actions, expected)


def test_recurrent_actions_over_episodes(tmp_path: Path) -> None:
    """Memory and its reset follow the library step by step, with episodes that start at different times."""
    agent = make(("recurrent_ppo", "vector", BOX, {}))
    policy = load_policy(f"recurrent_ppo:{save(agent, tmp_path)[0]}")
    random = np.random.default_rng(0)
    state: Any = policy.initial_state(4)
    theirs: Any = None
    starts = np.ones(4, bool)
    for t in range(20):
        batch = sample(OBSERVATIONS["vector"], 4, seed=t)
        expected, theirs = agent.predict(batch, theirs, starts, deterministic=True)
        choice = policy.act(batch, state, starts, deterministic=True)
        np.testing.assert_array_equal(choice.actions, expected)
        state, starts = choice.output.state, random.random(4) < 0.2


def test_the_table_of_kinds_is_whole() -> None:
    assert set(KIND_NAMES) == {
        "ppo", "a2c", "dqn", "sac", "td3", "ddpg", "recurrent_ppo", "maskable_ppo", "trpo", "qrdqn", "tqc", "ars",
    }  # fmt: skip
    for kind in KINDS:
        assert kind.algorithm_class().__name__ == kind.label

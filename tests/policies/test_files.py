"""Files that are hostile, damaged, or of another algorithm or environment: nothing runs, the error is clear."""

import base64
import contextlib
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.torch_layers import FlattenExtractor

from tests.policies.toy import BOX, DISCRETE, IMAGE, OBSERVATIONS, VECTOR, ToyEnvironment, make_agent, sample, save
from workbench.errors import WorkbenchError
from workbench.policies import fingerprint, load_policy


def rewrite(path: Path, change: Callable[[dict[str, bytes]], None], compression: int = zipfile.ZIP_STORED) -> Path:
    """Change members of a zip file in place."""
    with zipfile.ZipFile(path) as members:
        contents = {name: members.read(name) for name in members.namelist()}
    change(contents)
    with zipfile.ZipFile(path, "w", compression) as members:
        for name, content in contents.items():
            members.writestr(name, content)
    return path


def rewrite_data(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    def apply(contents: dict[str, bytes]) -> None:
        data = json.loads(contents["data"])
        change(data)
        contents["data"] = json.dumps(data).encode()

    return rewrite(path, apply)


def serialised(value: Any) -> dict[str, str]:
    return {":type:": "x", ":serialized:": base64.b64encode(pickle.dumps(value)).decode()}


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def agent_file(tmp_path: Path) -> Path:
    return save(make_agent(PPO, "vector", n_steps=8, batch_size=8), tmp_path)[0]


@pytest.fixture
def environment() -> gymnasium.Env:
    return ToyEnvironment(VECTOR, DISCRETE)


def test_pickles_anywhere_in_the_zip_are_not_executed(agent_file: Path, environment: Any, tmp_path: Path) -> None:
    """Every fact becomes an attack, and so do members that nothing needs; the agent still loads, from the rest."""
    target = tmp_path / "executed"
    before = load_policy(f"ppo:{agent_file}").act(sample(VECTOR, 5), deterministic=True).actions

    def poison(contents: dict[str, bytes]) -> None:
        data = json.loads(contents["data"])
        for key in list(data):
            if key not in ("policy_class", "policy_kwargs"):
                data[key] = serialised(Attack(target))
        contents["data"] = json.dumps(data).encode()
        for name in ("pytorch_variables.pth", "policy.optimizer.pth", "../../escape.pth"):
            contents[name] = pickle.dumps(Attack(target))

    rewrite(agent_file, poison)
    policy = load_policy(f"ppo:{agent_file}", environment=environment)
    np.testing.assert_array_equal(policy.act(sample(VECTOR, 5), deterministic=True).actions, before)
    assert not target.exists()
    with pytest.raises(WorkbenchError, match=r"spaces .* environment .*--trust-pickle"):
        load_policy(f"ppo:{agent_file}")
    assert not target.exists()
    with pytest.raises(WorkbenchError):
        load_policy(f"ppo:{agent_file}", environment=environment, trust_pickle=True)
    assert target.exists(), "the attack itself must be real"


@pytest.mark.parametrize("key", ["policy_class", "policy_kwargs"])
def test_pickles_that_are_needed_are_refused(key: str, agent_file: Path, environment: Any, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    rewrite_data(agent_file, lambda data: data.update({key: serialised(Attack(target))}))
    with pytest.raises(WorkbenchError, match=r"without executing its code.*--trust-pickle.*runs whatever code"):
        load_policy(f"ppo:{agent_file}", environment=environment)
    assert not target.exists()


@pytest.mark.parametrize("nested", ["lists", "dicts", "arrays"])
def test_arguments_that_unfold_to_billions_are_refused(nested: str, agent_file: Path, environment: Any) -> None:
    """A hundred references to one list of a hundred references, and so on: 10^10 numbers out of a few kilobytes."""
    value: Any = np.zeros(20_000) if nested == "arrays" else 1
    for _ in range(0 if nested == "arrays" else 5):
        value = [value] * 100 if nested == "lists" else {str(key): value for key in range(100)}
    rewrite_data(agent_file, lambda data: data.update({"policy_kwargs": serialised({"net_arch": value})}))
    with pytest.raises(WorkbenchError, match=r"more than 10,000 parts.*--trust-pickle") as refused:
        load_policy(f"ppo:{agent_file}", environment=environment)
    assert len(str(refused.value)) < 1000


def test_weights_are_not_executed(agent_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    rewrite(agent_file, lambda contents: contents.update({"policy.pth": pickle.dumps(Attack(target))}))
    with pytest.raises(WorkbenchError, match="cannot be read as plain tensors"):
        load_policy(f"ppo:{agent_file}")
    torch.save(Attack(target), tmp_path / "new.pth")
    rewrite(agent_file, lambda contents: contents.update({"policy.pth": (tmp_path / "new.pth").read_bytes()}))
    with pytest.raises(WorkbenchError, match="cannot be read as plain tensors"):
        load_policy(f"ppo:{agent_file}")
    assert not target.exists()


def test_statistics_are_not_executed(agent_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    (tmp_path / "normalise.pkl").write_bytes(pickle.dumps(Attack(target)))
    with pytest.raises(WorkbenchError, match="does not hold normalisation statistics"):
        load_policy(f"ppo:{agent_file}", vec_normalize=tmp_path / "normalise.pkl")
    assert not target.exists()


class OwnExtractor(FlattenExtractor):
    """A class that only this file knows."""


def test_a_class_of_ones_own_needs_trust(tmp_path: Path) -> None:
    agent = make_agent(PPO, "vector", policy_kwargs={"features_extractor_class": OwnExtractor}, n_steps=8, batch_size=8)
    path, _ = save(agent, tmp_path)
    with pytest.raises(WorkbenchError, match=r"features_extractor_class.*OwnExtractor.*--trust-pickle"):
        load_policy(f"ppo:{path}")
    policy = load_policy(f"ppo:{path}", trust_pickle=True)
    batch = sample(VECTOR, 4)
    np.testing.assert_array_equal(
        policy.act(batch, deterministic=True).actions, agent.predict(batch, deterministic=True)[0]
    )


def test_zip_bombs_are_not_unpacked(agent_file: Path) -> None:
    def inflate(contents: dict[str, bytes]) -> None:
        contents["data"] += b" " * (300 * 2**20)

    rewrite(agent_file, inflate, zipfile.ZIP_DEFLATED)
    assert agent_file.stat().st_size < 2**20
    with pytest.raises(WorkbenchError, match="zip bomb"):
        load_policy(f"ppo:{agent_file}")


def test_weights_that_claim_more_than_they_hold_are_refused(agent_file: Path, tmp_path: Path) -> None:
    torch.save({"action_net.weight": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "huge.pth")
    rewrite(agent_file, lambda contents: contents.update({"policy.pth": (tmp_path / "huge.pth").read_bytes()}))
    with pytest.raises(WorkbenchError, match="not a plain dense tensor"):
        load_policy(f"ppo:{agent_file}")


def test_sizes_that_the_weights_do_not_bear_out_are_refused(agent_file: Path) -> None:
    rewrite_data(agent_file, lambda data: data.update(policy_kwargs={"net_arch": [10**6, 10**6]}))
    with pytest.raises(WorkbenchError, match="its weights hold"):
        load_policy(f"ppo:{agent_file}")


def test_weights_that_do_not_fit_are_refused(agent_file: Path) -> None:
    rewrite_data(agent_file, lambda data: data.update(policy_kwargs={"net_arch": [17]}))
    with pytest.raises(WorkbenchError, match="do not fit"):
        load_policy(f"ppo:{agent_file}")


def test_a_file_cut_anywhere_is_refused_in_a_sentence(agent_file: Path) -> None:
    whole = agent_file.read_bytes()
    for length in [0, 1, 3, 40, *range(100, len(whole), len(whole) // 37)]:
        agent_file.write_bytes(whole[:length])
        with pytest.raises(WorkbenchError, match="zip") as caught:
            load_policy(f"ppo:{agent_file}")
        assert "\n" not in str(caught.value)


def test_a_file_damaged_anywhere_is_loaded_or_refused(agent_file: Path) -> None:
    whole = agent_file.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for position in random.integers(len(whole), size=3):
            damaged[position] = random.integers(256)
        agent_file.write_bytes(damaged)
        with contextlib.suppress(WorkbenchError):
            load_policy(f"ppo:{agent_file}")


def test_what_is_not_a_saved_agent(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"no agent at .*check the path"):
        load_policy(f"ppo:{tmp_path / 'absent.zip'}")
    with pytest.raises(WorkbenchError, match="is a folder"):
        load_policy(f"ppo:{tmp_path}")
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(WorkbenchError, match="is not a zip file"):
        load_policy(f"ppo:{tmp_path / 'text.zip'}")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as members:
        members.writestr("readme", "hello")
    with pytest.raises(WorkbenchError, match=r"not of stable-baselines3: it lacks data and policy\.pth"):
        load_policy(f"ppo:{tmp_path / 'other.zip'}")


@pytest.mark.parametrize("trust_pickle", [False, True])
def test_loading_leaves_the_global_generators_alone(agent_file: Path, trust_pickle: bool) -> None:
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    load_policy(f"ppo:{agent_file}", trust_pickle=trust_pickle)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()  # type: ignore[index]


def test_the_suffix_may_be_left_out(agent_file: Path) -> None:
    assert load_policy(f"ppo:{agent_file.with_suffix('')}").name == "PPO"


@pytest.mark.parametrize("saved", [A2C, DQN, SAC, TD3, DDPG])
def test_another_algorithm_is_named(saved: Any, tmp_path: Path) -> None:
    actions = DISCRETE if saved in (A2C, DQN) else BOX
    path, _ = save(make_agent(saved, "vector", actions), tmp_path)
    with pytest.raises(
        WorkbenchError, match=rf"not hold a PPO .*looks like {saved.__name__}: use {saved.__name__.lower()}:"
    ):
        load_policy(f"ppo:{path}")


@pytest.mark.parametrize(
    ("observations", "actions", "why"),
    [
        (spaces.Box(-1, 1, (6,)), DISCRETE, r"observations .*the shape \[5\] against \[6\]"),
        (spaces.Discrete(5), DISCRETE, "another kind of space"),
        (VECTOR, spaces.Discrete(4), "actions .*3 values against 4"),
        (VECTOR, BOX, "actions .*another kind of space"),
    ],
)
def test_another_environment_is_refused(observations: Any, actions: Any, why: str, agent_file: Path) -> None:
    with pytest.raises(WorkbenchError, match=why):
        load_policy(f"ppo:{agent_file}", environment=ToyEnvironment(observations, actions))
    with pytest.raises(WorkbenchError, match=why):
        load_policy(f"ppo:{agent_file}", environment=ToyEnvironment(observations, actions), trust_pickle=True)


def test_other_action_bounds_are_refused(tmp_path: Path) -> None:
    path, _ = save(make_agent(SAC, "vector", BOX), tmp_path)
    with pytest.raises(WorkbenchError, match="other bounds"):
        load_policy(f"sac:{path}", environment=ToyEnvironment(VECTOR, spaces.Box(-9.0, 9.0, (2,))))


def test_images_as_floats_are_refused(tmp_path: Path) -> None:
    path, _ = save(make_agent(DQN, "image, channels last"), tmp_path)
    floats = spaces.Box(0.0, 1.0, IMAGE.shape, np.float32)
    with pytest.raises(WorkbenchError, match=r"images|shape"):
        load_policy(f"dqn:{path}", environment=ToyEnvironment(floats, DISCRETE))


def test_statistics_of_another_environment_are_refused(agent_file: Path, tmp_path: Path) -> None:
    other = make_agent(PPO, "normalised vector", n_steps=8, batch_size=8)
    other.get_vec_normalize_env().obs_rms.mean = np.zeros(7)
    other.get_vec_normalize_env().obs_rms.var = np.ones(7)
    other.get_vec_normalize_env().save(tmp_path / "normalise.pkl")
    with pytest.raises(WorkbenchError, match=r"shape \[7\].*another environment"):
        load_policy(f"ppo:{agent_file}", vec_normalize=tmp_path / "normalise.pkl")
    with pytest.raises(WorkbenchError, match="no normalisation statistics at"):
        load_policy(f"ppo:{agent_file}", vec_normalize=tmp_path / "absent.pkl")


@pytest.mark.parametrize("observations", ["normalised vector", "normalised dict"])
def test_statistics_as_arrays_do_the_same(observations: str, tmp_path: Path) -> None:
    path, statistics = save(make_agent(PPO, observations, n_steps=8, batch_size=8), tmp_path)
    policy: Any = load_policy(f"ppo:{path}", vec_normalize=statistics)
    np.savez(tmp_path / "statistics.npz", **policy.normalisation)
    for source in (policy.normalisation, tmp_path / "statistics.npz"):
        again = load_policy(f"ppo:{path}", vec_normalize=source)
        assert fingerprint(again) == fingerprint(policy)
        batch = sample(OBSERVATIONS[observations], 3)
        np.testing.assert_array_equal(
            again.act(batch, deterministic=True).output.value, policy.act(batch, deterministic=True).output.value
        )
    assert fingerprint(load_policy(f"ppo:{path}")) != fingerprint(policy)


def test_files_from_before_shared_extractors_had_aliases(tmp_path: Path) -> None:
    """Versions before 1.7 stored a shared feature extractor once."""
    agent = make_agent(PPO, "image, channels last", n_steps=8, batch_size=8)
    path, _ = save(agent, tmp_path)

    def age(contents: dict[str, bytes]) -> None:
        (tmp_path / "p.pth").write_bytes(contents["policy.pth"])
        weights = torch.load(tmp_path / "p.pth", weights_only=True)
        old = {k: v for k, v in weights.items() if not k.startswith(("pi_features", "vf_features"))}
        assert len(old) < len(weights)
        torch.save(old, tmp_path / "p.pth")
        contents["policy.pth"] = (tmp_path / "p.pth").read_bytes()

    assert fingerprint(load_policy(f"ppo:{path}")) == fingerprint(load_policy(f"ppo:{rewrite(path, age)}"))


def test_the_old_form_of_net_arch(agent_file: Path) -> None:
    before = fingerprint(load_policy(f"ppo:{agent_file}"))
    old = {"net_arch": [{"pi": [16, 8], "vf": [16, 8]}]}
    rewrite_data(agent_file, lambda data: data.update(policy_kwargs=old))
    assert fingerprint(load_policy(f"ppo:{agent_file}")) == before
    rewrite_data(agent_file, lambda data: data.update(policy_kwargs={"net_arch": [16, {"pi": [8], "vf": [8]}]}))
    with pytest.raises(WorkbenchError, match="do not fit"):
        load_policy(f"ppo:{agent_file}")

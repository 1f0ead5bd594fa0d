"""Which regions the causal check patches, and when so few of them show nothing."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy.stats import spearmanr

from tests.analyses.saliency.cases import linear, planted, record_policy
from workbench.analyses.saliency import Case, prepare, saliency
from workbench.analyses.saliency.causal import causal_check

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """300 numbers, of which five decide."""
    weights = torch.zeros(300)
    weights[[3, 77, 150, 200, 299]] = torch.tensor([5.0, 4.0, -3.0, 2.0, 1.0])
    policy = planted(
        spaces.Box(-1.0, 1.0, (300,), np.float32), lambda x: torch.stack([x @ weights, 0 * x[:, 0], 0 * x[:, 1]], dim=1)
    )
    recording = record_policy(policy, tmp_path_factory.mktemp("wide") / "x.zarr", episodes=6)
    return prepare(recording, np.arange(10), policy=policy, target="logit:0")


def test_the_strongest_regions_of_the_map_are_always_patched(wide: Case) -> None:
    maps = saliency(wide, "integrated_gradients")
    found = causal_check(wide, maps, most_patched=20)
    assert found.patched.shape == (10, 20)
    assert found.regions == 300
    assert found.coverage == "20 of 300 regions: the 10 strongest of the map, 10 at random"
    for place, strength in enumerate(np.abs(maps.regions)):
        assert set(np.argsort(-strength)[:5]) <= set(found.patched[place])
        assert len(set(found.patched[place])) == 20
    np.testing.assert_allclose(found.weights.sum(axis=1), 300)
    np.testing.assert_allclose(found.weights[:, 10:], 29.0)


def test_a_sample_of_the_regions_estimates_the_correlation_of_all(wide: Case) -> None:
    maps = saliency(wide, "gradient")
    all_of_them = causal_check(wide, maps, most_patched=300)
    assert all_of_them.coverage == "all 300 regions"
    said, effects = np.abs(maps.regions), all_of_them.effects
    expected = [spearmanr(a, b).statistic for a, b in zip(said, effects, strict=True)]
    np.testing.assert_allclose(all_of_them.correlations, expected, atol=1e-9)
    # A map that agrees with the effects in part; the chosen half alone would agree far less.
    noise = np.random.default_rng(0).exponential(size=said.shape)
    partly = dataclasses.replace(maps, regions=effects / effects.max() + noise)
    true = causal_check(wide, partly, most_patched=300).correlation.mean
    sampled = [
        causal_check(
            dataclasses.replace(wide, setting=dataclasses.replace(wide.setting, seed=seed)), partly, most_patched=100
        ).correlation.mean
        for seed in range(5)
    ]
    assert np.mean(sampled) == pytest.approx(true, abs=0.06)


def test_regions_of_a_maze_are_all_patched_by_default(wide: Case) -> None:
    """Up to 256 there is no choice at all."""
    few = prepare_patches(wide)
    assert few.coverage == "256 of 300 regions: the 128 strongest of the map, 128 at random"


def prepare_patches(case: Case):
    return causal_check(case, saliency(case, "gradient"), donors=1)


def test_few_regions_get_many_donors_and_one_step_of_them_is_undecided(tmp_path: Path) -> None:
    """Of four regions even a perfect order has a chance of 2/24."""
    policy = planted(spaces.Box(-1.0, 1.0, (4,), np.float32), lambda x: x[:, :3] * torch.tensor([5.0, 1.0, 1.0]))
    recording = record_policy(policy, tmp_path / "x.zarr", episodes=20)
    case = prepare(recording, 7, policy=policy, target="logit:0")
    found = causal_check(case, saliency(case, "integrated_gradients"))
    assert found.donors == 64
    assert not found.told_from_chance[0]
    assert found.verdict.startswith("undecided: cannot be told from chance (p = ")
    assert "of 4 regions it cannot be below 0.083" in found.verdict
    assert found.spread[0, 0] <= found.correlations[0] <= found.spread[0, 1]


def test_a_perfect_order_of_five_is_told_from_chance(tmp_path: Path) -> None:
    policy = linear()
    case = prepare(record_policy(policy, tmp_path / "x.zarr", 12), 7, policy=policy, target="logit:0")
    maps = saliency(case, "integrated_gradients")
    effects = causal_check(case, maps).effects
    found = causal_check(case, dataclasses.replace(maps, regions=effects))
    assert found.chances[0] == pytest.approx(2 / 120)
    assert found.verdict == "what the map says goes closely with what intervening does (p = 0.017)"
    against = causal_check(case, dataclasses.replace(maps, regions=1 - effects / effects.max()))
    assert against.correlations[0] == pytest.approx(-1)
    assert "the opposite" in against.verdict

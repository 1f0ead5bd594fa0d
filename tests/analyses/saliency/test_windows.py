"""Observations from before the episode do not exist: they are no regions, and no statistic counts them."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from tests.analyses.saliency.cases import linear, record_kind, record_policy
from workbench.analyses.saliency import prepare, saliency
from workbench.analyses.saliency.causal import causal_check
from workbench.analyses.saliency.fidelity import fidelity
from workbench.analyses.saliency.orders import order_of
from workbench.analyses.saliency.sanity import agreement, sanity_check
from workbench.errors import WorkbenchError

torch.set_num_threads(1)
pytest.importorskip("sb3_contrib")


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return record_kind("recurrent", tmp_path_factory.mktemp("recurrent"))


def test_an_agent_without_memory_has_no_window(tmp_path: Path) -> None:
    policy = linear()
    recording = record_policy(policy, tmp_path / "x.zarr")
    with pytest.raises(WorkbenchError, match="for agents with a memory, and this one has none"):
        prepare(recording, [3], policy=policy, window=4)


def test_what_came_before_the_episode_is_no_region(recurrent: Any) -> None:
    recording, policy = recurrent
    rows = recording.episode(0).rows
    case = prepare(recording, [rows[0], rows[1], rows[4]], policy=policy, window=4)
    maps = saliency(case, "integrated_gradients")
    numbers = maps.regions.shape[1] // 4
    np.testing.assert_array_equal(maps.exists.sum(axis=1), [numbers, 2 * numbers, 4 * numbers])
    for name, there in zip(maps.region_names, maps.exists[0], strict=True):
        assert there == ("before" not in name)
    assert not maps.regions[~maps.exists].any()

    found = causal_check(case, maps)
    np.testing.assert_array_equal((found.patched >= 0).sum(axis=1), maps.exists.sum(axis=1))
    for place, (some, effects) in enumerate(zip(found.patched, found.effects, strict=True)):
        there = some >= 0
        assert maps.exists[place, some[there]].all()
        assert np.isnan(effects[~there]).all()
        # Zeros on both sides, which always agree, would raise this.
        said = np.abs(maps.regions[place, some[there]])
        assert found.correlations[place] == pytest.approx(spearmanr(said, effects[there]).statistic)

    order = order_of(maps)
    assert set(order[0, :numbers]) == set(np.flatnonzero(maps.exists[0]))
    curves = fidelity(case, maps, k=1)
    # With everything taken away all that exists is at the baseline, however many observations that are.
    assert curves.shares[-1] == 1
    half = fidelity(case, dataclasses.replace(maps, regions=-maps.regions))
    np.testing.assert_allclose(curves.curves["map"].deletion[:, -1], half.curves["map"].deletion[:, -1], atol=1e-5)


def test_a_window_at_the_first_step_says_what_that_step_alone_says(recurrent: Any) -> None:
    recording, policy = recurrent
    row = int(recording.episode(1).rows[0])
    one, four = (prepare(recording, row, policy=policy, window=window) for window in (1, 4))
    alone, among = (saliency(case, "feature_ablation") for case in (one, four))
    np.testing.assert_allclose(among.regions[among.exists], alone.regions[0], atol=1e-6)
    assert fidelity(four, among).deletion.mean == pytest.approx(fidelity(one, alone).deletion.mean, abs=1e-6)
    assert agreement([among, saliency(four, "kernel_shap", coalitions=200)]).correlations[0, 1] == pytest.approx(
        spearmanr(
            np.abs(among.regions[among.exists]),
            np.abs(saliency(four, "kernel_shap", coalitions=200).regions[among.exists]),
        ).statistic
    )
    assert np.isfinite(sanity_check(four, among).similarity.mean)


def test_donors_never_give_observations_that_did_not_exist(recurrent: Any) -> None:
    recording, policy = recurrent
    case = prepare(recording, [4], policy=policy, window=3)
    values = case.setting.background.values(case.question)
    raw = recording.steps["observation"][:]
    for key in ("@-1", "@-2"):
        for row in values[key]:
            assert (np.abs(raw - row.numpy()).max(axis=1) < 1e-6).any()

"""The baseline `mean` is the recording's own: the same whoever asks, and by whichever seed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.analyses.saliency.cases import linear, record_kind, record_policy
from workbench.analyses.saliency import prepare, recorded_mean, saliency
from workbench.analyses.saliency.baselines import baseline_values
from workbench.analyses.saliency.recorded_mean import even_rows

torch.set_num_threads(1)


def test_it_is_the_mean_of_all_observations_whatever_is_drawn(tmp_path: Path) -> None:
    policy = linear()
    recording = record_policy(policy, tmp_path / "x.zarr", episodes=30)
    true = recording.steps["observation"][:].astype(np.float64).mean(axis=0)
    maps = []
    for rows, seed, background in (([3], 0, 128), ([3, 70], 1, 2), ([3], 5, 40)):
        case = prepare(
            recording, rows, policy=policy, target="logit:0", seed=seed, background_steps=background
        )  # fmt: skip
        values = baseline_values("mean", case.question, case.setting.background)[""]
        np.testing.assert_allclose(values[0], true, atol=1e-6)
        maps.append(saliency(case, "integrated_gradients").regions[0])
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-6)
    np.testing.assert_allclose(maps[2], maps[0], atol=1e-6)


def test_of_images_it_is_taken_block_by_block_as_they_enter_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_mean, "BLOCK_BYTES", 1)
    recording, policy = record_kind("image", tmp_path)
    case = prepare(recording, [1], policy=policy)
    [values] = baseline_values("mean", case.question, case.setting.background)[""]
    pictures = recording.steps["observation"][:].astype(np.float64) / 255
    np.testing.assert_allclose(values, pictures.mean(axis=0).transpose(2, 0, 1), atol=1e-6)


def test_of_a_layer_it_is_what_the_network_makes_of_all_steps(tmp_path: Path) -> None:
    recording, policy = record_kind("q-values", tmp_path)
    layer = "q_net.q_net.1"
    case = prepare(recording, [0], policy=policy, layer=layer, background_steps=3)
    [values] = baseline_values("mean", case.question, case.setting.background)[layer]
    np.testing.assert_allclose(values, recording.activations[layer][:].mean(axis=0), atol=1e-5)


def test_a_long_recording_is_sampled_from_end_to_end() -> None:
    np.testing.assert_array_equal(even_rows(7, 10), np.arange(7))
    rows = even_rows(10_000_000, 20_000)
    assert len(np.unique(rows)) == 20_000
    assert rows[0] < 500
    assert 9_999_500 <= rows[-1] < 10_000_000
    np.testing.assert_array_equal(rows, even_rows(10_000_000, 20_000))
    # Environments that are stepped side by side take turns: all of them are there.
    assert np.abs(np.bincount(rows % 8) - 2_500).max() < 250

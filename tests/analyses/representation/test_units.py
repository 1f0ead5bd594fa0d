"""Units whose tuning, redundancy and fate are known by construction; inputs made for filters that are known."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.analyses.representation.planted_layers import (
    FILTERS,
    planted_policy,
    record_planted,
    record_seeing,
    seeing_policy,
)
from workbench.analyses.concepts import Concept, read_concept
from workbench.analyses.intervals import estimate
from workbench.analyses.representation.tuning import unit_tuning
from workbench.analyses.representation.units import unit_report
from workbench.analyses.representation.visualisation import visualise_unit
from workbench.errors import WorkbenchError
from workbench.recording import Recording

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_planted(tmp_path_factory.mktemp("units") / "x.zarr")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_seeing(tmp_path_factory.mktemp("pictures") / "x.zarr")


def test_copies_and_sums_are_redundant_and_what_stands_alone_is_not(recording: Recording) -> None:
    report = unit_report(recording, "units")
    # 0 and 1 are copies, 2 is 2 · unit 5 + unit 6; 3 stands nearly alone; 4 is always 0.
    for unit in (0, 1, 2, 5, 6):
        assert report.redundancy[unit] == pytest.approx(1, abs=1e-6)
        assert report.predicted.mean[unit] == pytest.approx(1, abs=1e-6)
        assert report.predicted.low[unit] > 0.999
    assert report.redundancy[3] < 0.1
    assert abs(report.predicted.mean[3]) < 0.12
    assert math.isnan(report.redundancy[4])
    assert report.dead.tolist() == [False] * 4 + [True] + [False] * 2
    assert report.saturated is None


def test_redundancy_is_that_of_a_regression_on_all_others(recording: Recording) -> None:
    from sklearn.linear_model import LinearRegression

    from workbench.analyses.representation.feature_samples import layer_samples

    report = unit_report(recording, "signed")
    samples = layer_samples(recording, "signed")
    x = recording.activations["signed"][:].astype(np.float64)
    for unit in (0, 4):
        others = np.delete(x, unit, axis=1)
        model = LinearRegression().fit(others[samples.learned], x[samples.learned, unit])
        own = model.score(others[samples.learned], x[samples.learned, unit])
        assert report.redundancy[unit] == pytest.approx(own, abs=1e-6)
        left = x[~samples.learned, unit] - model.predict(others[~samples.learned])
        spread = x[~samples.learned, unit] - x[samples.learned, unit].mean()
        assert report.predicted.mean[unit] == pytest.approx(1 - (left**2).sum() / (spread**2).sum(), abs=1e-6)
    np.testing.assert_allclose(report.mean, x.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(report.spread, x.std(axis=0), atol=1e-9)


def test_a_saturated_unit_is_counted(recording: Recording) -> None:
    report = unit_report(recording, "squashed")
    assert report.module == "Tanh"
    assert report.is_saturated.tolist() == [True] + [False] * 11
    assert not report.dead.any()


def test_a_planted_unit_is_tuned_to_its_concept_and_no_other_is(recording: Recording) -> None:
    random = Concept(
        name="noise", words="", classes=("no", "yes"),
        values=np.random.default_rng(0).integers(0, 2, len(recording)).astype(np.int16),
    )  # fmt: skip
    first, second, noise = unit_tuning(
        recording, "units", [read_concept(recording, "truth.first"), read_concept(recording, "truth.second"), random]
    )
    x = recording.activations["units"][:].astype(np.float64)
    is_first = recording.steps["truth/first"][:] == 1
    for place, mask in enumerate((~is_first, is_first)):
        rows = np.flatnonzero(mask)
        expected = estimate(x[rows, 0], recording.steps["episode"][rows])
        got = [part[0, place] for part in (first.curves.mean, first.curves.low, first.curves.high)]
        if place:
            np.testing.assert_allclose(got, [expected.mean, expected.low, expected.high], rtol=1e-6)
        else:
            assert got[0] == pytest.approx(0, abs=1e-9)
    between = sum(m.sum() * (x[m, 0].mean() - x[:, 0].mean()) ** 2 for m in (is_first, ~is_first))
    assert first.selectivity.mean[0] == pytest.approx(between / ((x[:, 0] - x[:, 0].mean()) ** 2).sum())
    assert first.selectivity.low[0] < first.selectivity.mean[0] < first.selectivity.high[0]
    assert first.selective[0]
    assert second.selective[6]
    assert second.is_number
    # The unit is the number: it rises along the bins.
    assert (np.diff(second.curves.mean[6]) > 0).all()
    assert not first.selective[3]
    assert not noise.selective.any()
    assert math.isnan(first.selectivity.mean[4])


def test_a_made_input_is_the_filters_pattern_and_reaches_more_than_any_observation(pictures: Recording) -> None:
    policy = seeing_policy()
    for unit, planted in enumerate(FILTERS.numpy()):
        # With a cost of the distance that keeps it off the bounds, the best input is the filter itself.
        found = visualise_unit(
            pictures, policy, "convolution", unit, objective="place", total_variation=0.0, distance=600.0
        )
        middle = found.image.reshape(9, 9)[3:6, 3:6] - found.image.reshape(9, 9)[3:6, 3:6].mean()
        cosine = (middle * planted).sum() / (np.linalg.norm(middle) * np.linalg.norm(planted))
        others = [
            (middle * other).sum() / (np.linalg.norm(middle) * np.linalg.norm(other))
            for place, other in enumerate(FILTERS.numpy())
            if place != unit
        ]
        assert cosine > 0.95
        assert cosine > max(np.abs(others)) + 0.3
        assert found.reached > found.recorded.max()
        assert found.image.min() >= 0
        assert found.image.max() <= 1
        # It is what the network says of the image itself.
        with torch.no_grad():
            said = policy.module.convolution(torch.tensor(found.image).reshape(1, 1, 9, 9))[0, unit, 3, 3]
        assert found.reached == pytest.approx(float(said), abs=1e-4)


def test_a_channel_is_made_to_reach_more_than_recorded_and_the_seed_decides(pictures: Recording) -> None:
    found = visualise_unit(pictures, seeing_policy(), "rectified", 2, steps=60)
    assert found.reached > max(found.recorded.max(), found.noise.max())
    assert found.verdict.startswith("reaches more than every recorded observation")
    rows = found.rows[found.top]
    maps = pictures.activations["rectified"][:][:, 2].mean(axis=(1, 2))
    np.testing.assert_allclose(found.recorded, maps[found.rows], atol=1e-5)
    assert maps[rows[0]] == pytest.approx(maps.max(), abs=1e-6)
    torch.manual_seed(5)
    again = visualise_unit(pictures, seeing_policy(), "rectified", 2, steps=60)
    np.testing.assert_array_equal(again.image, found.image)
    other = visualise_unit(pictures, seeing_policy(), "rectified", 2, steps=60, seed=1)
    assert not np.array_equal(other.image, found.image)


def test_what_cannot_be_looked_at_is_one_sentence(recording: Recording, pictures: Recording, tmp_path: Path) -> None:
    for layer, message in (("constant", "gives the same"), ("broken", "not finite"), ("attic", "attic")):
        with pytest.raises(WorkbenchError, match=message):
            unit_report(recording, layer)
    with pytest.raises(WorkbenchError, match="3 channels, numbered from 0; came 7"):
        visualise_unit(pictures, seeing_policy(), "convolution", 7)
    with pytest.raises(WorkbenchError, match="'channel' or 'place'; came 'all'"):
        visualise_unit(pictures, seeing_policy(), "convolution", 0, objective="all")
    with pytest.raises(WorkbenchError, match="does not depend on the observation"):
        visualise_unit(recording, planted_policy(), "constant", 0)
    rare = Concept(
        name="rare", words="", classes=("no", "yes"), values=(np.arange(len(recording)) == 3).astype(np.int16)
    )
    with pytest.raises(WorkbenchError, match="nothing that units could be tuned to"):
        unit_tuning(recording, "units", [rare])

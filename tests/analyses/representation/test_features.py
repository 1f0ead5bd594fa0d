"""Features where what a layer is made of is known by construction."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.analyses.representation.planted_layers import (
    WIDTH,
    SparseCauses,
    atoms,
    planted_policy,
    record_planted,
    record_seeing,
    seeing_policy,
)
from workbench.analyses.concepts import Concept, read_concept
from workbench.analyses.representation.feature_activity import feature_report
from workbench.analyses.representation.feature_concepts import feature_concepts
from workbench.analyses.representation.feature_effects import feature_effects
from workbench.analyses.representation.feature_samples import layer_samples, read_moments
from workbench.analyses.representation.features import LayerFeatures, load_features
from workbench.analyses.representation.fitting import fit_features
from workbench.analyses.representation.nmf import solve_codes
from workbench.analyses.representation.substitution import return_under_substitution
from workbench.errors import WorkbenchError
from workbench.progress import Cancelled
from workbench.recording import Recording

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_planted(tmp_path_factory.mktemp("features") / "x.zarr")


@pytest.fixture(scope="module")
def autoencoder(recording: Recording) -> LayerFeatures:
    return fit_features(recording, "signed", count=16, active=2, updates=700)


@pytest.fixture(scope="module")
def factors(recording: Recording) -> LayerFeatures:
    return fit_features(recording, "positive", method="nmf", count=6)


def identity_features(recording: Recording, layer: str = "units", *, extra: int = 0) -> LayerFeatures:
    """Features that give a layer back exactly: one for each number's positive and one for its negative part."""
    size = int(recording.activations[layer].shape[1])
    eye = np.eye(size, dtype=np.float32)
    more = np.zeros((extra, size), np.float32)
    more[:, 0] = 1
    directions = np.concatenate([eye, -eye, more])
    encoder = np.concatenate([eye, -eye, np.zeros((extra, size), np.float32)]).T
    from workbench.analyses.probing.probe import recording_fingerprint

    return LayerFeatures(
        method="sparse-autoencoder", layer=layer, shape=(size,), directions=directions,
        offset=np.zeros(size, np.float32), encoder=np.ascontiguousarray(encoder),
        encoder_bias=np.concatenate([np.zeros(2 * size), np.full(extra, -1)]).astype(np.float32), active=None,
        parts=False, fingerprint=recording_fingerprint(recording), seed=0, made="by hand", finished=True,
    )  # fmt: skip


def recovered(planted: Any, found: Any) -> float:
    """Mean over the planted directions of the largest cosine with a found one."""
    unit = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    return float((np.asarray(planted) @ unit.T).max(axis=1).mean())


def test_planted_directions_are_recovered_and_random_ones_are_not(
    autoencoder: LayerFeatures, factors: LayerFeatures
) -> None:
    random = np.random.default_rng(0)
    assert recovered(atoms(positive=False), autoencoder.directions) > 0.9
    assert recovered(atoms(positive=False), random.normal(size=(16, WIDTH))) < 0.75
    assert recovered(atoms(positive=True), factors.directions) > 0.95
    assert recovered(atoms(positive=True), np.abs(random.normal(size=(6, WIDTH)))) < 0.85
    np.testing.assert_allclose(np.linalg.norm(autoencoder.directions, axis=1), 1, atol=1e-5)


def test_more_is_explained_by_planted_sparse_features_than_by_as_few_components(
    recording: Recording, autoencoder: LayerFeatures
) -> None:
    report = feature_report(recording, autoencoder)
    assert report.active_features <= 2
    assert report.explained.low > report.pca_active.high
    assert report.explained.low <= report.explained.value <= report.explained.high
    assert report.pca.value == pytest.approx(1, abs=1e-9)
    assert report.held_out_episodes == 6


def test_variance_explained_is_that_of_scikit_learn(recording: Recording, factors: LayerFeatures) -> None:
    from sklearn.decomposition import NMF, PCA

    report = feature_report(recording, factors)
    samples = layer_samples(recording, "positive")
    x = recording.activations["positive"][:].astype(np.float64)
    learned, apart = x[samples.learned], x[~samples.learned]
    total = ((apart - learned.mean(axis=0)) ** 2).sum()
    pca = PCA(report.pca_active_count).fit(learned)
    left = apart - pca.inverse_transform(pca.transform(apart))
    assert report.pca_active.value == pytest.approx(1 - (left**2).sum() / total, abs=1e-6)
    own = apart - factors.reconstruct(torch.as_tensor(apart, dtype=torch.float32)).numpy()
    assert report.explained.value == pytest.approx(1 - (own**2).sum() / total, abs=1e-5)
    peer = NMF(6, init="nndsvda", max_iter=2000, tol=1e-4, random_state=0).fit(learned)
    theirs = apart - peer.transform(apart) @ peer.components_
    assert report.explained.value > 1 - (theirs**2).sum() / total - 0.01


def test_codes_are_those_of_non_negative_least_squares() -> None:
    from scipy.optimize import nnls

    generator = np.random.default_rng(0)
    directions = generator.gamma(0.5, 1, (5, 8))
    x = generator.gamma(1, 1, (20, 8))
    found = solve_codes(torch.as_tensor(x), torch.as_tensor(directions)).numpy()
    expected = np.stack([nnls(directions.T, row)[0] for row in x])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_moments_are_those_of_all_samples_at_once(recording: Recording) -> None:
    samples = layer_samples(recording, "signed")
    learned, held_out = read_moments(samples)
    x = recording.activations["signed"][:].astype(np.float64)
    for moments, mask in ((learned, samples.learned), (held_out, ~samples.learned)):
        np.testing.assert_allclose(moments.mean, x[mask].mean(axis=0), atol=1e-9)
        np.testing.assert_allclose(moments.covariance, np.cov(x[mask].T, bias=True), atol=1e-9)
    assert not set(samples.episode_of_step[samples.learned]) & set(samples.episode_of_step[~samples.learned])


def test_activity_is_counted_and_top_steps_are_apart(recording: Recording) -> None:
    features = identity_features(recording, extra=3)
    report = feature_report(recording, features)
    x = recording.activations["units"][:]
    np.testing.assert_allclose(report.density.mean[:7], (x > 0).mean(axis=0))
    # The negative parts, the unit that is 0, and the three that were planted dead.
    assert report.dead.tolist() == [False] * 4 + [True] + [False] * 2 + [True] * 10
    first = recording.steps["episode"][:], recording.steps["t"][:]
    for k in (0, 3):
        rows = report.top_rows[k]
        np.testing.assert_allclose(report.top_activations[k], x[rows, k])
        assert report.top_activations[k, 0] == x[:, k].max()
        for a, row in enumerate(rows):
            for other in rows[:a]:
                assert first[0][row] != first[0][other] or abs(first[1][row] - first[1][other]) >= 10
    assert (report.top_rows[4] == -1).all()
    assert report.explained.value == 1


def test_a_feature_is_named_by_its_concept_and_noise_is_not(recording: Recording) -> None:
    features = identity_features(recording)
    random = Concept(
        name="noise", words="", classes=("no", "yes"),
        values=np.random.default_rng(0).integers(0, 2, len(recording)).astype(np.int16),
    )  # fmt: skip
    both = feature_concepts(recording, features, [read_concept(recording, "truth.first"), random], shuffles=100)
    assert both[0] is not None
    assert (both[0].concept, both[0].which) == ("truth.first", "1")
    assert both[0].correlation.low > 0.8
    assert both[0].chance_of_any <= 0.05
    assert both[0].control < 0.2
    assert both[4] is None
    alone = feature_concepts(recording, features, [random], shuffles=100)
    assert all(one is None or one.verdict != both[0].verdict for one in alone)


def test_correlations_are_numpys_also_where_a_concept_is_not_everywhere_defined() -> None:
    from workbench.analyses.representation.feature_concepts import correlations

    generator = np.random.default_rng(0)
    signals, columns = generator.normal(size=(200, 3)) + 5, generator.normal(size=(200, 2))
    columns[:50, 1] = np.nan
    found = correlations(signals, columns)
    for k in range(3):
        for c in range(2):
            there = np.isfinite(columns[:, c])
            assert found[k, c] == pytest.approx(np.corrcoef(signals[there, k], columns[there, c])[0, 1], abs=1e-9)


def test_a_slow_concept_of_few_episodes_is_no_surprise(tmp_path: Path) -> None:
    """A feature and a concept that both drift within each episode and have nothing to do with each other."""
    from workbench.analyses.representation.episode_shuffles import EpisodePlaces
    from workbench.analyses.representation.feature_concepts import Column, strongest_concepts
    from workbench.progress import SilentProgress

    surprised = 0
    for run in range(40):
        generator = np.random.default_rng(run)
        length, episodes = 100, 6
        walks = generator.normal(size=(2, episodes, length)).cumsum(axis=2).reshape(2, -1)
        rows = np.arange(length * episodes)
        places = EpisodePlaces(
            rows, np.arange(episodes) * length, np.full(episodes, length), rows // length, rows % length
        )
        [one] = strongest_concepts(
            (walks[0] - walks[0].min() + 1)[:, None], [Column(concept="x", which="", values=walks[1])], rows, places,
            shuffles=60, seed=run, progress=SilentProgress(),
        )  # fmt: skip
        assert one is not None
        surprised += one.chance <= 0.05
    assert surprised <= 5


def test_what_a_feature_does_is_found_in_the_live_agent(recording: Recording) -> None:
    """The head reads unit 0 and nothing else."""
    features = identity_features(recording)
    read, unread, dead = feature_effects(recording, features, planted_policy(), (0, 3, 4))
    assert read is not None
    assert unread is not None
    assert read.matters
    # Log-odds of the two actions differ by what the unit gives.
    x = recording.activations["units"][:][read.ablated.rows, 0]
    np.testing.assert_allclose(np.abs(read.ablated.after - read.ablated.before), x, atol=1e-4)
    np.testing.assert_allclose(np.abs(read.amplified.after - read.amplified.before), x, atol=1e-4)
    assert not unread.matters
    assert unread.ablated.size.mean == 0
    assert unread.ablated.controls.mean() > 0
    assert dead is None


def test_return_under_a_perfect_reconstruction_is_the_return_itself(recording: Recording) -> None:
    features = identity_features(recording)
    found = return_under_substitution(recording, features, planted_policy(), SparseCauses, episodes=6)
    np.testing.assert_array_equal(found.unchanged, found.substituted)
    assert found.estimates["lost"].mean == 0
    assert found.kept is not None
    assert found.kept.value == 1
    assert found.verdict == "every episode returns what it returned unchanged"
    # With the layer at its mean one action is taken always; the right one is another in one step of six.
    assert found.estimates["ablation"].high is not None
    assert found.estimates["ablation"].high < 0
    lossy = replace(features, directions=features.directions * 0)
    worse = return_under_substitution(recording, lossy, planted_policy(), SparseCauses, episodes=6)
    assert worse.verdict == "acting through the features returns less than acting unchanged"
    assert worse.kept is not None
    assert worse.kept.value < 1


def test_a_perfect_factorisation_substitutes_exactly_in_a_convolution(tmp_path: Path) -> None:
    made = record_seeing(tmp_path / "x.zarr", episodes=6)
    features = LayerFeatures(
        method="nmf", layer="convolution", shape=(3, 7, 7), directions=np.eye(6, dtype=np.float32),
        offset=np.zeros(3, np.float32), encoder=None, encoder_bias=None, active=None, parts=True, fingerprint=None,
        seed=0, made="by hand", finished=True,
    )  # fmt: skip
    x = torch.as_tensor(made.activations["convolution"][:])
    assert torch.equal(features.reconstruct(x), x)
    codes = features.apply(made, slice(0, 3))
    np.testing.assert_array_equal(codes[1, 7 * 2 + 4, :3], np.maximum(x[1, :, 2, 4].numpy(), 0))
    from tests.analyses.representation.planted_layers import Pictures

    found = return_under_substitution(made, features, seeing_policy(), Pictures, episodes=5)
    np.testing.assert_array_equal(found.unchanged, found.substituted)


class StopAfter:
    """Asks to stop at the n-th report."""

    def __init__(self, reports: int) -> None:
        self.left = reports

    def update(self, done: int, total: int, message: str = "") -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled

    def close(self) -> None:
        pass


def test_a_training_that_was_stopped_goes_on_to_the_very_same_end(recording: Recording, tmp_path: Path) -> None:
    settings: Any = {"count": 8, "active": 2, "updates": 120, "seed": 3}
    whole = fit_features(recording, "signed", **settings)
    file = tmp_path / "training.npz"
    part = fit_features(recording, "signed", **settings, checkpoint=file, progress=StopAfter(2))
    assert not part.finished
    assert "60 of 120 updates" in part.made
    rest = fit_features(recording, "signed", **settings, checkpoint=file)
    assert rest.finished
    for name in ("directions", "offset", "encoder", "encoder_bias"):
        np.testing.assert_array_equal(getattr(rest, name), getattr(whole, name))
    torch.manual_seed(99)
    np.random.seed(99)
    again = fit_features(recording, "signed", **settings)
    np.testing.assert_array_equal(again.directions, whole.directions)
    for change, message in (({"seed": 4}, "another seed"), ({"count": 9}, "another count")):
        with pytest.raises(WorkbenchError, match=message):
            fit_features(recording, "signed", **{**settings, **change}, checkpoint=file)
    with pytest.raises(WorkbenchError, match="another layer"):
        fit_features(recording, "positive", **settings, checkpoint=file)
    file.write_bytes(b"no zip")
    with pytest.raises(WorkbenchError, match="no training that can be gone on with"):
        fit_features(recording, "signed", **settings, checkpoint=file)


def test_what_is_stopped_before_it_begins_makes_nothing_and_a_factorisation_keeps_its_rounds(
    recording: Recording,
) -> None:
    with pytest.raises(Cancelled):
        fit_features(recording, "positive", method="nmf", count=4, progress=StopAfter(0))
    part = fit_features(recording, "positive", method="nmf", count=4, progress=StopAfter(1))
    assert not part.finished
    assert "stopped early" in part.made


def test_the_l1_cost_makes_activations_sparse(recording: Recording) -> None:
    x = recording.activations["signed"][:]
    active = [
        (fit_features(recording, "signed", count=16, sparsity=cost, updates=300).activations(x) > 0).mean()
        for cost in (0.01, 1.5)
    ]
    assert active[1] < 0.7 * active[0]


def test_features_are_kept_without_pickle_and_applied_to_their_own_network_alone(
    recording: Recording, factors: LayerFeatures, autoencoder: LayerFeatures, tmp_path: Path
) -> None:
    other = record_planted(tmp_path / "other.zarr", episodes=4, seed=50)
    for features in (factors, autoencoder):
        features.save(tmp_path / "x.npz")
        read = load_features(tmp_path / "x.npz")
        np.testing.assert_array_equal(read.apply(other), features.apply(other))
        assert (read.made, read.shape, read.active) == (features.made, features.shape, features.active)
        elsewhere = replace(read, fingerprint="0" * 64)
        with pytest.raises(WorkbenchError, match="made from another network"):
            elsewhere.apply(other)
        with pytest.raises(WorkbenchError, match="made from another network"):
            feature_report(other, elsewhere)
    with pytest.raises(WorkbenchError, match="these values are"):
        factors.activations(np.zeros((2, 9)))
    with pytest.raises(WorkbenchError, match="There is no feature 6"):
        factors.direction(6)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_a_file_that_holds_no_features_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(WorkbenchError, match="holds no features"):
        load_features(tmp_path / "x.npz")


def test_a_features_file_with_other_facts_is_said(factors: LayerFeatures, tmp_path: Path) -> None:
    factors.save(tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored}
    told = json.loads(str(arrays.pop("facts")[()]))
    for change, message in (
        ({"shape": [4]}, "do not fit"), ({"format": 2}, "format"), ({"more": 1}, "holds no features"),
        ({"method": "magic"}, "no method"),
    ):  # fmt: skip
        np.savez(tmp_path / "x.npz", **arrays, facts=json.dumps({**told, **change}))
        with pytest.raises(WorkbenchError, match=message):
            load_features(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", directions=np.array([object()]), offset=np.zeros(1), facts=json.dumps(told))
    with pytest.raises(WorkbenchError, match="holds no features"):
        load_features(tmp_path / "x.npz")


def test_what_cannot_be_taken_apart_is_one_sentence(recording: Recording, tmp_path: Path) -> None:
    for layer, options, message in (
        ("constant", {}, "gives the same at every step"),
        ("broken", {}, r"not finite \(NaN or infinite\), first at row"),
        ("attic", {}, "attic"),
        ("signed", {"count": 4000}, "4,000 features cannot be told apart by"),
        ("signed", {"count": 0}, "There are 1 to"),
        ("signed", {"method": "magic"}, "Features are made by"),
        ("signed", {"count": 4, "active": 5}, "1 to 4 can be kept"),
        ("signed", {"updates": 0}, "at least one update"),
        ("signed", {"sparsity": -1.0}, "at least 0"),
        ("positive", {"method": "nmf", "checkpoint": tmp_path / "x.npz"}, "no checkpoint"),
    ):
        with pytest.raises(WorkbenchError, match=message) as caught:
            fit_features(recording, layer, **options)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    short = record_planted(tmp_path / "short.zarr", episodes=2)
    with pytest.raises(WorkbenchError, match="3 of them at least"):
        fit_features(short, "signed")


def test_a_factorisation_of_a_signed_layer_says_that_its_parts_stand_side_by_side(recording: Recording) -> None:
    features = fit_features(recording, "signed", method="nmf", count=12)
    assert features.parts
    assert features.directions.shape == (12, 2 * WIDTH)
    report = feature_report(recording, features)
    assert "side by side" in report.notes[0]
    assert report.explained.value > 0.5
    assert features.direction(0).shape == (WIDTH,)


def test_few_held_out_episodes_leave_no_interval_and_say_so(tmp_path: Path) -> None:
    made = record_planted(tmp_path / "x.zarr", episodes=5)
    report = feature_report(made, fit_features(made, "positive", method="nmf", count=3))
    assert report.held_out_episodes == 2
    assert math.isnan(report.explained.low)
    assert "too few for an interval" in report.notes[-1]


def test_blocks_of_any_size_give_the_same(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gathered block by block does not depend on the blocks."""
    from workbench.analyses.representation import feature_samples

    features = identity_features(recording)
    whole = feature_report(recording, features)
    array = recording.activations["units"]
    if array.chunks[0] >= len(array):
        rows = [slice(start, min(start + 100, len(array))) for start in range(0, len(array), 100)]
        monkeypatch.setattr(feature_samples.LayerSamples, "slices", lambda self: tuple(rows))
    else:
        monkeypatch.setattr(feature_samples, "BLOCK_BYTES", 1)
    parts = feature_report(recording, features)
    np.testing.assert_array_equal(parts.top_activations, whole.top_activations)
    np.testing.assert_allclose(parts.density.mean, whole.density.mean)
    assert parts.explained == whole.explained


def test_a_memory_that_is_no_part_of_the_decision_is_said(recording: Recording) -> None:
    features = replace(identity_features(recording), layer="lstm.hidden", fingerprint=None)
    with pytest.raises(WorkbenchError, match=r"lstm.hidden"):
        feature_effects(recording, features, planted_policy(), (0,))

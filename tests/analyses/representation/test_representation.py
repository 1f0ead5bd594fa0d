"""Maps, clusters, dimensions and similarities where the truth is known by construction, and beside other libraries."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.analyses.representation.planted import STEPS, record_shapes, shapes_policy
from workbench.analyses.concepts import read_concept
from workbench.analyses.representation import (
    cluster_layer,
    compare_layers,
    compare_recordings,
    draw_points,
    fit_components,
    intrinsic_dimension,
    map_layer,
    transition_graph,
)
from workbench.analyses.representation.colouring import colour_points
from workbench.analyses.representation.dimension import two_nn
from workbench.analyses.representation.episode_groups import group_episodes, measured
from workbench.analyses.representation.neighbours import nearest, trustworthiness
from workbench.analyses.representation.regions import contrast_region, distance_between
from workbench.errors import WorkbenchError
from workbench.progress import Cancelled
from workbench.recording import Recording

torch.set_num_threads(1)
EPISODES = 30


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_shapes(tmp_path_factory.mktemp("representation") / "x.zarr", episodes=EPISODES)


# --- principal components --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["cloud", "turned", "groups", "linear"])
def test_components_are_those_of_scikit_learn(recording: Recording, layer: str) -> None:
    from sklearn.decomposition import PCA

    found = fit_components(recording, layer)
    values = recording.activations[layer][:].astype(np.float64)
    peer = PCA(svd_solver="full").fit(values)
    kept = len(found.variance)
    np.testing.assert_allclose(found.variance, peer.explained_variance_[:kept], rtol=1e-6)
    np.testing.assert_allclose(found.share, peer.explained_variance_ratio_[:kept], rtol=1e-6)
    np.testing.assert_allclose(np.abs(np.sum(found.directions * peer.components_[:kept], axis=1)), 1, atol=1e-6)
    np.testing.assert_allclose(found.mean, peer.mean_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(kept), atol=1e-9)
    assert found.covered.value == pytest.approx(1)
    assert all(one.low <= one.value <= one.high for one in found.shares)
    assert (found.steps, found.episodes) == (STEPS * EPISODES, EPISODES)


def test_a_wide_layer_has_the_components_that_it_was_made_with(recording: Recording) -> None:
    wide = fit_components(recording, "wide")
    assert "randomised" in wide.method
    # Four numbers on orthonormal directions, times 4, 3, 2 and 1: those of the cloud.
    np.testing.assert_allclose(wide.variance, fit_components(recording, "cloud").variance, rtol=1e-5)
    assert wide.covered.value == pytest.approx(1, abs=1e-6)
    assert wide.directions.shape == (4, 1_500)


def test_intervals_of_a_share_hold_what_other_episodes_show(recording: Recording, tmp_path: Path) -> None:
    other = fit_components(record_shapes(tmp_path / "y.zarr", episodes=60, seed=500), "cloud")
    inside = [
        one.low <= share <= one.high
        for one, share in zip(fit_components(recording, "cloud").shares, other.share, strict=True)
    ]
    assert sum(inside) >= 3


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    drawn = np.random.default_rng(0).normal(size=20)
    left_out = [np.delete(drawn, place).mean() for place in range(20)]
    found = measured(float(drawn.mean()), left_out, steps=20, episodes=20)
    half = 2.0930 * drawn.std(ddof=1) / np.sqrt(20)
    assert found.high - found.value == pytest.approx(half, rel=1e-4)
    assert measured(1.0, left_out[:4], steps=4, episodes=4).low is None
    assert np.bincount(group_episodes(50).of_episode).tolist() == [3] * 10 + [2] * 10


# --- points and maps -------------------------------------------------------------------------------------------------


def test_points_are_drawn_evenly_over_episodes_by_their_seed_alone(recording: Recording) -> None:
    points = draw_points(recording, 305, seed=3)
    counts = np.bincount(points.episodes, minlength=EPISODES)
    assert len(points) == 305
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(points.times, recording.steps["t"][:][points.rows])
    np.random.seed(1)
    np.testing.assert_array_equal(points.rows, draw_points(recording, 305, seed=3).rows)
    assert (points.rows != draw_points(recording, 305, seed=4).rows).any()
    assert draw_points(recording).words == f"all 1,200 steps of {EPISODES} episodes"
    assert "305 of 1,200 steps" in points.words


def test_a_sheet_is_mapped_without_loss_and_beside_what_is_worse(recording: Recording) -> None:
    found = map_layer(recording, "sheet")
    assert found.trust.value.mean == pytest.approx(1, abs=1e-3)
    assert found.trust_of_chance.value.mean < found.trust.value.mean
    # The plane of the first two components: the layer itself, turned.
    np.testing.assert_allclose(np.linalg.norm(found.positions - found.positions[0], axis=1),
                               np.linalg.norm(recording.activations["sheet"][:] - recording.activations["sheet"][0],
                                              axis=1), atol=1e-4)  # fmt: skip
    assert "of the variance" in found.axes[0]
    again = map_layer(recording, "sheet")
    np.testing.assert_array_equal(found.positions, again.positions)


def test_trustworthiness_is_that_of_scikit_learn() -> None:
    from sklearn.manifold import trustworthiness as peer

    generator = np.random.default_rng(0)
    values, plane = generator.normal(size=(150, 6)), generator.normal(size=(150, 2))
    episodes = np.arange(150) % 10
    for positions in (values[:, :2], plane):
        for count in (1, 5, 30):
            found = trustworthiness(values, positions, episodes, neighbours=count)
            assert found.value.mean == pytest.approx(peer(values, positions, n_neighbors=count), abs=1e-12)
    assert trustworthiness(values, plane, episodes).value.mean == pytest.approx(0.5, abs=0.05)


def test_neighbours_are_those_of_scikit_learn() -> None:
    from sklearn.neighbors import NearestNeighbors

    values = np.random.default_rng(0).normal(size=(300, 4)) + 1_000
    distances, places = NearestNeighbors(n_neighbors=6).fit(values).kneighbors(values)
    mine, far = nearest(values, 5)
    np.testing.assert_array_equal(mine, places[:, 1:])
    np.testing.assert_allclose(far, distances[:, 1:], rtol=1e-9)
    apart, _ = nearest(values, 5, apart=np.arange(300) // 30)
    assert (apart // 30 != (np.arange(300) // 30)[:, None]).all()


@pytest.mark.torture
def test_umap_is_imported_without_its_warning_and_its_bar_is_handed_on() -> None:
    from workbench.analyses.representation.umap_layout import Reports, import_umap

    assert hasattr(import_umap(), "UMAP")
    listener = Listener("laying out the map")
    bar = Reports(listener)
    bar.write("\r ")
    assert not listener.told
    with pytest.raises(Cancelled):
        bar.write("\r12/500")


class Listener:
    """Keeps what it is told, and stops the work at a message."""

    def __init__(self, stop_at: str = "") -> None:
        self.told: list[str] = []
        self.stop_at = stop_at

    def update(self, done: int, total: int, message: str = "") -> None:
        self.told.append(message)
        if message == self.stop_at:
            raise Cancelled

    def close(self) -> None: ...


@pytest.mark.torture
def test_umap_keeps_groups_together_tells_its_progress_and_can_be_cancelled(recording: Recording) -> None:
    listener = Listener()
    found = map_layer(recording, "groups", method="umap", points=200, progress=listener)
    assert "laying out the map" in listener.told
    group = recording.steps["truth/group"][:][found.points.rows]
    near, _ = nearest(found.positions.astype(np.float64), 5)
    assert (group[near] == group[:, None]).mean() > 0.98
    assert found.trust.value.mean > found.trust_of_chance.value.mean
    with pytest.raises(Cancelled):
        map_layer(recording, "groups", method="umap", points=200, progress=Listener("laying out the map"))


@pytest.mark.torture
def test_umap_depends_on_its_seed_alone_and_takes_neighbours_that_were_found_exactly(tmp_path: Path) -> None:
    made = record_shapes(tmp_path / "x.zarr", episodes=110)
    found = map_layer(made, "groups", method="umap", points=4_200)
    np.random.seed(5)
    again = map_layer(made, "groups", method="umap", points=4_200)
    np.testing.assert_array_equal(found.positions, again.positions)
    group = made.steps["truth/group"][:][found.points.rows]
    near, _ = nearest(found.positions.astype(np.float64), 5)
    assert (group[near] == group[:, None]).mean() > 0.99


# --- clusters and ways -----------------------------------------------------------------------------------------------


def test_groups_are_found_and_the_way_round_them(recording: Recording) -> None:
    found = cluster_layer(recording, "groups")
    group = read_concept(recording, "truth.group").values
    assert found.count == 3
    pairs = {(int(a), int(b)) for a, b in zip(found.labels, group, strict=True)}
    assert len(pairs) == 3
    assert found.silhouette.low > found.silhouette_of_chance + 0.2
    assert found.stability.min() == pytest.approx(1)
    np.testing.assert_allclose(found.stability_of_cluster, 1)
    graph = transition_graph(recording, found)
    truth = dict(pairs)
    for cluster in range(3):
        following = next(other for other in range(3) if truth[other] == (truth[cluster] + 1) % 3)
        assert graph.probabilities[cluster, following] == 1
        # One leaves with probability 1/4 at each step.
        assert graph.stays[cluster] == pytest.approx(0.75, abs=0.06)
    assert graph.counts.sum() == EPISODES * (STEPS - 1)
    assert graph.starts.sum() == graph.ends.sum() == EPISODES
    assert graph.predictable.mean == 1
    assert graph.predictable_shuffled.high < 0.75
    np.testing.assert_array_equal(found.steps, np.bincount(found.labels))
    values = recording.steps["value"][:]
    assert found.value[0].mean == pytest.approx(float(values[found.labels == 0].mean()), abs=1e-6)
    medoid = found.examples[0, 0]
    rows = np.flatnonzero(found.labels == 0)
    mine = found.components.scores(recording.activations["groups"][:][rows].astype(np.float64))[:, : found.read]
    costs = ((mine[:, None] - mine[None]) ** 2).sum(axis=(1, 2))
    assert medoid == rows[int(costs.argmin())]


def test_clusters_of_what_has_none_are_said_to_be_none(recording: Recording) -> None:
    found = cluster_layer(recording, "sheet", 5)
    graph = transition_graph(recording, found)
    # A uniform square: no farther apart than Gaussian numbers, but for its corners; and each step is drawn anew.
    assert found.silhouette.mean - found.silhouette_of_chance < 0.12
    assert graph.predictable.mean < 0.4
    assert graph.predictable.low < graph.predictable_shuffled.high


# --- dimension -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_two_nn_finds_the_dimension_of_uniform_points(dimension: int) -> None:
    generator = np.random.default_rng(dimension)
    inside = generator.uniform(size=(2_000, dimension))
    values = inside @ np.linalg.qr(generator.normal(size=(12, dimension)))[0].T
    found = two_nn(values, np.arange(2_000) // 50)
    assert found.value == pytest.approx(dimension, rel=0.1)
    assert found.low < found.value < found.high
    assert (found.steps, found.episodes) == (2_000, 40)


def test_a_bent_sheet_has_two_dimensions_and_a_cloud_its_participation_ratio(recording: Recording) -> None:
    bent = intrinsic_dimension(recording, "bent")
    assert bent.two_nn.value == pytest.approx(2, abs=0.25)
    assert bent.two_nn_across.value == pytest.approx(2, abs=0.25)
    assert bent.two_nn_of_gaussian > bent.two_nn.high
    cloud = intrinsic_dimension(recording, "cloud")
    variances = np.array([16.0, 9.0, 4.0, 1.0])
    expected = variances.sum() ** 2 / (variances**2).sum()
    assert cloud.participation_ratio.low < expected < cloud.participation_ratio.high
    values = recording.activations["cloud"][:].astype(np.float64)
    eigenvalues = np.linalg.eigvalsh(np.cov(values, rowvar=False))
    assert cloud.participation_ratio.value == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum(), rel=1e-9)
    wide = intrinsic_dimension(recording, "wide", points=500)
    assert wide.participation_ratio.value == pytest.approx(cloud.participation_ratio.value, rel=1e-5)


# --- similarity ------------------------------------------------------------------------------------------------------


def plain_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Kornblith et al.'s formula with kernels, all at once."""
    x, y = (values.astype(np.float64) - values.mean(axis=0, dtype=np.float64) for values in (x, y))
    first, second = x @ x.T, y @ y.T
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))


def test_similarity_is_the_formula_and_its_identities_hold(recording: Recording) -> None:
    names = ["cloud", "turned", "wide", "groups", "bent"]
    found = compare_layers(recording, names)
    layers = {name: recording.activations[name][:] for name in names}
    for a, first in enumerate(names):
        for b, second in enumerate(names):
            assert found.value[a, b] == pytest.approx(plain_cka(layers[first], layers[second]), abs=1e-5)
    np.testing.assert_allclose(np.diag(found.value), 1)
    # Turned, seven times as large and moved; and put into 1,500 numbers: the same.
    np.testing.assert_allclose(found.value[0, :3], 1, atol=1e-5)
    np.testing.assert_allclose(found.value, found.value.T)
    assert found.value[0, 3] < 0.6
    assert (found.low <= found.value + 1e-12).all()
    assert (found.value <= found.high + 1e-12).all()


def test_the_control_is_the_mean_over_shuffled_rows(recording: Recording) -> None:
    found = compare_layers(recording, ["cloud", "bent"])
    generator = np.random.default_rng(0)
    x, y = (recording.activations[name][:] for name in ("cloud", "bent"))
    drawn = [plain_cka(x, generator.permutation(y)) for _ in range(60)]
    assert found.shuffled[0, 1] == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(60))


def test_random_weights_and_another_agent(recording: Recording, tmp_path: Path) -> None:
    policy = shapes_policy()
    found = compare_layers(recording, ["cloud", "linear"], policy=policy)
    # What has no weights is the same with random ones.
    assert found.random_weights[0] == pytest.approx(1, abs=1e-6)
    assert found.random_weights[1] < 0.98
    same = compare_recordings(recording, recording, ["linear", "bent"])
    np.testing.assert_allclose(np.diag(same.value), 1)
    other = record_shapes(tmp_path / "y.zarr", episodes=3, seed=77)
    asked = compare_recordings(recording, other, ["linear"], policy=policy)
    assert asked.value[0, 0] == pytest.approx(1, abs=1e-6)
    assert "was asked" in asked.notes[0]
    with pytest.raises(WorkbenchError, match="different observations"):
        compare_recordings(recording, other, ["linear"])


# --- regions ---------------------------------------------------------------------------------------------------------


def test_what_makes_a_region_is_found_and_chance_is_not(recording: Recording) -> None:
    from scipy.stats import ks_2samp

    points = draw_points(recording)
    names = ["truth.group", "value", "observation[1]", "observation[2] > 0"]
    concepts = [colour_points(recording, points, name) for name in names]
    group = concepts[0].values
    found = contrast_region(points, group == 2, concepts)
    assert found[0].name == "truth.group"
    assert found[0].distance == 1
    assert found[0].sure
    assert found[0].inside == "2 (100 %)"
    assert not any(one.sure for one in found[1:])
    inside = np.random.default_rng(0).random(len(points)) < 0.3
    values = concepts[1].values
    assert distance_between(concepts[1], inside) == pytest.approx(ks_2samp(values[inside], values[~inside]).statistic)
    sure = [contrast_region(points, np.random.default_rng(seed).random(len(points)) < 0.2, concepts, draws=60)
            for seed in range(20)]  # fmt: skip
    assert sum(any(one.sure for one in some) for some in sure) <= 4


def test_a_region_of_few_episodes_does_not_pass_for_what_they_are(recording: Recording) -> None:
    """A number that is one an episode differs by chance between any two sets of episodes."""
    from workbench.analyses.concepts import Concept

    points, wrong = draw_points(recording), 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        drawn = generator.normal(size=EPISODES).astype(np.float32)
        concept = Concept(name="luck", words="luck", values=drawn[points.episodes], classes=None)
        inside = np.isin(points.episodes, generator.choice(EPISODES, 4, replace=False))
        [one] = contrast_region(points, inside, [colour_points(recording, points, concept)], draws=60, seed=seed)
        wrong += one.sure
    assert wrong <= 4


# --- what cannot be mapped -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        ("attic", {}, "'attic' was not recorded in .*; its layers are: sheet"),
        ("constant", {}, "the same at each of the 1,200 steps"),
        ("broken", {}, r"not finite \(NaN or infinite\), first at row \d+"),
        ("sheet", {"points": 2}, "5 to 50,000 points; came 2"),
        ("sheet", {"points": 60_000}, "5 to 50,000 points; came 60,000"),
        ("sheet", {"method": "tsne"}, "by pca or umap; came 'tsne'"),
        ("sheet", {"method": "umap", "points": 10, "neighbours": 15}, "15 neighbours of each point .* of 10 points"),
        ("sheet", {"minimum_distance": 2.0}, "from 0 to less than 1; came 2"),
    ],
)
def test_what_cannot_be_mapped_is_one_sentence(
    recording: Recording, layer: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(WorkbenchError, match=message):
        map_layer(recording, layer, **options)


def test_one_episode_has_no_interval_and_too_many_clusters_are_refused(tmp_path: Path, recording: Recording) -> None:
    one = record_shapes(tmp_path / "one.zarr", episodes=1)
    found = map_layer(one, "cloud")
    assert found.components.shares[0].low is None
    assert found.trust.value.low is None
    clusters = cluster_layer(one, "groups", 2)
    assert len(clusters.stability) == 0
    assert "no figure" in clusters.stability_in_words
    transition_graph(one, clusters)
    assert intrinsic_dimension(one, "cloud").two_nn_across is None
    with pytest.raises(WorkbenchError, match=r"2 to 64 clusters .*; came 1"):
        cluster_layer(recording, "sheet", 1)
    with pytest.raises(WorkbenchError, match="give a number of clusters"):
        colour_points(recording, draw_points(recording), "cluster")

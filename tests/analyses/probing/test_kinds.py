"""Every kind of probe against scikit-learn on the same folds, and against what is known by construction."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.analyses.probing.planted import record_knowing
from workbench.analyses.concepts import Concept, read_concept
from workbench.analyses.probing import KINDS, load_probe, mistakes, probe_layers
from workbench.analyses.probing.codelength import prequential
from workbench.analyses.probing.features import layer_features
from workbench.analyses.probing.fitting import Setting, splits_of
from workbench.analyses.probing.folds import Folds, split_episodes
from workbench.analyses.probing.kinds import find_kind
from workbench.analyses.probing.logistic import PENALTIES, fit_penalised
from workbench.analyses.probing.moments import read_moments
from workbench.analyses.probing.sampling import draw_episodes
from workbench.analyses.probing.sparse import fit_sparse, lasso, lasso_path
from workbench.errors import WorkbenchError
from workbench.progress import Cancelled
from workbench.recording import Recording

torch.set_num_threads(1)
SIGN, PRODUCT = "observation[0] > 0", "observation[0] * observation[1] > 0"
SUM = "observation[2] + 2 * observation[3] + observation[0] * observation[1]"
FOR_CLASSES = [kind.name for kind in KINDS]
LONG = [pytest.mark.torture, pytest.mark.timeout(3600)]
CHEAP = {"linear", "sparse", "mass-mean", "mass-mean-corrected"}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_knowing(tmp_path_factory.mktemp("kinds") / "x.zarr", episodes=40)


def three(recording: Recording) -> Concept:
    """A rare, a common and a middling class, overlapping in the layer."""
    values = recording.steps["observation"][:]
    noisy = values[:, 0] + 0.7 * np.random.default_rng(0).normal(size=len(values))
    classes = np.digitize(noisy, [-1.5, 0.4]).astype(np.int16)
    return Concept(name="third", words="third", values=classes, classes=("low", "middle", "high"))


def by_folds(recording: Recording, concept: Concept, kind: str, layer: str = "mixed") -> tuple[Any, Folds, Any]:
    """The library's maps of each fold, the folds, and the layer's values."""
    folds = split_episodes(recording)
    setting = Setting(rows=np.arange(len(recording)), seed=0)
    fitted = find_kind(kind).fit(layer_features(recording, layer), [concept], folds, setting)[concept.name]
    return fitted, folds, recording.activations[layer][:].astype(np.float64)


def balanced(true: Any, said: Any) -> float:
    from sklearn.metrics import balanced_accuracy_score

    return float(balanced_accuracy_score(true, said))


@pytest.mark.parametrize("kind", ["linear", "logistic", "mass-mean", "mass-mean-corrected"])
def test_classes_are_decided_as_by_scikit_learn_on_the_same_folds(recording: Recording, kind: str) -> None:
    pytest.importorskip("sklearn")
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import NearestCentroid
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    concept = three(recording)
    fitted, folds, x = by_folds(recording, concept, kind)
    true, said = np.asarray(concept.values), np.full(len(x), -1)
    for fold, own in enumerate(fitted.by_fold):
        test = folds.of_step == fold
        peer = {
            "linear": lambda own: LinearDiscriminantAnalysis(priors=[1 / 3] * 3),
            "logistic": lambda own, test=test: make_pipeline(
                StandardScaler(),
                LogisticRegression(
                    C=1 / (own.penalty * (~test).sum()), class_weight="balanced", max_iter=1000, tol=1e-8
                ),
            ),
            "mass-mean": lambda own: NearestCentroid(),
            "mass-mean-corrected": lambda own: LinearDiscriminantAnalysis(priors=[1 / 3] * 3),
        }[kind](own)
        said[test] = peer.fit(x[~test], true[~test]).predict(x[test])
    assert balanced(true, said) > 0.6
    assert float(fitted.tally.score()[0]) == pytest.approx(balanced(true, said), abs=0.005)


@pytest.mark.parametrize("kind", ["linear", "sparse"])
def test_numbers_are_read_as_by_scikit_learn_on_the_same_folds(recording: Recording, kind: str) -> None:
    pytest.importorskip("sklearn")
    from sklearn.linear_model import Lasso, Ridge
    from sklearn.metrics import r2_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    concept = read_concept(recording, SUM)
    fitted, folds, x = by_folds(recording, concept, kind)
    true, said = np.asarray(concept.values, np.float64), np.zeros(len(x))
    for fold, own in enumerate(fitted.by_fold):
        test = folds.of_step == fold
        z = StandardScaler().fit_transform(x[~test])
        strongest = np.abs(z.T @ (true[~test] - true[~test].mean())).max() / len(z)
        model = Ridge(own.penalty * (~test).sum()) if kind == "linear" else Lasso(own.penalty * strongest, tol=1e-8)
        said[test] = make_pipeline(StandardScaler(), model).fit(x[~test], true[~test]).predict(x[test])
    score = r2_score(true, said)
    assert score > 0.7
    assert float(fitted.tally.score()[0]) == pytest.approx(score, abs=0.005)


def test_logistic_weights_are_scikit_learns() -> None:
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(0)
    x = generator.normal(size=(600, 8)) @ generator.normal(size=(8, 8))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = np.digitize(x[:, 0] + x[:, 1] + generator.normal(size=600), [-1.5, 1])
    for penalty in PENALTIES[1:4]:
        own = fit_penalised(torch.as_tensor(x), torch.as_tensor(y), 3, penalty)
        peer = LogisticRegression(C=1 / (penalty * 600), class_weight="balanced", tol=1e-10, max_iter=10_000).fit(x, y)
        np.testing.assert_allclose(own.weight.numpy(), peer.coef_.T, atol=2e-4)
        offsets = own.bias.numpy() - own.bias.numpy().mean()
        np.testing.assert_allclose(offsets, peer.intercept_ - peer.intercept_.mean(), atol=2e-4)


def test_lasso_from_moments_is_scikit_learns() -> None:
    pytest.importorskip("sklearn")
    from sklearn.linear_model import Lasso

    generator = np.random.default_rng(0)
    x = generator.normal(size=(500, 30)) @ (np.eye(30) + 0.3 * generator.normal(size=(30, 30)))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = x[:, :3] @ np.array([[2.0, 0], [-1, 1], [0.5, 3]]) + generator.normal(size=(500, 2))
    y -= y.mean(axis=0)
    gram, cross = x.T @ x / 500, x.T @ y / 500
    for share in (0.5, 0.1, 0.01):
        alphas = share * np.abs(cross).max(axis=0)
        own = lasso(gram, cross, alphas, np.zeros_like(cross), tolerance=np.full(2, 1e-9))
        for column in range(2):
            peer = Lasso(alphas[column], fit_intercept=False, tol=1e-12, max_iter=100_000).fit(x, y[:, column])
            np.testing.assert_allclose(own[:, column], peer.coef_, atol=1e-4)
    # The path begins where nothing is read, and reads more and more.
    read = [int((weights != 0).sum()) for weights in lasso_path(gram, cross)]
    assert read[0] == 0
    assert read[-1] > read[4] > 0


def test_a_sparse_probe_reads_the_one_unit_that_holds_a_number(recording: Recording) -> None:
    concept = read_concept(recording, "observation[3]")
    [group] = read_moments(layer_features(recording, "product"), [concept], split_episodes(recording))
    found = fit_sparse(group, [0, 1, 2, 3], 4)["observation[3]"]
    assert torch.nonzero(found.weight[:, 0]).flatten().tolist() == [2]


@pytest.mark.parametrize("kind", FOR_CLASSES)
def test_each_kind_finds_what_is_there_and_not_what_is_not(recording: Recording, kind: str) -> None:
    first, second = probe_layers(recording, [SIGN, PRODUCT], ["product"], kind=kind)
    assert not first.decodable
    assert second.decodable
    assert second.kind == kind
    assert ("linearly" in second.verdict) == (kind != "mlp")


def test_a_hidden_layer_finds_what_no_direction_holds(recording: Recording) -> None:
    [found] = probe_layers(recording, [PRODUCT], ["mixed"], kind="mlp")
    assert found.score.value > 0.9
    assert found.verdict == "decodable here, no more than from the input"
    assert abs(found.control.score.value - 0.5) < 0.06
    [number] = probe_layers(recording, ["observation[0] * observation[1]"], ["apart"], kind="mlp")
    assert number.metric == "R²"
    assert number.score.value > 0.8


def test_a_hidden_probe_does_not_depend_on_what_is_asked_beside_it(recording: Recording) -> None:
    [alone] = probe_layers(recording, [PRODUCT], ["product"], kind="mlp")
    beside = probe_layers(recording, [SIGN, PRODUCT], ["product"], kind="mlp")[1]
    assert beside.score.value == pytest.approx(alone.score.value, abs=0.005)
    state = torch.random.get_rng_state()
    [again] = probe_layers(recording, [PRODUCT], ["product"], kind="mlp")
    np.testing.assert_array_equal(again.tally.counts, alone.tally.counts)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["logistic", "mlp"])
def test_probes_are_kept_without_pickle_and_are_differentiable(recording: Recording, tmp_path: Path, kind: str) -> None:
    [found] = probe_layers(recording, [PRODUCT], ["product"], kind=kind)
    found.probe.save(tmp_path / "probe.npz")
    probe = load_probe(tmp_path / "probe.npz")
    assert probe.kind == kind
    said = probe.apply(recording)
    np.testing.assert_array_equal(said, found.probe.apply(recording))
    true = read_concept(recording, PRODUCT).values
    assert (said.argmax(axis=1) == true).mean() > 0.93
    values = torch.as_tensor(recording.activations["product"][:50]).requires_grad_()
    live = probe.differentiable(values)
    np.testing.assert_allclose(live.exp().detach().numpy(), said[:50], atol=1e-4)
    live[:, 1].sum().backward()
    assert values.grad is not None
    assert bool((values.grad[:, 0] >= 0).all())
    assert float(values.grad[:, 0].abs().sum()) > 0
    if kind == "mlp":
        with pytest.raises(WorkbenchError, match="'mlp' has no direction"):
            probe.direction("yes")
    else:
        assert float(probe.direction("yes")[0]) > 0
    with pytest.raises(WorkbenchError, match="these values are"):
        probe.differentiable(torch.zeros(2, 9))
    elsewhere = type(probe)(**{**vars(probe), "fingerprint": "0" * 64})
    with pytest.raises(WorkbenchError, match="made from another network"):
        elsewhere.apply(recording)


def test_a_code_is_as_long_as_it_should_be() -> None:
    """With nothing to read, each block is coded by the frequencies so far; with all to read, in a few blocks' bits."""
    generator = np.random.default_rng(0)
    y = torch.as_tensor(generator.choice(2, p=[0.8, 0.2], size=1280))
    episodes = np.repeat(np.arange(128), 10).astype(np.int32)
    nothing = prequential(torch.zeros(1280, 3), y, episodes, 2)
    assert sum(nothing.blocks) == 1280
    assert nothing.blocks[-1] == 640
    np.testing.assert_allclose(nothing.bits.sum(), nothing.frequency_bits.sum(), rtol=0.01)
    entropy = -(0.8 * np.log2(0.8) + 0.2 * np.log2(0.2))
    assert nothing.bits.mean() == pytest.approx(entropy, abs=0.06)
    x = torch.stack([y.float() * 2 - 1, torch.as_tensor(generator.normal(size=1280)).float()], dim=1)
    everything = prequential(x, y, episodes, 2)
    assert everything.bits.mean() < 0.1
    order = np.random.default_rng(0).permutation(np.arange(128))
    first = np.isin(episodes, order[: everything.blocks[0] // 10])
    np.testing.assert_array_equal(everything.bits[first], 1.0)


def test_a_description_length_is_told_in_bits(recording: Recording) -> None:
    [found] = probe_layers(recording, [PRODUCT], ["product"], kind="mdl")
    assert found.metric == "share of the code saved"
    assert found.bits_per_step is not None
    assert found.compression is not None
    assert found.bits_per_step.value * found.compression.value == pytest.approx(1)
    assert found.compression.low > 2
    assert found.chance == 0
    assert abs(found.control.score.value) < 0.05


@pytest.mark.parametrize(
    ("kind", "runs"),
    [(kind, 20 if kind in CHEAP else 6) for kind in FOR_CLASSES[1:]]
    + [pytest.param(kind, 200, marks=LONG) for kind in FOR_CLASSES[1:]],
)
def test_shuffled_concepts_are_seldom_decodable(recording: Recording, kind: str, runs: int) -> None:
    generator = np.random.default_rng(1)
    concepts = []
    for run in range(runs):
        values = generator.integers(0, 2 + run % 2, len(recording)).astype(np.int16)
        concepts.append(
            Concept(name=f"shuffled {run}", words="", values=values, classes=("a", "b", "c")[: 2 + run % 2])
        )
    found = probe_layers(recording, concepts, ["other"], kind=kind)
    assert sum(one.decodable for one in found) <= max(1, 0.05 * runs)


@pytest.mark.parametrize("where", ["threads", "cluster"])
def test_layers_may_be_shared_out(recording: Recording, where: str) -> None:
    layers = ["mixed", "product", "other"]
    alone = probe_layers(recording, [SIGN, PRODUCT], layers)
    if where == "threads":
        shared = probe_layers(recording, [SIGN, PRODUCT], layers, threads=2)
    else:
        distributed = pytest.importorskip("distributed")
        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            shared = probe_layers(recording, [SIGN, PRODUCT], layers, client=client)
            with pytest.raises(WorkbenchError, match="attic"):
                probe_layers(recording, [SIGN], ["attic"], client=client)
    for one, other in zip(alone, shared, strict=True):
        assert (one.layer, one.concept, one.verdict) == (other.layer, other.concept, other.verdict)
        np.testing.assert_array_equal(one.tally.counts, other.tally.counts)
        np.testing.assert_array_equal(one.probe.weight, other.probe.weight)


def test_sharing_out_can_be_cancelled(recording: Recording) -> None:
    class Stops:
        def update(self, done: int, total: int, message: str = "") -> None:
            raise Cancelled

        def close(self) -> None: ...

    for threads in (1, 2):
        with pytest.raises(Cancelled):
            probe_layers(recording, [SIGN], ["mixed"], threads=threads, progress=Stops())


def test_a_kind_for_classes_says_so_of_numbers(recording: Recording) -> None:
    with pytest.raises(WorkbenchError, match=r"'logistic' is for classes, and 'observation\[0\]' is a number"):
        probe_layers(recording, ["observation[0]"], ["mixed"], kind="logistic")
    with pytest.raises(WorkbenchError, match="no probe of kind 'oracle'; the kinds are: linear, logistic"):
        probe_layers(recording, [SIGN], ["mixed"], kind="oracle")
    offered = probe_layers(recording, None, ["product"], kind="mass-mean")
    assert offered
    assert all(one.classes is not None for one in offered)


def test_so_many_steps_are_drawn_by_whole_episodes(recording: Recording) -> None:
    folds = split_episodes(recording)
    rows = draw_episodes(folds, 600)
    assert 450 <= len(rows) <= 600
    lengths = np.bincount(folds.episode_of_step[rows], minlength=folds.episodes)
    assert set(lengths) == {0, 30}
    assert (np.bincount(folds.of_step[rows]) > 60).all()
    assert len(draw_episodes(folds, 10**6)) == len(recording)
    assert len(draw_episodes(folds, 50)) == 50  # of episodes that are too long by themselves, spread steps
    [found] = probe_layers(recording, [PRODUCT], ["product"], kind="logistic", most_steps=600)
    assert found.notes[0].startswith("made from 600 of 1,200 steps (20 episodes)")
    assert found.score.value > 0.95
    assert len(splits_of(folds)) == folds.count + 1


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_the_steps_that_a_probe_gets_wrong_are_those_of_its_score(recording: Recording, kind: str) -> None:
    [found] = probe_layers(recording, [PRODUCT], ["product"], kind=kind)
    told = mistakes(recording, found, most=5)
    counts = found.tally.counts.sum(axis=0)
    assert told.wrong == pytest.approx(counts.sum() - np.trace(counts), abs=0 if kind == "linear" else 3)
    sure = [one.confidence for one in told.found]
    assert sure == sorted(sure, reverse=True)
    assert min(sure) >= 0.5
    true = read_concept(recording, PRODUCT).values
    for one in told.found:
        assert one.true == ("no", "yes")[true[one.row]] != one.said
        assert int(recording.episode(one.episode).rows[one.t]) == one.row


def test_mistakes_of_numbers_are_the_farthest_off(recording: Recording) -> None:
    [found] = probe_layers(recording, [SUM], ["mixed"])
    told = mistakes(recording, found, most=10_000)
    squares = sum(one.confidence**2 for one in told.found) / told.steps
    assert 1 - squares == pytest.approx(found.score.value, abs=1e-3)
    [code] = probe_layers(recording, [SIGN], ["mixed"], kind="mdl")
    with pytest.raises(WorkbenchError, match="'mdl' is made anew as steps come"):
        mistakes(recording, code)

"""How fast layers are probed beside a loop of scikit-learn's fits, in how much memory, and on how many workers."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.agents_measured import ATARI, ATARI_WRAPPERS, SEED, untrained_ppo
from benchmarks.pairs import middle, paired, ratios, seconds
from benchmarks.results import Figure, Row, row
from workbench.recording import Recording, open_recording, record
from workbench.recording.environments import make_environment

LAYERS = ("*.cnn.1", "*.cnn.3", "*.cnn.5", "*.linear.1")
"""What each of NatureCNN's layers gives behind its ReLU: 32×20×20, 64×9×9, 64×7×7, 512."""
CONCEPTS = (
    *(f"action_in:{steps}" for steps in range(1, 6)),
    *(f"logits[{action}] > logits[{action + 1}]" for action in range(3)),
    "value > 0", "logits[0] > logits[2]",
    *(f"logits[{action}]" for action in range(4)),
    "value", "value * value", "t", "logits[0] - logits[1]", "logits[0] * logits[1]", "logits[2] - logits[3]",
)  # fmt: skip
"""Twenty: ten of classes and ten numbers."""
LENGTHS = (10_000, 1_000_000)


def measure_speed(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`probing/vs_sklearn`."""
    return _with_breakout(lambda made: _beside_scikit_learn(figures["probing/vs_sklearn"], made, quick=quick), quick)


def measure_workers(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`probing/two_workers_speedup`."""
    return _with_breakout(
        lambda made: _on_two_workers(figures["probing/two_workers_speedup"], made, quick=quick), quick
    )


def _with_breakout(measure: Callable[[Recording], Row], quick: bool) -> list[Row]:
    import torch

    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    try:
        policy = untrained_ppo("CnnPolicy", lambda: make_environment(ATARI, wrappers=ATARI_WRAPPERS))
        made = record(
            policy, ATARI, wrappers=ATARI_WRAPPERS, steps=600 if quick else 20_000, environments=8,
            layers=list(LAYERS[-1:] if quick else LAYERS),
            out=folder / "breakout.zarr", seed=SEED, deterministic=False,
        )  # fmt: skip
        return [measure(made)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _concepts(recording: Recording) -> list[Any]:
    from workbench.analyses.concepts import read_concept
    from workbench.errors import WorkbenchError

    found = []
    for name in CONCEPTS:
        try:
            found.append(read_concept(recording, name))
        except WorkbenchError:
            # The same everywhere in this recording.
            continue
    return found


def _beside_scikit_learn(figure: Figure, recording: Recording, *, quick: bool) -> Row:
    from workbench.analyses.probing.features import layer_features
    from workbench.analyses.probing.fitting import Setting
    from workbench.analyses.probing.folds import split_episodes
    from workbench.analyses.probing.kinds import find_kind

    concepts, folds = _concepts(recording)[: 4 if quick else None], split_episodes(recording)
    layers, setting = list(recording.layers), Setting(rows=np.zeros(0, np.int64), seed=SEED)
    found: dict[str, Any] = {}

    def ours() -> None:
        for layer in layers:
            found[layer] = find_kind("linear").fit(layer_features(recording, layer), concepts, folds, setting)

    features = {layer: np.concatenate([x.numpy() for _, x in layer_features(recording, layer).read()])
                for layer in layers[-2:]}  # fmt: skip
    # A concept of each sort, in the two layers that are the narrowest.
    chosen = [next(concept for concept in concepts if concept.is_number is sort) for sort in (True, False)]
    spent, differences, rates = [], [], []
    for run in range(1 if quick else 5):
        spent.append(seconds(ours))
        times = []
        for layer, x in features.items():
            for concept in chosen:
                started = time.perf_counter()
                score = _scikit_learn_score(x, concept, folds)
                times.append(time.perf_counter() - started)
                if run == 0:
                    differences.append(abs(score - float(found[layer][concept.name].tally.score()[0])))
        rates.append(mean(times) * len(layers) * len(concepts) / spent[-1])
    against = (
        f"scikit-learn {version('scikit-learn')}'s Ridge (the penalty chosen on a fold apart) of numbers and "
        f"LinearDiscriminantAnalysis (equal priors) of classes on the same folds and numbers, already in memory: "
        f"{len(features) * len(chosen)} of {len(layers) * len(concepts)} probes were timed, the rest taken to be as "
        f"quick; scores differ by {max(differences):.4f} at most; ours, with reading, {middle(spent)} s for all"
    )
    return row(figure, rates, against)


def _scikit_learn_score(x: Any, concept: Any, folds: Any) -> float:
    """Of one concept on all folds, hyperparameters chosen as the workbench chooses them."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import Ridge
    from sklearn.metrics import balanced_accuracy_score, r2_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from workbench.analyses.probing.linear import PENALTIES

    there = concept.defined
    said = np.zeros(len(x))
    for fold in range(folds.count):
        test = there & (folds.of_step == fold)
        choose = there & (folds.of_step == folds.validates(fold))
        learn = there & ~test & ~choose
        true = concept.values.astype(np.float64)
        if concept.is_number:
            errors = []
            for penalty in PENALTIES:
                model = make_pipeline(StandardScaler(), Ridge(penalty * learn.sum())).fit(x[learn], true[learn])
                errors.append(float(((model.predict(x[choose]) - true[choose]) ** 2).sum()))
            penalty = PENALTIES[int(np.argmin(errors))]
            both = learn | choose
            model = make_pipeline(StandardScaler(), Ridge(penalty * both.sum())).fit(x[both], true[both])
        else:
            both = learn | choose
            classes = len(np.unique(true[both]))
            model = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(priors=[1 / classes] * classes))
            model.fit(x[both], true[both])
        said[test] = model.predict(x[test])
    true = concept.values[there].astype(np.float64)
    return float(r2_score(true, said[there]) if concept.is_number else balanced_accuracy_score(true, said[there]))


def _on_two_workers(figure: Figure, recording: Recording, *, quick: bool) -> Row:
    from distributed import Client, LocalCluster

    from workbench.analyses.probing import probe_layers

    concepts = _concepts(recording)[: 2 if quick else None]

    def cluster(workers: int) -> LocalCluster:
        return LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None)

    def spent(client: Client) -> float:
        return seconds(lambda: probe_layers(recording, concepts, client=client))

    with cluster(1) as small, cluster(2) as large, Client(small) as one, Client(large) as two:
        with_two, with_one = paired(lambda: spent(two), lambda: spent(one), 1 if quick else 5, warm_up=not quick)
    against = (
        f"the same {len(recording.layers)} layers, {len(concepts)} concepts and {len(recording):,} steps on one "
        f"worker, {middle(with_one)} s; on two, {middle(with_two)} s (distributed {version('distributed')})"
    )
    return row(figure, ratios(with_one, with_two), against)


def measure_memory(figures: Mapping[str, Figure], *, quick: bool) -> list[Row]:
    """`probing/memory_growth`."""
    lengths = (500, 2_000) if quick else LENGTHS
    folder = Path(tempfile.mkdtemp(prefix="rl-workbench-benchmark-"))
    try:

        def make() -> Any:
            return make_environment("CartPole-v1")

        policy = untrained_ppo("MlpPolicy", make)
        paths = [folder / f"{length}.zarr" for length in lengths]
        for length, path in zip(lengths, paths, strict=True):
            record(policy, make, steps=length, out=path, seed=SEED, environments=32, deterministic=False)
        peaks = [[_peak(path) for path in paths] for _ in range(1 if quick else 5)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    against = (
        f"the peak at {lengths[0]:,} steps, {middle([one[0] for one in peaks])} MB; at {lengths[1]:,} steps "
        f"{middle([one[1] for one in peaks])} MB; two layers of 64 numbers, two concepts"
    )
    return [
        row(figures["probing/memory_growth"], ratios([one[1] for one in peaks], [one[0] for one in peaks]), against)
    ]


def _peak(path: Path) -> float:
    """Megabytes that a process of its own needs at most."""
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.probing", str(path)], capture_output=True, text=True, check=True
    )
    return float(ended.stdout.split()[-1])


def _probe_in_this_process(arguments: Sequence[str]) -> None:
    import torch

    from workbench.analyses.probing import probe_layers

    torch.set_num_threads(1)
    recording = open_recording(arguments[0])
    layers = [layer for layer in recording.layers if "policy_net" in layer][-2:]
    probe_layers(recording, ["observation[2] > 0", "action_in:3"], layers)
    # `getrusage` would count what the process that started this one held when it did.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    sys.stdout.write(f"{int(status['VmHWM'].split()[0]) / 1024:.1f}\n")


if __name__ == "__main__":
    _probe_in_this_process(sys.argv[1:])

"""The passes that probing is made of, one after another, in threads, or on the workers of a Dask cluster.

One pass goes over a layer, over the observation, or over a layer with random weights; none needs another.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from workbench.analyses.concepts import Concept
from workbench.analyses.probing.features import Features, layer_features, observation_features, random_features
from workbench.analyses.probing.fitting import Fitted, ReadingMap, Setting
from workbench.analyses.probing.folds import Folds
from workbench.analyses.probing.hidden import HiddenMap
from workbench.analyses.probing.kinds import find_kind
from workbench.analyses.probing.linear import LinearMap
from workbench.analyses.probing.probe import Probe, recording_fingerprint
from workbench.analyses.probing.scores import Tally
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Cancelled, Progress
from workbench.recording.cluster_client import check_client
from workbench.recording.object_storage import StorageError
from workbench.recording.reader import Recording, open_recording

SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True, kw_only=True)
class Job:
    """One pass."""

    what: Literal["observation", "layer", "random weights"]
    layer: str = ""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What all passes have in common."""

    path: str
    policy: Policy | None
    concepts: tuple[Concept, ...]
    controls: tuple[Concept, ...]
    """The control task of each concept."""
    folds: Folds
    kind: str
    rows: npt.NDArray[np.int64]
    """The steps that kinds which go over steps are made from."""
    most_steps: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of one pass, by the concept's name; empty where it could not be done."""

    tallies: dict[str, Tally]
    unmet: dict[str, frozenset[int]]
    notes: dict[str, tuple[str, ...]]
    probes: dict[str, Probe]
    """Of a layer."""
    why_not: str = ""


def run_jobs(
    work: Work, recording: Recording, jobs: Sequence[Job], progress: Progress, *, client: Any = None, threads: int = 1
) -> dict[Job, Done]:
    """Do all passes.

    Args:
        work: What they have in common.
        recording: Open; the workers of a cluster open it again.
        jobs: The passes.
        progress: Is told how many are done, and may raise `Cancelled`.
        client: A `dask.distributed.Client`; None for this process.
        threads: How many passes go on side by side in this process; each takes its own memory.
    """
    if client is not None:
        return _on_cluster(work, recording, jobs, progress, client)
    if threads > 1:
        return _in_threads(work, recording, jobs, progress, threads)
    found = {}
    for number, job in enumerate(jobs):

        def check(number: int = number, job: Job = job) -> None:
            progress.update(number, len(jobs), job.layer or job.what)

        check()
        found[job] = do(work, recording, job, check)
    progress.update(len(jobs), len(jobs))
    return found


def do(work: Work, recording: Recording, job: Job, check: Callable[[], None] = lambda: None) -> Done:
    """Do one pass."""
    kind = find_kind(work.kind)
    setting = Setting(rows=work.rows, seed=work.seed, check=check)
    concepts = [*work.concepts, *work.controls] if job.what == "layer" else list(work.concepts)
    try:
        features = _features(work, recording, job)
        fitted = kind.fit(features, concepts, work.folds, setting)
    except (StorageError, Cancelled):
        # That will pass, or was asked for, and is no fact of the layer.
        raise
    except WorkbenchError as error:
        if job.what != "random weights":
            raise
        return Done(tallies={}, unmet={}, notes={}, probes={}, why_not=f"no baseline with random weights: {error}")
    return Done(
        tallies={name: one.tally for name, one in fitted.items()},
        unmet={name: one.unmet for name, one in fitted.items()},
        notes={name: one.notes for name, one in fitted.items()},
        probes=_probes(work, recording, job.layer, features, fitted) if job.what == "layer" else {},
    )


def _features(work: Work, recording: Recording, job: Job) -> Features:
    if job.what == "observation":
        return observation_features(recording, seed=work.seed)
    if job.what == "layer":
        return layer_features(recording, job.layer, seed=work.seed)
    assert work.policy is not None, "without a policy there is no such pass"
    return random_features(recording, work.policy, job.layer, seed=work.seed)


def _in_threads(
    work: Work, recording: Recording, jobs: Sequence[Job], progress: Progress, threads: int
) -> dict[Job, Done]:
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Cancelled

    with ThreadPoolExecutor(threads) as pool:
        running = {job: pool.submit(do, work, recording, job, check) for job in _longest_first(recording, jobs)}
        try:
            waiting = set(running.values())
            while waiting:
                progress.update(len(jobs) - len(waiting), len(jobs))
                done, waiting = wait_for(waiting, timeout=SECONDS_BETWEEN_LOOKS)
                for one in done:
                    one.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    progress.update(len(jobs), len(jobs))
    return {job: running[job].result() for job in jobs}


def _on_cluster(
    work: Work, recording: Recording, jobs: Sequence[Job], progress: Progress, client: Any
) -> dict[Job, Done]:
    check_client(client)
    [shared] = client.scatter([work], broadcast=True, hash=False)
    running = {
        job: client.submit(_do_on_worker, shared, job, pure=False, key=None) for job in _longest_first(recording, jobs)
    }
    try:
        waiting = set(running.values())
        while waiting:
            progress.update(len(jobs) - len(waiting), len(jobs))
            # Asked again and again with a timeout, `distributed.wait` now and then lost a future and never came back.
            time.sleep(SECONDS_BETWEEN_LOOKS)
            waiting = {future for future in waiting if not future.done()}
        found = client.gather(running)
    except BaseException:
        client.cancel(list(running.values()))
        raise
    for done in found.values():
        if isinstance(done, str):
            raise WorkbenchError(done)
    progress.update(len(jobs), len(jobs))
    return {job: found[job] for job in jobs}


def _do_on_worker(work: Work, job: Job) -> Done | str:
    """Done, or why not as text: an exception might not survive the journey."""
    import torch

    torch.set_num_threads(1)
    try:
        return do(work, open_recording(work.path), job)
    except WorkbenchError as error:
        return str(error)


def _longest_first(recording: Recording, jobs: Sequence[Job]) -> list[Job]:
    def numbers(job: Job) -> int:
        if job.what == "observation":
            seen = [name for name in recording.steps if name.startswith("observation")]
            return sum(int(np.prod(recording.steps[name].shape[1:])) for name in seen)
        # Random weights are run before they are read.
        return int(np.prod(recording.activations[job.layer].shape[1:])) * (1 + (job.what == "random weights"))

    return sorted(jobs, key=numbers, reverse=True)


def _probes(
    work: Work, recording: Recording, layer: str, features: Features, fitted: dict[str, Fitted]
) -> dict[str, Probe]:
    fingerprint = recording_fingerprint(recording)
    return {
        concept.name: Probe(
            concept=concept.name, layer=layer, classes=concept.classes, shape=features.shape, fingerprint=fingerprint,
            seed=work.seed, kind=work.kind, **_arrays(features, fitted[concept.name].whole),
        )
        for concept in work.concepts
    }  # fmt: skip


def _arrays(features: Features, found: ReadingMap) -> dict[str, npt.NDArray[np.float64]]:
    """A map's arrays as a probe has them, in units of the layer's own numbers."""

    def inward(weight: Any) -> npt.NDArray[np.float64]:
        back = weight if features.projection is None else features.projection @ weight
        return np.asarray(back.numpy().copy())

    if isinstance(found, HiddenMap):
        return {
            "hidden_weight": inward(found.hidden_weight), "hidden_bias": found.hidden_bias.numpy().copy(),
            "weight": found.weight.numpy().copy(), "bias": found.bias.numpy().copy(),
        }  # fmt: skip
    assert isinstance(found, LinearMap), "there are two kinds of maps"
    return {"weight": inward(found.weight), "bias": found.bias.numpy().copy()}

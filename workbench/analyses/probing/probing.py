"""Probes of recorded layers: what they know, beside four baselines, on episodes that the probe was not made from.

Axis legend:
    T  steps
    F  folds
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.analyses.concepts import Concept, read_concept, telling_concepts
from workbench.analyses.probing.control_tasks import control_concept, observation_hashes
from workbench.analyses.probing.folds import FOLDS, Folds, split_episodes
from workbench.analyses.probing.jobs import Done, Job, Work, run_jobs
from workbench.analyses.probing.kinds import find_kind, fitting_concepts
from workbench.analyses.probing.results import ProbeResult, compare, notes_of, scored
from workbench.analyses.probing.sampling import MOST_STEPS, draw_episodes
from workbench.analyses.probing.scores import metric_of
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording


def probe_layers(
    recording: Recording,
    concepts: Sequence[str | Concept] | None = None,
    layers: Sequence[str] | None = None,
    *,
    kind: str = "linear",
    policy: Policy | None = None,
    folds: int = FOLDS,
    most_steps: int = MOST_STEPS,
    seed: int = 0,
    client: Any = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> tuple[ProbeResult, ...]:
    """Probe layers for concepts.

    Every fifth of the episodes is decided by a probe that was made from the others; its hyperparameters were chosen on
    a fifth apart. Intervals are over episodes.

    Args:
        recording: Holds the layers and what the concepts are made of.
        concepts: Names (`read_concept`), or concepts; None takes all that the recording offers.
        layers: Names of recorded layers; None takes all.
        kind: A row of `kinds.KINDS`: `linear`, `logistic`, `sparse`, `mass-mean`, `mass-mean-corrected`, `mlp`, `mdl`.
        policy: For the baseline with random weights; None leaves that one out.
        folds: F.
        most_steps: Kinds that go over steps are made from so many at most, drawn by whole episodes; all are decided.
        seed: Of the split, of random weights and control tasks, of what is fitted at random, and of the bootstrap.
        client: A `dask.distributed.Client`, whose workers share the layers among them; the recording must be where
            they all reach it. None for this process.
        threads: How many layers are gone through side by side in this process; each takes its own memory.
        progress: Is told how many passes are done, and may raise `Cancelled`.

    Returns:
        Layer by layer, each in the order of the concepts.

    Raises:
        WorkbenchError: There is no such layer, concept or kind, the kind is not for such a concept, there are fewer
            than three episodes, or a layer holds numbers that are not finite.
    """
    row = find_kind(kind)
    read = fitting_concepts(row, _read(recording, concepts), asked=concepts is not None)
    names = list(dict.fromkeys(recording.layers if layers is None else layers))
    if not names:
        raise WorkbenchError(f"{recording.path} holds no layers; record with layers.")
    for name in names:
        # Said before the first pass, whatever the order of the passes is.
        _ = recording.activations[name]
    hashes = observation_hashes(recording)
    split = split_episodes(recording, folds=folds, seed=seed, observations=hashes)
    work = Work(
        path=str(recording.path),
        policy=policy,
        concepts=tuple(read),
        controls=tuple(control_concept(concept, hashes, seed=seed) for concept in read),
        folds=split,
        kind=row.name,
        rows=draw_episodes(split, most_steps, seed=seed) if row.reads == "steps" else np.zeros(0, np.int64),
        most_steps=most_steps,
        seed=seed,
    )
    del hashes
    jobs = [Job(what="observation")]
    for name in names:
        jobs += [Job(what="layer", layer=name)]
        jobs += [Job(what="random weights", layer=name)] if policy is not None else []
    done = run_jobs(work, recording, jobs, progress or SilentProgress(), client=client, threads=threads)
    return tuple(
        result
        for name in names
        for result in _results(
            work, name, done[jobs[0]], done[Job(what="layer", layer=name)],
            done.get(Job(what="random weights", layer=name)),
        )
    )  # fmt: skip


def _results(work: Work, layer: str, raw: Done, own: Done, untaught: Done | None) -> list[ProbeResult]:
    """The results of one layer."""
    row, seed = find_kind(work.kind), work.seed
    found = []
    for concept, control in zip(work.concepts, work.controls, strict=True):
        name, tally = concept.name, own.tallies[concept.name]
        baseline = None if untaught is None or untaught.why_not else compare(tally, untaught.tallies[name], seed=seed)
        found.append(
            ProbeResult(
                concept=name,
                words=concept.words,
                layer=layer,
                kind=row.name,
                linearly=row.linear,
                folds=work.folds.count,
                most_steps=work.most_steps,
                classes=concept.classes,
                steps=int(concept.defined.sum()),
                episodes=_episodes_with(concept, work.folds),
                metric=metric_of(tally),
                score=scored(tally, seed=seed),
                chance=0.0 if concept.classes is None or tally.is_code else 1 / _present(concept),
                observation=compare(tally, raw.tallies[name], seed=seed),
                random_network=baseline,
                control=compare(tally, own.tallies[control.name], seed=seed),
                tally=tally,
                probe=own.probes[name],
                notes=(
                    *_bounded(work, tally),
                    *own.notes[name],
                    *notes_of(tally, concept.classes, set(own.unmet[name])),
                    *([untaught.why_not] if untaught is not None and untaught.why_not else []),
                    *work.folds.notes,
                ),
            )
        )
    return found


def _bounded(work: Work, tally: Any) -> tuple[str, ...]:
    """From how few of the steps it was made, where that is so."""
    count, whole = len(work.rows), len(work.folds.of_step)
    if not 0 < count < whole:
        return ()
    episodes = len(np.unique(work.folds.episode_of_step[work.rows]))
    tested = "and scored on them" if tally.is_code else "scored on all"
    return (f"made from {count:,} of {whole:,} steps ({episodes:,} episodes), {tested}",)


def _read(recording: Recording, concepts: Sequence[str | Concept] | None) -> list[Concept]:
    if concepts is not None:
        read = [read_concept(recording, one) if isinstance(one, str) else one for one in concepts]
        wrong = [concept.name for concept in read if len(concept) != len(recording)]
        if wrong:
            raise WorkbenchError(f"The concept {wrong[0]!r} is not of this recording: it has another number of steps.")
    else:
        read = telling_concepts(recording)
    if not read:
        raise WorkbenchError("There is no concept to probe for; name one, such as action_in:1.")
    return list({concept.name: concept for concept in read}.values())


def _present(concept: Concept) -> int:
    return len(np.unique(concept.values[concept.defined]))


def _episodes_with(concept: Concept, folds: Folds) -> int:
    return len(np.unique(folds.episode_of_step[concept.defined]))

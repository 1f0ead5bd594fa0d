"""The steps that a probe gets wrong, on episodes that it was not made from, the surest first.

Axis legend:
    n  steps that are listed
"""

import heapq
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workbench.analyses.concepts import Concept, read_concept
from workbench.analyses.probing.fitting import says
from workbench.analyses.probing.readouts import fit_held_out
from workbench.analyses.probing.results import ProbeResult
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

MOST_LISTED = 1_000


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A step that a probe decides wrongly, or reads a number of far off."""

    row: int
    """Of `recording.steps`."""
    episode: int
    """Its number in the recording, from 0."""
    t: int
    true: str
    said: str
    confidence: float
    """Of a class: the probability that the probe gives to what it says, classes being equally likely before, 0 to 1. Of
    a number: how far off it is, in standard deviations of the concept."""


@dataclass(frozen=True, kw_only=True)
class Mistakes:
    """The surest mistakes of one probe."""

    found: tuple[Mistake, ...]
    """`[n]`, the surest first."""
    wrong: int
    """How many steps it decides wrongly in all; of a number, how many it reads."""
    steps: int
    """At which the concept is defined."""


def mistakes(
    recording: Recording,
    result: ProbeResult,
    *,
    concept: Concept | None = None,
    most: int = 50,
    progress: Progress | None = None,
) -> Mistakes:
    """Make a result's probes again, and list the steps that they get wrong.

    Args:
        recording: The result's own.
        result: Of one concept in one layer.
        concept: The concept, where it was none with a name.
        most: At most so many steps are listed.
        progress: Is told that it goes on, and may raise `Cancelled`.

    Raises:
        WorkbenchError: The probe is one of description length, which is made anew as steps come.
    """
    told = progress or SilentProgress()
    read = read_concept(recording, result.concept) if concept is None else concept
    features, folds, fitted = fit_held_out(
        recording, read, result.layer, kind=result.kind, folds=result.folds, most_steps=result.most_steps,
        seed=result.probe.seed, check=lambda: told.update(0, 2, "fitting"),
    )  # fmt: skip
    by_fold = fitted.by_fold
    told.update(1, 2, "looking for mistakes")
    said_by = says([{read.name: one} for one in by_fold], [read])
    spread = float(np.nanstd(read.values)) if read.is_number else 1.0
    surest: list[tuple[float, int, str, str]] = []
    wrong = 0
    for block, values in features.read():
        for fold in range(folds.count):
            mine = np.flatnonzero((folds.of_step[block] == fold) & read.defined[block])
            if not len(mine):
                continue
            [said] = said_by(fold, values[torch.as_tensor(mine)])
            true = read.values[block][mine]
            sure, places = _sure(said, true, read, spread)
            wrong += len(places)
            for place in places[np.argsort(-sure[places])[:most]]:
                entry = (float(sure[place]), -(block.start + int(mine[place])), *_named(read, true[place], said[place]))
                heapq.heappush(surest, entry) if len(surest) < most else heapq.heappushpop(surest, entry)
    told.update(2, 2)
    listed = sorted(surest, reverse=True)
    rows = np.array([-entry[1] for entry in listed], np.int64)
    episodes, times = _places(recording, rows)
    return Mistakes(
        found=tuple(
            Mistake(row=int(row), episode=int(episode), t=int(t), true=entry[2], said=entry[3], confidence=entry[0])
            for entry, row, episode, t in zip(listed, rows, episodes, times, strict=True)
        ),
        wrong=wrong,
        steps=int(read.defined.sum()),
    )


def _sure(said: Tensor, true: np.ndarray, concept: Concept, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """How sure the probe is of each step, and which of them are mistakes."""
    if concept.classes is None:
        return np.abs(said[:, 0].numpy() - true) / max(spread, 1e-12), np.arange(len(true))
    shares = torch.softmax(said, dim=1)
    sure, decided = shares.max(dim=1)
    return sure.numpy(), np.flatnonzero(decided.numpy() != true)


def _named(concept: Concept, true: float, said: Tensor) -> tuple[str, str]:
    if concept.classes is None:
        return f"{float(true):.4g}".replace("-", "−"), f"{float(said[0]):.4g}".replace("-", "−")
    return concept.classes[int(true)], concept.classes[int(said.argmax())]


def _places(recording: Recording, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of each row's episode, and its step in it."""
    if not len(rows):
        return rows, rows
    ids = np.asarray(recording.episodes["id"])
    order = np.argsort(ids, kind="stable")
    return order[np.searchsorted(ids[order], recording.steps["episode"][rows])], recording.steps["t"][rows]

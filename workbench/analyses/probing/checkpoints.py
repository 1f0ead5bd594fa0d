"""Since when a network knows: probes of the same layers over the checkpoints of a training.

What, when and where (T. McGrath et al., "Acquisition of Chess Knowledge in AlphaZero", 2021): for each concept a
surface of scores, layers × checkpoints, each beside what the observation and random weights give.

Axis legend:
    K  checkpoints
    L  layers
    Q  concepts
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.probing.probing import probe_layers
from workbench.analyses.probing.results import ProbeResult
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class Surface:
    """One concept over layers and checkpoints."""

    concept: str
    words: str
    metric: str
    layers: tuple[str, ...]
    """`[L]`."""
    checkpoints: tuple[str, ...]
    """`[K]`, in words."""
    trained: npt.NDArray[np.float64]
    """`[K]`, steps of training; NaN where that is not known."""
    results: tuple[tuple[ProbeResult, ...], ...]
    """`[K][L]`, each with its baselines and intervals."""

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        """`[K, L]`."""
        return np.array([[one.score.value for one in row] for row in self.results])

    def less(self, reference: str) -> npt.NDArray[np.float64]:
        """`[K, L]`, each score less that of `chance`, `observation`, `random_network` or `control`; NaN without it."""
        found = np.full((len(self.checkpoints), len(self.layers)), np.nan)
        for k, row in enumerate(self.results):
            for place, one in enumerate(row):
                if reference == "chance":
                    found[k, place] = one.score.value - one.chance
                    continue
                baseline = getattr(one, reference)
                found[k, place] = np.nan if baseline is None else baseline.difference.value
        return found

    @property
    def first_known(self) -> tuple[str | None, ...]:
        """`[L]`: the first checkpoint from which on the concept is decodable in the layer, at it and all later ones."""
        found: list[str | None] = []
        for place in range(len(self.layers)):
            decodable = [row[place].decodable for row in self.results]
            since = len(decodable)
            while since and decodable[since - 1]:
                since -= 1
            found.append(self.checkpoints[since] if since < len(decodable) else None)
        return tuple(found)


def probe_checkpoints(
    recordings: Sequence[Recording],
    concepts: Sequence[str],
    layers: Sequence[str] | None = None,
    *,
    names: Sequence[str] | None = None,
    random_network: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Surface, ...]:
    """Probe the same layers of a network at several points of its training.

    Each checkpoint is probed on what it met itself when it was recorded, so that its own behaviour is part of what
    differs; record all of them with the same seeds.

    Args:
        recordings: K of them, in the order of training.
        concepts: Q names.
        layers: Names of layers that all of them hold; None takes all that they share.
        names: What the checkpoints are called; None takes their recordings' names.
        random_network: Whether to build each agent for the baseline with random weights.
        seed: Of each `probe_layers`.
        progress: Is told how many checkpoints are done, and may raise `Cancelled`.

    Returns:
        A surface for each concept.

    Raises:
        WorkbenchError: There are fewer than two recordings, or they share no layer, or one lacks a layer or concept.
    """
    if len(recordings) < FEWEST:
        raise WorkbenchError(f"A course of training takes at least {FEWEST} recordings; came {len(recordings)}.")
    if not concepts:
        raise WorkbenchError("A course of training is probed for at least one concept; name one.")
    told = progress or SilentProgress()
    shared = [name for name in recordings[0].layers if all(name in one.layers for one in recordings)]
    chosen = shared if layers is None else list(layers)
    if not chosen:
        raise WorkbenchError("The recordings share no layer; record the same layers of each checkpoint.")
    found: list[tuple[ProbeResult, ...]] = []
    for number, recording in enumerate(recordings):
        told.update(number, len(recordings), recording.path)
        policy = recording.policy() if random_network else None
        found.append(probe_layers(recording, list(concepts), chosen, policy=policy, seed=seed))
    told.update(len(recordings), len(recordings))
    called = tuple(names) if names is not None else tuple(_name(one) for one in recordings)
    if len(called) != len(recordings):
        raise WorkbenchError(f"There are {len(recordings)} recordings, and {len(called)} names for them.")
    surfaces = []
    for concept in dict.fromkeys(one.concept for one in found[0]):
        rows = tuple(tuple(one for one in results if one.concept == concept) for results in found)
        surfaces.append(
            Surface(
                concept=concept, words=rows[0][0].words, metric=rows[0][0].metric, layers=tuple(chosen),
                checkpoints=called, trained=np.array([_trained(one) for one in recordings]), results=rows,
            )
        )  # fmt: skip
    return tuple(surfaces)


def _name(recording: Recording) -> str:
    return recording.path.rstrip("/").rpartition("/")[2].removesuffix(".zarr")


def _trained(recording: Recording) -> float:
    """Steps that the policy was trained for, as its own file says."""
    settings = (recording.attributes.get("policy") or {}).get("settings") or {}
    steps = settings.get("steps_trained")
    return float(steps) if isinstance(steps, int | float) and not isinstance(steps, bool) else float("nan")

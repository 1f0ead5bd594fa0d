"""Control tasks: labels that a fixed random function gives to observations (Hewitt & Liang, 2019).

A probe that learns them as well has memorised what stands before it, and says little of the layer; *selectivity* is how
much better it does on the concept. Like observations get like labels, with the concept's own frequencies.

Axis legend: T steps.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.concepts import Concept
from workbench.analyses.concepts.types import MISSING
from workbench.analyses.reading_decisions import read_observations
from workbench.recording.reader import Recording

BLOCK_STEPS = 4_096
MOST_DEALT = 100_000
"""Of so many steps the classes are dealt out one observation at a time; of more, each observation's is drawn."""


def observation_hashes(recording: Recording) -> npt.NDArray[np.uint64]:
    """A number for each observation, `[T]`: the same for the same one, and else as good as random."""
    found = np.empty(len(recording), np.uint64)
    for start in range(0, len(recording), BLOCK_STEPS):
        rows = np.arange(start, min(start + BLOCK_STEPS, len(recording)))
        found[rows] = _hashes(read_observations(recording, rows))
    return found


def control_concept(concept: Concept, hashes: npt.NDArray[np.uint64], *, seed: int = 0) -> Concept:
    """A concept's control: each observation gets a label drawn once and for all from the concept's own labels.

    Args:
        concept: Whose labels, and how frequent they are.
        hashes: `[T]`, of the observations.
        seed: Of the random function; other concepts get other ones.
    """
    key = np.uint64(zlib.crc32(concept.name.encode(), seed))
    defined = concept.defined
    if concept.classes is not None and int(defined.sum()) <= MOST_DEALT:
        labels = np.sort(concept.values[defined]).astype(np.int16)
        values: npt.NDArray[Any] = np.where(defined, _dealt(_mix(hashes ^ key), defined, labels), MISSING)
    else:
        values = _drawn(hashes, key, concept, defined)
    return Concept(
        name=f"control: {concept.name}",
        words=f"a random function of the observation in place of {concept.words}",
        values=values,
        classes=concept.classes,
    )


def _drawn(
    hashes: npt.NDArray[np.uint64], key: np.uint64, concept: Concept, defined: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    """The label at the place, among all labels in order, that each observation's random number says; by blocks."""
    labels = np.sort(concept.values[defined])
    values = np.full_like(concept.values, MISSING if concept.classes is not None else np.nan)
    for start in range(0, len(hashes), BLOCK_STEPS):
        block = slice(start, start + BLOCK_STEPS)
        share = (_mix(hashes[block] ^ key) >> np.uint64(11)).astype(np.float64) / float(1 << 53)
        drawn = labels[np.minimum((share * len(labels)).astype(np.int64), len(labels) - 1)]
        values[block] = np.where(defined[block], drawn, values[block])
    return values


def _dealt(
    mixed: npt.NDArray[np.uint64], defined: npt.NDArray[np.bool_], labels: npt.NDArray[np.int16]
) -> npt.NDArray[np.int16]:
    """Classes for each distinct observation, about as frequent as they are, and each of them at least once where there
    are as many observations.
    """
    _, places, counts = np.unique(mixed[defined], return_inverse=True, return_counts=True)
    # Their order is that of random numbers; each takes the label in the middle of its steps.
    middles = np.cumsum(counts) - counts // 2 - 1
    found = labels[np.clip(middles, 0, len(labels) - 1)].copy()
    for label in np.unique(labels):
        if (found == label).any():
            continue
        names, sizes = np.unique(found, return_counts=True)
        most = names[int(sizes.argmax())]
        if sizes.max() > 1:
            found[int(np.flatnonzero(found == most)[0])] = label
    values = np.full(len(mixed), labels[0], np.int16)
    values[defined] = found[places]
    return values


def _hashes(observations: Any) -> npt.NDArray[np.uint64]:
    if isinstance(observations, Mapping):
        found: npt.NDArray[np.uint64] | None = None
        for part in observations.values():
            own = _hashes(part)
            found = own if found is None else _mix(found) ^ own
        assert found is not None, "an observation has a part"
        return found
    rows = [row.tobytes() for row in np.ascontiguousarray(observations).reshape(len(observations), -1)]
    return np.array([zlib.crc32(row) | (zlib.adler32(row) << 32) for row in rows], np.uint64)


def _mix(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea & Flood, 2014): numbers that differ little become ones that have nothing in
    common.
    """
    with np.errstate(over="ignore"):
        mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))

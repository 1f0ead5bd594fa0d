"""What features are made from: one sample a step, or, of a convolution's output, one a step and place.

A convolution's channels at one place are one sample (Olah et al., 2018, "The building blocks of interpretability";
Hilton et al., 2020, "Understanding RL vision"): its filters are the same everywhere.

Axis legend:
    T  steps of the recording
    n  steps of one block
    P  places of a convolution's output; 1 of other layers
    D  numbers of a sample: channels of a convolution's output, else all numbers of the layer
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import FEWEST_EPISODES
from workbench.analyses.probing.control_tasks import observation_hashes
from workbench.analyses.probing.folds import FOLDS, split_episodes
from workbench.errors import WorkbenchError
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]
SampleArray = npt.NDArray[np.float32]

MOST_NUMBERS = 4_096
"""Of a sample: a covariance matrix of more takes more memory than a page may."""
BLOCK_BYTES = 16 << 20
FLAT = 1e-12
"""A layer whose variance is a smaller share of its squared size is constant but for rounding."""


@dataclass(frozen=True, kw_only=True)
class LayerSamples:
    """A recorded layer as samples, and which episodes are learned from."""

    recording: Recording
    layer: str
    shape: tuple[int, ...]
    """Of the layer at one step."""
    learned: npt.NDArray[np.bool_]
    """`[T]`; the others are held out, whole episodes of them."""
    episode_of_step: npt.NDArray[np.int32]
    """`[T]`, number of the distinct episode."""
    notes: tuple[str, ...]

    @property
    def places(self) -> int:
        """P."""
        return places_of(self.shape)

    @property
    def width(self) -> int:
        """D."""
        return int(np.prod(self.shape)) // self.places

    @property
    def learned_episodes(self) -> int:
        """How many distinct episodes are learned from."""
        return len(np.unique(self.episode_of_step[self.learned]))

    @property
    def held_out_episodes(self) -> int:
        """How many distinct episodes are not."""
        return len(np.unique(self.episode_of_step[~self.learned]))

    def slices(self) -> tuple[slice, ...]:
        """The rows in blocks of whole chunks, about `BLOCK_BYTES` each."""
        array = self.recording.activations[self.layer]
        height = array.chunks[0]
        row_bytes = 4 * int(np.prod(self.shape))
        size = max(1, BLOCK_BYTES // row_bytes // height) * height
        return tuple(slice(start, min(start + size, len(array))) for start in range(0, len(array), size))

    def read(self, rows: slice | npt.NDArray[np.int64]) -> SampleArray:
        """Some steps as samples, `[n, P, D]`.

        Raises:
            WorkbenchError: A number is not finite.
        """
        values = np.asarray(self.recording.activations[self.layer][rows], np.float32)
        if not np.isfinite(values).all():
            bad = int(np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0])
            row = rows.start + bad if isinstance(rows, slice) else int(rows[bad])
            raise WorkbenchError(
                f"The layer {self.layer!r} of {self.recording.path} holds numbers that are not finite (NaN or "
                f"infinite), first at row {row:,}: neither features nor units can be read from it."
            )
        return as_samples(values)

    def blocks(self) -> Iterator[tuple[slice, SampleArray]]:
        """All steps, block by block: their rows and their samples `[n, P, D]`."""
        return ((rows, self.read(rows)) for rows in self.slices())


@dataclass(frozen=True, kw_only=True)
class SampleMoments:
    """Sums over samples, from which means, covariances and principal components follow."""

    count: int
    mean: FloatArray
    """`[D]`."""
    covariance: FloatArray
    """`[D, D]`, Σ (x − x̄)(x − x̄)ᵀ / count."""
    low: FloatArray
    """`[D]`, the least of each number."""
    high: FloatArray
    """`[D]`."""

    @property
    def variance(self) -> float:
        """Sum of the numbers' variances."""
        return float(np.trace(self.covariance))


def places_of(shape: tuple[int, ...]) -> int:
    """P of a layer of some shape: rows times columns of `[channels, rows, columns]`, else 1."""
    return int(shape[1] * shape[2]) if len(shape) == 3 else 1


def as_samples(values: SampleArray) -> SampleArray:
    """A layer's values `[n, ...]` as samples `[n, P, D]`."""
    if values.ndim == 4:
        return np.ascontiguousarray(np.moveaxis(values, 1, -1)).reshape(len(values), -1, values.shape[1])
    return np.ascontiguousarray(values).reshape(len(values), 1, -1)


def layer_samples(recording: Recording, layer: str, *, seed: int = 0) -> LayerSamples:
    """A layer's samples, with one or two fifths of the episodes held out.

    One fifth is held out where that is at least five episodes, else two: an interval over episodes takes five.

    Args:
        recording: Holds the layer.
        layer: Its name.
        seed: Of the deal.

    Raises:
        WorkbenchError: It was not recorded, it is too wide, or there are fewer than three different episodes.
    """
    array = recording.activations[layer]
    shape = tuple(array.shape[1:])
    width = int(np.prod(shape)) // places_of(shape)
    if width > MOST_NUMBERS:
        raise WorkbenchError(
            f"The layer {layer!r} has {width:,} numbers a sample; features and units are read of at most "
            f"{MOST_NUMBERS:,}. Choose a narrower layer, such as the one behind it."
        )
    seen = [name for name in recording.steps if name == "observation" or name.startswith("observation/")]
    folds = split_episodes(
        recording, folds=FOLDS, seed=seed, observations=observation_hashes(recording) if seen else None
    )
    apart = 1 if (folds.of_episode == 0).sum() >= FEWEST_EPISODES or folds.count < FOLDS else 2
    return LayerSamples(
        recording=recording,
        layer=layer,
        shape=shape,
        learned=folds.of_step >= apart,
        episode_of_step=folds.episode_of_step,
        notes=folds.notes,
    )


def read_moments(samples: LayerSamples) -> tuple[SampleMoments, SampleMoments]:
    """One pass: the moments of what is learned from, and of what is held out.

    Raises:
        WorkbenchError: The layer is the same at every step, or not finite.
    """
    size = samples.width
    centre: FloatArray | None = None
    counts, totals, grams = np.zeros(2), np.zeros((2, size)), np.zeros((2, size, size))
    low, high = np.full((2, size), np.inf), np.full((2, size), -np.inf)
    for rows, block in samples.blocks():
        if centre is None:
            # Of numbers far from 0 little would be left of their differences.
            centre = block.reshape(-1, size).mean(axis=0, dtype=np.float64)
        inside = samples.learned[rows]
        for place, mask in enumerate((inside, ~inside)):
            x = block[mask].reshape(-1, size)
            if not len(x):
                continue
            low[place], high[place] = np.minimum(low[place], x.min(axis=0)), np.maximum(high[place], x.max(axis=0))
            centred = x - centre
            counts[place] += len(x)
            totals[place] += centred.sum(axis=0)
            grams[place] += centred.T @ centred
    assert centre is not None, "a recording with three episodes has a step"
    found = []
    for place in range(2):
        mean = totals[place] / counts[place]
        found.append(
            SampleMoments(
                count=int(counts[place]),
                mean=mean + centre,
                covariance=grams[place] / counts[place] - np.outer(mean, mean),
                low=low[place],
                high=high[place],
            )
        )
    learned, held_out = found
    scale = float((learned.mean**2).sum()) + learned.variance
    if not learned.variance > FLAT * scale:
        raise WorkbenchError(
            f"The layer {samples.layer!r} of {samples.recording.path} gives the same at every step that is learned "
            f"from: there is nothing to take apart."
        )
    return learned, held_out

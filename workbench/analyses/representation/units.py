"""Single units of a layer: which are dead or saturated, and how redundant each one is.

A unit's redundancy is how well the others predict it linearly: R² = 1 − 1 / (C⁻¹)ⱼⱼ with C the layer's correlation
matrix (the squared multiple correlation). From few samples of many units it is high by chance; so it stands beside the
same regression's R² on episodes that it was not made from.

Axis legend:
    U  units: channels of a convolution's output, each place a sample; else the layer's numbers
    G  groups of whole episodes
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import FEWEST_EPISODES
from workbench.analyses.probing.scores import bootstrap_weights
from workbench.analyses.representation.episode_means import MOST_GROUPS, Means, group_episodes
from workbench.analyses.representation.feature_samples import FLAT, SampleMoments, layer_samples, read_moments
from workbench.progress import Progress, SilentProgress
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

BOUNDED = {
    "Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0), "Hardtanh": (-1.0, 1.0), "Hardsigmoid": (0.0, 1.0),
    "Softsign": (-1.0, 1.0), "ReLU6": (0.0, 6.0), "LSTM": (-1.0, 1.0), "GRU": (-1.0, 1.0),
}  # fmt: skip
"""What the outputs of a module lie between; a unit near one of the two can hardly change."""
RECTIFIED = ("ReLU6",)
"""Of these the lower bound is where a unit is silent, not saturated."""
NEAR = 0.01
"""Of a bound: within this share of the range."""
SATURATED = 0.95
"""Share of the samples near a bound from which a unit counts as saturated."""
RIDGE = 1e-9
"""Added to the correlations' diagonal, so that copies of a unit leave a matrix that can be inverted."""
DRAWS = 1_000


@dataclass(frozen=True, kw_only=True)
class UnitReport:
    """Every unit of a layer."""

    layer: str
    shape: tuple[int, ...]
    module: str
    """The module's class; empty where it is not known."""
    steps: int
    samples: int
    """Steps, or steps and places."""
    episodes: int
    """Distinct ones."""
    held_out_episodes: int
    mean: FloatArray
    """`[U]`."""
    spread: FloatArray
    """`[U]`, standard deviation."""
    low: FloatArray
    """`[U]`."""
    high: FloatArray
    """`[U]`."""
    silent: FloatArray
    """`[U]`, share of the samples at which the unit is exactly 0."""
    saturated: FloatArray | None
    """`[U]`, share of the samples at which it is near a bound of its module; None where that has none."""
    redundancy: FloatArray
    """`[U]`, R² of the unit from all others, on the episodes that the regression was made from; NaN of a dead one."""
    predicted: Means
    """`[U]`, the same regression's R² on the held-out episodes, with its interval over them."""
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        for array in (self.mean, self.spread, self.low, self.high, self.silent, self.redundancy):
            array.setflags(write=False)

    @property
    def dead(self) -> npt.NDArray[np.bool_]:
        """`[U]`, whether a unit gives the same everywhere in the recording."""
        return np.asarray(self.low == self.high)

    @property
    def is_saturated(self) -> npt.NDArray[np.bool_]:
        """`[U]`, whether it is near a bound nearly always; a dead unit is not counted again."""
        if self.saturated is None:
            return np.zeros(len(self.mean), bool)
        return np.asarray((self.saturated >= SATURATED) & ~self.dead)


def unit_report(recording: Recording, layer: str, *, seed: int = 0, progress: Progress | None = None) -> UnitReport:
    """Look at every unit of a layer, in two passes.

    Args:
        recording: Holds the layer.
        layer: Its name.
        seed: Of the held-out episodes and the intervals.
        progress: Is told how many steps were read, and may raise `Cancelled`.

    Raises:
        WorkbenchError: There is no such layer, it is constant or not finite, or there are too few episodes.
    """
    told = progress or SilentProgress()
    samples = layer_samples(recording, layer, seed=seed)
    learned, held_out = read_moments(samples)
    both = _together(learned, held_out)
    module = str(recording.layers[layer]["module"])
    bounds = BOUNDED.get(module)
    if layer.endswith(".cell"):
        bounds = None
    residuals, redundancy, scale = linear_predictions(learned)
    groups = group_episodes(samples.episode_of_step)
    size = samples.width
    errors, totals = np.zeros((MOST_GROUPS, size)), np.zeros((MOST_GROUPS, size))
    silent, near = np.zeros(size), np.zeros(size)
    for rows, block in samples.blocks():
        told.update(rows.start, len(recording), "reading units")
        silent += (block == 0).sum(axis=(0, 1))
        if bounds is not None:
            margin = NEAR * (bounds[1] - bounds[0])
            below = (block <= bounds[0] + margin) & (module not in RECTIFIED)
            near += (below | (block >= bounds[1] - margin)).sum(axis=(0, 1))
        apart = ~samples.learned[rows]
        z = (block[apart] - learned.mean) * scale
        np.add.at(errors, groups[rows][apart], np.square(z @ residuals).sum(axis=1))
        np.add.at(totals, groups[rows][apart], np.square(z).sum(axis=1))
    notes = list(samples.notes)
    if learned.count <= 2 * size:
        notes.append(
            f"{learned.count:,} samples are few for {size:,} units: of redundancy look at the held-out episodes alone"
        )
    return UnitReport(
        layer=layer,
        shape=samples.shape,
        module=module,
        steps=len(recording),
        samples=both.count,
        episodes=samples.learned_episodes + samples.held_out_episodes,
        held_out_episodes=samples.held_out_episodes,
        mean=both.mean,
        spread=np.sqrt(np.maximum(np.diagonal(both.covariance), 0)),
        low=both.low,
        high=both.high,
        silent=silent / both.count,
        saturated=None if bounds is None else near / both.count,
        redundancy=redundancy,
        predicted=_shares(errors, totals, seed),
        notes=tuple(notes),
    )


def linear_predictions(moments: SampleMoments) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Each unit's regression on all others, from the layer's moments.

    Args:
        moments: Of what is learned from.

    Returns:
        `[U, U]`, a column a unit that gives what its regression leaves of the standardised units; R² `[U]`, NaN of a
        unit that does not vary; and 1 / standard deviation `[U]`, 0 there.
    """
    variance = np.maximum(np.diagonal(moments.covariance), 0)
    varies = variance > FLAT * max(float(variance.max()), 1e-300)
    scale = np.where(varies, 1 / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
    correlation = moments.covariance * scale[:, None] * scale[None, :]
    # Standing alone, a unit that never varies touches no other.
    np.fill_diagonal(correlation, 1.0 + RIDGE)
    precision = np.linalg.inv(correlation)
    own = np.diagonal(precision)
    return precision / own, np.where(varies, np.clip(1 - 1 / own, 0, 1), np.nan), scale


def _together(first: SampleMoments, second: SampleMoments) -> SampleMoments:
    count = first.count + second.count
    shares = first.count / count, second.count / count
    mean = shares[0] * first.mean + shares[1] * second.mean
    apart = first.mean - second.mean
    covariance = (
        shares[0] * first.covariance + shares[1] * second.covariance + shares[0] * shares[1] * np.outer(apart, apart)
    )
    return SampleMoments(
        count=count, mean=mean, covariance=covariance, low=np.minimum(first.low, second.low),
        high=np.maximum(first.high, second.high),
    )  # fmt: skip


def _shares(errors: FloatArray, totals: FloatArray, seed: int) -> Means:
    """1 − Σ errors / Σ totals of each unit, with bootstrap intervals over groups of episodes."""
    there = totals.sum(axis=1) > 0
    errors, totals = errors[there], totals[there]
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(totals.sum(axis=0) > 0, 1 - errors.sum(axis=0) / totals.sum(axis=0), np.nan)
        if len(errors) < FEWEST_EPISODES:
            nothing = np.full_like(value, np.nan)
            return Means(mean=value, low=nothing, high=nothing.copy())
        weights = bootstrap_weights(len(errors), draws=DRAWS, seed=seed)
        low, high = np.empty_like(value), np.empty_like(value)
        for start in range(0, len(value), 256):
            part = slice(start, start + 256)
            drawn = 1 - (weights @ errors[:, part]) / (weights @ totals[:, part])
            low[part], high[part] = np.quantile(drawn, (0.025, 0.975), axis=0)
    return Means(mean=value, low=low, high=high)

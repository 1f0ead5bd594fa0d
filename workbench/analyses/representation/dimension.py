"""How many directions a layer uses: the participation ratio of its covariance, and the dimension its points lie in.

The participation ratio (Σ λ)² ÷ Σ λ² of the eigenvalues λ of the covariance is 1 where one direction holds all variance
and D where all hold the same; it counts directions of space. TwoNN (Facco, d'Errico, Rodriguez and Laio 2017,
Scientific Reports 7, 12140) counts those along which one can go without leaving the points: a curve has 1, however it
bends. It looks at the ratio of the distances to each point's second and first neighbour, μ, for which P(μ > m) =
m^(−d).

Axis legend: N points, K components, J groups of episodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.analyses.intervals import FEWEST_EPISODES
from workbench.analyses.representation.episode_groups import Measured, group_episodes, measured
from workbench.analyses.representation.moments import WIDEST_EXACT, LayerMoments, read_moments
from workbench.analyses.representation.neighbours import nearest
from workbench.analyses.representation.points import draw_points
from workbench.analyses.representation.principal_components import (
    OVERSAMPLING,
    check_varies,
    leading_range,
    principal_components,
)
from workbench.analyses.representation.sources import FloatArray, IntArray, layer_source
from workbench.errors import WorkbenchError
from workbench.progress import Progress

if TYPE_CHECKING:
    from workbench.recording import Recording

POINTS = 4_000
FEWEST = 20
DISCARDED = 0.1
"""Share of the largest ratios that is left out of the fit, as Facco et al. do: those of sparse places."""
COMPONENTS = 256
AGREE = 1.5
"""Two dimensions differ much where one is more than so many times the other."""


@dataclass(frozen=True, kw_only=True)
class IntrinsicDimension:
    """How many directions a layer uses."""

    layer: str
    width: int
    """D, numbers a step."""
    participation_ratio: Measured
    """Over all steps."""
    two_nn: Measured | None
    """Over the points, as published; None where fewer than 20 different ones have two neighbours."""
    two_nn_across: Measured | None
    """The same with neighbours in other episodes alone; None of fewer than 5 episodes. Steps that follow each other lie
    on a path, whose dimension is 1, so that the first can be too small; two neighbours on one path of another episode
    are about as far away, so that this can be too large. Where the two differ much, there are too few episodes to say.
    """
    two_nn_of_gaussian: float | None
    """The same of as many independent Gaussian points with the layer's covariance: what the method would say of a cloud
    that fills the directions that the layer has. A layer whose dimension lies below it is bent, or in parts."""
    by_size: Mapping[int, float]
    """TwoNN of fewer of the points: where it changes as they become more, it is of the scale that is looked at."""
    points: int
    """N: different points that TwoNN looked at."""
    notes: tuple[str, ...]


def intrinsic_dimension(
    recording: "Recording", layer: str, *, points: int = POINTS, seed: int = 0, progress: Progress | None = None
) -> IntrinsicDimension:
    """Measure how many directions a layer uses.

    Args:
        recording: Holds the layer.
        layer: Its name.
        points: TwoNN looks at so many steps at most, drawn evenly over episodes.
        seed: Of the draw, of groups of episodes and of the Gaussian control.
        progress: Is told how far it is, and may raise `Cancelled`.

    Raises:
        WorkbenchError: No such layer, or it is not finite, or the same at every step.
    """
    source = layer_source(recording, layer)
    basis, notes = None, []
    if source.width > WIDEST_EXACT:
        kept = min(source.width, COMPONENTS + OVERSAMPLING)
        basis = leading_range(source, kept, seed, progress)
        notes.append(f"the participation ratio is of the {kept} leading directions and the variance left")
    moments = read_moments(source, basis=basis, seed=seed, progress=progress)
    check_varies(source, moments)
    components = principal_components(source, moments, COMPONENTS, "")
    drawn = draw_points(recording, points, seed=seed)
    scores = components.scores_at(source, drawn.rows, progress=progress)
    # The same place seen twice (of an agent that does the same again) is one point: two of them have no distance.
    _, places = np.unique(np.round(scores, 10), axis=0, return_index=True)
    values, episodes = scores[np.sort(places)], drawn.episodes[np.sort(places)]
    if len(values) < len(scores):
        notes.append(f"{len(scores) - len(values):,} points that repeat others are left out of TwoNN")
    found = across = gaussian = None
    by_size: dict[int, float] = {}
    if len(values) >= FEWEST:
        found = two_nn(values, episodes, seed=seed, progress=progress)
        if len(np.unique(episodes)) >= FEWEST_EPISODES:
            across = two_nn(values, episodes, apart=True, seed=seed, progress=progress)
            if not 1 / AGREE < across.value / found.value < AGREE:
                notes.append("TwoNN says otherwise of neighbours in other episodes: too few episodes to say")
        generator = np.random.default_rng([seed, 6])
        cloud = generator.standard_normal((len(values), scores.shape[1])) * np.sqrt(components.variance)
        gaussian = dimension_of_ratios(_ratios(cloud, None, None)[0])
        for share in (4, 2):
            chosen = generator.choice(len(values), len(values) // share, replace=False)
            if len(chosen) >= FEWEST:
                by_size[len(chosen)] = dimension_of_ratios(_ratios(values[chosen], None, None)[0])
        by_size[len(values)] = found.value
    return IntrinsicDimension(
        layer=layer,
        width=source.width,
        participation_ratio=participation_ratio(moments),
        two_nn=found,
        two_nn_across=across,
        two_nn_of_gaussian=gaussian,
        by_size=by_size,
        points=len(values),
        notes=tuple(notes),
    )


def participation_ratio(moments: LayerMoments) -> Measured:
    """(Σ λ)² ÷ Σ λ² of the covariance's eigenvalues, with an interval over episodes."""

    def ratio(weights: FloatArray | None) -> float:
        squares = float((moments.covariance(weights) ** 2).sum())
        return moments.total_variance(weights) ** 2 / squares if squares > 0 else float("nan")

    left_out = [ratio(weights) for weights in moments.groups.others] if moments.groups.count > 1 else []
    return measured(ratio(None), left_out, steps=moments.steps, episodes=moments.episodes, logarithmic=True)


def two_nn(
    values: FloatArray,
    episodes: IntArray,
    *,
    apart: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Measured:
    """The dimension that points lie in, by the ratios of the distances to their two nearest neighbours.

    d is the slope, through the origin, of −ln(1 − F(μ)) over ln μ, without the largest tenth of the ratios.

    Args:
        values: `[N, K]`, no two the same.
        episodes: `[N]`, which episode each is of.
        apart: Leave out neighbours in a point's own episode.
        seed: Of the groups of episodes that the interval is made of.
        progress: Is told how many points are done.

    Raises:
        WorkbenchError: Fewer than 20 points.
    """
    if len(values) < FEWEST:
        raise WorkbenchError(f"TwoNN takes {FEWEST} different points at least; there are {len(values)}.")
    ratios, kept = _ratios(values, episodes if apart else None, progress)
    _, places = np.unique(episodes[kept], return_inverse=True)
    count = int(places.max(initial=-1)) + 1
    groups = group_episodes(max(count, 1), seed=seed)
    of = groups.of_episode[places]
    left_out = [dimension_of_ratios(ratios[of != group]) for group in range(groups.count)] if groups.count > 1 else []
    return measured(dimension_of_ratios(ratios), left_out, steps=len(ratios), episodes=count, logarithmic=True)


def dimension_of_ratios(ratios: FloatArray) -> float:
    """The slope of −ln(1 − F) over ln μ through the origin, without the largest tenth; NaN where there is none."""
    if len(ratios) < FEWEST // 2:
        return float("nan")
    logarithms = np.sort(np.log(ratios))
    count = len(logarithms)
    kept = int(np.floor((1 - DISCARDED) * count))
    x, y = logarithms[:kept], -np.log1p(-np.arange(1, kept + 1) / count)
    squares = float(x @ x)
    return float(x @ y) / squares if squares > 0 else float("nan")


def _ratios(values: FloatArray, apart: IntArray | None, progress: Progress | None) -> tuple[FloatArray, IntArray]:
    """μ of each point that has two neighbours, and the places of these points."""
    _, distances = nearest(values, 2, apart=apart, progress=progress)
    kept = np.flatnonzero(np.isfinite(distances[:, 1]) & (distances[:, 0] > 0))
    return distances[kept, 1] / distances[kept, 0], kept

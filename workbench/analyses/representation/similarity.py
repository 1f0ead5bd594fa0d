"""How alike two layers are, whatever their units: linear centred kernel alignment, from sums over all steps.

CKA(X, Y) = ‖Yᵀ X‖² ÷ (‖Xᵀ X‖ ‖Yᵀ Y‖) of centred columns, Frobenius norms (Kornblith, Norouzi, Lee and Hinton 2019,
ICML): 1 where one is the other turned and scaled, 0 where nothing is linearly related. It looks at directions of large
variance, and for few steps of many numbers it is large by chance; so it stands beside its mean over random orders of
the rows, which is √(P_X P_Y) ÷ (n − 1), where P is the participation ratio, since E tr(K Π L Πᵀ) = tr K · tr L ÷ (n −
1) for centred kernels K and L and a random permutation Π.

Axis legend:
    L  layers, or M of another set
    D  numbers a step
    J  groups of episodes
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.analyses.representation.episode_groups import Groups, Measured, measured
from workbench.analyses.representation.moments import LayerMoments, groups_for, read_moments
from workbench.analyses.representation.principal_components import check_varies, components_of
from workbench.analyses.representation.sources import FloatArray, Source, episode_numbers, layer_source, policy_source
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from workbench.policies.types import Policy
    from workbench.recording import Recording

WIDEST = 512
"""Layers of at most so many numbers are compared exactly; of wider ones, their leading principal components."""
COMPONENTS = 128
BUDGET_BYTES = 256 << 20
"""How much the cross products of one pass may take."""


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """Two sets of layers, each with each."""

    rows: tuple[str, ...]
    """`[L]`."""
    columns: tuple[str, ...]
    """`[M]`."""
    value: FloatArray
    """`[L, M]` linear CKA, 0 to 1."""
    low: FloatArray
    """`[L, M]` lower end of the 95 % interval over episodes; NaN where there are fewer than 5."""
    high: FloatArray
    shuffled: FloatArray
    """`[L, M]` the mean where the rows of one layer are shuffled."""
    random_weights: FloatArray | None
    """`[L]` of each row's layer with the same layer of the same network with random weights; None where that cannot be
    had."""
    random_low: FloatArray | None
    random_high: FloatArray | None
    covered: FloatArray
    """`[L + M]` share of the variance that was compared: 1 but for layers that are wider than 512."""
    steps: int
    episodes: int
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        for array in (self.value, self.low, self.high, self.shuffled, self.covered, self.random_weights):
            if array is not None:
                array.setflags(write=False)


@dataclass(frozen=True, kw_only=True)
class _Side:
    """A layer that is compared."""

    source: Source
    moments: LayerMoments
    covered: float


def compare_layers(
    recording: "Recording",
    layers: Sequence[str] | None = None,
    *,
    policy: "Policy | None" = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Similarity:
    """Compare the layers of a recording with each other.

    Args:
        recording: Holds the layers.
        layers: Which; None takes all that are not the same at every step.
        policy: For the baseline of random weights, where it has no memory; None leaves that out.
        seed: Of groups of episodes, of random weights, and of the ranges of wide layers.
        progress: Is told how far it is, and may raise `Cancelled`.

    Raises:
        WorkbenchError: No such layer, or one that was asked for is not finite or the same at every step.
    """
    names, notes = list(recording.layers if layers is None else layers), []
    sides = []
    groups = _groups(recording, seed)
    for name in names:
        try:
            sides.append(_side(layer_source(recording, name), groups, seed, progress))
        except WorkbenchError as error:
            if layers is not None:
                raise
            notes.append(f"{name} is left out: {error}")
    if not sides:
        raise WorkbenchError(f"No layer of {recording.path} can be compared: {' '.join(notes) or 'none was recorded'}")
    random: list[Measured | None] | None = None
    if policy is not None and policy.initial_state(1) is None:
        pairs: list[Measured | None] = []
        for side in sides:
            control = policy_source(recording, policy, side.source.layer, random_seed=seed)
            try:
                pairs.append(_compare([side], [_side(control, groups, seed, progress)], groups, progress)[0][0])
            except WorkbenchError:
                # Random weights can give a layer that is the same everywhere; there is nothing to compare with then.
                pairs.append(None)
        random = pairs
    elif policy is not None:
        notes.append("a policy with a memory has no baseline with random weights: learned ones made what it remembered")
    return _similarity(sides, sides, groups, random, notes, progress)


def compare_recordings(
    first: "Recording",
    second: "Recording",
    layers: Sequence[str] | None = None,
    *,
    policy: "Policy | None" = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Similarity:
    """Compare the layers of two agents at the same observations: those of the first recording.

    Where both recordings hold the same observations row by row, their layers are read; else the second agent is put to
    the first one's observations, for which it must be handed over and have no memory.

    Args:
        first: Gives the observations, and the layers of the rows.
        second: Gives the layers of the columns.
        layers: Of both; None takes those that both have.
        policy: The second recording's agent, where the observations differ.
        seed: Of groups of episodes, and of the ranges of wide layers.
        progress: Is told how far it is, and may raise `Cancelled`.

    Raises:
        WorkbenchError: No layer is in both, or the observations differ and there is no agent that can be asked.
    """
    names = [name for name in first.layers if name in second.layers] if layers is None else list(layers)
    if not names:
        raise WorkbenchError(
            f"{first.path} and {second.path} have no layer of the same name; name the layers that both have."
        )
    same = same_observations(first, second)
    if not same and policy is None:
        raise WorkbenchError(
            f"{first.path} and {second.path} hold different observations, so that their layers cannot be compared row "
            f"by row; hand over the second one's agent (policy=second.policy()), to be asked at the first one's."
        )
    groups = _groups(first, seed)
    mine = [_side(layer_source(first, name), groups, seed, progress) for name in names]
    others = []
    for name in names:
        if same:
            theirs = layer_source(second, name)
            # Row by row the same steps, so that the first one's episodes are theirs.
            source = Source(name=theirs.name, layer=name, recording=first, shape=theirs.shape,
                            values_at=theirs.values_at)  # fmt: skip
        else:
            assert policy is not None, "it was asked for above"
            source = policy_source(first, policy, name)
        others.append(_side(source, groups, seed, progress))
    how = "recorded at the same observations" if same else "the second agent was asked at the first one's observations"
    return _similarity(mine, others, groups, None, [how], progress)


def same_observations(first: "Recording", second: "Recording") -> bool:
    """Whether two recordings hold the same observations row by row."""
    names = [name for name in first.steps if name == "observation" or name.startswith("observation/")]
    if not names or len(first) != len(second):
        return False
    for name in names:
        if name not in second.steps or first.steps[name].shape != second.steps[name].shape:
            return False
        for rows, values in first.steps[name].blocks(16 << 20):
            if not np.array_equal(values, second.steps[name][rows]):
                return False
    return True


def _groups(recording: "Recording", seed: int) -> Groups:
    return groups_for(recording.number_of_episodes, WIDEST, seed=seed)


def _side(source: Source, groups: Groups, seed: int, progress: Progress | None) -> _Side:
    if source.width <= WIDEST:
        moments = read_moments(source, groups=groups, progress=progress)
        check_varies(source, moments)
        return _Side(source=source, moments=moments, covered=1.0)
    found = components_of(source, components=COMPONENTS, seed=seed, progress=progress)
    moments = read_moments(source, basis=np.ascontiguousarray(found.directions.T), groups=groups, progress=progress)
    return _Side(source=source, moments=moments, covered=found.covered.value)


def _similarity(
    rows: list[_Side],
    columns: list[_Side],
    groups: Groups,
    random: list[Measured | None] | None,
    notes: list[str],
    progress: Progress | None,
) -> Similarity:
    table = _compare(rows, columns, groups, progress)
    steps = rows[0].moments.steps
    spread = [np.array([_participation(side.moments) for side in sides]) for sides in (rows, columns)]
    if min(side.covered for side in [*rows, *columns]) < 1:
        notes.append(f"of layers of more than {WIDEST} numbers, {COMPONENTS} principal components at most are compared")

    def grid(name: str) -> FloatArray:
        return np.array([[_number(getattr(one, name)) for one in line] for line in table])

    def line(name: str) -> FloatArray | None:
        return (
            None if random is None else np.array([np.nan if r is None else _number(getattr(r, name)) for r in random])
        )

    return Similarity(
        rows=tuple(side.source.layer for side in rows),
        columns=tuple(side.source.layer for side in columns),
        value=grid("value"),
        low=np.maximum(grid("low"), 0),
        high=np.minimum(grid("high"), 1),
        shuffled=np.sqrt(np.outer(spread[0], spread[1])) / max(steps - 1, 1),
        random_weights=line("value"),
        random_low=line("low"),
        random_high=line("high"),
        covered=np.array([side.covered for side in [*rows, *columns]]),
        steps=steps,
        episodes=rows[0].moments.episodes,
        notes=tuple(notes),
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _participation(moments: LayerMoments) -> float:
    covariance = moments.covariance()
    return float(np.trace(covariance) ** 2 / (covariance**2).sum())


def _compare(
    rows: list[_Side], columns: list[_Side], groups: Groups, progress: Progress | None
) -> list[list[Measured]]:
    """Each row's layer with each column's, in as many passes as memory asks for."""
    pairs = [(a, b) for a in range(len(rows)) for b in range(len(columns)) if rows is not columns or a <= b]
    found: dict[tuple[int, int], Measured] = {}
    while len(found) < len(pairs):
        batch: list[tuple[int, int]] = []
        used = 0
        for a, b in pairs[len(found) :]:
            size = 8 * groups.count * _size(rows[a]) * _size(columns[b])
            if batch and used + size > BUDGET_BYTES:
                break
            batch.append((a, b))
            used += size
        found |= _pass(rows, columns, batch, groups, progress)
    if rows is columns:
        found |= {(b, a): one for (a, b), one in found.items()}
    return [[found[a, b] for b in range(len(columns))] for a in range(len(rows))]


def _size(side: _Side) -> int:
    return int(side.moments.gram.shape[1])


def _pass(
    rows: list[_Side], columns: list[_Side], batch: list[tuple[int, int]], groups: Groups, progress: Progress | None
) -> dict[tuple[int, int], Measured]:
    cross = {(a, b): np.zeros((groups.count, _size(rows[a]), _size(columns[b]))) for a, b in batch}
    firsts, seconds = sorted({a for a, _ in batch}), sorted({b for _, b in batch})
    recording = rows[0].source.recording
    step = min(side.source.block_rows for side in [*(rows[a] for a in firsts), *(columns[b] for b in seconds)])
    for start in range(0, len(recording), step):
        part = slice(start, min(start + step, len(recording)))
        group_of = groups.of_episode[episode_numbers(recording, part)]
        mine = {a: _read(rows[a], part) for a in firsts}
        theirs = mine if rows is columns else {b: _read(columns[b], part) for b in seconds}
        if rows is columns:
            theirs = mine | {b: _read(columns[b], part) for b in seconds if b not in mine}
        for group in np.unique(group_of):
            inside = group_of == group
            for a, b in batch:
                cross[a, b][group] += mine[a][inside].T @ theirs[b][inside]
        (progress or SilentProgress()).update(part.stop, len(recording), "comparing layers")
    return {pair: _alignment(rows[pair[0]], columns[pair[1]], cross[pair]) for pair in batch}


def _read(side: _Side, rows: slice) -> FloatArray:
    values = side.source.at(rows) - side.moments.centre
    return values if side.moments.basis is None else values @ side.moments.basis


def _alignment(first: _Side, second: _Side, cross: FloatArray) -> Measured:
    a, b = first.moments, second.moments

    def value(weights: FloatArray | None) -> float:
        own = np.ones(len(cross)) if weights is None else weights
        count = float(own @ a.count)
        totals = [own @ side.total if side.basis is None else own @ side.total @ side.basis for side in (a, b)]
        between = np.tensordot(own, cross, axes=1) - np.outer(*totals) / count
        scale = max(count - 1, 1)
        norms = float((a.covariance(weights) ** 2).sum() * (b.covariance(weights) ** 2).sum()) ** 0.5 * scale**2
        return float((between**2).sum()) / norms if norms > 0 else float("nan")

    left_out = [value(weights) for weights in a.groups.others] if len(cross) > 1 else []
    # Rounding can leave the last digit above 1.
    return measured(min(value(None), 1.0), left_out, steps=a.steps, episodes=a.episodes)

"""Amplification and distillation: what search adds to each checkpoint, and how much of it training takes in.

Of checkpoints 0, 1, … T with the same game, openings, opponent and settings:

    amplification       A_t = score(search_t) − score(net_t)
    distilled fraction  [score(net_{t+1}) − score(net_t)] ÷ A_t
    gap                 KL(search_t ‖ net_{t+1}) on fixed positions, in nats

(expert iteration: Anthony et al. 2017, "Thinking Fast and Slow with Deep Learning and Tree Search"; Christiano et al.
2018, "Supervising strong learners by amplifying weak experts", for the words). search_t is the policy that the search
with checkpoint t gives, net_t that of the network alone.

Axis legend: T + 1 checkpoints, M openings, P positions, A actions of the game, W words of a packed position.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.paired_episodes import paired_estimates
from workbench.analyses.search.decisions import divergence
from workbench.analyses.search.matches import (
    MatchScore,
    Player,
    Positions,
    net_policy,
    play_match,
    raw_player,
    search_player,
)
from workbench.analyses.search.strength import truth_of
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.recording.beta_distribution import student_quantile
from workbench.search.choosing import choose_action, improved_policy, visit_policy
from workbench.search.evaluators import Evaluator
from workbench.search.games import Game
from workbench.search.searching import search
from workbench.search.settings import SearchSettings

FloatArray = npt.NDArray[np.float64]
AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class DistilledFraction:
    """How much of what search added the next network has by itself."""

    fraction: float | None
    """1: all of it; above 1: it learnt more; None: not defined."""
    low: float | None
    """Lower end of the 95 % interval by Fieller (1954), over openings."""
    high: float | None
    words: str
    """The number, or why there is none, in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """One checkpoint, and the step to the next."""

    name: str
    net: MatchScore
    search: MatchScore
    amplification: Estimate
    """A_t, paired by opening."""
    learnt: Estimate | None
    """score(net_{t+1}) − score(net_t), paired by opening; None of the last checkpoint, as the rest."""
    distilled: DistilledFraction | None
    gap: Estimate | None
    """KL(search_t ‖ net_{t+1}), mean over the positions."""
    gap_before: Estimate
    """KL(search_t ‖ net_t): what there was to be taken in."""
    net_right: float | None
    """Share of the decisive positions at which the network's favourite is right; None without a solver."""
    search_right: float | None
    """The same of the search's choice."""
    gained: npt.NDArray[np.int64] | None
    """Positions whose right action the next network has found; None without a solver, or of the last checkpoint."""
    lost: npt.NDArray[np.int64] | None
    """Positions whose right action it has lost."""
    taught: float | None
    """Share of the gained positions at which this checkpoint's search was right: what it could have been taught. NaN
    where nothing was gained."""


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """A training run, checkpoint by checkpoint."""

    opponent: str
    simulations: int
    iterations: tuple[Iteration, ...]
    """T + 1."""
    net_right: npt.NDArray[np.bool_] | None
    """`[T + 1, P]`, whether each network's favourite is right; None without a solver."""
    search_right: npt.NDArray[np.bool_] | None
    """`[T + 1, P]`"""
    decisive: npt.NDArray[np.bool_] | None
    """`[P]`, where something wrong could be played."""


def measure_training(
    game: Game,
    evaluators: Sequence[Evaluator],
    opponent: Player,
    openings: Positions,
    positions: Positions,
    settings: SearchSettings,
    *,
    solver: Any | None = None,
    names: Sequence[str] = (),
    target: Literal["visits", "improved"] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> TrainingRun:
    """Measure a sequence of checkpoints.

    Args:
        game: Its rules.
        evaluators: T + 1, in their order.
        opponent: The same for all.
        openings: `[M, W]`, from which scores are played.
        positions: `[P, W]`, at which policies are compared, none the end of a game.
        settings: How to search. Noise at the root is left out.
        solver: As in `workbench.analyses.search.exact`; None: nothing is said of right moves.
        names: Of the checkpoints; their numbers otherwise.
        target: The search's policy: visits, or Gumbel's improved one; None: what its rule is trained on.
        seed: Of what is drawn.
        progress: Is told how many checkpoints are done, and may raise `Cancelled`.

    Raises:
        WorkbenchError: There is no checkpoint, or another number of names.
    """
    if not evaluators or (names and len(names) != len(evaluators)):
        raise WorkbenchError(
            f"A training run has at least one checkpoint, each with a name or none; got {len(evaluators)} and "
            f"{len(names)} names."
        )
    told = progress or SilentProgress()
    quiet = SearchSettings(**{**settings.__dict__, "noise": 0.0})
    kind = target or ("improved" if settings.rule == "gumbel" else "visits")
    truth = None if solver is None else truth_of(game, positions, solver)
    nets, searches, policies, searched, chosen = [], [], [], [], []
    for number, evaluate in enumerate(evaluators):
        told.update(number, len(evaluators), names[number] if names else f"checkpoint {number}")
        nets.append(play_match(game, raw_player(game, evaluate), opponent, openings, seed=seed))
        searches.append(play_match(game, search_player(game, evaluate, quiet), opponent, openings, seed=seed))
        policies.append(net_policy(game, evaluate, positions))
        found, actions = _searched(game, evaluate, quiet, positions, kind, seed)
        searched.append(found)
        chosen.append(actions)
    told.update(len(evaluators), len(evaluators), "")
    right = None if truth is None else truth[0]
    rows = np.arange(len(positions))
    net_right = None if right is None else np.stack([right[rows, one.argmax(1)] for one in policies])
    search_right = None if right is None else np.stack([right[rows, one] for one in chosen])
    iterations = [
        _iteration(
            t, names[t] if names else str(t), nets, searches, policies, searched, net_right, search_right,
            None if truth is None else truth[1],
        )
        for t in range(len(evaluators))
    ]  # fmt: skip
    return TrainingRun(
        opponent=opponent.name,
        simulations=settings.simulations,
        iterations=tuple(iterations),
        net_right=net_right,
        search_right=search_right,
        decisive=None if truth is None else truth[1],
    )


def _searched(
    game: Game, evaluate: Evaluator, settings: SearchSettings, positions: Positions, kind: str, seed: int
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """The search's policies `[P, A]`, and what it would choose `[P]`."""
    policy = improved_policy if kind == "improved" else visit_policy
    found, actions = np.zeros((len(positions), game.actions)), np.zeros(len(positions), np.int64)
    for start in range(0, len(positions), AT_ONCE):
        some = positions[start : start + AT_ONCE]
        seeds = [seed + start + place for place in range(len(some))]
        for place, trace in enumerate(search(game, some, evaluate, settings, seed=seeds), start):
            found[place], actions[place] = policy(trace, game.actions), choose_action(trace)
    return found, actions


def _iteration(
    t: int,
    name: str,
    nets: Sequence[MatchScore],
    searches: Sequence[MatchScore],
    policies: Sequence[FloatArray],
    searched: Sequence[FloatArray],
    net_right: npt.NDArray[np.bool_] | None,
    search_right: npt.NDArray[np.bool_] | None,
    decisive: npt.NDArray[np.bool_] | None,
) -> Iteration:
    last = t + 1 == len(nets)
    before, with_search = nets[t].by_opening, searches[t].by_opening
    amplification = paired_estimates(before, with_search)[2]
    gained = lost = None
    taught = None
    if net_right is not None and search_right is not None and decisive is not None and not last:
        now, then = net_right[t], net_right[t + 1]
        gained, lost = (np.flatnonzero(one & decisive) for one in (~now & then, now & ~then))
        taught = float(search_right[t][gained].mean()) if len(gained) else float("nan")
    return Iteration(
        name=name,
        net=nets[t],
        search=searches[t],
        amplification=amplification,
        learnt=None if last else paired_estimates(before, nets[t + 1].by_opening)[2],
        distilled=None if last else distilled_fraction(before, with_search, nets[t + 1].by_opening, amplification),
        gap=None if last else policy_gap(searched[t], policies[t + 1]),
        gap_before=policy_gap(searched[t], policies[t]),
        net_right=None if net_right is None or decisive is None else float(net_right[t][decisive].mean()),
        search_right=None if search_right is None or decisive is None else float(search_right[t][decisive].mean()),
        gained=gained,
        lost=lost,
        taught=taught,
    )


def policy_gap(searched: FloatArray, network: FloatArray) -> Estimate:
    """Mean KL(search ‖ network) over positions, in nats; intervals take the positions for independent.

    Args:
        searched: `[P, A]`.
        network: `[P, A]`.
    """
    values = [divergence(one, other) for one, other in zip(searched, network, strict=True)]
    return estimate(values, np.arange(len(values)), lowest=0.0)


def distilled_fraction(
    net: FloatArray, searched: FloatArray, following: FloatArray, amplification: Estimate | None = None
) -> DistilledFraction:
    """[score(net_{t+1}) − score(net_t)] ÷ A_t, with Fieller's interval of a ratio of paired means.

    With means ȳ of the gains and x̄ of the amplifications over M openings, their variances v_y, v_x and covariance v_xy
    (of the means), t the 97.5 % quantile of Student's t with M − 1 degrees of freedom and g = t² v_x / x̄², the ends are
    [ρ − g v_xy / v_x ± (t / x̄) √(v_y − 2 ρ v_xy + ρ² v_x − g (v_y − v_xy² / v_x))] / (1 − g), ρ = ȳ / x̄ (Fieller 1954,
    JRSS B 16:175). Where the interval of A_t includes 0 the fraction is not defined: nothing may have been added that
    could be taken in.

    Args:
        net: `[M]`, scores of the network alone.
        searched: `[M]`, of the same with a search.
        following: `[M]`, of the next network alone.
        amplification: The paired estimate of A_t, where that is there already.
    """
    known = amplification or paired_estimates(net, searched)[2]
    x, y, count = searched - net, following - net, len(net)
    if known.low is None or known.high is None:
        return DistilledFraction(
            fraction=None, low=None, high=None,
            words=f"not defined: of {count} openings that are so few or alike, nothing follows about the amplification",
        )  # fmt: skip
    half = student_quantile(0.95, count - 1)
    mean_x, mean_y = float(x.mean()), float(y.mean())
    cov = np.cov(x, y) / count
    v_x, v_xy, v_y = float(cov[0, 0]), float(cov[0, 1]), float(cov[1, 1])
    g = half**2 * v_x / mean_x**2 if mean_x else math.inf
    if known.low <= 0 <= known.high or g >= 1:
        interval = f"{known.low:.3g} to {known.high:.3g}".replace("-", "−")
        return DistilledFraction(
            fraction=None, low=None, high=None,
            words=f"not defined: the amplification may be none (95 % interval {interval})",
        )  # fmt: skip
    ratio = mean_y / mean_x
    shift = g * v_xy / v_x if v_x > 0 else 0.0
    rest = v_y - v_xy**2 / v_x if v_x > 0 else v_y
    spread = half / abs(mean_x) * math.sqrt(max(0.0, v_y - 2 * ratio * v_xy + ratio**2 * v_x - g * rest))
    low, high = (ratio - shift - spread) / (1 - g), (ratio - shift + spread) / (1 - g)
    words = f"{ratio:.2f} (95 % interval {low:.2f} to {high:.2f})".replace("-", "−")
    return DistilledFraction(fraction=ratio, low=low, high=high, words=words)

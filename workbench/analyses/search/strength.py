"""How much an agent gains by searching, as a function of its simulations.

Axis legend: K budgets, M openings, P positions, A actions of the game, W words of a packed position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.paired_episodes import paired_estimates, wilson_interval
from workbench.analyses.search.exact import action_values, right_actions
from workbench.analyses.search.matches import MatchScore, Player, Positions, play_match, raw_player, search_player
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.search.evaluators import Evaluator
from workbench.search.games import Game, describe
from workbench.search.settings import SearchSettings

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class StrengthCurve:
    """Scores against one opponent, by the number of simulations; the same openings, with both colours, throughout."""

    opponent: str
    simulations: tuple[int, ...]
    """K."""
    raw: MatchScore
    """Of the network alone."""
    scores: tuple[MatchScore, ...]
    """K, of the network with a search."""
    effects: tuple[Estimate, ...]
    """K planning effects: score(search) − score(network alone), 95 % intervals over openings, paired."""


@dataclass(frozen=True, kw_only=True)
class EffectGroup:
    """The planning effect in one kind of opening."""

    label: str
    openings: int
    raw: float
    """Score of the network alone there."""
    searched: float
    """Score with the search."""
    effect: Estimate


def strength(
    game: Game,
    evaluate: Evaluator,
    opponent: Player,
    openings: Positions,
    simulations: Sequence[int],
    *,
    settings: SearchSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> StrengthCurve:
    """Play a network with several budgets against one opponent.

    Args:
        game: Its rules.
        evaluate: The network.
        opponent: The same for all budgets, such as the network alone, plain UCT or perfect play.
        openings: `[M, W]`, from `draw_openings`.
        simulations: The budgets, each at least 2.
        settings: How to search otherwise.
        seed: Of what is drawn.
        progress: Is told how many matches are done, and may raise `Cancelled`.
    """
    told, base = progress or SilentProgress(), settings or SearchSettings()
    budgets = [_with_simulations(base, count) for count in simulations]
    if not budgets:
        raise WorkbenchError("Give at least one number of simulations.")
    told.update(0, len(budgets) + 1, "the network alone")
    raw = play_match(game, raw_player(game, evaluate), opponent, openings, seed=seed)
    scores = []
    for number, chosen in enumerate(budgets, 1):
        told.update(number, len(budgets) + 1, f"{chosen.simulations:,} simulations")
        scores.append(play_match(game, search_player(game, evaluate, chosen), opponent, openings, seed=seed))
    told.update(len(budgets) + 1, len(budgets) + 1, "")
    return StrengthCurve(
        opponent=opponent.name,
        simulations=tuple(chosen.simulations for chosen in budgets),
        raw=raw,
        scores=tuple(scores),
        effects=tuple(paired_estimates(raw.by_opening, one.by_opening)[2] for one in scores),
    )


def _with_simulations(settings: SearchSettings, count: int) -> SearchSettings:
    return SearchSettings(**{**settings.__dict__, "simulations": int(count)})


def effects_by_group(curve: StrengthCurve, labels: npt.NDArray[Any], budget: int = -1) -> list[EffectGroup]:
    """Which openings profit from the search.

    Args:
        curve: The scores.
        labels: `[M]`, the kind of each opening: the number of its stones, say.
        budget: Which of the K budgets; the last unless said otherwise.

    Raises:
        WorkbenchError: Labels of another length.
    """
    kinds = np.asarray(labels)
    raw, searched = curve.raw.by_opening, curve.scores[budget].by_opening
    if kinds.shape != raw.shape:
        raise WorkbenchError(f"A label is needed for each of {len(raw)} openings; got shape {list(kinds.shape)}.")
    return [
        EffectGroup(
            label=str(label),
            openings=int((kinds == label).sum()),
            raw=float(raw[kinds == label].mean()),
            searched=float(searched[kinds == label].mean()),
            effect=paired_estimates(raw[kinds == label], searched[kinds == label])[2],
        )
        for label in np.unique(kinds)
    ]


@dataclass(frozen=True, kw_only=True)
class OptimalCurve:
    """How often what is played is right, by the number of simulations, over fixed positions."""

    simulations: tuple[int, ...]
    """K."""
    decisive: npt.NDArray[np.bool_]
    """`[P]`, where something wrong could be played, and the truth is known; all shares are over these, n of them."""
    raw_right: npt.NDArray[np.bool_]
    """`[P]`, of the network alone."""
    right: npt.NDArray[np.bool_]
    """`[K, P]`, with a search."""
    chance: float
    """Mean share of the legal actions that are right: what drawing evenly gives."""

    @property
    def raw_share(self) -> float:
        """Of the network alone."""
        return float(self.raw_right[self.decisive].mean())

    @property
    def shares(self) -> FloatArray:
        """`[K]`"""
        return np.asarray(self.right[:, self.decisive].mean(1))

    def interval(self, share: float) -> tuple[float, float]:
        """95 % by Wilson, over the decisive positions."""
        return wilson_interval(share, int(self.decisive.sum()))

    @property
    def effects(self) -> tuple[Estimate, ...]:
        """K differences of shares, search − network alone, paired by position (Newcombe)."""
        before = self.raw_right[self.decisive].astype(np.float64)
        return tuple(
            paired_estimates(before, row[self.decisive].astype(np.float64), share=True)[2] for row in self.right
        )


def optimal_moves(
    game: Game,
    evaluate: Evaluator,
    positions: Positions,
    solver: Any,
    simulations: Sequence[int],
    *,
    settings: SearchSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> OptimalCurve:
    """Compare what is played at fixed positions with what is right.

    Args:
        game: Its rules.
        evaluate: The network.
        positions: `[P, W]`, none the end of a game.
        solver: As in `workbench.analyses.search.exact`.
        simulations: The budgets.
        settings: How to search otherwise.
        seed: Of the noise at the roots.
        progress: Is told how many budgets are done, and may raise `Cancelled`.

    Raises:
        WorkbenchError: At none of the positions something known to be wrong can be played.
    """
    told, base = progress or SilentProgress(), settings or SearchSettings()
    right, decisive, chance = truth_of(game, positions, solver)
    rows, seeds = np.arange(len(positions)), [seed + place for place in range(len(positions))]
    raw = right[rows, raw_player(game, evaluate).choose(positions, seeds)]
    found = []
    for number, count in enumerate(simulations):
        told.update(number, len(simulations), f"{count:,} simulations")
        player = search_player(game, evaluate, _with_simulations(base, count))
        found.append(right[rows, player.choose(positions, seeds)])
    told.update(len(simulations), len(simulations), "")
    return OptimalCurve(
        simulations=tuple(int(count) for count in simulations),
        decisive=decisive,
        raw_right=raw,
        right=np.array(found, np.bool_).reshape(len(simulations), len(positions)),
        chance=chance,
    )


def truth_of(
    game: Game, positions: Positions, solver: Any
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], float]:
    """Which actions are right `[P, A]`, which positions decisive `[P]`, and the share that drawing evenly gets there.

    Raises:
        WorkbenchError: None of the positions is decisive.
    """
    values, legal = action_values(solver, positions, game.actions), describe(game, positions)["legal"]
    known = ~(np.isnan(values) & legal).any(1)
    right = right_actions(values) & legal
    decisive = known & (right.sum(1) < legal.sum(1))
    if not decisive.any():
        raise WorkbenchError(
            f"At none of the {len(positions)} positions of {game.name} something that is known to be wrong can be "
            f"played; take others, such as later ones."
        )
    return right, decisive, float((right.sum(1) / legal.sum(1))[decisive].mean())


def optimal_by_group(curve: OptimalCurve, labels: npt.NDArray[Any], budget: int = -1) -> list[EffectGroup]:
    """In which kinds of positions the search finds what the network does not; as `effects_by_group`, over positions."""
    kinds = np.asarray(labels)
    if kinds.shape != curve.decisive.shape:
        raise WorkbenchError(
            f"A label is needed for each of {len(curve.decisive)} positions; got shape {list(kinds.shape)}."
        )
    groups = []
    for label in np.unique(kinds[curve.decisive]):
        chosen = curve.decisive & (kinds == label)
        before, after = curve.raw_right[chosen].astype(np.float64), curve.right[budget][chosen].astype(np.float64)
        effect = paired_estimates(before, after, share=True)[2] if len(before) > 1 else estimate(after - before, [0])
        groups.append(
            EffectGroup(
                label=str(label), openings=int(chosen.sum()), raw=float(before.mean()), searched=float(after.mean()),
                effect=effect,
            )
        )  # fmt: skip
    return groups

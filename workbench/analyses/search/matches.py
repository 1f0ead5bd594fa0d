"""Players of a game, and matches between them: openings drawn with a seed, each played with both colours.

Axis legend: M openings, B positions, W words of a packed position, A actions of the game.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.paired_episodes import wilson_interval
from workbench.analyses.search.exact import action_values, right_actions
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.search.choosing import choose_action
from workbench.search.evaluators import Evaluator, UniformEvaluator, ask
from workbench.search.games import Game, check_positions, describe, play_moves
from workbench.search.playouts import RandomPlayouts
from workbench.search.searching import search
from workbench.search.settings import SearchSettings

FloatArray = npt.NDArray[np.float64]
Positions = npt.NDArray[np.uint64]
TRIES = 200
"""Drawn games for each opening that is wanted, at most."""


@dataclass(frozen=True, kw_only=True)
class Player:
    """Whoever plays: a name, and what it plays."""

    name: str
    choose: Callable[[Positions, Sequence[int]], npt.NDArray[np.int16]]
    """From positions `[B, W]` and a seed for each to actions `[B]`."""


def raw_player(game: Game, evaluate: Evaluator) -> Player:
    """The network without a search: the legal action with the largest logit, the first of equal ones."""

    def choose(positions: Positions, seeds: Sequence[int]) -> npt.NDArray[np.int16]:
        return np.asarray(net_policy(game, evaluate, positions).argmax(1), np.int16)

    return Player(name="the network alone", choose=choose)


def net_policy(game: Game, evaluate: Evaluator, positions: Positions) -> FloatArray:
    """Softmax of an evaluator's logits over the legal actions, `[B, A]`."""
    legal = describe(game, positions)["legal"]
    logits, _ = ask(evaluate, game, positions)
    shifted = np.where(legal, logits.astype(np.float64), -np.inf)
    weights = np.exp(shifted - shifted.max(1, keepdims=True))
    return np.asarray(weights / weights.sum(1, keepdims=True))


def search_player(game: Game, evaluate: Evaluator, settings: SearchSettings) -> Player:
    """The network with a search, which takes what the search prefers (`choose_action` without temperature)."""

    def choose(positions: Positions, seeds: Sequence[int]) -> npt.NDArray[np.int16]:
        traces = search(game, positions, evaluate, settings, seed=seeds)
        return np.array([choose_action(trace) for trace in traces], np.int16)

    return Player(name=f"{settings.rule} with {settings.simulations:,} simulations", choose=choose)


def uct_player(game: Game, simulations: int, *, exploration: float = 1.4) -> Player:
    """UCT that knows nothing: it learns from the ends of the game that it meets alone, and keeps what is proven."""
    settings = SearchSettings(rule="uct", simulations=simulations, exploration=exploration)
    made = search_player(game, UniformEvaluator(game.actions), settings)
    return Player(name=f"UCT that knows nothing, with {simulations:,} simulations", choose=made.choose)


def playouts_player(game: Game, simulations: int, *, exploration: float = 1.4, seed: int = 0) -> Player:
    """Plain Monte Carlo tree search: UCT, a random game played to its end from each new node, and nothing proven.

    Args:
        game: Its rules.
        simulations: A move.
        exploration: UCT's constant.
        seed: Of the random games, 0 or more; what is drawn follows from it and the position alone.
    """
    settings = SearchSettings(rule="uct", simulations=simulations, exploration=exploration, prove=False)
    made = search_player(game, RandomPlayouts(game, seed=seed), settings)
    return Player(name=f"plain UCT with {simulations:,} random play-outs", choose=made.choose)


def solver_player(game: Game, solver: Any) -> Player:
    """Perfect play: one of the right actions, drawn evenly.

    Args:
        game: Its rules.
        solver: As in `workbench.analyses.search.exact`.
    """

    def choose(positions: Positions, seeds: Sequence[int]) -> npt.NDArray[np.int16]:
        right = right_actions(action_values(solver, positions, game.actions))
        if not right.any(1).all():
            raise WorkbenchError("The solver does not know what is right at a position; let another player play.")
        return _drawn(right, seeds)

    return Player(name="perfect play", choose=choose)


def random_player(game: Game) -> Player:
    """Any legal action, drawn evenly."""

    def choose(positions: Positions, seeds: Sequence[int]) -> npt.NDArray[np.int16]:
        return _drawn(describe(game, positions)["legal"], seeds)

    return Player(name="random play", choose=choose)


def _drawn(allowed: npt.NDArray[np.bool_], seeds: Sequence[int]) -> npt.NDArray[np.int16]:
    chosen = [np.random.default_rng(seed).choice(np.flatnonzero(row)) for row, seed in zip(allowed, seeds, strict=True)]
    return np.array(chosen, np.int16)


def draw_openings(game: Game, count: int, moves: int, *, seed: int = 0) -> Positions:
    """Different positions after some random moves, none of them the end of a game: `[M, W]`.

    Args:
        game: Its rules.
        count: M.
        moves: How many moves lead to each.
        seed: Of the moves.

    Raises:
        WorkbenchError: So many different ones are not found in 200 attempts for each.
    """
    if count < 1 or moves < 0:
        raise WorkbenchError(f"There must be at least 1 opening, of 0 moves or more; got {count} of {moves}.")
    random = np.random.default_rng(seed)
    found: dict[bytes, npt.NDArray[np.uint64]] = {}
    for _ in range(TRIES):
        positions = np.tile(game.start(), (count, 1))
        going = np.ones(count, np.bool_)
        for _ in range(moves):
            facts = describe(game, positions)
            going &= facts["ended"] == 0
            rows = np.flatnonzero(going)
            actions = _drawn(facts["legal"][rows], random.integers(2**62, size=len(rows)).tolist())
            positions[rows] = play_moves(game, positions[rows], actions)[0]
        facts = describe(game, positions)
        for row in np.flatnonzero(going & (facts["ended"] == 0)):
            found.setdefault(positions[row].tobytes(), positions[row])
            if len(found) == count:
                return np.stack(list(found.values()))
    raise WorkbenchError(
        f"Only {len(found)} different openings of {moves} moves of {game.name} were found, not {count}; ask for fewer, "
        f"or for more moves."
    )


@dataclass(frozen=True, kw_only=True)
class MatchScore:
    """How a player did: 1 a win, ½ a draw, 0 a loss."""

    player: str
    opponent: str
    games: FloatArray
    """`[M, 2]`, of each opening the game in which it moves first there, and the other."""

    @property
    def by_opening(self) -> FloatArray:
        """`[M]`, the mean of the two games."""
        return np.asarray(self.games.mean(1))

    @property
    def score(self) -> float:
        """The mean over all games, 0 to 1."""
        return float(self.games.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """95 % by Wilson over M openings: two games of one opening are not taken for independent, so that it is on the
        safe side.
        """
        return wilson_interval(self.score, len(self.games))

    @property
    def counts(self) -> tuple[int, int, int]:
        """Wins, draws and losses."""
        return tuple(int((self.games == value).sum()) for value in (1.0, 0.5, 0.0))  # type: ignore[return-value]


def play_match(
    game: Game,
    one: Player,
    other: Player,
    openings: Positions,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> MatchScore:
    """Let two players play every opening twice, with both colours, all games side by side.

    Args:
        game: Its rules.
        one: Whose score it is.
        other: Its opponent.
        openings: `[M, W]`.
        seed: Of what players draw: move p of game g has a seed made of these three.
        progress: Is told how many moves were made, and may raise `Cancelled`.

    Raises:
        WorkbenchError: An opening is the end of a game; a player's move is not legal.
    """
    told = progress or SilentProgress()
    facts = check_positions(game, openings)
    M = len(openings)
    positions = np.concatenate([openings, openings])
    side = np.concatenate([facts["player"], 1 - facts["player"]])
    scores = np.full(2 * M, np.nan)
    going = np.ones(2 * M, np.bool_)
    for ply in range(game.longest + 1):
        facts = describe(game, positions)
        over = np.flatnonzero(going & (facts["ended"] > 0))
        sign = np.where(facts["player"][over] == side[over], 1.0, -1.0)
        scores[over] = (1 + sign * facts["outcome"][over]) / 2
        going[over] = False
        told.update(int(2 * M - going.sum()), 2 * M, f"move {ply}")
        if not going.any():
            break
        turns = going & (facts["player"] == side), going & (facts["player"] != side)
        for player, turn in zip((one, other), turns, strict=True):
            rows = np.flatnonzero(turn)
            if not len(rows):
                continue
            seeds = [_seed(seed, int(row), ply) for row in rows]
            actions = np.asarray(player.choose(positions[rows], seeds), np.int16)
            wrong = [place for place, a in enumerate(actions) if not facts["legal"][rows[place], a]]
            if wrong:
                raise WorkbenchError(
                    f"{player.name} played action {int(actions[wrong[0]])} at move {ply} after an opening of "
                    f"{game.name}, which is not legal there."
                )
            positions[rows] = play_moves(game, positions[rows], actions)[0]
    return MatchScore(player=one.name, opponent=other.name, games=np.stack([scores[:M], scores[M:]], axis=1))


def _seed(seed: int, game: int, ply: int) -> int:
    return int(np.random.SeedSequence([seed, game, ply]).generate_state(1, np.uint32)[0])

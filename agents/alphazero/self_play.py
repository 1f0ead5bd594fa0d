"""Games that a network plays against itself with a search, and what it is to learn of them.

Axis legend: N positions, W words of a packed position, A actions of the game, G games side by side.
"""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.progress import Progress, SilentProgress
from workbench.search.choosing import choose_action
from workbench.search.evaluators import Evaluator
from workbench.search.games import Game, describe, play_moves
from workbench.search.replay import rebuild
from workbench.search.searching import search
from workbench.search.settings import SearchSettings
from workbench.search.trace import SearchTrace

LOST, DRAWN, WON = 1, 2, 3
"""What is proven of an edge, as `workbench.search.replay.TreeState` has it."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """What self-play found out."""

    positions: npt.NDArray[np.uint64]
    """`[N, W]`"""
    policies: npt.NDArray[np.float32]
    """`[N, A]`, what the search would play."""
    outcomes: npt.NDArray[np.float32]
    """`[N]`, how the game ended, −1, 0 or 1 for the player to move."""
    searched: npt.NDArray[np.float32]
    """`[N]`, the root's value after the search, for the same."""
    lengths: npt.NDArray[np.int16]
    """`[G]`, moves of each game, with those that were drawn at its beginning."""
    first_player: npt.NDArray[np.float32]
    """`[G]`, 1 where the first player won, 0 drawn, −1 lost."""

    def save(self, path: Path) -> None:
        """Write them, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        with beside.open("wb") as file:
            np.savez_compressed(file, **vars(self))
        os.replace(beside, path)

    @classmethod
    def load(cls, path: Path) -> "Examples":
        """Read them."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{field.name: arrays[field.name] for field in dataclasses.fields(cls)})


def play_games(
    game: Game,
    evaluate: Evaluator,
    settings: SearchSettings,
    *,
    games: int,
    drawn_moves: int,
    random_moves: int,
    seed: tuple[int, ...],
    threads: int = 1,
    progress: Progress | None = None,
) -> Examples:
    """Play games, every move after a search.

    Args:
        game: Its rules.
        evaluate: The network.
        settings: Of every search.
        games: How many, all side by side.
        drawn_moves: So many moves of a game are drawn in proportion to the visits, later ones are the most visited.
        random_moves: Half of the games begin after 1 to so many moves drawn evenly; nothing is learnt of those.
        seed: Of everything random: move p of game g has the seed `[*seed, g, p]`, whatever the others do.
        threads: As for `search`.
        progress: Told how many games are over.
    """
    told = progress or SilentProgress()
    positions = np.tile(game.start(), (games, 1))
    at_random = _openings(game, positions, random_moves, np.random.default_rng([*seed, games]))
    going, lengths, first_player = np.ones(games, np.bool_), at_random.copy(), np.zeros(games, np.float32)
    seen: list[npt.NDArray[np.intp]] = []
    kept: dict[str, list[npt.NDArray[np.generic]]] = {"positions": [], "policies": [], "searched": [], "player": []}
    while going.any():
        told.update(int(games - going.sum()), games, f"{int(lengths.max())} moves")
        rows = np.flatnonzero(going)
        here = positions[rows]
        players = describe(game, here)["player"]
        seeds = [_seed(seed, int(g), int(lengths[g])) for g in rows]
        traces = search(game, here, evaluate, settings, seed=[one for one, _ in seeds], threads=threads)
        learnt = [what_was_found(trace, game.actions) for trace in traces]
        actions = np.array(
            [
                choose_action(trace, temperature=float(lengths[g] < drawn_moves), seed=draw)
                for trace, g, (_, draw) in zip(traces, rows, seeds, strict=True)
            ],
            np.int16,
        )
        seen.append(rows)
        kept["positions"].append(here)
        kept["policies"].append(np.stack([policy for policy, _ in learnt]))
        kept["searched"].append(np.array([value for _, value in learnt], np.float32))
        kept["player"].append(players)
        after, facts = play_moves(game, here, actions)
        positions[rows] = after
        lengths[rows] += 1
        over = facts["ended"] > 0
        going[rows[over]] = False
        first_player[rows[over]] = np.where(facts["player"] == 0, facts["outcome"], -facts["outcome"])[over]
    told.update(games, games, "")
    of_game = np.concatenate(seen)
    movers = np.concatenate(kept["player"])
    return Examples(
        positions=np.concatenate(kept["positions"]).astype(np.uint64),
        policies=np.concatenate(kept["policies"]).astype(np.float32),
        outcomes=np.where(movers == 0, first_player[of_game], -first_player[of_game]).astype(np.float32),
        searched=np.concatenate(kept["searched"]).astype(np.float32),
        lengths=lengths.astype(np.int16),
        first_player=first_player,
    )


def what_was_found(trace: SearchTrace, actions: int) -> tuple[npt.NDArray[np.float32], float]:
    """The policy `[A]` and the value that a network is to learn of a search, for the player to move.

    Where a win is proven all proven wins have equal shares; proven losses have none, unless all are; else the shares
    are those of the visits (Silver et al. 2018). The value is what is proven, else the mean of all that came back.
    """
    state = rebuild(trace)
    edges = trace.edges_of(0)
    visits, proven = state.visits[edges].astype(np.float64), state.edge_proven[edges]
    weights = (proven == WON).astype(np.float64)
    if not weights.any():
        weights = np.where(proven == LOST, 0.0, visits)
        if not weights.any():
            weights = np.where(proven == LOST, 0.0, 1.0) if (proven != LOST).any() else visits + 1e-9
    policy = np.zeros(actions, np.float32)
    policy[trace.edge_action[edges]] = weights / weights.sum()
    if (proven == WON).any():
        return policy, 1.0
    if (proven > 0).all():
        return policy, 0.0 if (proven == DRAWN).any() else -1.0
    total = visits.sum()
    return policy, float(state.value_sum[edges].sum() / total) if total else float(trace.value[0])


def _openings(
    game: Game, positions: npt.NDArray[np.uint64], most: int, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Make the random moves at the beginning of half of the games; give how many, `[G]`. None of them ends a game."""
    games = len(positions)
    wanted = np.where(random.random(games) < 0.5, random.integers(1, max(most, 1) + 1, size=games), 0)
    made = np.zeros(games, np.int64)
    for ply in range(most):
        rows = np.flatnonzero((wanted > ply) & (made == ply))
        if not len(rows):
            break
        legal = describe(game, positions[rows])["legal"]
        actions = (random.random(legal.shape) * legal).argmax(1).astype(np.int16)
        after, facts = play_moves(game, positions[rows], actions)
        going = facts["ended"] == 0
        positions[rows[going]] = after[going]
        made[rows[going]] += 1
    return made


def _seed(seed: tuple[int, ...], game: int, ply: int) -> tuple[int, int]:
    one, two = np.random.SeedSequence([*seed, game, ply]).generate_state(2, np.uint32)
    return int(one), int(two)

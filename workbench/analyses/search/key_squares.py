"""Pairs of positions that differ in where one stone lies, and in what is right because of it: for patching.

Axis legend: P pairs, W words of a packed position, A actions of the game.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.analyses.search.exact import action_values, right_actions
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.search.games import Game, describe, play_line

Positions = npt.NDArray[np.uint64]
TRIES = 60
"""Drawn games for each pair that is wanted, at most."""


@dataclass(frozen=True, kw_only=True)
class KeyPairs:
    """Pairs for `patch_squares`."""

    clean: Positions
    """`[P, W]`, where the move is right."""
    corrupted: Positions
    """`[P, W]`, the same with one stone elsewhere, where it is legal and not right."""
    moves: npt.NDArray[np.int64]
    """`[P]`"""
    keys: npt.NDArray[np.int64]
    """`[P, 2]`, row and column of the stone that lies elsewhere, where it lies at the first position."""


def find_key_pairs(
    game: Game,
    solver: Any,
    count: int,
    lengths: Sequence[int],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> KeyPairs:
    """Draw games, let one of the last two moves have been another, and keep what changes which move is right.

    Args:
        game: Its rules.
        solver: As in `workbench.analyses.search.exact`.
        count: P at most; one pair a game.
        lengths: How many moves a game has, drawn from these.
        seed: Of the draws.
        progress: Is told how many pairs were found, and may raise `Cancelled`.

    Raises:
        WorkbenchError: There is no such pair among 60 games for each that is wanted.
    """
    told, random = progress or SilentProgress(), np.random.default_rng(seed)
    found: dict[bytes, tuple[Positions, Positions, int, tuple[int, int]]] = {}
    for _ in range(TRIES * count):
        told.update(len(found), count, "pairs of positions")
        if len(found) == count:
            break
        line = _random_line(game, int(random.choice(lengths)), random)
        pair = None if line is None else _pair_of(game, solver, line, random)
        if pair is not None:
            found.setdefault(pair[0].tobytes(), pair)
    told.update(count, count, "")
    if not found:
        raise WorkbenchError(
            f"No two positions of {game.name} after {min(lengths)} to {max(lengths)} moves were found that differ in "
            f"one stone and in what is right, or the solver does not know; take other lengths."
        )
    clean, corrupted, moves, keys = zip(*found.values(), strict=True)
    return KeyPairs(
        clean=np.stack(clean),
        corrupted=np.stack(corrupted),
        moves=np.array(moves, np.int64),
        keys=np.array(keys, np.int64),
    )


def _random_line(game: Game, length: int, random: np.random.Generator) -> list[int] | None:
    """Moves drawn evenly; None where the game was over before."""
    line: list[int] = []
    position = game.start()
    for _ in range(length):
        facts = describe(game, position[None])
        if facts["ended"][0]:
            return None
        line.append(int(random.choice(np.flatnonzero(facts["legal"][0]))))
        position = play_line(game, position, line[-1:])
    return line if not describe(game, position[None])["ended"][0] else None


def _pair_of(
    game: Game, solver: Any, line: list[int], random: np.random.Generator
) -> tuple[Positions, Positions, int, tuple[int, int]] | None:
    clean = play_line(game, game.start(), line)
    cells = np.asarray(game.cells(clean))
    others = []
    for place in range(max(0, len(line) - 2), len(line)):
        before = play_line(game, game.start(), line[:place])
        legal = describe(game, before[None])["legal"][0]
        for action in np.flatnonzero(legal):
            if action == line[place]:
                continue
            try:
                other = play_line(game, before, [int(action), *line[place + 1 :]])
            except WorkbenchError:
                continue
            changed = np.argwhere(np.asarray(game.cells(other)) != cells)
            over = bool(describe(game, other[None])["ended"][0])
            lies = [tuple(map(int, one)) for one in changed if cells[tuple(one)] != 0]
            # The stone is gone from one square, and lies on another that was empty.
            if not over and len(changed) == 2 and len(lies) == 1:
                others.append((other, (lies[0][0], lies[0][1])))
    if not others:
        return None
    others = [others[place] for place in random.permutation(len(others))]
    positions = np.stack([clean, *(one for one, _ in others)])
    values = action_values(solver, positions, game.actions)
    known = np.isfinite(values).sum(1) == describe(game, positions)["legal"].sum(1)
    right = right_actions(values)
    if not known[0]:
        return None
    for number, (other, key) in enumerate(others, 1):
        if np.isfinite(values[[0, number]]).all(0).sum() < 2:
            continue  # no other move to be preferred at both
        moves = np.flatnonzero(right[0] & np.isfinite(values[number]) & ~right[number])
        if known[number] and len(moves):
            return clean, other, int(random.choice(moves)), key
    return None

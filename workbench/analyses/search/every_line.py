"""A player against everything that an opponent could do: the worst that can happen to it, and how.

Axis legend: N positions, W words of a packed position, A actions of the game.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.analyses.search.matches import Player, Positions
from workbench.errors import WorkbenchError
from workbench.progress import Progress, SilentProgress
from workbench.search.games import Game, describe, play_moves

AT_ONCE = 4096
"""Positions that a player is asked about at a time."""


@dataclass(frozen=True, kw_only=True)
class EveryLine:
    """What a player that always does the same comes to, whatever is played against it."""

    player: str
    moves_first: bool
    positions: int
    """Different positions in which it was to move."""
    wins: int
    """Different positions in which it had won, at the end of a game."""
    draws: int
    losses: int
    losing_line: tuple[int, ...] | None
    """Actions of both from the start to a loss, one of the shortest; None where there is none."""

    @property
    def worst(self) -> int:
        """−1: it can be beaten; 0: it can be held to a draw; 1: it wins against everything."""
        return -1 if self.losses else 0 if self.draws else 1


def every_line(
    game: Game,
    player: Player,
    *,
    moves_first: bool,
    most: int = 1_000_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> EveryLine:
    """Let a player meet every reply, from the start of the game to its end.

    A position that is reached on several ways is asked about once, so that the player does the same whenever it is
    there. For games of one order of moves (both players' stones say how many moves were made), as are those of `envs`.

    Args:
        game: Its rules.
        player: Who plays.
        moves_first: Whether it has the first move.
        most: Positions in which it may be asked, before the attempt is given up.
        seed: Of what it draws, for each position another.
        progress: Told how many moves deep all lines are, and may raise `Cancelled`.

    Raises:
        WorkbenchError: There are more positions; a move is not legal.
    """
    told, side = progress or SilentProgress(), 0 if moves_first else 1
    here = game.start()[None]
    came_from: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.int16]]] = []
    counts, asked, losing_line = np.zeros(3, np.int64), 0, None
    for ply in range(game.longest + 1):
        facts = describe(game, here)
        over = facts["ended"] > 0
        own = np.where(facts["player"] == side, facts["outcome"], -facts["outcome"])
        counts += [int((own[over] == value).sum()) for value in (1, 0, -1)]
        if losing_line is None and (over & (own == -1)).any():
            losing_line = _line(came_from, int(np.flatnonzero(over & (own == -1))[0]))
        going = np.flatnonzero(~over)
        told.update(ply, game.longest, f"{asked:,} positions")
        if not len(going):
            break
        mine = going[facts["player"][going] == side]
        theirs = going[facts["player"][going] != side]
        asked += len(mine)
        if asked > most:
            raise WorkbenchError(
                f"More than {most:,} positions of {game.name} can come up against {player.name}; allow more, or take a "
                f"smaller board."
            )
        others, replies = np.nonzero(facts["legal"][theirs])
        parents = np.concatenate([mine, theirs[others]])
        actions = np.concatenate([_choices(game, player, here[mine], facts["legal"][mine], seed), replies])
        after, first = np.unique(play_moves(game, here[parents], actions)[0], axis=0, return_index=True)
        came_from.append((parents[first], actions[first].astype(np.int16)))
        here = after
    wins, draws, losses = (int(count) for count in counts)
    return EveryLine(
        player=player.name, moves_first=moves_first, positions=asked, wins=wins, draws=draws, losses=losses,
        losing_line=losing_line,
    )  # fmt: skip


def _choices(
    game: Game, player: Player, positions: Positions, legal: npt.NDArray[np.bool_], seed: int
) -> npt.NDArray[np.int16]:
    found = np.zeros(len(positions), np.int16)
    for start in range(0, len(positions), AT_ONCE):
        some = positions[start : start + AT_ONCE]
        seeds = [int(np.random.SeedSequence([seed, *map(int, row)]).generate_state(1)[0]) for row in some]
        found[start : start + len(some)] = player.choose(some, seeds)
    wrong = np.flatnonzero(~legal[np.arange(len(found)), found])
    if len(wrong):
        raise WorkbenchError(
            f"{player.name} played action {int(found[wrong[0]])} in a position of {game.name} where it is not legal."
        )
    return found


def _line(came_from: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.int16]]], place: int) -> tuple[int, ...]:
    line = []
    for parents, actions in reversed(came_from):
        line.append(int(actions[place]))
        place = int(parents[place])
    return tuple(reversed(line))

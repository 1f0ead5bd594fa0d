"""What is exactly true of a position: its value and that of every action, by search to the end.

Axis legend:
    ...  nothing for one position, B for a batch of them
    W  64-bit words of a packed position
    A  actions, legal or not
"""

import threading
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from envs.games import rules
from envs.games.alpha_beta import ILLEGAL, UNKNOWN, make_memory, score_actions
from envs.games.positions import check_position
from envs.games.record import Game

NODE_LIMIT = 20_000_000
"""Positions that are looked at for one answer before it is "unknown": a few seconds."""
_LARGEST_TABLE = 21


@dataclass(frozen=True, kw_only=True)
class Solution:
    """What is true of some positions, for the player to move there; arrays are read-only.

    A number is NaN where it is not known (the budget was used up), and of an action also where it is not legal.
    """

    player: npt.NDArray[np.int8]
    """`[...]`: who is to move, 0 or 1."""
    moves_made: npt.NDArray[np.int16]
    """`[...]`"""
    value: npt.NDArray[np.float32]
    """`[...]`: 1 for a win, 0 a draw, −1 a loss, both sides playing perfectly. Of a finished game its outcome."""
    score: npt.NDArray[np.float32]
    """`[...]`: how soon as well. 0 for a draw; for a win one more than the number of stones that the winner has left at
    the end, the loser delaying it; the negative of it for a loss. As in Pons's solver and in bitbully."""
    plies_to_end: npt.NDArray[np.float32]
    """`[...]`: moves until the end, the winner hurrying and the loser delaying; where it is a draw, until the board is
    full."""
    action_values: npt.NDArray[np.float32]
    """`[..., A]`: the value after each action, still for the player to move *before* it."""
    action_scores: npt.NDArray[np.float32]
    """`[..., A]`: likewise the score."""
    optimal: npt.NDArray[np.bool_]
    """`[..., A]`: the actions that keep the value. All False where not all of them are known, and at the end."""
    quickest: npt.NDArray[np.bool_]
    """`[..., A]`: of them those with the best score, likewise."""
    nodes: npt.NDArray[np.int64]
    """`[...]`: positions that were looked at for it."""

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).setflags(write=False)

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """`[...]`: whether the values of all legal actions are known, and with them all optimal ones."""
        return np.asarray(self.optimal.any(-1) | (self.plies_to_end == 0))


class Solver:
    """Solves positions of one game, and remembers what it met: the second question is answered sooner.

    Any position of tic-tac-toe, Connect Four 4×5 and Hex 4×4 is answered in some hundredths of a second at most.
    Connect Four 6×7 takes some hundredths from 16 moves on, half a second from 12 on, some seconds from 10 on; the
    first moves would take many minutes, and the budget says when to give up. Threads that share a solver take turns.
    """

    def __init__(self, game: Game, *, table_bits: int | None = None) -> None:
        """Make room.

        Args:
            game: Whose positions.
            table_bits: The table has 2 to the power of so many places of 24 bytes; 8 to 26. By default what the game
                needs, at most 21 (50 MB).
        """
        if table_bits is not None and not 8 <= table_bits <= 26:
            raise ValueError(f"a solver's table has 2⁸ to 2²⁶ places; got table_bits={table_bits}")
        self.game = game
        needed = min(game.longest + 4, 20 if quick_to_solve(game) else 21)
        self._memory = make_memory(game.board, game.actions, table_bits or needed)
        self._lock = threading.Lock()

    def solve(
        self, positions: npt.NDArray[np.uint64], *, node_limit: int = NODE_LIMIT, only_values: bool = False
    ) -> Solution:
        """Solve one position or many.

        Args:
            positions: `[W]` or `[B, W]`, packed.
            node_limit: Positions that may be looked at for each of them; what is not found by then is unknown.
            only_values: Ask for values alone, which takes a fraction of the time; of scores and plies to the end only
                those of draws and of finished games are known then, and `quickest` is `optimal`.

        Raises:
            ValueError: A position cannot be, or the limit is below 1.
        """
        words = np.asarray(positions)
        if words.ndim not in (1, 2) or words.shape[-1] != self.game.words:
            raise ValueError(
                f"positions of {self.game.name} are [{self.game.words}] or [B, {self.game.words}] words; got shape "
                f"{list(words.shape)}"
            )
        if node_limit < 1:
            raise ValueError(f"a solver looks at one position at least; got node_limit={node_limit}")
        batch = np.array([check_position(self.game, row) for row in words.reshape(-1, self.game.words)], np.uint64)
        rows = self._solve(batch.reshape(-1, self.game.words), node_limit, only_values)
        lead = words.shape[:-1]
        return Solution(**{name: array.reshape(lead + array.shape[1:]) for name, array in rows.items()})

    def scores(
        self, position: npt.NDArray[np.uint64], *, node_limit: int = NODE_LIMIT, only_values: bool = False
    ) -> tuple[npt.NDArray[np.int16], int]:
        """The bare scores `[A]` of the actions in one position `[W]` of a game that goes on, and the nodes they took.

        For who asks often and knows that the position can be: nothing is checked. `ILLEGAL` and `UNKNOWN` of
        `envs.games.alpha_beta` stand where there is no number.
        """
        scores = np.empty(self.game.actions, np.int16)
        with self._lock:
            self._memory.nodes[:] = 0, node_limit
            score_actions(self.game.board, self._memory, int(position[0]), int(position[1]), only_values, scores)
            return scores, min(int(self._memory.nodes[0]), node_limit)

    def _solve(self, words: npt.NDArray[np.uint64], node_limit: int, only_values: bool) -> dict[str, npt.NDArray[Any]]:
        B, A = len(words), self.game.actions
        legal, ended = np.zeros((B, A), np.bool_), np.zeros(B, np.uint8)
        outcome, player = np.zeros(B, np.float32), np.zeros(B, np.int8)
        self.game.describe(words, legal, ended, outcome, player)
        scores, nodes, over = np.full((B, A), ILLEGAL, np.int16), np.zeros(B, np.int64), ended > 0
        for b in np.flatnonzero(~over):
            scores[b], nodes[b] = self.scores(words[b], node_limit=node_limit, only_values=only_values)
        known = legal & (scores != UNKNOWN)
        complete = (known == legal).all(1)
        best = np.max(np.where(known, scores, ILLEGAL), 1, initial=ILLEGAL)
        made = np.bitwise_count(words).sum(1).astype(np.int16)
        left = self.game.longest - made
        # A win was made with the move before: with one free cell more on the board.
        score = np.where(over, outcome * ((left + 2) // 2), np.where(complete, best, np.nan))
        # One action that wins says all of the value, whatever the others do.
        value = np.where(~over & (best > 0), 1, np.sign(score))
        action_scores = np.where(known, scores, np.nan)
        action_values = np.sign(action_scores)
        optimal = known & complete[:, None] & (action_values == value[:, None])
        quickest = known & complete[:, None] & (scores == best[:, None])
        if only_values:
            score = np.where(over | (score == 0), score, np.nan)
            action_scores[action_scores != 0] = np.nan
        plies = np.where(over, 0, _plies(score, left))
        numbers = {"value": value, "score": score, "plies_to_end": plies}
        numbers |= {"action_values": action_values, "action_scores": action_scores}
        truths = {"player": player, "moves_made": made, "optimal": optimal, "quickest": quickest, "nodes": nodes}
        return {**truths, **{name: array.astype(np.float32) for name, array in numbers.items()}}


def _plies(score: npt.NDArray[np.float64], left: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Moves until the end, by the score for the player to move and the number of free cells."""
    # The player to move will make (left + 1) // 2 more moves on a full board, the other left // 2.
    won = 2 * ((left + 1) // 2 - (score - 1)) - 1
    lost = 2 * (left // 2 - (-score - 1))
    return np.where(score > 0, won, np.where(score < 0, lost, np.where(score == 0, left, np.nan)))


def quick_to_solve(game: Game) -> bool:
    """Whether any position of a game is solved in at most some hundredths of a second."""
    largest = {rules.TIC_TAC_TOE: 9, rules.CONNECT_FOUR: 20, rules.HEX: 16}
    return game.longest <= largest[game.board.family]


@cache
def solver_for(game: Game) -> Solver:
    """The solver of a game that all share who ask here, with what it remembers."""
    return Solver(game)

"""Random play to the end of the game: what plain Monte Carlo tree search knows of a position.

Axis legend: B positions, W words of a packed position, A actions.
"""

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.compiling import compiled
from workbench.search.evaluators import Evaluation
from workbench.search.games import Game, describe, play_moves


class RandomPlayouts:
    """Every action as good as the other, and as a value the mean outcome of games played on at random.

    With UCT that is plain Monte Carlo tree search (Coulom 2006; Kocsis and Szepesvári 2006). A search asks for every
    position of its tree once, so that each simulation has a play-out of its own. What is drawn depends on the seed and
    the position alone: the same search gives the same tree.
    """

    name = "random play-outs"
    takes_positions = True
    """It plays on from the positions themselves: what is seen of one may not tell all of it."""

    def __init__(self, game: Game, *, playouts: int = 1, seed: int = 0) -> None:
        """Prepare.

        Args:
            game: What is played.
            playouts: Games for each position, at least 1.
            seed: Of the moves, 0 or more.

        Raises:
            WorkbenchError: One of them is out of its range.
        """
        if playouts < 1 or seed < 0:
            raise WorkbenchError(
                f"Each position needs at least 1 play-out, and a seed from 0 on; got {playouts} and seed {seed}."
            )
        self._game, self._playouts, self._seed = game, playouts, seed

    @property
    def fingerprint(self) -> str:
        """Says which play-outs."""
        return f"playouts:{self._game.name}:{self._playouts}:{self._seed}"

    def __call__(self, positions: npt.NDArray[np.uint64]) -> Evaluation:
        """Zeros as logits `[B, A]`, and the mean outcomes `[B]`, −1 to 1 for the player to move.

        Args:
            positions: `[B, W]`; left as they are.

        Raises:
            WorkbenchError: The rules let a game go on without an end, or without a move.
        """
        B = len(positions)
        values = np.zeros(B, np.float32)
        if B:
            states = _mixed(positions, np.uint64(self._seed))
            for _ in range(self._playouts):
                values += self._play_on(positions, states)
        return np.zeros((B, self._game.actions), np.float32), values / np.float32(self._playouts)

    def _play_on(self, positions: npt.NDArray[np.uint64], states: npt.NDArray[np.uint64]) -> npt.NDArray[np.float32]:
        """One game from each position: the outcomes `[B]`; the generators `[B]` go on."""
        game, B = self._game, len(positions)
        facts = describe(game, positions)
        asking, values = facts["player"], np.zeros(B, np.float32)
        rows, actions = np.arange(B), np.zeros(B, np.int16)
        for _ in range(game.longest + 1):
            over = facts["ended"] > 0
            if over.any():
                outcome = facts["outcome"][over]
                values[rows[over]] = np.where(facts["player"][over] == asking[rows[over]], outcome, -outcome)
                rows, positions = rows[~over], positions[~over]
                facts = {name: told[~over] for name, told in facts.items()}
            if not len(rows):
                return values
            if not _draw(states, rows, facts["legal"], actions):
                raise WorkbenchError(
                    f"A position of {game.name} has no legal move and is not the end of the game: its rules (`play`, "
                    f"`describe`) must say either."
                )
            positions, facts = play_moves(game, positions, actions[: len(rows)])
        raise WorkbenchError(
            f"A game of {game.name} went on for more than {game.longest} moves, which its rules say is the longest: "
            f"correct `longest`, or the rules."
        )


def _mixed(positions: npt.NDArray[np.uint64], seed: np.uint64) -> npt.NDArray[np.uint64]:
    """A state of the generator for each position, never 0 (the finaliser of splitmix64; Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        state = np.full(len(positions), seed + np.uint64(0x9E3779B97F4A7C15), np.uint64)
        for word in positions.T:
            state = (state ^ word) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state ^= state >> np.uint64(31)
    return state | np.uint64(1)


@compiled
def _draw(
    states: npt.NDArray[np.uint64],
    rows: npt.NDArray[np.int64],
    legal: npt.NDArray[np.bool_],
    actions: npt.NDArray[np.int16],
) -> bool:
    """Draw a legal action in each row (xorshift64*; Vigna 2016), evenly but for 2⁻³² of the number of actions.

    False where a row has none.
    """
    for place in range(len(rows)):
        state = states[rows[place]]
        state ^= state >> np.uint64(12)
        state ^= state << np.uint64(25)
        state ^= state >> np.uint64(27)
        states[rows[place]] = state
        high = np.int64((state * np.uint64(2685821657736338717)) >> np.uint64(32))
        count = np.int64(0)
        for action in range(legal.shape[1]):
            count += np.int64(legal[place, action])
        if count == 0:
            return False
        left = (high * count) >> 32
        for action in range(legal.shape[1]):
            if legal[place, action]:
                if left == 0:
                    actions[place] = action
                    break
                left -= 1
    return True

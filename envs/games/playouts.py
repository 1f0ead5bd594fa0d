"""Random play to the end of the game: what plain Monte Carlo tree search knows of a position.

Axis legend: B positions, W words of a packed position, A actions.
"""

import numpy as np
import numpy.typing as npt

from envs.games.compiling import compiled
from envs.games.record import Game


class RandomPlayouts:
    """Every action as good as the other, and as a value the mean outcome of games played on at random.

    With UCT that is plain Monte Carlo tree search (Coulom 2006; Kocsis and Szepesvári 2006). A search asks for every
    position of its tree once, so that each simulation has a play-out of its own. What is drawn depends on the seed and
    the position alone: the same search gives the same tree.

    It is asked as networks are, by observations `[B, 2, rows, columns]`, from which the position follows.
    """

    name = "random play-outs"

    def __init__(self, game: Game, *, playouts: int = 1, seed: int = 0) -> None:
        """Prepare.

        Args:
            game: What is played.
            playouts: Games for each position, at least 1.
            seed: Of the moves, 0 or more.

        Raises:
            ValueError: One of them is out of its range.
        """
        if playouts < 1 or seed < 0:
            raise ValueError(
                f"each position needs at least 1 play-out, and a seed from 0 on; got {playouts} and seed {seed}"
            )
        self._game, self._playouts, self._seed = game, playouts, seed
        board = game.board
        rows, columns = np.divmod(np.arange(board.rows * board.columns), board.columns)
        self._bits = np.uint64(1) << (board.corner + rows * board.down + columns * board.right).astype(np.uint64)

    @property
    def fingerprint(self) -> str:
        """Says which play-outs."""
        return f"playouts:{self._game.name}:{self._playouts}:{self._seed}"

    def __call__(
        self, observations: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Zeros as logits `[B, A]`, and the mean outcomes `[B]`, −1 to 1 for the player to move."""
        B = len(observations)
        values = np.zeros(B, np.float32)
        if B:
            positions = self.positions(observations)
            states = _mixed(positions, np.uint64(self._seed))
            for _ in range(self._playouts):
                values += self._play_on(positions.copy(), states)
        return np.zeros((B, self._game.actions), np.float32), values / np.float32(self._playouts)

    def positions(self, observations: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
        """The positions `[B, W]` that observations show: with as many stones of both, the first player is to move."""
        planes = observations.reshape(len(observations), 2, -1) > 0.5
        words = np.where(planes, self._bits, np.uint64(0)).sum(-1, dtype=np.uint64)
        first_moves = planes[:, 0].sum(-1) == planes[:, 1].sum(-1)
        return np.ascontiguousarray(np.where(first_moves[:, None], words, words[:, ::-1]))

    def _play_on(self, positions: npt.NDArray[np.uint64], states: npt.NDArray[np.uint64]) -> npt.NDArray[np.float32]:
        game, B = self._game, len(positions)
        legal, ended = np.zeros((B, game.actions), np.bool_), np.zeros(B, np.uint8)
        outcome, player = np.zeros(B, np.float32), np.zeros(B, np.int8)
        game.describe(positions, legal, ended, outcome, player)
        asking, values = player.copy(), np.zeros(B, np.float32)
        rows = np.arange(B)
        actions = np.zeros(B, np.int16)
        while True:
            over = ended > 0
            if over.any():
                values[rows[over]] = np.where(player[over] == asking[rows[over]], outcome[over], -outcome[over])
                rows, positions, legal = rows[~over], positions[~over], legal[~over]
            n = len(rows)
            if not n:
                return values
            _draw(states, rows, legal, actions)
            after = np.empty_like(positions)
            legal, ended, outcome, player = legal.copy(), ended[:n].copy(), outcome[:n].copy(), player[:n].copy()
            game.play(positions, actions[:n], after, legal, ended, outcome, player)
            positions = after


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
) -> None:
    """Draw a legal action in each row (xorshift64*; Vigna 2016), evenly but for 2⁻³² of the number of actions."""
    for place in range(len(rows)):
        state = states[rows[place]]
        state ^= state >> np.uint64(12)
        state ^= state << np.uint64(25)
        state ^= state >> np.uint64(27)
        states[rows[place]] = state
        high = np.int64((state * np.uint64(2685821657736338717)) >> np.uint64(32))
        count = 0
        for action in range(legal.shape[1]):
            count += np.int64(legal[place, action])
        left = (high * count) >> 32
        for action in range(legal.shape[1]):
            if legal[place, action]:
                if left == 0:
                    actions[place] = action
                    break
                left -= 1

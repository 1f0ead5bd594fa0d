"""Board games as environments in which one agent moves for both sides, and what is best is known exactly.

Axis legend:
    A  actions, legal or not
    W  64-bit words of a packed position
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded

from envs.editing import Edit, carry_out
from envs.games.alpha_beta import ILLEGAL, UNKNOWN
from envs.games.connect_four import connect_four
from envs.games.drawing import draw_game
from envs.games.hex import hex_game
from envs.games.positions import check_position, legal_action, position_after
from envs.games.record import Game
from envs.games.solver import Solver, quick_to_solve, solver_for
from envs.games.tic_tac_toe import TIC_TAC_TOE

NODE_LIMIT = 2_000_000
"""Positions that the solver looks at for the truth of one step: about a second."""
_OPENINGS = 1_000


class BoardGame(gymnasium.Env[npt.NDArray[np.float32], int]):
    """One game of two players; every step is a move of the player to move, who may be the same agent.

    The observation is `[2, rows, columns]` float32 of zeros and ones, row 0 on top: the stones of the player to move,
    and those of the other. The reward is that of the player who moved: 1 for a win, else 0 (no one loses by a move of
    their own). An episode ends with the game. `info["action_mask"]` `[A]` int8 is 1 for legal actions, as is
    `action_masks()`; after the end it is 0 throughout.

    `info["truth"]` at the observation that it comes with:
        player: who is to move, 0 or 1. moves_made: stones on the board.
        board `[rows, columns]`: int8, 1 the first player's stones, −1 the second's.
        With the option `solve`, also, for the player to move there:
        value: 1 if the game is won, 0 drawn, −1 lost, when both play perfectly from here. At the end its outcome.
        score: how soon as well, see `envs.games.Solution`.
        optimal_actions `[A]`: bool, the actions that keep the value; all False at the end.
        optimal_action: the first of those with the best score (the quickest win, the longest defence); −1 at the end.
        On boards too large to be solved at every step, value and score are float32 and NaN where they were not found
        in time; the actions are then all False and −1.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 2}

    def __init__(
        self, game: Game, *, random_opening: int = 0, solve: bool | None = None, render_mode: str | None = None
    ) -> None:
        """Set the options.

        Args:
            game: What is played.
            random_opening: Number of moves that are drawn at random, none of which ends the game, before the episode
                begins; without them all episodes begin alike.
            solve: Whether the truth holds value and optimal actions; None for: where any position is quickly solved.
            render_mode: `"rgb_array"` or None.

        Raises:
            ValueError: An option is out of its range.
        """
        if not 0 <= random_opening < game.longest:
            raise ValueError(f"random_opening is 0 to {game.longest - 1} moves of {game.name}; got {random_opening!r}")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be 'rgb_array' or None; got {render_mode!r}")
        self.game, self.render_mode = game, render_mode
        self._quick = quick_to_solve(game)
        self._solve = self._quick if solve is None else bool(solve)
        self._random_opening = int(random_opening)
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, game.observation_shape, np.float32)
        self.action_space = gymnasium.spaces.Discrete(game.actions)
        # Of the flattened observation, which is what has components with names.
        names = [f"{owner} {cell}" for owner in ("own", "other's") for cell in game.cell_names]
        actions = list(game.action_names)
        self.metadata = {**type(self).metadata, "action_names": actions, "observation_names": names}
        self._position: npt.NDArray[np.uint64] | None = None

    @property
    def solver(self) -> Solver:
        """Knows what is exactly true of positions of the game; made when it is first asked for, and shared."""
        return solver_for(self.game)

    @property
    def position(self) -> npt.NDArray[np.uint64]:
        """The packed position, a copy `[W]`."""
        return self._here().copy()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Begin a game.

        Args:
            seed: Seed of the generator of openings.
            options: `{"position": [W]}` begins there, `{"moves": [...]}` after these moves (numbers or names of
                actions), from that position if there is one; nothing is drawn then.

        Raises:
            ValueError: Another option, a position that cannot be, a move that is not legal, or a finished game.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        if given.keys() - {"position", "moves"}:
            raise ValueError(f"the options of a reset are 'position' and 'moves'; got {', '.join(map(repr, given))}")
        if not given:
            self._begin(*self._opening())
        else:
            start = check_position(self.game, given["position"]) if "position" in given else None
            moves = list(given.get("moves", ()))
            position = position_after(self.game, moves, start)
            if self.game.facts(position)["ended"]:
                raise ValueError(f"the game of {self.game.name} is over there; begin an episode before the last move")
            last = moves[-1] if moves else -1
            self._begin(position, self.game.action_names.index(last) if isinstance(last, str) else int(last))
        return self.observation(), self._info()

    def step(self, action: int) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Make a move for the player to move; ValueError where it is not legal."""
        if self._position is None or self._facts["ended"]:
            raise ResetNeeded("the game is over; call reset before the next step")
        if not 0 <= action < self.game.actions:
            raise ValueError(f"an action is 0 to {self.game.actions - 1}; got {action!r}")
        chosen = legal_action(self.game, self._facts["legal"], int(action))
        self._begin(self.game.after(self._position, chosen), chosen)
        # Of a game that a move has won, the outcome for the other player is −1.
        won = self._facts["outcome"] < 0
        return self.observation(), float(won), self._facts["ended"], False, self._info()

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Which actions are legal now, `[A]`."""
        self._here()
        return self._facts["legal"].copy()

    def observation(self) -> npt.NDArray[np.float32]:
        """Give the observation of the present position."""
        observations = np.empty((1, *self.game.observation_shape), np.float32)
        self.game.observe(self._here()[None], observations)
        return observations[0]

    def truth(self) -> dict[str, Any]:
        """Give what is true of the present position, see the class."""
        position = self._here()
        made = int(np.bitwise_count(position).sum())
        truth: dict[str, Any] = {
            "player": self._facts["player"],
            "moves_made": made,
            "board": self.game.cells(position),
        }
        return truth | self._solved(position, made) if self._solve else truth

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Draw the board, `[H, W, 3]` uint8, with the last move and what has won marked."""
        if self.render_mode is None:
            return None
        return draw_game(self.game, self._here(), self._last if self._last >= 0 else None)

    def edits(self) -> tuple[Edit, ...]:
        """List the edits on offer."""
        places = {"row": int, "column": int, "to_row": int, "to_column": int}
        return (
            Edit(name="move_stone", parameters=places, description="Put a stone on an empty cell instead."),
            Edit(name="exchange_stones", parameters=places, description="Exchange two stones of different players."),
        )

    def edit(self, name: str, **arguments: Any) -> npt.NDArray[np.float32]:
        """Carry out one of `edits()` and return the observation after it; ValueError where it is impossible."""
        return carry_out(self, name, arguments)

    def move_stone(self, row: int, column: int, to_row: int, to_column: int) -> npt.NDArray[np.float32]:
        """Put a stone on an empty cell; rows count from the top, from 0. It may not hang in the air or end the game."""
        stone, target = self._bit(row, column), self._bit(to_row, to_column)
        first, second = (int(word) for word in self._here())
        if not (first | second) & stone or (first | second) & target:
            raise ValueError(
                f"a stone is moved to an empty cell; row {row}, column {column} to row {to_row}, column {to_column} is "
                f"no such move"
            )
        change = stone | target
        return self._edited((first ^ change, second) if first & stone else (first, second ^ change))

    def exchange_stones(self, row: int, column: int, to_row: int, to_column: int) -> npt.NDArray[np.float32]:
        """Give the stones on two cells to the other player each; rows count from the top, from 0."""
        one, other = self._bit(row, column), self._bit(to_row, to_column)
        first, second = (int(word) for word in self._here())
        change = one | other
        if (first & change).bit_count() != 1 or (second & change).bit_count() != 1:
            raise ValueError(
                f"a stone of each player is exchanged; on row {row}, column {column} and row {to_row}, column "
                f"{to_column} they are not"
            )
        return self._edited((first ^ change, second ^ change))

    def get_state(self) -> dict[str, Any]:
        """Give a copy of the running episode's state (the generator of later openings is not part of it)."""
        return {"position": self._here().copy(), "last_action": self._last}

    def set_state(self, state: Mapping[str, Any]) -> npt.NDArray[np.float32]:
        """Put a state from `get_state` back and return its observation; ValueError where it fits no such game."""
        names = {"position", "last_action"}
        if set(state) != names:
            raise ValueError(f"a state has the entries {', '.join(sorted(names))}; got {', '.join(sorted(state))}")
        position, last = check_position(self.game, state["position"]), int(state["last_action"])
        if not -1 <= last < self.game.actions:
            raise ValueError(f"last_action is -1 to {self.game.actions - 1}; got {last}")
        if last >= 0 and not (self.game.cells(position)[self.game.cell_of(position, last)]):
            raise ValueError(f"last_action is {last} ({self.game.action_names[last]}), but no stone lies there")
        self._begin(position, last)
        return self.observation()

    def _begin(self, position: npt.NDArray[np.uint64], last: int) -> None:
        self._position, self._last, self._facts = position, last, self.game.facts(position)

    def _here(self) -> npt.NDArray[np.uint64]:
        if self._position is None:
            raise ResetNeeded("there is no game yet; call reset first")
        return self._position

    def _info(self) -> dict[str, Any]:
        return {"truth": self.truth(), "action_mask": self._facts["legal"].astype(np.int8)}

    def _opening(self) -> tuple[npt.NDArray[np.uint64], int]:
        """Draw an opening, move by move among those that do not end the game; where there is none, from the start."""
        for _ in range(_OPENINGS):
            position, last = self.game.start(), -1
            for _ in range(self._random_opening):
                choices = self.np_random.permutation(np.flatnonzero(self.game.facts(position)["legal"]))
                found = ((int(action), self.game.after(position, int(action))) for action in choices)
                going_on = next(((a, after) for a, after in found if not self.game.facts(after)["ended"]), None)
                if going_on is None:
                    break
                last, position = going_on
            else:
                return position, last
        raise ValueError(
            f"no opening of {self._random_opening} moves that leaves {self.game.name} going on was found in "
            f"{_OPENINGS} attempts; set random_opening lower"
        )

    def _solved(self, position: npt.NDArray[np.uint64], made: int) -> dict[str, Any]:
        optimal, best, value = np.zeros(self.game.actions, np.bool_), -1, float("nan")
        score = float("nan")
        if self._facts["ended"]:
            value = self._facts["outcome"]
            score = value * ((self.game.longest - made + 2) // 2)
        else:
            scores, _ = solver_for(self.game).scores(position, node_limit=NODE_LIMIT)
            if not (scores == UNKNOWN).any():
                best = int(scores.argmax())
                score = float(scores[best])
                value = float(np.sign(score))
                optimal = (scores != ILLEGAL) & (np.sign(scores) == value)
            elif (scores[scores != UNKNOWN] > 0).any():
                value = 1.0
        number = int if self._quick else np.float32
        return {"value": number(value), "score": number(score), "optimal_actions": optimal, "optimal_action": best}

    def _bit(self, row: int, column: int) -> int:
        """The bit of a cell of a game that goes on."""
        self._here()
        if self._facts["ended"]:
            raise ValueError("the episode is over; call reset before an edit")
        board = self.game.board
        if not (0 <= row < board.rows and 0 <= column < board.columns):
            raise ValueError(
                f"a cell is in rows 0 to {board.rows - 1}, columns 0 to {board.columns - 1}; got {row}, {column}"
            )
        return 1 << (board.corner + int(row) * board.down + int(column) * board.right)

    def _edited(self, words: tuple[int, int]) -> npt.NDArray[np.float32]:
        position = check_position(self.game, words)
        if self.game.facts(position)["ended"]:
            raise ValueError("that would end the game; an edit leaves it going on")
        self._begin(position, -1)
        return self.observation()


def tic_tac_toe_environment(**options: Any) -> BoardGame:
    """Tic-tac-toe as `envs:TicTacToe-v0`; for the options see `BoardGame`."""
    return BoardGame(TIC_TAC_TOE, **options)


def connect_four_environment(*, rows: int = 6, columns: int = 7, **options: Any) -> BoardGame:
    """Connect Four as `envs:ConnectFour-v0`, on a board of that size; for the other options see `BoardGame`."""
    return BoardGame(connect_four(rows, columns), **options)


def hex_environment(*, size: int = 4, **options: Any) -> BoardGame:
    """Hex as `envs:Hex-v0`, on a board of that size; for the other options see `BoardGame`."""
    return BoardGame(hex_game(size), **options)

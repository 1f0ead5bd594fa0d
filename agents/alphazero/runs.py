"""The table of training runs: which game, how large a network, how much self-play."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envs.games.connect_four import connect_four
from envs.games.record import Game
from envs.games.tic_tac_toe import TIC_TAC_TOE
from workbench.errors import WorkbenchError
from workbench.search.settings import SearchSettings

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run; everything that its result depends on, but for the seed."""

    name: str
    """Of its folder."""
    title: str
    make_game: Callable[[], Game]
    environment: str
    """As gymnasium names it."""
    environment_options: Mapping[str, Any] = field(default_factory=dict)
    channels: int = 32
    blocks: int = 2
    iterations: int
    """Rounds of self-play and training after it; checkpoint 0 is the untrained network."""
    games: int
    """Of self-play in each iteration, all side by side."""
    simulations: int
    """Of each search in self-play, and where the searched agent is measured."""
    exploration: float = 1.25
    noise_concentration: float | None = None
    """α of the Dirichlet noise at the root; None: 10 / the number of legal actions."""
    drawn_moves: int
    """So many moves of a game are drawn by the visits (temperature 1); later ones are the most visited."""
    random_moves: int
    """Half of the games begin after 1 to so many moves drawn evenly, so that positions which good play avoids are seen;
    nothing is learnt of those moves."""
    window: int
    """Training takes the positions of so many iterations, the last ones."""
    passes: float = 2.0
    """How often a position is trained on in an iteration, in the mean, over the *new* positions' number."""
    batch: int = 256
    learning_rate: float = 2e-3
    """At first; it falls to a twentieth along half a cosine."""
    weight_decay: float = 1e-4
    value_of_search: float = 0.5
    """The value that is learnt is this share of the search's root value, and the rest of the game's outcome."""
    opponent_simulations: int
    """Of plain UCT with random play-outs, the opponent that all checkpoints are measured against."""

    @property
    def game(self) -> Game:
        """Its rules."""
        return self.make_game()

    @property
    def folder(self) -> Path:
        """Where the checkpoints that ship lie."""
        return FOLDER / self.name

    def search(self, *, noise: float = 0.0, simulations: int | None = None) -> SearchSettings:
        """How it searches: in self-play with noise, else without."""
        return SearchSettings(
            rule="puct",
            simulations=simulations or self.simulations,
            exploration=self.exploration,
            noise=noise,
            noise_concentration=self.noise_concentration,
        )


RUNS: tuple[Run, ...] = (
    Run(
        name="tic_tac_toe",
        title="tic-tac-toe",
        make_game=lambda: TIC_TAC_TOE,
        environment="envs:TicTacToe-v0",
        channels=24,
        blocks=2,
        iterations=20,
        games=512,
        simulations=50,
        drawn_moves=9,
        random_moves=5,
        window=6,
        passes=8.0,
        opponent_simulations=100,
    ),
    Run(
        name="connect_four_4x5",
        title="Connect Four on 4 rows and 5 columns",
        make_game=lambda: connect_four(4, 5),
        environment="envs:ConnectFour-v0",
        environment_options={"rows": 4, "columns": 5},
        channels=32,
        blocks=2,
        iterations=40,
        games=512,
        simulations=64,
        drawn_moves=12,
        random_moves=10,
        window=8,
        passes=4.0,
        opponent_simulations=400,
    ),
    Run(
        name="connect_four_6x7",
        title="Connect Four on 6 rows and 7 columns",
        make_game=lambda: connect_four(6, 7),
        environment="envs:ConnectFour-v0",
        channels=32,
        blocks=2,
        iterations=40,
        games=256,
        simulations=64,
        drawn_moves=16,
        random_moves=12,
        window=12,
        passes=3.0,
        opponent_simulations=1_000,
    ),
)


def find_run(name: str) -> Run:
    """Return the run of that name.

    Raises:
        WorkbenchError: There is none.
    """
    for run in RUNS:
        if run.name == name:
            return run
    raise WorkbenchError(f"No training run is called {name!r}; there are: {', '.join(run.name for run in RUNS)}.")

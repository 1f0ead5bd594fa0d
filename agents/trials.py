"""The table of what the cards state: every figure, and how it is measured anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np

import workbench
from agents.catalogue import find_agent
from agents.cheese_maze.goals import TRUTH, cheese_figures, goal_figures
from agents.episodes import MASK, Actor, PlayedEpisode, PolicyActor, RandomActor, TruthActor, play
from agents.intervals import Measured, mean_of
from workbench.recording.environments import make_environment

Summarise = Callable[[Sequence[PlayedEpisode]], dict[str, Measured]]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Some episodes of an agent (or of a yardstick in its place), and the figures drawn from them."""

    card: str
    """Name of the folder whose card states the figures."""
    name: str
    """Unique in the card."""
    agent: str
    """Row of the catalogue that gives policy and environment."""
    meaning: str
    """One sentence: who acts, where."""
    summarise: Summarise
    episodes: int
    """How many the card's figures rest on."""
    actor: str = "policy"
    """`policy`, or a yardstick in its place: `solver` (does what the truth says is optimal), `random`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Environment options other than the catalogue's."""
    keep: tuple[str, ...] = ()
    """Entries of the truth that the figures need."""


def returns(episodes: Sequence[PlayedEpisode]) -> dict[str, Measured]:
    """Give the mean return."""
    return {"mean return": mean_of([episode.total_reward for episode in episodes])}


def right_moves(episodes: Sequence[PlayedEpisode]) -> dict[str, Measured]:
    """Give the share of right moves, where something wrong could be played; the mean over games."""
    shares = []
    for episode in episodes:
        moves = len(episode.actions)
        right, legal = (episode.truth[name][:moves].astype(np.bool_) for name in (RIGHT, MASK))
        decisive = right.any(1) & (right.sum(1) < legal.sum(1))
        if decisive.any():
            shares.append(float(right[np.arange(moves), episode.actions][decisive].mean()))
    return {"share of right moves": mean_of(shares)}


RIGHT = "optimal_actions"
_BOARD: dict[str, Any] = {"card": "alphazero", "summarise": right_moves, "keep": (RIGHT, MASK)}
_ELSEWHERE: dict[str, Any] = {"card": "cheese_maze", "summarise": goal_figures, "keep": TRUTH}

TRIALS: tuple[Trial, ...] = (
    Trial(
        card="cartpole",
        name="return",
        agent="cartpole",
        meaning="The agent, taking its most probable action.",
        summarise=returns,
        episodes=200,
    ),
    Trial(
        card="pendulum",
        name="return",
        agent="pendulum",
        meaning="The agent, taking its mean action.",
        summarise=returns,
        episodes=500,
    ),
    Trial(
        card="minigrid_doorkey",
        name="return",
        agent="minigrid_doorkey",
        meaning="The agent, taking its best action.",
        summarise=returns,
        episodes=500,
    ),
    Trial(
        card="lunar_lander",
        name="return",
        agent="lunar_lander",
        meaning="The agent, taking its best action.",
        summarise=returns,
        episodes=300,
    ),
    Trial(
        card="cue_recall",
        name="return",
        agent="cue_recall",
        meaning="The agent, taking its most probable action; delays of 3 to 10 steps as in training.",
        summarise=returns,
        episodes=1_000,
    ),
    Trial(
        card="cue_recall",
        name="longer delays",
        agent="cue_recall",
        meaning="The agent, with delays of 20 to 40 steps that it has never met.",
        summarise=returns,
        episodes=1_000,
        options={"delay": (20, 40)},
    ),
    Trial(
        card="cue_recall",
        name="chance",
        agent="cue_recall",
        meaning="Random actions: what anybody without a memory gets.",
        summarise=returns,
        episodes=1_000,
        actor="random",
    ),
    Trial(
        card="cheese_maze",
        name="as in training",
        agent="cheese_maze",
        meaning="The corner agent; cheese in the top right 5 by 5 squares of new mazes.",
        summarise=cheese_figures,
        episodes=1_000,
        keep=TRUTH,
    ),
    Trial(
        name="cheese elsewhere",
        agent="cheese_maze_elsewhere",
        meaning="The corner agent; cheese outside the top right 5 by 5 squares, contested episodes.",
        episodes=1_000,
        **_ELSEWHERE,
    ),
    Trial(
        name="control, cheese anywhere",
        agent="cheese_maze_control",
        meaning="The control agent on its own training distribution: cheese anywhere.",
        episodes=1_000,
        options={"cheese": "anywhere"},
        card="cheese_maze",
        summarise=cheese_figures,
        keep=TRUTH,
    ),
    Trial(
        name="control, cheese elsewhere",
        agent="cheese_maze_control",
        meaning="The control agent in the very mazes of 'cheese elsewhere'.",
        episodes=1_000,
        **_ELSEWHERE,
    ),
    Trial(
        name="solver, cheese elsewhere",
        agent="cheese_maze_elsewhere",
        actor="solver",
        meaning="The exact solver in the same mazes: never in the corner, by the definition of contested.",
        episodes=1_000,
        **_ELSEWHERE,
    ),
    Trial(
        name="random, cheese elsewhere",
        agent="cheese_maze_elsewhere",
        actor="random",
        meaning="Random steps in the same mazes: how often chance leads to the corner.",
        episodes=1_000,
        **_ELSEWHERE,
    ),
    Trial(
        name="tic-tac-toe",
        agent="tic_tac_toe",
        meaning="Tic-tac-toe after 2 drawn moves: the network without a search, against itself.",
        episodes=500,
        **_BOARD,
    ),
    Trial(
        name="random, tic-tac-toe",
        agent="tic_tac_toe",
        actor="random",
        meaning="Tic-tac-toe after 2 drawn moves: legal moves drawn evenly.",
        episodes=500,
        **_BOARD,
    ),
    Trial(
        name="Connect Four 4×5",
        agent="connect_four_4x5",
        meaning="Connect Four 4×5 after 4 drawn moves: the network without a search, against itself.",
        episodes=500,
        **_BOARD,
    ),
    Trial(
        name="random, Connect Four 4×5",
        agent="connect_four_4x5",
        actor="random",
        meaning="Connect Four 4×5 after 4 drawn moves: legal moves drawn evenly.",
        episodes=500,
        **_BOARD,
    ),
)


def measure(trial: Trial, *, episodes: int | None = None, seed: int = 1_000_000) -> dict[str, Measured]:
    """Play a trial and give its figures.

    Args:
        trial: A row of `TRIALS`.
        episodes: How many; None means as many as the card's figures rest on.
        seed: Seed of the first episode. No training seed is near a million.
    """
    agent = find_agent(trial.agent)
    options = {**agent.environment_options, **trial.options}

    def make() -> gymnasium.Env[Any, Any]:
        return make_environment(agent.environment, kwargs=options, wrappers=agent.wrappers)

    actor = _actor(trial, agent.policy, make)
    return trial.summarise(play(actor, make, episodes=episodes or trial.episodes, seed=seed, keep=trial.keep))


def _actor(trial: Trial, policy: str, make: Callable[[], gymnasium.Env[Any, Any]]) -> Actor:
    if trial.actor == "solver":
        return TruthActor()
    environment = make()
    if trial.actor == "random":
        assert isinstance(environment.action_space, gymnasium.spaces.Discrete)
        return RandomActor(int(np.asarray(environment.action_space.n)))
    return PolicyActor(workbench.load_policy(policy, environment=environment))

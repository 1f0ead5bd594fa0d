"""The table of the shipped agents: what acts, where, and what the demonstration records of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One agent in one environment; an agent that is shown in two environments has two rows."""

    name: str
    """Short and unique; the demonstration's recording is called so."""
    title: str
    """A few words for people."""
    policy: str
    """What `workbench.load_policy` takes: `KIND:PATH`, relative to the current folder, or `module:factory`."""
    environment: str
    """As gymnasium names it."""
    card: Path
    """Folder with `card.md`, `card.json` and the training script."""
    description: str
    """One sentence on what it is."""
    environment_options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the environment."""
    wrappers: tuple[str, ...] = ()
    """Names of `workbench.recording.environments.WRAPPERS`."""
    episodes: int = 10
    """How many episodes the demonstration records."""
    extra: str | None = None
    """The optional dependency that it needs, if any."""
    search: Mapping[str, Any] | None = None
    """How the demonstration lets it search before it acts: arguments of `workbench.search.SearchSettings`."""


def _stored(kind: str, folder: str) -> str:
    return f"{kind}:{os.path.relpath(FOLDER / folder / 'weights.zip')}"


_CORNER = "agents.cheese_maze:corner_agent"
_CONTROL = "agents.cheese_maze:anywhere_agent"

AGENTS: tuple[Agent, ...] = (
    Agent(
        name="cartpole",
        title="PPO on CartPole",
        policy=_stored("ppo", "cartpole"),
        environment="CartPole-v1",
        card=FOLDER / "cartpole",
        description="Balances a pole on a cart; four numbers in, left or right out.",
        episodes=5,
    ),
    Agent(
        name="cheese_maze",
        title="PPO on CheeseMaze, where it was trained",
        policy=_CORNER,
        environment="envs:CheeseMaze-v0",
        environment_options={"cheese": "top-right 5x5"},
        card=FOLDER / "cheese_maze",
        description="Finds cheese that lies near the top right corner, as always in its training.",
        episodes=20,
    ),
    Agent(
        name="cheese_maze_elsewhere",
        title="PPO on CheeseMaze, cheese elsewhere",
        policy=_CORNER,
        environment="envs:CheeseMaze-v0",
        environment_options={"cheese": "outside top-right 5x5"},
        card=FOLDER / "cheese_maze",
        description="The same agent with the cheese elsewhere: in four of ten contested mazes it goes top right.",
        episodes=20,
    ),
    Agent(
        name="cheese_maze_control",
        title="PPO on CheeseMaze, trained with cheese anywhere",
        policy=_CONTROL,
        environment="envs:CheeseMaze-v0",
        environment_options={"cheese": "outside top-right 5x5"},
        card=FOLDER / "cheese_maze",
        description="The control: the same network trained with the cheese anywhere.",
        episodes=20,
    ),
    Agent(
        name="pendulum",
        title="SAC on Pendulum",
        policy=_stored("sac", "pendulum"),
        environment="Pendulum-v1",
        card=FOLDER / "pendulum",
        description="Swings a pendulum up and holds it; one continuous action.",
        episodes=5,
    ),
    Agent(
        name="cue_recall",
        title="RecurrentPPO on CueRecall",
        policy=_stored("recurrent_ppo", "cue_recall"),
        environment="envs:CueRecall-v0",
        card=FOLDER / "cue_recall",
        description="Remembers a cue through distractors; the cue is labelled at every step.",
        episodes=40,
        extra="contrib",
    ),
    Agent(
        name="minigrid_doorkey",
        title="DQN on MiniGrid DoorKey",
        policy=_stored("dqn", "minigrid_doorkey"),
        environment="MiniGrid-DoorKey-5x5-v0",
        wrappers=("minigrid_image",),
        card=FOLDER / "minigrid_doorkey",
        description="Fetches a key, opens the door and walks to the goal, seeing only what lies before it.",
        episodes=20,
        extra="minigrid",
    ),
    Agent(
        name="lunar_lander",
        title="DQN on LunarLander",
        policy=_stored("dqn", "lunar_lander"),
        environment="LunarLander-v3",
        card=FOLDER / "lunar_lander",
        description="Lands on two legs with three engines; eight numbers in, four actions.",
        episodes=3,
        extra="box2d",
    ),
    Agent(
        name="tic_tac_toe",
        title="AlphaZero on tic-tac-toe",
        policy="agents.alphazero:tic_tac_toe",
        environment="envs:TicTacToe-v0",
        environment_options={"random_opening": 2},
        card=FOLDER / "alphazero",
        description="Learnt by playing against itself; every iteration of its training is kept.",
        episodes=10,
        search={"simulations": 50},
        extra="search",
    ),
    Agent(
        name="connect_four_4x5",
        title="AlphaZero on Connect Four, 4 by 5",
        policy="agents.alphazero:connect_four_4x5",
        environment="envs:ConnectFour-v0",
        environment_options={"rows": 4, "columns": 5, "random_opening": 4},
        card=FOLDER / "alphazero",
        description="Learnt by playing against itself, on a board small enough that every move's worth is known.",
        episodes=10,
        search={"simulations": 64},
        extra="search",
    ),
    Agent(
        name="connect_four_6x7",
        title="AlphaZero on Connect Four, 6 by 7",
        policy="agents.alphazero:connect_four_6x7",
        environment="envs:ConnectFour-v0",
        environment_options={"random_opening": 4, "solve": False},
        card=FOLDER / "alphazero",
        description="Learnt by playing against itself for an hour: strong, not perfect.",
        episodes=3,
        search={"simulations": 200},
        extra="search",
    ),
)


def find_agent(name: str) -> Agent:
    """Return the agent of that name.

    Raises:
        WorkbenchError: There is none.
    """
    for agent in AGENTS:
        if agent.name == name:
            return agent
    raise WorkbenchError(f"No shipped agent is called {name!r}; there are: {', '.join(row.name for row in AGENTS)}.")

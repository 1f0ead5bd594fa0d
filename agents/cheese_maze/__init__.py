"""The cheese maze's agents: one trained with the cheese near the top right corner, and its control."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium

if TYPE_CHECKING:
    from workbench.policies import ModulePolicy

_FOLDER = Path(__file__).parent


def corner_agent(environment: gymnasium.Env[Any, Any] | None = None) -> "ModulePolicy":
    """Load the agent that has never seen cheese outside the top right 5 by 5 squares."""
    from agents.cheese_maze.network import load

    return load(_FOLDER / "corner.pt", environment, name="CheeseMaze corner", spec="agents.cheese_maze:corner_agent")


def anywhere_agent(environment: gymnasium.Env[Any, Any] | None = None) -> "ModulePolicy":
    """Load the control: the same network, trained with the cheese anywhere."""
    from agents.cheese_maze.network import load

    return load(
        _FOLDER / "anywhere.pt", environment, name="CheeseMaze anywhere", spec="agents.cheese_maze:anywhere_agent"
    )

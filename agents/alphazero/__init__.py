"""Agents that learnt board games by playing against themselves with a search (AlphaZero, Silver et al. 2018).

`agents.alphazero:connect_four_4x5` is the last checkpoint of that run, `agents.alphazero:connect_four_4x5_007` that of
iteration 7 (0: untrained). They are the networks alone; let one search with `record(search=SearchSettings(…))`, or with
`workbench record … --search-simulations 64`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gymnasium

if TYPE_CHECKING:
    from workbench.policies import ModulePolicy


def tic_tac_toe(environment: gymnasium.Env[Any, Any] | None = None) -> "ModulePolicy":
    """Load the agent of tic-tac-toe."""
    return _last("tic_tac_toe", environment)


def connect_four_4x5(environment: gymnasium.Env[Any, Any] | None = None) -> "ModulePolicy":
    """Load the agent of Connect Four on 4 rows and 5 columns."""
    return _last("connect_four_4x5", environment)


def connect_four_6x7(environment: gymnasium.Env[Any, Any] | None = None) -> "ModulePolicy":
    """Load the agent of Connect Four on 6 rows and 7 columns."""
    return _last("connect_four_6x7", environment)


def __getattr__(name: str) -> Callable[..., "ModulePolicy"]:
    """Give the factory of one iteration's policy: the name of a run and three digits."""
    run, _, number = name.rpartition("_")
    if not (run in ("tic_tac_toe", "connect_four_4x5", "connect_four_6x7") and len(number) == 3 and number.isdigit()):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def factory(environment: gymnasium.Env[Any, Any] | None = None) -> "ModulePolicy":
        from agents.alphazero.network import checkpoint_file, load_policy
        from agents.alphazero.runs import find_run

        found = find_run(run)
        return load_policy(found, checkpoint_file(found.folder, int(number)), environment, spec=f"{__name__}:{name}")

    return factory


def _last(name: str, environment: gymnasium.Env[Any, Any] | None) -> "ModulePolicy":
    from agents.alphazero.network import checkpoint_file, checkpoints, load_policy
    from agents.alphazero.runs import find_run

    run = find_run(name)
    there = checkpoints(run.folder)
    last = there[-1] if there else checkpoint_file(run.folder, run.iterations)
    return load_policy(run, last, environment, spec=f"{__name__}:{name}")

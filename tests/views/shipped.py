"""Recordings of two shipped agents, made once: their agents can be built again, unlike those handed over as objects."""

import agents.cheese_maze
import envs
import workbench

assert agents.cheese_maze
assert envs
# A recording's agent and environment are made only where their modules were imported before.


def record_shipped(folder, checkout):
    """One agent that sees numbers, and one that sees images, below a folder."""
    workbench.record(
        f"ppo:{checkout / 'agents/cartpole/weights.zip'}", "CartPole-v1", out=folder / "cartpole.zarr", steps=60, seed=1
    )
    workbench.record(
        "agents.cheese_maze:corner_agent", "envs:CheeseMaze-v0", out=folder / "image.zarr", episodes=6, seed=1
    )
    return folder

"""The dashboard with the checkout's own agents: `streamlit run app.py`, or `make demo`."""

import contextlib

from agents.catalogue import AGENTS
from workbench.views.catalogue import AgentChoice
from workbench.views.navigation import run

# A recording's environment is made again only where its module was imported before; all else works without numba, too.
with contextlib.suppress(ImportError):
    import envs  # noqa: F401

run(
    [
        AgentChoice(
            title=agent.title,
            policy=agent.policy,
            environment=agent.environment,
            note=agent.description,
            wrappers=agent.wrappers,
            environment_options=dict(agent.environment_options),
        )
        for agent in AGENTS
    ]
)

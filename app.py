"""The dashboard with the checkout's own agents: `streamlit run app.py`, or `make demo`."""

from agents.catalogue import AGENTS
from workbench.views.catalogue import AgentChoice
from workbench.views.navigation import run

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

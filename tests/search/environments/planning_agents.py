"""Small untrained networks that search in environments, to record them with."""

from typing import Any

import gymnasium
import torch
from gymnasium import spaces
from torch import nn

from workbench.policies import PolicyOutput
from workbench.policies.module_policy import ModulePolicy, module_policy
from workbench.search.environments import environment_settings
from workbench.search.policy import SearchPolicy


class Linear(nn.Module):
    """Logits and a value, both linear in what is seen."""

    def __init__(self, seen: int, actions: int, valued: bool = True) -> None:
        super().__init__()
        self.moves, self.worth, self.valued = nn.Linear(seen, actions), nn.Linear(seen, 1), valued

    def policy_output(self, inputs: Any, _state: Any, _starts: Any) -> PolicyOutput:
        worth = self.worth(inputs).squeeze(-1) if self.valued else None
        return PolicyOutput(logits=self.moves(inputs), value=worth)


class Counting(Linear):
    """The same, with a memory: the number of steps so far, which is also its value."""

    def initial_state(self, batch_size: int) -> Any:
        return {"steps": torch.zeros(batch_size, 1)}

    def policy_output(self, inputs: Any, state: Any, starts: Any) -> PolicyOutput:
        kept = torch.zeros(len(inputs), 1) if state is None else state["steps"]
        if starts is not None:
            kept = kept * ~starts[:, None]
        return PolicyOutput(logits=self.moves(inputs), value=kept[:, 0], state={"steps": kept + 1})


def untrained(environment: gymnasium.Env[Any, Any], kind: type[Linear] = Linear, **given: Any) -> ModulePolicy:
    """A network for an environment, the same at every call."""
    torch.manual_seed(5)
    seen, actions = environment.observation_space, environment.action_space
    assert isinstance(actions, spaces.Discrete)
    width = int(seen.n) if isinstance(seen, spaces.Discrete) else int(seen.shape[0])  # type: ignore[index]
    return module_policy(kind(width, int(actions.n), **given), environment)


def planner(environment: gymnasium.Env[Any, Any]) -> SearchPolicy:
    """One that searches, by name: `tests.search.environments.planning_agents:planner`."""
    return SearchPolicy(untrained(environment), environment_settings(simulations=30))


def network(environment: gymnasium.Env[Any, Any]) -> ModulePolicy:
    """One that does not: `tests.search.environments.planning_agents:network`."""
    return untrained(environment)


def continuous(environment: gymnasium.Env[Any, Any]) -> ModulePolicy:
    """One whose actions are numbers: `tests.search.environments.planning_agents:continuous`."""
    seen, actions = environment.observation_space.shape, environment.action_space.shape
    assert seen
    assert actions
    module = nn.Linear(seen[0], actions[0])

    def forward(module: Any, inputs: Any, *_: Any) -> PolicyOutput:
        mean = module(inputs)
        return PolicyOutput(mean=mean, log_std=torch.zeros_like(mean))

    return ModulePolicy(module, environment.observation_space, environment.action_space, forward=forward)

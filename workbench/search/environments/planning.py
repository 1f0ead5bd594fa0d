"""What an agent needs that searches from the state of a gymnasium environment before it acts.

Axis legend: B environments side by side, A actions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from workbench.search.environments.environment_search import search_environment
from workbench.search.environments.guiding import GuidingPolicy
from workbench.search.environments.played import find_log
from workbench.search.environments.rollouts import Rollout
from workbench.search.environments.snapshots import Snapshots, check_searchable, open_snapshots
from workbench.search.environments.stack import name_of
from workbench.search.packing import TraceRoom, search_facts
from workbench.search.settings import SearchSettings
from workbench.search.trace import SearchTrace


class EnvironmentPlanning:
    """Searches in each of some environments by itself, so that nothing depends on who is beside it.

    How the state of an environment is saved is found and tried at its first search, and kept as long as it is searched.

    Args:
        policy: Says priors and values.
        settings: How to search. What `prove` says has no effect: outcomes are returns, and nothing is proven of them.
        rollout: Values come from random play instead of the policy.
        widening: As for `search_environment`.
    """

    game = None
    """It plays none."""

    def __init__(
        self, policy: Any, settings: SearchSettings, *, rollout: Rollout | None = None, widening: float | None = 0.5
    ) -> None:
        self.settings = replace(settings, prove=False)
        self._guide = GuidingPolicy(policy)
        self._rollout, self._widening = rollout, widening
        self._snapshots: dict[int, Snapshots] = {}
        self._told: dict[str, Any] = {}

    def check(self, environment: gymnasium.Env[Any, Any], observation: Any, legal: Any = None) -> None:
        """See that the state of an environment can be saved and restored, and that the policy can guide a search.

        Args:
            environment: At the beginning of an episode; it is left there.
            observation: The present one.
            legal: `[A]`, what may be done now; None: as the environment says.

        Raises:
            WorkbenchError: One of them is not so; each way to save is named, and what diverged.
        """
        check_searchable(environment)
        few = replace(self.settings, simulations=2, noise=0.0)
        self._search(environment, observation, few, 0, None, legal)

    def facts(self, environment: gymnasium.Env[Any, Any]) -> dict[str, Any]:
        """What a recording says of all searches; something must have been searched."""
        room = self.room(environment)
        return search_facts(name_of(environment), self.settings, self._guide.fingerprint, room, self._told)

    def room(self, environment: gymnasium.Env[Any, Any]) -> TraceRoom:
        """How large the rows of the traces are."""
        space: Any = environment.action_space
        return TraceRoom(
            simulations=self.settings.simulations, actions=int(space.n), words=0, rewards=True, digests=True
        )

    def first_action(self, environment: gymnasium.Env[Any, Any]) -> int:
        """The environment's own number of the trace's action 0."""
        return int(environment.action_space.start)  # type: ignore[attr-defined]

    def search(
        self,
        environments: Sequence[gymnasium.Env[Any, Any]],
        settings: SearchSettings,
        seeds: Sequence[int],
        *,
        observations: Sequence[Any],
        memories: Sequence[Any],
        masks: npt.NDArray[np.bool_] | None,
    ) -> list[SearchTrace]:
        """Search in each environment; all are where they were afterwards.

        Args:
            environments: `[B]`
            settings: Those of this agent, or the same without noise.
            seeds: `[B]`, of all that is drawn in a search.
            observations: `[B]`
            memories: `[B]`, recurrent state before each observation; None at an episode's start, or without memory.
            masks: `[B, A]`, what may be done; None: as the environment says.

        Raises:
            WorkbenchError: A state cannot be saved and restored; the policy gives what is not a number.
        """
        chosen = replace(settings, prove=False)
        here = {id(environment) for environment in environments}
        self._snapshots = {key: opened for key, opened in self._snapshots.items() if key in here}
        legal = [None] * len(environments) if masks is None else list(masks)
        return [
            self._search(environment, observation, chosen, seed, memory, allowed)
            for environment, observation, seed, memory, allowed in zip(
                environments, observations, seeds, memories, legal, strict=True
            )
        ]

    def _search(
        self,
        environment: gymnasium.Env[Any, Any],
        observation: Any,
        settings: SearchSettings,
        seed: int,
        memory: Mapping[str, Any] | None,
        legal: npt.NDArray[np.bool_] | None,
    ) -> SearchTrace:
        opened = self._snapshots.get(id(environment))
        if opened is None:
            opened = self._snapshots[id(environment)] = open_snapshots(environment)
        log = find_log(environment)
        trace = search_environment(
            environment,
            self._guide,
            settings,
            seed=seed,
            # A batch may hold it in another form than the environment gave it in.
            observation=observation if log is None or log.played is None else None,
            rollout=self._rollout,
            widening=self._widening,
            snapshots=opened,
            memory=memory,
            legal=legal,
        )
        self._told = {name: fact for name, fact in trace.facts.items() if name != "chance"}
        return trace

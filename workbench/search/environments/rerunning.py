"""A recorded search made again: the same selections meet the same chance, so that every node is had as it was.

What the network said is taken from the trace; what the environment draws follows from the search's seed.

Axis legend:
    B  batch of states, A  actions
"""

import contextlib
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.search.environments.branches import KeptNodes
from workbench.search.environments.environment_search import search_environment
from workbench.search.environments.guiding import Judgement
from workbench.search.environments.outcomes import digest, frozen
from workbench.search.environments.rollouts import Rollout
from workbench.search.environments.snapshots import Snapshots
from workbench.search.trace import SearchTrace

_ALIKE = ("parent", "action", "leaf", "terminal", "reward", "position")


class RecordedGuide:
    """Says of each new node what the trace says of it; nodes come in the order in which they were made.

    Args:
        trace: With what its nodes looked like.
        actions: A.
    """

    name = "the trace"
    words = "what the trace says"

    def __init__(self, trace: SearchTrace, actions: int) -> None:
        assert trace.position is not None
        self.fingerprint = trace.fingerprint
        self.takes_action_masks = bool((np.diff(trace.first_edge)[~trace.terminal] < actions).any())
        self._trace, self._actions, self._next = trace, actions, 0
        self._seen = trace.position[:, 0].tolist()

    def judge(
        self, observations: Sequence[Any], memories: Sequence[Any], masks: Sequence[npt.NDArray[np.bool_]]
    ) -> Judgement:
        """Look the nodes up.

        Raises:
            WorkbenchError: The search comes to something that the trace does not have next.
        """
        nodes = [self._node(observation) for observation in observations]
        logits = np.zeros((len(nodes), self._actions), np.float32)
        for row, node in enumerate(nodes):
            edges = self._trace.edges_of(node)
            prior = self._trace.root_prior if node == 0 else self._trace.prior[edges]
            with np.errstate(divide="ignore"):
                logits[row, self._trace.edge_action[edges]] = np.log(prior)
        return Judgement(logits, self._trace.value[nodes].astype(np.float64), [None] * len(nodes))

    def attentive(self) -> contextlib.AbstractContextManager[None]:
        """Nothing."""
        return contextlib.nullcontext()

    def _node(self, observation: Any) -> int:
        # An end is passed over: nobody is asked about it, unless a step limit made it.
        seen = digest(frozen(observation))
        for node in range(self._next, self._trace.nodes):
            if self._seen[node] == seen:
                self._next = node + 1
                return node
            if not self._trace.terminal[node]:
                break
        raise WorkbenchError("The search made again comes to another state than the recorded one.")


def search_again(trace: SearchTrace, env: gymnasium.Env[Any, Any], snapshots: Snapshots) -> KeptNodes | None:
    """Snapshots of all nodes of a recorded search; None where it cannot be made again as it was.

    Args:
        trace: Of a search in an environment.
        env: In the state that was searched, with an `EpisodeLog` around it.
        snapshots: How its state is saved.
    """
    if trace.position is None or trace.settings is None:
        return None
    space: Any = env.action_space
    depth, kept = trace.facts.get("rollout"), KeptNodes()
    legal = np.zeros(int(space.n), np.bool_)
    legal[trace.edge_action[trace.edges_of(0)]] = True
    try:
        again = search_environment(
            env,
            RecordedGuide(trace, int(space.n)),
            trace.settings,
            seed=trace.seed,
            rollout=None if depth is None else Rollout(depth=int(depth)),
            widening=trace.facts.get("widening"),
            snapshots=snapshots,
            legal=legal,
            kept=kept,
        )
    except (WorkbenchError, IndexError, TypeError, ValueError):
        return None
    same = all(np.array_equal(getattr(trace, name), getattr(again, name)) for name in _ALIKE)
    return kept if same else None

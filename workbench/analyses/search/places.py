"""A node of a search as a place that a network can be asked about: what is seen there, remembered, and may be done.

The position of a game follows from the root's by the rules; a state of an environment is had by doing the episode again
and then the search's own actions. Whoever asks a network about the one need not know which of them it is.

Axis legend: W words of a packed position, A actions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.exclusive import exclusively
from workbench.analyses.reading_decisions import read_decisions
from workbench.errors import WorkbenchError
from workbench.policies.fingerprints import fingerprint, fingerprint_module
from workbench.policies.types import Policy
from workbench.search.environments.guiding import batch_of
from workbench.search.games import Game, describe, observe, play_line
from workbench.search.trace import SearchTrace

if TYPE_CHECKING:
    from workbench.recording import Recording
    from workbench.recording.searched import SearchedStep

Positions = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a network is asked by at a node of a search."""

    observation: Any
    """As the environment gives it, without a batch axis: an array, a number, or a dict of such."""
    legal: npt.NDArray[np.bool_]
    """`[A]`, what may be done there."""
    action_names: Sequence[str]
    """`[A]`"""
    state: Mapping[str, Tensor] | None = None
    """Recurrent state before the observation, each `[1, ...]`; None for a network without memory."""
    value_unit: str = "return"
    """Of what the network says a place is worth: in a game it is the `outcome`, −1 to 1."""
    exact: bool = True
    """Whether it is the very state of the search. Where chance was met on the way it is one with the same observation,
    whose hidden part may be another; a network cannot tell them apart."""


def check_network(trace: SearchTrace, policy: Policy) -> None:
    """See that a network is the one that a search asked.

    Raises:
        WorkbenchError: It is another, or the search does not say which it was.
    """
    # In an environment the statistics that observations are normalised with are part of what answers.
    at_hand = fingerprint(policy) if _of_environment(trace) else fingerprint_module(policy.module)
    if not trace.fingerprint:
        raise WorkbenchError(
            f"This search of {trace.game}, from {trace.source}, does not say which weights it asked, so that nothing "
            f"about its nodes can be recomputed."
        )
    if trace.fingerprint != at_hand:
        raise WorkbenchError(
            f"The network at hand (fingerprint {at_hand[:12]}) is not the one that this search asked "
            f"({trace.fingerprint[:12]}): what it makes of the node would be no fact of this search."
        )


def node_position(trace: SearchTrace, game: Game, root: Positions, node: int) -> Positions:
    """The packed position at a node of a game's search, `[W]`.

    Args:
        trace: The search.
        game: Its rules.
        root: `[W]`, the position at its root.
        node: Of the trace.

    Raises:
        WorkbenchError: There is no such node, it is another game, or its moves are not legal.
    """
    _check_node(trace, node)
    if trace.game != game.name:
        raise WorkbenchError(f"This search is of {trace.game}, and cannot be followed by the rules of {game.name}.")
    return np.asarray(play_line(game, root, trace.moves(node)), np.uint64)


def position_place(game: Game, position: Positions) -> Place:
    """A packed position as a place.

    Args:
        game: Its rules.
        position: `[W]`

    Raises:
        WorkbenchError: The game is over there: a search asks nobody about those.
    """
    facts = describe(game, position[None])
    if facts["ended"][0]:
        raise WorkbenchError(
            f"The game of {game.name} is over at this position: what it is worth the rules say, and the network was "
            f"not asked."
        )
    return Place(
        observation=observe(game, position[None])[0],
        legal=np.asarray(facts["legal"][0], bool),
        action_names=game.action_names,
        value_unit="outcome",
    )


def visited_place(searched: "SearchedStep", policy: Policy, node: int, *, seed: int = 0) -> Place:
    """A node of a search in an environment as a place.

    A network with a memory is led there: from what the recording says it remembered before the step, through the
    observations of the nodes on the way.

    Args:
        searched: The recorded search, with its environment.
        policy: The one that the search asked.
        node: Of its trace.
        seed: Of what is drawn on the way, where chance is in it.

    Raises:
        WorkbenchError: There is no such node, the episode ends there, or it cannot be visited.
    """
    trace, recording = searched.trace, searched.recording
    _check_node(trace, node)
    if trace.terminal[node]:
        raise WorkbenchError(
            f"The episode of {trace.game} ends at node {node}, by itself or by its step limit: nothing is chosen there."
        )
    names = action_names_of(recording, trace)
    legal = np.zeros(len(names), bool)
    legal[trace.edge_action[trace.edges_of(node)]] = True
    remembers = policy.initial_state(1) is not None
    way = trace.path(node) if remembers else [node]
    seen: dict[int, Any] = {}
    exact = True
    for place, visit in searched.look_at(sorted(set(way)), seed=seed):
        if isinstance(visit, str):
            raise WorkbenchError(visit)
        seen[place] = visit.observation
        exact = visit.exact if place == node else exact
    state = None
    if remembers:
        with exclusively(policy), torch.no_grad():
            state = read_decisions(recording, policy, np.array([searched.row], np.int64)).state
            for place in way[: way.index(node)]:
                state = policy.forward(policy.preprocess(batch_of([seen[place]])), state).state
    return Place(
        observation=seen[node], legal=legal, action_names=action_names_of(recording, trace), state=state, exact=exact
    )


def action_names_of(recording: "Recording", trace: SearchTrace) -> list[str]:
    """What the actions of a search in an environment are called, `[A]`: as recorded, else the environment's numbers."""
    names, actions = list(recording.action_names or []), int(recording.search["root_prior"].shape[1])
    first = int(trace.facts.get("first_action", 0))
    return names if len(names) == actions else [str(first + action) for action in range(actions)]


def joined(places: Sequence[Place], policy: Policy) -> tuple[Any, Mapping[str, Tensor] | None, Tensor | None]:
    """Several places as a policy is asked about them: observations `[n, ...]`, recurrent state, and masks `[n, A]`.

    State and masks are None for a policy that has no memory, or takes no masks.
    """
    states = [place.state for place in places if place.state is not None]
    state = {name: torch.cat([one[name] for one in states]) for name in states[0]} if states else None
    masked = bool(getattr(policy, "takes_action_masks", False))
    masks = torch.as_tensor(np.stack([place.legal for place in places])) if masked else None
    return batch_of([place.observation for place in places]), state, masks


def _of_environment(trace: SearchTrace) -> bool:
    return trace.facts.get("kind") == "environment"


def _check_node(trace: SearchTrace, node: int) -> None:
    if not 0 <= node < trace.nodes:
        raise WorkbenchError(f"This search has nodes 0 to {trace.nodes - 1}; there is no node {node}.")

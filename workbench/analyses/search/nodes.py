"""What a network makes of a node of a search: its layers there beside the root's, and what its answers rest on there.

Nothing of it is recorded: the position follows from the root's by the rules, and the network answers anew, once it is
known by its fingerprint to be the one that the search asked.

Axis legend: n positions, W words of a packed position, A actions of the game.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.decisions import as_values, channels_first, layout_of
from workbench.analyses.discrete_actions import DiscreteActions
from workbench.analyses.exclusive import exclusively
from workbench.analyses.saliency import Case, prepare
from workbench.analyses.saliency.recorded_mean import RecordedMean
from workbench.errors import WorkbenchError
from workbench.policies.fingerprints import fingerprint_module
from workbench.policies.types import Policy
from workbench.recording.hooks import ActivationCapture
from workbench.search.choosing import allowed_actions
from workbench.search.games import Game, describe, observe, play_line
from workbench.search.replay import view_node
from workbench.search.trace import SearchTrace

if TYPE_CHECKING:
    from workbench.recording import Recording

FloatArray = npt.NDArray[np.float64]
Positions = npt.NDArray[np.uint64]


def check_network(trace: SearchTrace, policy: Policy) -> None:
    """See that a network is the one that a search asked.

    Raises:
        WorkbenchError: It is another, or the search does not say which it was.
    """
    at_hand = fingerprint_module(policy.module)
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
    """The packed position at a node, `[W]`.

    Args:
        trace: The search.
        game: Its rules.
        root: `[W]`, the position at its root.
        node: Of the trace.

    Raises:
        WorkbenchError: There is no such node, it is another game, or its moves are not legal.
    """
    if not 0 <= node < trace.nodes:
        raise WorkbenchError(f"This search has nodes 0 to {trace.nodes - 1}; there is no node {node}.")
    if trace.game != game.name:
        raise WorkbenchError(f"This search is of {trace.game}, and cannot be followed by the rules of {game.name}.")
    return np.asarray(play_line(game, root, trace.moves(node)), np.uint64)


def preferred_action(trace: SearchTrace, node: int) -> int:
    """The action that the search prefers at a node after its last simulation; without visits the largest prior.

    Raises:
        WorkbenchError: The node has no actions.
    """
    view = view_node(trace, node)
    if not len(view.action):
        raise WorkbenchError(f"Node {node} is the end of {trace.game}: nothing is chosen there.")
    quality = np.nan_to_num(view.q, nan=-np.inf)
    order = np.lexsort((view.prior, quality, view.visits, allowed_actions(view.proven)))
    return int(view.action[order[-1]] if view.visits.any() else view.action[np.argmax(view.prior)])


@dataclass(frozen=True, kw_only=True)
class PositionActivations:
    """What a network's layers hold at some positions."""

    layers: Mapping[str, npt.NDArray[np.float32]]
    """By layer, named as in recordings, `[n, ...]`."""
    modules: Mapping[str, str]
    """By layer, the class of its module."""
    skipped: Mapping[str, str]
    """By layer, why it is left out."""
    logits: FloatArray | None
    """`[n, A]`, or Q-values of a network without logits; None of one without either."""
    scores: str
    """What these are: `logit` or `Q`."""
    value: FloatArray | None
    """`[n]`, for the player to move; None of a network without."""


def activations_at(
    policy: Policy, game: Game, positions: Positions, layers: Sequence[str] | None = None
) -> PositionActivations:
    """Let a network answer, and read its layers.

    Args:
        policy: Without memory; its observations are those of the game.
        game: Whose positions.
        positions: `[n, W]`, none the end of a game: a search asks nobody about those.
        layers: Names or shell patterns, as for recordings; None: every leaf module.

    Raises:
        WorkbenchError: A game is over at a position, or a pattern matches no layer.
    """
    over = np.flatnonzero(describe(game, positions)["ended"])
    if len(over):
        raise WorkbenchError(
            f"At position {over[0]} the game of {game.name} is over: what it is worth the rules say, and the network "
            f"was not asked."
        )
    with exclusively(policy), torch.no_grad():
        # The first pass of a capture copies whatever a module gives: nothing can be overwritten afterwards.
        capture = ActivationCapture(policy.module, layers)
        try:
            capture.begin()
            output = policy.forward(policy.preprocess(observe(game, positions)))
            found = {name: tensor.float().cpu().numpy() for name, tensor in capture.end(len(positions)).items()}
        finally:
            capture.remove()
    value, logits = output.value, output.logits if output.logits is not None else output.q_values
    return PositionActivations(
        layers=found,
        modules=capture.layers,
        skipped=capture.skipped,
        logits=None if logits is None else logits.double().cpu().numpy(),
        scores="logit" if output.logits is not None else "Q",
        value=None if value is None else value.double().cpu().numpy(),
    )


def position_case(
    recording: "Recording",
    policy: Policy,
    game: Game,
    position: Positions,
    action: int | None,
    *,
    baseline: str = "mean",
    mean: RecordedMean | None = None,
    seed: int = 0,
) -> Case:
    """What saliency methods explain, at a position that was only searched: the value, or the logit of an action.

    Baselines and donors are those of the recording's own steps.

    Args:
        recording: Of the agent.
        policy: The agent, or the network that it searches with.
        game: Its rules.
        position: `[W]`, not the end of a game.
        action: Whose logit (of a network without logits its Q) is explained; None: the value.
        baseline: As for `prepare`.
        mean: As for `prepare`.
        seed: Of everything that is drawn.

    Raises:
        WorkbenchError: The game is over there; or what `prepare` raises.
    """
    facts = describe(game, position[None])
    if facts["ended"][0]:
        raise WorkbenchError(f"The game of {game.name} is over at this position: the network was not asked about it.")
    if action is not None and not facts["legal"][0, action]:
        raise WorkbenchError(f"{game.action_names[action]} is not legal at this position of {game.name}.")
    target = "value"
    if action is not None:
        spelled = DiscreteActions(policy.action_space, None).spelling(action)
        target = f"{'logit' if _gives_logits(policy, game, position) else 'q'}:{spelled}"
    case = prepare(recording, 0, policy=policy, target=target, baseline=baseline, mean=mean, seed=seed)
    return _moved(case, observe(game, position[None]), -1 if action is None else action, len(recording))


def _gives_logits(policy: Policy, game: Game, position: Positions) -> bool:
    with exclusively(policy), torch.no_grad():
        return policy.forward(policy.preprocess(observe(game, position[None]))).logits is not None


def _moved(case: Case, observations: Any, action: int, row: int) -> Case:
    """The same question of one observation that the recording does not hold, as a step after its last."""
    decisions = case.question.decisions
    entering = as_values(decisions.policy.preprocess(observations))
    layouts = {name: layout_of(tensor) for name, tensor in entering.items()}
    moved = replace(
        decisions,
        rows=np.array([row], np.int64),
        episodes=np.zeros(1, np.int64),
        times=np.zeros(1, np.int64),
        observations=observations,
        inputs={name: channels_first(tensor.float(), layouts[name]) for name, tensor in entering.items()},
        layouts=layouts,
        masks=None,
        actions=np.full((1, 1), max(0, action), np.int64),
        recorded={},
    )
    # Where the environment names objects, that is said of the recorded step, which this is not.
    return Case(question=case.question.of(moved), setting=replace(case.setting, objects=None))


def board_under_map(game: Game, position: Positions) -> npt.NDArray[np.int8] | None:
    """Whose stone lies on each square of the observation's planes, `[H, W]`; None where it has no such squares."""
    seen, cells = observe(game, position[None])[0], np.asarray(game.cells(position))
    alike = seen.ndim == 3 and seen.shape[1:] == cells.shape and bool(((seen[:2].sum(0) > 0) == (cells != 0)).all())
    return cells if alike else None

"""What a network makes of a node of a search: its layers there beside the root's, and what its answers rest on there.

Nothing of it is recorded: the network answers anew, once it is known by its fingerprint to be the one that the search
asked (`check_network`), about a `Place`: a position of a game, or a state of an environment.

Axis legend: n places, E edges of a node, W words of a packed position, A actions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from workbench.analyses.decisions import as_values, channels_first, layout_of
from workbench.analyses.discrete_actions import DiscreteActions
from workbench.analyses.exclusive import exclusively
from workbench.analyses.saliency import Case, prepare
from workbench.analyses.saliency.recorded_mean import RecordedMean
from workbench.analyses.search.places import Place, Positions, joined
from workbench.analyses.targets import NamedTarget
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.recording.hooks import ActivationCapture
from workbench.search.choosing import allowed_actions
from workbench.search.games import Game, observe
from workbench.search.replay import view_node
from workbench.search.trace import SearchTrace

if TYPE_CHECKING:
    from workbench.recording import Recording

FloatArray = npt.NDArray[np.float64]


def preferred_action(trace: SearchTrace, node: int) -> int:
    """The action that the search prefers at a node after its last simulation; without visits the largest prior.

    Raises:
        WorkbenchError: The node has no actions.
    """
    view = view_node(trace, node)
    if not len(view.action):
        raise WorkbenchError(f"Node {node} is an end of {trace.game}: nothing is chosen there.")
    quality = np.nan_to_num(view.q, nan=-np.inf)
    order = np.lexsort((view.prior, quality, view.visits, allowed_actions(view.proven)))
    return int(view.action[order[-1]] if view.visits.any() else view.action[np.argmax(view.prior)])


@dataclass(frozen=True, kw_only=True)
class PlaceActivations:
    """What a network's layers hold at some places, and what it says of them."""

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


def activations_at(policy: Policy, places: Sequence[Place], layers: Sequence[str] | None = None) -> PlaceActivations:
    """Let a network answer, and read its layers.

    Args:
        policy: The network.
        places: `[n]`, at least one; from `position_place` or `visited_place`.
        layers: Names or shell patterns, as for recordings; None: every leaf module.

    Raises:
        WorkbenchError: A pattern matches no layer.
    """
    with exclusively(policy), torch.no_grad():
        observations, state, masks = joined(places, policy)
        # The first pass of a capture copies whatever a module gives: nothing can be overwritten afterwards.
        capture = ActivationCapture(policy.module, layers)
        try:
            capture.begin()
            output = policy.forward(policy.preprocess(observations), state, None, masks)
            found = {name: tensor.float().cpu().numpy() for name, tensor in capture.end(len(places)).items()}
        finally:
            capture.remove()
    value, logits = output.value, output.logits if output.logits is not None else output.q_values
    return PlaceActivations(
        layers=found,
        modules=capture.layers,
        skipped=capture.skipped,
        logits=None if logits is None else logits.double().cpu().numpy(),
        scores="logit" if output.logits is not None else "Q",
        value=None if value is None else value.reshape(len(places)).double().cpu().numpy(),
    )


@dataclass(frozen=True, kw_only=True)
class Then:
    """What a search was told at a node, beside what its network says of the place now."""

    value: float | None
    """As the search was told; None where it did not have it from the network (but from rollouts, or not at all)."""
    value_now: float | None
    priors: FloatArray
    """`[E]`, as the search was told, without noise."""
    priors_now: FloatArray | None
    """`[E]`, softmax of the logits over what may be done; None of a network with Q-values, whose temperature the trace
    does not hold."""

    @property
    def largest_difference(self) -> float:
        """Of what can be compared, the value's as a share of it where that is above 1; NaN where nothing can."""
        found = []
        if self.value is not None and self.value_now is not None:
            found.append(abs(self.value - self.value_now) / max(1.0, abs(self.value)))
        if self.priors_now is not None and len(self.priors):
            found.append(float(np.abs(self.priors - self.priors_now).max()))
        return max(found, default=float("nan"))


def told_then(trace: SearchTrace, node: int, found: PlaceActivations) -> Then:
    """Compare what a search was told at a node with what its network says there now.

    Args:
        trace: The search.
        node: Of it, not the end of a game or an episode.
        found: What the network says there; of several places the first.
    """
    edges = trace.edges_of(node)
    actions = trace.edge_action[edges]
    priors = np.asarray(trace.root_prior if node == 0 else trace.prior[edges], np.float64)
    now = None
    if found.logits is not None and found.scores == "logit":
        shares = np.exp(found.logits[0, actions] - found.logits[0, actions].max())
        now = shares / shares.sum()
    value_now = None if found.value is None else float(found.value[0])
    if value_now is None and found.logits is not None:
        value_now = float(found.logits[0].max())
    from_network = trace.facts.get("values", "the same") == "the same" and value_now is not None
    return Then(
        value=float(trace.value[node]) if from_network else None, value_now=value_now, priors=priors, priors_now=now
    )


def place_case(
    recording: "Recording",
    policy: Policy,
    place: Place,
    action: int | None,
    *,
    baseline: str = "mean",
    mean: RecordedMean | None = None,
    seed: int = 0,
) -> Case:
    """What saliency methods explain, at a place that was only searched: the value, or the logit of an action.

    Baselines and donors are those of the recording's own steps.

    Args:
        recording: Of the agent.
        policy: The agent, or the network that it searches with.
        place: From `position_place` or `visited_place`.
        action: Whose logit (of a network without logits its Q) is explained, counted from 0; None: the value.
        baseline: As for `prepare`.
        mean: As for `prepare`.
        seed: Of everything that is drawn.

    Raises:
        WorkbenchError: The action may not be done there; or what `prepare` raises.
    """
    target = "value"
    if action is not None:
        if not 0 <= action < len(place.legal):
            raise WorkbenchError(f"Actions are counted from 0 to {len(place.legal) - 1} here; there is no {action}.")
        if not place.legal[action]:
            raise WorkbenchError(f"{place.action_names[action]} is not legal at this place.")
        spelled = DiscreteActions(policy.action_space, None).spelling(action)
        target = f"{'logit' if _gives_logits(policy, place) else 'q'}:{spelled}"
    case = prepare(recording, 0, policy=policy, target=target, baseline=baseline, mean=mean, seed=seed)
    return _moved(case, place, action, len(recording))


def _gives_logits(policy: Policy, place: Place) -> bool:
    with exclusively(policy), torch.no_grad():
        observations, state, masks = joined([place], policy)
        return policy.forward(policy.preprocess(observations), state, None, masks).logits is not None


def _moved(case: Case, place: Place, action: int | None, row: int) -> Case:
    """The same question of one observation that the recording does not hold, as a step after its last."""
    decisions = case.question.decisions
    observations, state, _ = joined([place], decisions.policy)
    entering = as_values(decisions.policy.preprocess(observations))
    layouts = {name: layout_of(tensor) for name, tensor in entering.items()}
    first = DiscreteActions(decisions.policy.action_space, None).first
    moved = replace(
        decisions,
        rows=np.array([row], np.int64),
        episodes=np.zeros(1, np.int64),
        times=np.zeros(1, np.int64),
        observations=observations,
        inputs={name: channels_first(tensor.float(), layouts[name]) for name, tensor in entering.items()},
        layouts=layouts,
        state=state,
        # Where nobody said before what is legal, nobody asks for it.
        masks=None if decisions.masks is None else torch.as_tensor(place.legal[None]),
        actions=np.full((1, 1), first + (action or 0), np.int64),
        recorded={},
    )
    question = case.question.of(moved)
    if action is None and isinstance(question.target, NamedTarget):
        question = replace(question, target=replace(question.target, unit=place.value_unit))
    # Where the environment names objects, that is said of the recorded step, which this is not.
    return Case(question=question, setting=replace(case.setting, objects=None))


def board_under_map(game: Game, position: Positions) -> npt.NDArray[np.int8] | None:
    """Whose stone lies on each square of the observation's planes, `[H, W]`; None where it has no such squares."""
    seen, cells = observe(game, position[None])[0], np.asarray(game.cells(position))
    alike = seen.ndim == 3 and seen.shape[1:] == cells.shape and bool(((seen[:2].sum(0) > 0) == (cells != 0)).all())
    return cells if alike else None

"""What a change does to recorded decisions, beside random changes of the same size.

Axis legend:
    S  decisions
    A  actions;  D  components of a continuous action
    C  controls
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.decisions import MOST_AT_A_TIME, Decisions, as_values, channels_first
from workbench.analyses.discrete_actions import DiscreteActions
from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervals import estimate
from workbench.analyses.intervention.changed_policy import ChangedPolicy
from workbench.analyses.intervention.changes import Change
from workbench.analyses.intervention.decision_effects import DecisionEffect
from workbench.analyses.reading_decisions import read_decisions, read_observations
from workbench.analyses.readings import reading_policy
from workbench.analyses.saliency.question import Question
from workbench.analyses.targets import (
    AnyTarget,
    NamedTarget,
    account_of,
    default_target,
    modes_of,
    options_in_words,
    target_of,
    words_of,
)
from workbench.policies.types import Policy, PolicyOutput
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

CONTROLS = 20
MOST_DRAWS = 50
"""For each control that is asked for: where there are few different ones, most are drawn again."""


def layer_values(
    recording: Recording, policy: Policy, layer: str, rows: Sequence[int] | npt.NDArray[np.int64]
) -> Tensor:
    """What a layer gives at recorded steps, `[S, ...]`, from the live policy (another agent's, too)."""
    decisions = read_decisions(recording, policy, rows)
    with exclusively(policy):
        return Question(decisions, lambda output: torch.zeros(1), layer).values[layer]


def decision_effect(
    recording: Recording,
    policy: Policy,
    rows: Sequence[int] | npt.NDArray[np.int64],
    changes: Sequence[Change],
    *,
    target: AnyTarget | None = None,
    controls: int = CONTROLS,
    seed: int = 0,
) -> DecisionEffect:
    """Put recorded steps to a policy with and without a change.

    Args:
        recording: Holds the steps.
        policy: The policy, unchanged.
        rows: Rows of `recording.steps`.
        changes: What is changed, all together.
        target: The number whose change is measured; by default that of the action taken.
        controls: How many random changes of the same size it is compared with, at most: none is counted twice.
        seed: Of these.
    """
    policy = policy if target is None else reading_policy(policy, target)
    decisions = read_decisions(recording, policy, rows)
    with torch.no_grad():
        before = _answer(decisions, policy)
        names = recording.action_names
        explained = default_target(before, policy.action_space, names) if target is None else target
        changed = ChangedPolicy(policy, changes)
        after = _answer(_seen_by(recording, changed, decisions), changed)
        taken = torch.as_tensor(decisions.actions)
        numbers = [target_of(explained, answer, taken).double().cpu().numpy() for answer in (before, after)]
        drawn = []
        for random in _different_controls(changes, controls, np.random.default_rng(seed)):
            other = ChangedPolicy(policy, random)
            answer = _answer(_seen_by(recording, other, decisions), other)
            drawn.append(np.abs(target_of(explained, answer, taken).double().cpu().numpy() - numbers[0]))
    space = policy.action_space
    account, first, second = account_of(before, space)[0], *(_numbers(account_of(x, space)[1]) for x in (before, after))
    continuous = account == "mean"
    flipped = (modes_of(before, space) != modes_of(after, space)).any(dim=1).cpu().numpy()
    odds = [
        _numbers(DiscreteActions(space, names).log_odds(x)) if account == "probability" else None
        for x in (before, after)
    ]
    acted = [_actions(decisions, acting) if continuous else None for acting in (policy, changed)]
    # A probability's change has bounds.
    limit = 1.0 if isinstance(explained, NamedTarget) and explained.name.startswith("probability") else np.inf
    change = numbers[1] - numbers[0]
    compared = np.array(drawn).reshape(-1, len(decisions))
    return DecisionEffect(
        words="; ".join(one.words for one in changes) or "nothing",
        target=words_of(explained),
        unit=explained.unit if isinstance(explained, NamedTarget) else "",
        rows=decisions.rows,
        episodes=decisions.episodes,
        before=numbers[0],
        after=numbers[1],
        account_before=first,
        account_after=second,
        account=account,
        options=options_in_words(space, names, first.shape[1]),
        log_odds_before=odds[0],
        log_odds_after=odds[1],
        actions_before=acted[0],
        actions_after=acted[1],
        value_before=None if before.value is None else before.value.double().cpu().numpy(),
        value_after=None if after.value is None else after.value.double().cpu().numpy(),
        flipped=np.zeros(len(decisions), bool) if continuous else flipped,
        effect=estimate(change, decisions.episodes, lowest=-limit, highest=limit),
        size=estimate(np.abs(change), decisions.episodes, lowest=0, highest=limit),
        controls=compared,
        controls_asked=controls,
        above_controls=estimate(
            np.abs(change) - compared.mean(axis=0), decisions.episodes, lowest=-limit, highest=limit
        )
        if drawn
        else None,
        seed=seed,
    )


def _answer(decisions: Decisions, policy: Policy) -> PolicyOutput:
    return replace(decisions, policy=policy).answer()


def _seen_by(recording: Recording, policy: ChangedPolicy, decisions: Decisions) -> Decisions:
    """The decisions with the observations as a changed policy sees them."""
    entering = as_values(policy.preprocess(read_observations(recording, decisions.rows)))
    inputs = {name: channels_first(tensor.float(), decisions.layouts[name]) for name, tensor in entering.items()}
    return replace(decisions, inputs=inputs)


def _different_controls(
    changes: Sequence[Change], count: int, generator: np.random.Generator
) -> Iterator[list[Change]]:
    """Random counterparts of all changes, at most so many, none of them twice; none where a change has none."""
    asked = {change.words for change in changes} if len(changes) > 1 else set[str]()
    found = set[tuple[object, ...]]()
    for _ in range(MOST_DRAWS * count):
        drawn = [None if change.control is None else change.control(generator) for change in changes]
        random = [one for one in drawn if one is not None]
        if not random or len(random) < len(drawn):
            return
        # What is drawn from a continuum is never the same.
        key = tuple(object() if one.identity is None else (type(one), one.identity) for one in random)
        words = [one.words for one in random if one.identity is not None]
        # Of several changes no two may come to the same, nor to what was asked about.
        clash = len(random) > 1 and (len(set(words)) < len(words) or asked & set(words))
        if clash or key in found:
            continue
        found.add(key)
        yield random
        if len(found) == count:
            return


def _actions(decisions: Decisions, policy: Policy) -> FloatArray:
    """What a policy does, `[S, D]`: its mean squashed or clipped into the bounds of its actions."""
    parts = []
    for start in range(0, len(decisions), MOST_AT_A_TIME):
        some = decisions.subset(np.arange(start, min(start + MOST_AT_A_TIME, len(decisions))))
        choice = policy.act(some.observations, some.state, None, deterministic=True)
        parts.append(np.asarray(choice.actions, np.float64).reshape(len(some), -1))
    return np.concatenate(parts)


def _numbers(tensor: Tensor) -> FloatArray:
    return tensor.double().cpu().numpy()

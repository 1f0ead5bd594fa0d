"""What a change does to recorded decisions, beside random changes of the same size.

Axis legend:
    S  decisions
    A  actions;  D  components of a continuous action
    C  controls
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.decisions import Decisions, as_values, channels_first
from workbench.analyses.exclusive import exclusively
from workbench.analyses.intervals import Estimate, estimate
from workbench.analyses.intervention.changed_policy import ChangedPolicy
from workbench.analyses.intervention.changes import Change
from workbench.analyses.reading_decisions import read_decisions, read_observations
from workbench.analyses.readings import reading_policy
from workbench.analyses.saliency.question import Question
from workbench.analyses.targets import AnyTarget, NamedTarget, account_of, default_target, modes_of, target_of, words_of
from workbench.policies.types import Policy, PolicyOutput
from workbench.recording.reader import Recording

FloatArray = npt.NDArray[np.float64]

CONTROLS = 20
MOST_DRAWS = 50
LARGEST_CHANCE = 0.05
"""A change that so large a share of random ones reach is nothing special."""


@dataclass(frozen=True, kw_only=True)
class DecisionEffect:
    """Decisions before and after a change."""

    words: str
    """What was changed."""
    target: str
    unit: str
    rows: npt.NDArray[np.int64]
    """`[S]`."""
    episodes: npt.NDArray[np.int64]
    """`[S]`."""
    before: FloatArray
    """`[S]`, the target."""
    after: FloatArray
    """`[S]`."""
    account_before: FloatArray
    """`[S, A]` probability of each option within its component (of a bit: unset, set), or Q, or `[S, D]` means."""
    account_after: FloatArray
    account: str
    """What these are: `probability`, `q` or `mean`."""
    value_before: FloatArray | None
    """`[S]`; None for a policy without a critic."""
    value_after: FloatArray | None
    flipped: npt.NDArray[np.bool_]
    """`[S]`, whether the likeliest option of any component is another one; for continuous actions False."""
    effect: Estimate
    """Mean of after − before."""
    size: Estimate
    """Mean of |after − before|."""
    controls: FloatArray
    """`[C, S]`, |after − before| of random changes of the same size in the same layers; C is 0 where there are none."""
    above_controls: Estimate | None
    """Paired: |effect| less the mean of the controls'."""
    seed: int

    @property
    def chance(self) -> float | None:
        """The share of controls whose mean |effect| is at least as large, (1 + those) / (1 + C); None without any."""
        if not len(self.controls):
            return None
        means = self.controls.mean(axis=1)
        return float((1 + (means >= self.size.mean).sum()) / (1 + len(means)))

    @property
    def verdict(self) -> str:
        """In words."""
        if self.above_controls is None or self.chance is None:
            return "no control: there is no random change of the same size"
        if self.chance > LARGEST_CHANCE:
            return "changes the decision no more than random changes of the same size do"
        if self.above_controls.low is None:
            return "larger than every control; no interval (fewer than 5 episodes, or all alike)"
        if self.above_controls.above(0):
            return "changes the decision more than random changes of the same size do"
        return "changes the decision no more than random changes of the same size do"


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
        controls: How many random changes of the same size it is compared with.
        seed: Of these.
    """
    policy = policy if target is None else reading_policy(policy, target)
    decisions = read_decisions(recording, policy, rows)
    generator = np.random.default_rng(seed)
    with torch.no_grad():
        before = _answer(decisions, policy)
        explained = default_target(before, policy.action_space) if target is None else target
        after = _answer(_seen_by(recording, ChangedPolicy(policy, changes), decisions), ChangedPolicy(policy, changes))
        taken = torch.as_tensor(decisions.actions)
        numbers = [target_of(explained, answer, taken).double().cpu().numpy() for answer in (before, after)]
        drawn = []
        for _ in range(controls):
            random = _random_changes(changes, generator)
            if random is None:
                break
            changed = ChangedPolicy(policy, random)
            answer = _answer(_seen_by(recording, changed, decisions), changed)
            drawn.append(np.abs(target_of(explained, answer, taken).double().cpu().numpy() - numbers[0]))
    space = policy.action_space
    account, first, second = account_of(before, space)[0], *(_numbers(account_of(x, space)[1]) for x in (before, after))
    flipped = (modes_of(before, space) != modes_of(after, space)).any(dim=1).cpu().numpy()
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
        value_before=None if before.value is None else before.value.double().cpu().numpy(),
        value_after=None if after.value is None else after.value.double().cpu().numpy(),
        flipped=np.zeros(len(decisions), bool) if account == "mean" else flipped,
        effect=estimate(change, decisions.episodes),
        size=estimate(np.abs(change), decisions.episodes),
        controls=compared,
        above_controls=estimate(np.abs(change) - compared.mean(axis=0), decisions.episodes) if drawn else None,
        seed=seed,
    )


def _answer(decisions: Decisions, policy: Policy) -> PolicyOutput:
    return replace(decisions, policy=policy).answer()


def _seen_by(recording: Recording, policy: ChangedPolicy, decisions: Decisions) -> Decisions:
    """The decisions with the observations as a changed policy sees them."""
    entering = as_values(policy.preprocess(read_observations(recording, decisions.rows)))
    inputs = {name: channels_first(tensor.float(), decisions.layouts[name]) for name, tensor in entering.items()}
    return replace(decisions, inputs=inputs)


def _random_changes(changes: Sequence[Change], generator: np.random.Generator) -> list[Change] | None:
    """A random counterpart of each change of a layer; None where one of the changes has none."""
    asked = {change.words for change in changes}
    for _ in range(MOST_DRAWS):
        found: list[Change] = []
        for change in changes:
            drawn = None if change.control is None else change.control(generator)
            if drawn is None:
                return None
            found.append(drawn)
        words = [one.words for one in found]
        # Neither twice the same, nor what was asked about.
        if len(changes) == 1 or (len(set(words)) == len(words) and not asked & set(words)):
            return found or None
    return None


def _numbers(tensor: Tensor) -> FloatArray:
    return tensor.double().cpu().numpy()

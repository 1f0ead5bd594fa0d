"""The numbers that can be explained: one table of them, and their names as people write them.

A target is a plain callable on what a policy says, `PolicyOutput -> Tensor [n]`. Those of the table may depend on the
action that was taken, which differs from decision to decision; they are bound to a batch by `Target.of`.

Axis legend:
    n  rows of one batch
    A  discrete actions; for a MultiDiscrete space the sum over its components, in their order
    C  components of a discrete action
    D  components of a continuous action
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import gymnasium
import torch
from torch import Tensor

from workbench.analyses.discrete_actions import DiscreteActions
from workbench.analyses.layers import Reading
from workbench.errors import WorkbenchError
from workbench.policies.types import PolicyOutput, Target


@dataclass(frozen=True, kw_only=True)
class NamedTarget:
    """One number that a policy's answer holds, with its name."""

    name: str
    """As written on the command line and in an address: `log_probability`, `logit:2`, `difference:2-0`, `value`."""
    words: str
    """For people: "log-probability of the action taken"."""
    unit: str
    """`nats`, `return`, `action` or `` (none)."""
    function: Callable[[PolicyOutput, Tensor], Tensor]
    """Of an answer and the actions taken `[n, C]`; gives `[n]`, differentiable."""
    place: int | None = None
    """Which of A options, or of D components, it is about; None where it is the action taken, or all of them."""
    reading: Reading | None = None
    """Of a number from inside the network: what has to be read for it (see `workbench.analyses.readings`)."""

    def __call__(self, output: PolicyOutput, taken: Tensor) -> Tensor:
        """The number for each row, `[n]`."""
        return self.function(output, taken)


AnyTarget: TypeAlias = NamedTarget | Target
"""What every analysis takes: a row of the table, or any callable `PolicyOutput -> Tensor [n]`."""


@dataclass(frozen=True, kw_only=True)
class TargetKind:
    """A row of the table of targets."""

    name: str
    takes: str
    """What may come behind the colon: `action` (optional), `actions` (two of them), `component`, or nothing."""
    words: str
    needs: tuple[str, ...]
    """Fields of `PolicyOutput`, one of which must be there."""
    instead: str
    """What to ask for where none is."""


TARGET_KINDS: tuple[TargetKind, ...] = (
    TargetKind(name="log_odds", takes="action", words="log-odds of {}", needs=("logits",),
               instead="value-based agents have `q`, continuous ones `mean`"),
    TargetKind(name="log_probability", takes="action", words="log-probability of {}", needs=("logits",),
               instead="value-based agents have `q`, continuous ones `mean`"),
    TargetKind(name="probability", takes="action", words="probability of {}", needs=("logits",),
               instead="value-based agents have `q`, continuous ones `mean`"),
    TargetKind(name="logit", takes="action", words="logit of {}", needs=("logits",),
               instead="value-based agents have `q`, continuous ones `mean`"),
    TargetKind(name="difference", takes="actions", words="{} rather than {}", needs=("logits", "q_values"),
               instead="continuous agents have `mean`"),
    TargetKind(name="q", takes="action", words="Q of {}", needs=("q_values",),
               instead="actor-critics have `value`, and `difference` between two actions"),
    TargetKind(name="advantage", takes="action", words="Q of {} less the mean over all actions", needs=("q_values",),
               instead="actor-critics have `difference` between two actions"),
    TargetKind(name="value", takes="", words="value", needs=("value",),
               instead="value-based agents have `q`"),
    TargetKind(name="entropy", takes="", words="entropy of the action", needs=("logits", "log_std"),
               instead="deterministic agents have `q` or `mean`"),
    TargetKind(name="mean", takes="component", words="mean of {}, before clipping or squashing", needs=("mean",),
               instead="agents with discrete actions have `logit`, or `q`"),
)  # fmt: skip
"""Every target by name."""


def default_target(
    policy_output: PolicyOutput, action_space: gymnasium.Space[Any], action_names: Sequence[str] | None = None
) -> NamedTarget:
    """What is explained where nobody said: the action taken; of a continuous one, its first component.

    Args:
        policy_output: Any answer of the policy: it shows what the policy has.
        action_space: Its actions.
        action_names: Names of the actions, or of a continuous action's components.
    """
    if policy_output.logits is not None:
        # A log-probability hardly moves where the agent is sure, whatever is done to the observation; log-odds do.
        return find_target("log_odds", policy_output, action_space)
    kind = "q" if policy_output.q_values is not None else "mean:0"
    return find_target(kind, policy_output, action_space, action_names)


def possible_targets(policy_output: PolicyOutput) -> tuple[TargetKind, ...]:
    """The rows of the table that a policy has."""
    return tuple(row for row in TARGET_KINDS if any(getattr(policy_output, field) is not None for field in row.needs))


def find_target(
    text: str,
    policy_output: PolicyOutput,
    action_space: gymnasium.Space[Any],
    action_names: Sequence[str] | None = None,
) -> NamedTarget:
    """Find a target by its name.

    Args:
        text: `KIND`, `KIND:ACTION`, `difference:ACTION-ACTION`, `difference:ACTION` (of the one taken) or
            `mean:COMPONENT`. An action is its number (as the environment takes it), its name, or
            `COMPONENT.OPTION` where an action has several components.
        policy_output: Any answer of the policy: it shows what the policy has.
        action_space: Its actions.
        action_names: Names of the actions, or of a continuous action's components.

    Raises:
        WorkbenchError: There is no such target, this policy does not have it, or there is no such action.
    """
    kind, _, rest = text.partition(":")
    row = next((row for row in TARGET_KINDS if row.name == kind), None)
    if row is None:
        raise WorkbenchError(
            f"There is no target {text!r}; expected one of {', '.join(_usage(row) for row in TARGET_KINDS)}."
        )
    if all(getattr(policy_output, field) is None for field in row.needs):
        has = ", ".join(row.name for row in possible_targets(policy_output))
        raise WorkbenchError(
            f"This policy has no {' or '.join(row.needs)}, which the target {kind!r} needs: {row.instead}. "
            f"It has: {has}."
        )
    if rest and not row.takes:
        raise WorkbenchError(f"The target {kind!r} takes nothing behind the colon; came {text!r}.")
    if row.takes == "component":
        return _component(row, rest, policy_output, action_names)
    if not row.takes:
        return _whole(row, action_space)
    return _of_actions(row, rest, DiscreteActions(action_space, action_names))


def offered_targets(
    policy_output: PolicyOutput, action_space: gymnasium.Space[Any], action_names: Sequence[str] | None = None
) -> list[NamedTarget]:
    """What people choose from: the default first, then each action, each rather than the one taken, and the rest.

    Args:
        policy_output: Any answer of the policy: it shows what the policy has.
        action_space: Its actions.
        action_names: Their names.
    """
    names = [default_target(policy_output, action_space).name]
    if policy_output.mean is not None:
        names += [f"mean:{place}" for place in range(policy_output.mean.shape[1])]
    else:
        actions = DiscreteActions(action_space, action_names)
        spelled = [actions.spelling(place) for place in range(sum(actions.options))]
        kind = "q" if policy_output.q_values is not None else "log_odds"
        if len(actions.options) == 1:
            names += [f"difference:-{one}" for one in spelled]
        names += [f"{kind}:{one}" for one in spelled]
        names += [row.name for row in possible_targets(policy_output) if row.takes == "action" and row.name != kind]
    names += [row.name for row in possible_targets(policy_output) if not row.takes]
    return [find_target(name, policy_output, action_space, action_names) for name in dict.fromkeys(names)]


def account_of(output: PolicyOutput, action_space: gymnasium.Space[Any]) -> tuple[str, Tensor]:
    """What a policy says of its actions, and what that is.

    Args:
        output: Of n rows.
        action_space: Its actions.

    Returns:
        `probability` of each option within its component (of a bit: unset, set), `[n, A]`; or `q`; or `mean` `[n, D]`.
    """
    if output.mean is not None:
        return "mean", output.mean
    if output.q_values is not None:
        return "q", output.q_values
    return "probability", DiscreteActions(action_space, None).log_probabilities(output).exp()


def options_in_words(
    action_space: gymnasium.Space[Any], action_names: Sequence[str] | None, count: int
) -> tuple[str, ...]:
    """What the numbers of an account are of: actions, options or components.

    Args:
        action_space: The policy's actions.
        action_names: Their names, where they are known.
        count: How many numbers an account has.
    """
    if action_names is not None and len(action_names) == count:
        return tuple(action_names)
    if isinstance(action_space, gymnasium.spaces.Box):
        return tuple(f"component {place}" for place in range(count))
    actions = DiscreteActions(action_space, action_names)
    return tuple(actions.word(place) for place in range(count))


def modes_of(output: PolicyOutput, action_space: gymnasium.Space[Any]) -> Tensor:
    """The likeliest (or best) option of each component, `[n, C]`; the means `[n, D]` of continuous actions."""
    if output.mean is not None:
        return output.mean
    actions = DiscreteActions(action_space, None)
    return torch.stack([part.argmax(dim=1) for part in actions.split(actions.scores(output))], dim=1)


def target_of(target: AnyTarget, output: PolicyOutput, taken: Tensor) -> Tensor:
    """The number being explained, `[n]`, of an answer to n rows.

    Raises:
        WorkbenchError: A function of the user's own gave something else than one number a row.
    """
    if isinstance(target, NamedTarget):
        return target(output, taken)
    numbers: Any = target(output)
    if not isinstance(numbers, Tensor) or numbers.ndim != 1 or len(numbers) != len(taken):
        came = list(numbers.shape) if isinstance(numbers, Tensor) else type(numbers).__name__
        raise WorkbenchError(f"A target must give one number a row, a tensor [{len(taken)}]; came {came}.")
    return numbers


def words_of(target: AnyTarget) -> str:
    """A target in words."""
    return target.words if isinstance(target, NamedTarget) else getattr(target, "__name__", "a function of its own")


# --- reading names ---------------------------------------------------------------------------------------------------


def _usage(row: TargetKind) -> str:
    ends = {"action": "[:ACTION]", "actions": ":ACTION-ACTION", "component": ":COMPONENT", "": ""}
    return row.name + ends[row.takes]


_Function: TypeAlias = Callable[[PolicyOutput, Tensor], Tensor]


def _of_actions(row: TargetKind, rest: str, actions: DiscreteActions) -> NamedTarget:
    scores = _SCORES[row.name]
    if row.takes == "actions":
        first, second = _split_pair(rest, actions)
        if not second:
            raise WorkbenchError(
                f"The target {row.name!r} needs two actions, {row.name}:ACTION-ACTION, or one that stands against the "
                f"action taken, {row.name}:-ACTION; {actions.there_are()}."
            )
        minus = actions.place(second)
        if not first:
            if len(actions.options) > 1:
                raise WorkbenchError(
                    "An action of several components cannot stand against one option; name two options."
                )
            words = row.words.format("the action taken", _quoted(actions, minus))
            return _row(
                row,
                f":{rest}",
                words,
                lambda output, taken: actions.taken(scores(actions, output), taken) - scores(actions, output)[:, minus],
            )
        plus = actions.place(first)
        words = row.words.format(_quoted(actions, plus), _quoted(actions, minus))
        return _row(
            row,
            f":{rest}",
            words,
            lambda output, taken: scores(actions, output)[:, plus] - scores(actions, output)[:, minus],
            plus,
        )
    finish: Callable[[Tensor], Tensor] = Tensor.exp if row.name == "probability" else Tensor.clone
    if not rest:
        words = row.words.format("the action taken")
        return _row(row, "", words, lambda output, taken: finish(actions.taken(scores(actions, output), taken)))
    place = actions.place(rest)
    words = row.words.format(_quoted(actions, place))
    return _row(row, f":{rest}", words, lambda output, taken: finish(scores(actions, output)[:, place]), place)


def _quoted(actions: DiscreteActions, place: int) -> str:
    """An action within a sentence: its name stands in quotation marks, as "name symbol 0" would read as a command."""
    return f'"{actions.word(place)}"' if actions.names else actions.word(place)


def _split_pair(rest: str, actions: DiscreteActions) -> tuple[str, str]:
    """Names and numbers may hold dashes themselves: take the split whose two sides are actions."""

    def known(text: str) -> bool:
        try:
            actions.place(text)
        except WorkbenchError:
            return False
        return True

    for place, letter in enumerate(rest):
        if letter == "-" and (place == 0 or known(rest[:place])) and known(rest[place + 1 :]):
            return rest[:place], rest[place + 1 :]
    first, _, second = rest.partition("-")
    return first, second


def _advantages(actions: DiscreteActions, output: PolicyOutput) -> Tensor:
    scores = actions.scores(output)
    return scores - scores.mean(dim=-1, keepdim=True)


_SCORES: dict[str, Callable[[DiscreteActions, PolicyOutput], Tensor]] = {
    "log_odds": DiscreteActions.log_odds,
    "log_probability": DiscreteActions.log_probabilities,
    "probability": DiscreteActions.log_probabilities,
    "logit": DiscreteActions.scores,
    "difference": DiscreteActions.scores,
    "q": DiscreteActions.scores,
    "advantage": _advantages,
}


def _component(row: TargetKind, rest: str, output: PolicyOutput, names: Sequence[str] | None) -> NamedTarget:
    assert output.mean is not None, "checked when the target was found"
    width = output.mean.shape[1]
    known = list(names or ()) if len(names or ()) == width else []
    text = rest or "0"
    if text in known:
        place = known.index(text)
    elif text.isdecimal() and int(text) < width:
        place = int(text)
    else:
        there = ", ".join(known) if known else f"0 to {width - 1}"
        raise WorkbenchError(f"There is no component {text!r} of the action; there are {there}.")
    words = row.words.format(known[place] if known else f"component {place} of the action")
    found = _row(row, f":{text}", words, lambda output, taken: _present(output.mean)[:, place], place)
    return replace(found, unit=_unit_of(known[place]) or found.unit) if known else found


def _unit_of(name: str) -> str:
    """The unit that a name ends in: `N·m` of `torque (N·m)`; none where it ends in none."""
    before, bracket, rest = name.rpartition(" (")
    return rest.removesuffix(")") if before and bracket and rest.endswith(")") else ""


def _whole(row: TargetKind, space: gymnasium.Space[Any]) -> NamedTarget:
    if row.name == "value":
        return _row(row, "", row.words, lambda output, taken: _present(output.value))
    return _row(row, "", row.words, lambda output, taken: _entropy(output, space))


def _entropy(output: PolicyOutput, space: gymnasium.Space[Any]) -> Tensor:
    """Σ over components; of a Gaussian the differential entropy before any squashing, Σ log σ + ½ log 2πe."""
    if output.logits is None:
        return (_present(output.log_std) + 0.5 * math.log(2 * math.pi * math.e)).sum(dim=-1)
    logs = DiscreteActions(space, None).log_probabilities(output)
    return -(logs.exp() * logs).sum(dim=-1)


def _present(tensor: Tensor | None) -> Tensor:
    assert tensor is not None, "checked when the target was found"
    return tensor


_UNITS = {
    "log_odds": "nats",
    "log_probability": "nats",
    "probability": "",
    "logit": "nats",
    "entropy": "nats",
    "value": "return",
    "q": "return",
    "advantage": "return",
    "mean": "action",
}


def _row(row: TargetKind, end: str, words: str, function: _Function, place: int | None = None) -> NamedTarget:
    return NamedTarget(name=row.name + end, words=words, unit=_UNITS.get(row.name, ""), function=function, place=place)

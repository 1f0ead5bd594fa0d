"""Editing the state of an environment: what would the agent do, were the world different?

An environment can be edited where it has the methods of `StateEditor` (`envs/editing.py` in the checkout says what they
do); nothing needs to be inherited.

Axis legend: A actions, C controls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workbench.analyses.decisions import Decisions, as_values, channels_first
from workbench.analyses.discrete_actions import DiscreteActions
from workbench.analyses.exclusive import exclusively
from workbench.analyses.reading_decisions import read_decisions
from workbench.analyses.targets import account_of, options_in_words
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy, PolicyOutput
from workbench.recording.reader import Recording
from workbench.recording.replay import Replay

FloatArray = npt.NDArray[np.float64]

CONTROLS = 20
TRIES = 20
"""Draws for each control, most of which may be impossible (walls)."""


class NotEditableError(WorkbenchError):
    """An environment's state cannot be edited."""


@runtime_checkable
class StateEditor(Protocol):
    """An environment whose state can be read, put back and edited in the middle of an episode."""

    def edits(self) -> Sequence[Any]:
        """List the edits on offer; each has `name`, `parameters` (names and types) and `description`."""

    def edit(self, name: str, **arguments: Any) -> Any:
        """Carry one out; gives the observation after it. `ValueError` where it is impossible."""

    def get_state(self) -> Mapping[str, Any]:
        """A copy of the state."""

    def set_state(self, state: Mapping[str, Any]) -> Any:
        """Put it back."""

    def observation(self) -> Any:
        """The observation of the present state."""

    def truth(self) -> Mapping[str, Any]:
        """The labels of the present state."""


def find_editor(environment: gymnasium.Env[Any, Any]) -> StateEditor:
    """The editor of an environment, below its wrappers.

    Raises:
        NotEditableError: It cannot be edited.
    """
    inner = environment.unwrapped
    if not isinstance(inner, StateEditor):
        name = environment.spec.id if environment.spec is not None else type(inner).__name__
        raise NotEditableError(
            f"The environment {name} cannot be edited: it lacks the methods edits, edit, get_state, set_state, "
            f"observation and truth. Change the observation instead (set_number, change_observation)."
        )
    return inner


def replay_exactly(recording: Recording, row: int, environment: gymnasium.Env[Any, Any] | None = None) -> Replay:
    """The environment in the state of a recorded step.

    Raises:
        WorkbenchError: It does not come to that state again.
    """
    replayed = recording.replay(row, environment)
    if not replayed.exact:
        raise WorkbenchError(
            f"The environment does not replay step {row} exactly (largest difference "
            f"{replayed.largest_difference:.3g}), so that this would start from another state."
        )
    return replayed


@dataclass(frozen=True, kw_only=True)
class StateEffect:
    """One recorded decision, and the same in an edited state."""

    words: str
    row: int
    episode: int
    step: int
    """In the episode."""
    observation_before: Any
    observation_after: Any
    account: str
    """`probability`, `q` or `mean`."""
    before: FloatArray
    """`[A]`."""
    after: FloatArray
    """`[A]`."""
    options: tuple[str, ...]
    """`[A]`, what they are of, in words."""
    log_odds_before: FloatArray | None
    """`[A]` in nats, where the account is `probability`: they tell apart what is sure."""
    log_odds_after: FloatArray | None
    value_before: float | None
    value_after: float | None
    controls: FloatArray
    """`[C]`, the shift by the same edits with other whole numbers, drawn at random, none of them twice; C is 0 where
    there are none."""
    controls_asked: int

    @property
    def shift(self) -> float:
        """How far the account moved: of probabilities half the sum of |after − before| (total variation, 0 to 1, of
        components with two options or more summed), else the largest |after − before|.
        """
        return _shift(self.account, self.before, self.after)

    @property
    def chance(self) -> float | None:
        """The share of controls that shift it at least as far, (1 + those) / (1 + C); None without any."""
        if not len(self.controls):
            return None
        # Written so that what is not finite counts as reaching as far.
        return float((1 + (~(self.controls < self.shift - 1e-9)).sum()) / (1 + len(self.controls)))


def state_effect(
    recording: Recording,
    policy: Policy,
    row: int,
    edits: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    environment: gymnasium.Env[Any, Any] | None = None,
    controls: int = CONTROLS,
    seed: int = 0,
) -> StateEffect:
    """Put an environment into the state of a recorded step, edit it, and ask the agent again.

    Args:
        recording: Holds the step.
        policy: The policy; where it has a memory, that of the recorded step.
        row: Row of `recording.steps`.
        edits: Names and arguments, carried out in order.
        environment: To use; None makes the recorded one.
        controls: How many of the same edits, with other places, it is compared with.
        seed: Of these.

    Raises:
        WorkbenchError: The environment cannot be edited, or not so; or it does not replay the step exactly.
    """
    replayed = replay_exactly(recording, row, environment)
    editor = find_editor(replayed.environment)
    seen, start = editor.observation(), editor.get_state()
    for name, arguments in edits:
        try:
            seen = editor.edit(name, **arguments)
        except (ValueError, TypeError) as error:
            offered = ", ".join(f"{edit.name}({', '.join(edit.parameters)})" for edit in editor.edits())
            raise WorkbenchError(f"The edit {name!r} is impossible here: {error}. There are: {offered}.") from error
    decisions = read_decisions(recording, policy, [row])
    before = _ask(decisions, decisions.inputs, 1)
    after = _ask(decisions, _entering(decisions, [seen]), 1)
    account, said = _account(before, policy)
    drawn = _random_edits(editor, start, edits, controls, np.random.default_rng(seed))
    space, names = policy.action_space, recording.action_names
    odds = [
        DiscreteActions(space, names).log_odds(answer)[0].double().cpu().numpy() if account == "probability" else None
        for answer in (before, after)
    ]
    shifts = []
    if drawn:
        answers = _account(_ask(decisions, _entering(decisions, drawn), len(drawn)), policy)[1]
        shifts = [_shift(account, said[0], answer) for answer in answers]
    return StateEffect(
        words="; ".join(_edit_in_words(name, given) for name, given in edits) or "nothing",
        row=row,
        episode=int(decisions.episodes[0]),
        step=int(decisions.times[0]),
        observation_before=replayed.observation,
        observation_after=seen,
        account=account,
        before=said[0],
        after=_account(after, policy)[1][0],
        value_before=None if before.value is None else float(before.value[0]),
        value_after=None if after.value is None else float(after.value[0]),
        options=options_in_words(space, names, len(said[0])),
        log_odds_before=odds[0],
        log_odds_after=odds[1],
        controls=np.array(shifts, np.float64),
        controls_asked=controls,
    )


def _account(output: PolicyOutput, policy: Policy) -> tuple[str, FloatArray]:
    kind, numbers = account_of(output, policy.action_space)
    return kind, numbers.double().cpu().numpy()


def _shift(account: str, before: FloatArray, after: FloatArray) -> float:
    difference = np.abs(after - before)
    return float(difference.sum() / 2 if account == "probability" else difference.max())


def _random_edits(
    editor: StateEditor,
    start: Mapping[str, Any],
    edits: Sequence[tuple[str, Mapping[str, Any]]],
    count: int,
    random: np.random.Generator,
) -> list[Any]:
    """What is seen after the same edits with other whole numbers, where they are possible; the state is put back."""
    numbers = [value for _, given in edits for value in given.values()]
    if not numbers or not all(isinstance(value, int) and not isinstance(value, bool) for value in numbers):
        return []
    # Grids, and no lists of squares.
    sides = [
        max(np.shape(label)) for label in editor.truth().values() if np.ndim(label) == 2 and min(np.shape(label)) > 2
    ]
    limit = max([*sides, *(value + 1 for value in numbers)])
    seen: list[Any] = []
    done = [[dict(given) for _, given in edits]]
    for _ in range(TRIES * count):
        if len(seen) == count:
            break
        editor.set_state(start)
        drawn = [{key: int(random.integers(limit)) for key in given} for _, given in edits]
        if drawn in done:
            continue
        done.append(drawn)
        try:
            for (name, _), other in zip(edits, drawn, strict=True):
                shown = editor.edit(name, **other)
        except ValueError:
            continue
        seen.append(shown)
    editor.set_state(start)
    return seen


def _edit_in_words(name: str, arguments: Mapping[str, Any]) -> str:
    given = ", ".join(f"{key} {value}" for key, value in arguments.items())
    return f"{name.replace('_', ' ')} ({given})"


def _entering(decisions: Decisions, observations: Sequence[Any]) -> dict[str, Tensor]:
    batch: Any = (
        {key: np.stack([one[key] for one in observations]) for key in observations[0]}
        if isinstance(observations[0], Mapping)
        else np.stack(observations)
    )
    entering = as_values(decisions.policy.preprocess(batch))
    return {name: channels_first(tensor.float(), decisions.layouts[name]) for name, tensor in entering.items()}


def _ask(decisions: Decisions, inputs: Mapping[str, Tensor], count: int) -> PolicyOutput:
    """All in the circumstances of the one decision."""
    with torch.no_grad(), exclusively(decisions.policy):
        return decisions.run(inputs, torch.zeros(count, dtype=torch.int64))

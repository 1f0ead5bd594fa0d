"""Why a moment is important, in one line for people."""

from typing import TYPE_CHECKING

import numpy as np

from workbench.analyses.highlights.importance import ILLEGAL, Measure

if TYPE_CHECKING:
    from workbench.recording import Recording


def reason(recording: "Recording", measure: Measure, row: int, following: int | None) -> str:
    """What is behind a moment's importance.

    Args:
        recording: Holds the step.
        measure: By which it is important.
        row: Of the step.
        following: Row of the episode's next step; None where there is none.
    """
    if "q_values" in measure.needs:
        values = np.asarray(recording.steps["q_values"][row], np.float64).reshape(-1)
        order = np.argsort(-values, kind="stable")
        other = order[-1] if measure.name == "q_gap" else order[min(1, len(order) - 1)]
        return (
            f"Q {_number(values[order[0]])} of {_action(recording, order[0])}, {_number(values[other])} of "
            f"{_action(recording, other)}{_taken(recording, row)}"
        )
    if "logits" in measure.needs:
        return _of_logits(recording, measure, row)
    if measure.follows:
        value = float(recording.steps["value"][row])
        after = "the end" if following is None else _number(float(recording.steps["value"][following]))
        reward = float(recording.steps["reward"][row])
        return f"value {_number(value)}, then {after}; reward {_number(reward)}"
    return measure.words


def _of_logits(recording: "Recording", measure: Measure, row: int) -> str:
    kind = ((recording.attributes.get("environment") or {}).get("action_space") or {}).get("kind")
    logits = np.asarray(recording.steps["logits"][row], np.float64).reshape(-1)
    if kind != "Discrete":
        return measure.words
    legal = np.flatnonzero(logits > ILLEGAL)
    shifted = np.exp(logits - logits[legal].max())
    shares = np.where(logits > ILLEGAL, shifted, 0.0) / shifted[legal].sum()
    order = legal[np.argsort(-logits[legal], kind="stable")]
    other = order[-1] if measure.name == "log_probability_spread" else order[min(1, len(order) - 1)]
    return (
        f"{_action(recording, order[0])} with probability {_share(shares[order[0]])}, {_action(recording, other)} with "
        f"{_share(shares[other])}{_taken(recording, row)}"
    )


def _taken(recording: "Recording", row: int) -> str:
    action = np.asarray(recording.steps["action"][row])
    if action.ndim or action.dtype.kind not in "iu":
        return ""
    space = (recording.attributes.get("environment") or {}).get("action_space") or {}
    return f"; taken: {_action(recording, int(action) - int(space.get('start') or 0))}"


def _action(recording: "Recording", index: "int | np.integer") -> str:
    names = recording.action_names or []
    return names[int(index)] if 0 <= int(index) < len(names) else f"action {int(index)}"


def _share(share: float) -> str:
    return f"{share:.3g}"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")

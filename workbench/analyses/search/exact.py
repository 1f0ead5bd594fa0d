"""What is exactly true of positions, asked of whoever knows it, and what follows for a decision.

Axis legend: B positions, W words of a packed position, A actions of the game.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError

FloatArray = npt.NDArray[np.float64]
ActionValues: TypeAlias = Callable[[npt.NDArray[np.uint64]], npt.NDArray[Any]]
"""From positions `[B, W]` to the exact value of every action `[B, A]`, for the player to move before it; NaN of one
that is not legal, or whose value is not known."""
TOLERANCE = 1e-6
"""Values that differ by less are equal."""

RIGHT_OVERTURN = "right overturn"
HARMFUL_OVERTURN = "harmful overturn"
MISSED = "missed"
NEUTRAL_OVERTURN = "neutral overturn"
AGREED_RIGHT = "agreed right"
AGREED_WRONG = "agreed wrong"
UNKNOWN = "unknown"
VERDICTS: dict[str, str] = {
    RIGHT_OVERTURN: "the network's favourite is wrong, the search's choice right",
    HARMFUL_OVERTURN: "the network's favourite is right, the search's choice wrong",
    MISSED: "they differ, and both are wrong",
    NEUTRAL_OVERTURN: "they differ, and both are right",
    AGREED_RIGHT: "they are one, and right",
    AGREED_WRONG: "they are one, and wrong",
    UNKNOWN: "the solver does not know",
}
"""What may be said of a decision. An action is right where no other has a better exact value; each decision is in one
class."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the truth says of one decision."""

    name: str
    """One of `VERDICTS`."""
    choice_loss: float
    """Exact value that the search's choice gives away: the best action's less its own, 0 to 2 in a game."""
    favourite_loss: float
    """The same of the network's favourite."""
    right_share: float
    """Which part of the legal actions is right: what an agent that draws evenly would get."""

    @property
    def decisive(self) -> bool:
        """Whether there was a wrong action to take. False where the truth is not known."""
        return self.right_share < 1


def action_values(solver: Any, positions: npt.NDArray[np.uint64], actions: int) -> FloatArray:
    """Ask a solver.

    Args:
        solver: An `ActionValues` callable, or an object with `solve(positions)` whose result has `action_values`.
        positions: `[B, W]`.
        actions: A.

    Returns:
        `[B, A]`.

    Raises:
        WorkbenchError: It is neither, or answers in another shape.
    """
    ask = getattr(solver, "solve", None)
    if ask is not None:
        answer = getattr(ask(positions), "action_values", None)
    elif callable(solver):
        answer = solver(positions)
    else:
        raise WorkbenchError(
            f"A solver is a function from positions [B, W] to exact values of the actions [B, A], or has solve(…) with "
            f"action_values; got {type(solver).__name__}."
        )
    values = np.asarray(answer if answer is not None else np.nan, np.float64)
    if values.shape != (len(positions), actions):
        raise WorkbenchError(
            f"A solver must give the exact values of {actions} actions at {len(positions)} positions; it gave an array "
            f"of shape {list(values.shape)}."
        )
    return values


def solver_of(environment: Any) -> Any:
    """The exact solver of an environment: its `solver`, or what that gives when it is called.

    Raises:
        WorkbenchError: It has none.
    """
    bare = environment.unwrapped
    found = getattr(bare, "solver", None)
    if found is not None and not hasattr(found, "solve") and callable(found):
        found = found()
    if found is None:
        name = (getattr(bare, "spec", None) and bare.spec.id) or type(bare).__name__
        raise WorkbenchError(f"{name} has no exact solver (an attribute `solver`): nothing is known to be right in it.")
    return found


def right_actions(values: FloatArray) -> npt.NDArray[np.bool_]:
    """`[B, A]` (or `[A]`): the actions with the best exact value; none where nothing is known."""
    best = np.max(np.where(np.isnan(values), -np.inf, values), axis=-1, keepdims=True)
    return np.asarray(values >= best - TOLERANCE)


def judge(values: FloatArray, legal: Sequence[int] | npt.NDArray[Any], favourite: int, choice: int) -> Verdict:
    """What the truth says of a favourite and a choice.

    Args:
        values: `[A]`, exact values of one position.
        legal: The legal actions.
        favourite: The network's.
        choice: The search's.
    """
    known = values[np.asarray(legal, np.int64)]
    if np.isnan(known).any():
        nothing = float("nan")
        return Verdict(name=UNKNOWN, choice_loss=nothing, favourite_loss=nothing, right_share=nothing)
    best = float(known.max())
    losses = best - float(values[choice]), best - float(values[favourite])
    right, before = (loss <= TOLERANCE for loss in losses)
    if choice == favourite:
        name = AGREED_RIGHT if right else AGREED_WRONG
    elif right:
        name = NEUTRAL_OVERTURN if before else RIGHT_OVERTURN
    else:
        name = HARMFUL_OVERTURN if before else MISSED
    return Verdict(
        name=name,
        choice_loss=losses[0],
        favourite_loss=losses[1],
        right_share=float((known >= best - TOLERANCE).mean()),
    )

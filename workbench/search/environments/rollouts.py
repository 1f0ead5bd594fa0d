"""Random play from a state on, as an estimate of its value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.search.environments.snapshots import legal_actions
from workbench.search.environments.tables import TableSteps
from workbench.search.environments.ways import Stepper


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """The value of a new node is the discounted return of one episode of random legal actions from there (UCT)."""

    depth: int = 100
    """Most steps; what would come later counts nothing."""

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 100_000:
            raise WorkbenchError(f"A rollout has 1 to 100,000 steps; got {self.depth}.")


def action_numbers(space: Any, stepper: Stepper) -> list[Any]:
    """`[A]`, the actions as the environment takes them: in the space's own type, as agents give them."""
    start = int(space.start)
    kind = int if isinstance(stepper, TableSteps) else space.dtype.type
    return [kind(start + number) for number in range(int(space.n))]


def make_rollout(
    rollout: Rollout, stepper: Stepper, space: Any, discount: float, random: np.random.Generator
) -> Callable[[], float]:
    """A function that plays one rollout from where the stepper is; where it is afterwards is left open.

    Args:
        rollout: How far.
        stepper: Moves about.
        space: Of the actions.
        discount: γ.
        random: Draws the actions.
    """
    if isinstance(stepper, TableSteps):
        stream = random.integers(0, 2**63, 1).astype(np.uint64)
        return lambda: stepper.rollout(rollout.depth, discount, stream)
    actions, numbers = int(space.n), action_numbers(space, stepper)
    masked = stepper.stack.top.has_wrapper_attr("action_masks")
    drawn: list[int] = []

    def play() -> float:
        total, weight = 0.0, 1.0
        step, most = stepper.away()
        for _ in range(int(min(rollout.depth, most))):
            if masked:
                legal = legal_actions(stepper.show(), actions)
                action = numbers[random.choice(np.flatnonzero(legal))]  # type: ignore[arg-type]
            else:
                if not drawn:
                    drawn.extend(random.integers(0, actions, 1024).tolist())
                action = numbers[drawn.pop()]
            _, reward, terminated, truncated, _ = step(action)
            total += weight * float(reward)
            if terminated or truncated:
                break
            weight *= discount
        return total

    return play

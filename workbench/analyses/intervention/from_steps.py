"""What an agent goes on to do from recorded steps, with changes held on: the environment is put back into each of them.

Axis legend: S steps that are gone on from.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from workbench.analyses.intervention.changed_policy import ChangedPolicy
from workbench.analyses.intervention.changes import Change
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.recording.reader import Recording
from workbench.recording.replay import replay
from workbench.recording.rollout import record

SIDE_BY_SIDE = 8


class FromSteps(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose episode k begins at the k-th of some recorded steps, and is cut off after some actions."""

    def __init__(self, recording: Recording, rows: npt.NDArray[np.int64], most_steps: int) -> None:
        super().__init__(recording.make_environment())
        self._recording, self._rows, self._most, self._done = recording, rows, most_steps, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Go to the step whose place among them the seed is."""
        row = int(self._rows[0 if seed is None else seed % len(self._rows)])
        again = replay(self._recording, row, self.env)
        if not again.exact:
            raise WorkbenchError(
                f"The environment does not come back to step {row} of {self._recording.path}: its observation differs "
                f"from the recorded one by up to {again.largest_difference:g}. It is not the one that was recorded, or "
                f"is random beyond its seed."
            )
        self._done = 0
        return again.observation, dict(again.info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One action."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._done += 1
        return observation, reward, terminated, bool(truncated or self._done >= self._most), info


def go_on(
    recording: Recording,
    policy: Policy,
    rows: Sequence[int] | npt.NDArray[np.int64],
    changes: Sequence[Change],
    *,
    out: Path,
    most_steps: int = 50,
    deterministic: bool = True,
    layers: Sequence[str] = (),
) -> Recording:
    """Let an agent go on from recorded steps, and record what it does.

    Args:
        recording: Holds the steps; its environment must come back to them from seed and actions.
        policy: The agent, unchanged. One with a memory cannot go on from the middle of an episode.
        rows: `[S]` rows of `recording.steps`.
        changes: What is held on meanwhile, all together.
        out: A folder for the recording.
        most_steps: Actions after which an episode is cut off.
        deterministic: Take the mode, or sample.
        layers: Which are recorded.

    Returns:
        A recording of S episodes, the k-th from the k-th step.

    Raises:
        WorkbenchError: The policy has a memory, or the environment cannot be put back.
    """
    chosen = np.asarray(rows, np.int64)
    if not len(chosen):
        raise WorkbenchError("No step was chosen to go on from; choose at least one.")
    if policy.initial_state(1) is not None:
        raise WorkbenchError(
            "A policy with a memory cannot go on from the middle of an episode: change it for whole episodes instead."
        )
    return record(
        ChangedPolicy(policy, changes),
        lambda: FromSteps(recording, chosen, most_steps),
        out=out,
        episodes=len(chosen),
        seed=0,
        deterministic=deterministic,
        layers=list(layers),
        environments=min(SIDE_BY_SIDE, len(chosen)),
        overwrite=True,
    )

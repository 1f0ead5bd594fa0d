"""Episodes of a recording: the table of all, and one of them with its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.recording.lazy import LazyArrays

if TYPE_CHECKING:
    from workbench.recording.reader import Recording


def episode_table(
    committed: Mapping[str, npt.NDArray[Any]], step_episode: npt.NDArray[np.int32], steps: LazyArrays
) -> dict[str, npt.NDArray[Any]]:
    """All episodes in order of their number, those whose end was not committed made up from their steps.

    Args:
        committed: The stored columns, in the order in which the episodes ended.
        step_episode: The episode of each step, `[step]`.
        steps: The step columns, read only where an episode has to be made up.
    """
    ids = committed.get("id", np.empty(0, np.int32))
    open_ids = np.setdiff1d(np.unique(step_episode), ids)
    table = dict(committed)
    if len(open_ids):
        rows = [np.flatnonzero(step_episode == number) for number in open_ids]
        rewards = steps["reward"][:]
        slots = steps["slot"][:]
        made_up: dict[str, npt.NDArray[Any]] = {
            "id": open_ids.astype(np.int32),
            "return": np.array([rewards[r].sum() for r in rows]),
            "length": np.array([len(r) for r in rows], np.int32),
            "seed": np.full(len(rows), -1, np.int64),
            "first_step": np.array([r[0] for r in rows], np.int64),
            "slot": np.array([slots[r[0]] for r in rows], np.int16),
            "terminated": np.zeros(len(rows), np.bool_),
            "truncated": np.zeros(len(rows), np.bool_),
            "complete": np.zeros(len(rows), np.bool_),
        }
        table = {
            name: np.concatenate([table[name], column]) if name in table else column for name, column in made_up.items()
        }
    if not table:
        return {"id": np.empty(0, np.int32), "return": np.empty(0), "complete": np.empty(0, np.bool_)}
    order = np.argsort(table["id"], kind="stable")
    ordered = {name: column[order] for name, column in table.items()}
    for column in ordered.values():
        column.flags.writeable = False
    return ordered


@dataclass(frozen=True, kw_only=True)
class Episode:
    """One episode of a recording; T is its number of steps."""

    recording: "Recording"
    index: int
    """Its place in the recording, from 0."""
    rows: npt.NDArray[np.int64]
    """`[T]`, its rows in `recording.steps`, in order of time."""
    facts: Mapping[str, Any]
    """Its row of `recording.episodes`."""

    @property
    def length(self) -> int:
        """T, its steps."""
        return len(self.rows)

    @property
    def total_reward(self) -> float:
        """Its return: the undiscounted sum of its rewards."""
        return float(self.facts["return"])

    @property
    def seed(self) -> int | None:
        """What the environment was reset with; None where it is not known."""
        return int(self.facts["seed"]) if self.facts["seed"] >= 0 else None

    @property
    def terminated(self) -> bool:
        """Whether the environment reached an end."""
        return bool(self.facts["terminated"])

    @property
    def truncated(self) -> bool:
        """Whether it was cut off by a limit."""
        return bool(self.facts["truncated"])

    @property
    def complete(self) -> bool:
        """Whether it was recorded to its end."""
        return bool(self.facts["complete"])

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of its steps, `[T, ...]`."""
        return self.recording.steps[name][self.rows]

    def activations(self, layer: str) -> npt.NDArray[Any]:
        """A layer's activations, `[T, ...]`."""
        return self.recording.activations[layer][self.rows]

    def state(self, name: str) -> npt.NDArray[Any]:
        """Recurrent state after each of its steps, `[T, ...]`."""
        return self.recording.state[name][self.rows]

    def observations(self, key: str | None = None) -> npt.NDArray[Any]:
        """Its observations, `[T+1, ...]`: before each action and after the last; `[T, ...]` where that was not kept.

        Args:
            key: Which one, where the observation is a dict.

        Raises:
            WorkbenchError: The observation is a dict and no key was given, or another one.
        """
        name = f"observation/{key}" if key else "observation"
        if name not in self.recording.steps:
            keys = [n.removeprefix("observation/") for n in self.recording.steps if n.startswith("observation/")]
            raise WorkbenchError(
                f"There is no {name}; the observation's keys are: {', '.join(keys) or 'none recorded'}."
            )
        before = self.column(name)
        final = self.recording.final_observation(self.index, key)
        return before if final is None else np.concatenate([before, final[None]])

    def __repr__(self) -> str:
        how = "terminated" if self.terminated else "truncated" if self.truncated else "not finished"
        return f"<episode {self.index}: {self.length} steps, return {self.total_reward:g}, seed {self.seed}, {how}>"
